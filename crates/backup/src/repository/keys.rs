//! The keys that open a repository. Each seals the same master key, so that changing one rewrites no data.

use super::lock::Share;
use super::{Repository, time};
use crate::{Failure, FailureKind, KeyRow};
use mainstay_model::{Secret, Timestamp};
use rustic_core::repofile::{KeyFile, KeyId};
use rustic_core::{FileType, KeyOptions};

impl Repository {
    pub(crate) fn keys(&self) -> Result<Vec<KeyRow>, Failure> {
        let mut rows = Vec::new();
        for id in self.key_ids()? {
            let content = self.adapter.store().read(&name(&id), None)?;
            let Ok(key) = serde_json::from_slice::<KeyFile>(&content) else {
                continue;
            };
            rows.push(KeyRow {
                id: id.to_hex().to_string(),
                created: key.created.map(|at| time(at.timestamp())),
                host: key.hostname,
                user: key.username,
                current: self.key == Some(id),
            });
        }
        rows.sort_by_key(|row| row.created.unwrap_or(Timestamp::from_millis(i64::MIN)));
        Ok(rows)
    }

    /// Answers the name of the new key, which opens the repository from now on beside the others.
    pub(crate) fn add_key(&self, key: &Secret<String>) -> Result<String, Failure> {
        if key.expose().is_empty() {
            return Err(Failure::new(
                FailureKind::Other,
                "an empty key opens nothing",
            ));
        }
        let _lock = self.lock(Share::Adds, "add a key")?;
        let options = KeyOptions::default().with_created(true);
        let added = self.rustic.add_key(key.expose(), &options);
        let added = added.map_err(|error| self.adapter.trouble.explain(error))?;
        Ok(added.to_hex().to_string())
    }

    /// The key in use stays: so one is always left.
    pub(crate) fn remove_key(&self, id: &str) -> Result<(), Failure> {
        let _lock = self.lock(Share::Removes, "remove a key")?;
        let found: Vec<_> = self
            .key_ids()?
            .into_iter()
            .filter(|key| !id.is_empty() && key.to_hex().starts_with(id))
            .collect();
        let [key] = found.as_slice() else {
            let message = format!("no key `{id}` in {}", self.at.store);
            return Err(Failure::new(FailureKind::NotFound, message));
        };
        if self.key.as_ref() == Some(key) {
            let message = "the key that opened the repository cannot be removed";
            let failure = Failure::new(FailureKind::Other, message);
            return Err(failure.hint("add another key, and remove this one with that"));
        }
        self.adapter.store().remove(&name(key))
    }

    fn key_ids(&self) -> Result<Vec<KeyId>, Failure> {
        let listed = self.rustic.list::<KeyId>();
        let listed = listed.map_err(|error| self.adapter.trouble.explain(error))?;
        Ok(listed.collect())
    }
}

fn name(id: &KeyId) -> String {
    super::adapter::path(FileType::Key, id)
}
