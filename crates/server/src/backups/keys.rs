//! The key that this server opens a repository with, where mainstay.yaml names none: made once for each
//! environment, kept sealed under the host key, and of no use to anybody who has only the repository.

use super::job::Trouble;
use crate::api::types::{ApiError, BackupKey, NewBackupKey};
use crate::control::Control;
use mainstay_model::{Scope, Secret};
use ring::rand::{SecureRandom, SystemRandom};
use std::path::PathBuf;

/// Letters and digits that nobody takes for another (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Groups of five: 200 bits.
const GROUPS: usize = 8;

impl Control {
    /// Reads it, or makes it where there is none yet.
    pub(super) fn backup_key(&self, scope: &Scope) -> Result<Secret<String>, Trouble> {
        let (path, name) = self.backup_key_place(scope);
        if path.exists() {
            let bytes = self.key.open_sealed(&path, &name);
            let bytes = bytes.map_err(|error| Trouble::new(error.to_string()))?;
            let text = String::from_utf8(bytes);
            return text
                .map(Secret::new)
                .map_err(|_| Trouble::new("the key of the repository is no text"));
        }
        let key = new_key()?;
        self.keep_backup_key(scope, &key)?;
        Ok(key)
    }

    /// It is on disk when this answers.
    fn keep_backup_key(&self, scope: &Scope, key: &Secret<String>) -> Result<(), Trouble> {
        let (path, name) = self.backup_key_place(scope);
        let sealed = self.key.seal(&path, &name, key.expose().as_bytes());
        sealed.map_err(|error| Trouble::new(error.to_string()).hint("see that the disk has room"))
    }

    fn backup_key_place(&self, scope: &Scope) -> (PathBuf, String) {
        let path = self
            .data()
            .backups()
            .join("keys")
            .join(scope.stack.as_str())
            .join(format!("{}.sealed", scope.environment));
        (path, format!("backup-key/{scope}"))
    }

    /// Which keys open the repository.
    pub(crate) async fn backup_keys(&self, scope: &Scope) -> Result<Vec<BackupKey>, ApiError> {
        let environment = self.environment(scope)?;
        let stack = &Self::bundle_of(&environment)?.stack;
        let location = self.location(stack, &stack.backups.repository)?;
        let keys = self.backups.client.keys(&location).await;
        let keys = keys.map_err(Trouble::from)?;
        Ok(keys.into_iter().map(shown).collect())
    }

    /// The key itself, to be kept apart.
    pub(crate) fn export_backup_key(&self, scope: &Scope) -> Result<NewBackupKey, ApiError> {
        let environment = self.environment(scope)?;
        let stack = &Self::bundle_of(&environment)?.stack;
        if let Some(name) = &stack.backups.repository.key {
            return Err(ApiError::conflict(format!(
                "the key is your own secret `{name}`, and is kept where that is"
            )));
        }
        // After a recovery it may be the one that came with the repository.
        let location = self.location(stack, &stack.backups.repository)?;
        Ok(NewBackupKey { key: location.key })
    }

    /// Lets another key open it too.
    pub(crate) async fn add_backup_key(
        &self,
        scope: &Scope,
        key: &Secret<String>,
    ) -> Result<BackupKey, ApiError> {
        if key.expose().chars().count() < 12 {
            return Err(
                ApiError::invalid("a key of fewer than 12 characters can be guessed")
                    .hint("take a longer one"),
            );
        }
        let environment = self.environment(scope)?;
        let stack = &Self::bundle_of(&environment)?.stack;
        let location = self.location(stack, &stack.backups.repository)?;
        let id = self.backups.client.add_key(&location, key).await;
        let id = id.map_err(Trouble::from)?;
        Ok(BackupKey {
            id,
            created_at: Some(crate::control::now()),
            current: false,
        })
    }

    /// A new key in place of the server's own. It opens the repository before the old one is given up, and is
    /// on disk before it is the only one.
    pub(crate) async fn rotate_backup_key(&self, scope: &Scope) -> Result<BackupKey, ApiError> {
        let environment = self.environment(scope)?;
        let stack = &Self::bundle_of(&environment)?.stack;
        if let Some(name) = &stack.backups.repository.key {
            return Err(
                ApiError::conflict(format!("the key is your own secret `{name}`")).hint(
                    "add the new one (`mainstay backup key add`), change the secret, and deploy",
                ),
            );
        }
        let client = &self.backups.client;
        let mut location = self.location(stack, &stack.backups.repository)?;
        let keys = client.keys(&location).await.map_err(Trouble::from)?;
        let old = keys.into_iter().find(|key| key.current);
        let new = new_key()?;
        let id = client.add_key(&location, &new).await;
        let id = id.map_err(Trouble::from)?;
        self.keep_backup_key(scope, &new)?;
        self.rekey_adopted(scope, &location.store, &new)?;
        location.key = new;
        if let Some(old) = old {
            let removed = client.remove_key(&location, &old.id).await;
            removed.map_err(Trouble::from)?;
        }
        Ok(BackupKey {
            id,
            created_at: Some(crate::control::now()),
            current: true,
        })
    }
}

fn shown(key: mainstay_backup::KeyRow) -> BackupKey {
    BackupKey {
        id: key.id,
        created_at: key.created,
        current: key.current,
    }
}

fn new_key() -> Result<Secret<String>, Trouble> {
    let mut random = [0; GROUPS * 5];
    let filled = SystemRandom::new().fill(&mut random);
    filled.map_err(|_| Trouble::new("the system gives no random bytes"))?;
    let letters: Vec<char> = random
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
        .collect();
    let groups: Vec<String> = letters
        .chunks(5)
        .map(|group| group.iter().collect())
        .collect();
    Ok(Secret::new(groups.join("-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_can_be_written_down_and_is_never_the_same() {
        let (one, other) = (new_key().unwrap(), new_key().unwrap());
        assert_ne!(one, other);
        let groups: Vec<&str> = one.expose().split('-').collect();
        assert_eq!(groups.len(), GROUPS);
        assert!(groups.iter().all(|group| group.len() == 5));
        assert!(!one.expose().contains(['O', 'I', 'L', 'U']));
    }
}
