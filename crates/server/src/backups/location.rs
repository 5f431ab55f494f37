//! From what mainstay.yaml says of a repository to where it is and what opens it.
//!
//! **Invariant:** a key and a password stand in a `Secret` and in no error.

use super::job::Trouble;
use crate::control::Control;
use mainstay_backup::{Location, S3, StoreAt};
use mainstay_model::{Scope, Secret};
use mainstay_stack::{BackupRepository, RepositoryAt, Stack};
use std::path::PathBuf;

impl Control {
    /// Where a repository of this stack is, with its key.
    pub(super) fn location(
        &self,
        stack: &Stack,
        repository: &BackupRepository,
    ) -> Result<Location, Trouble> {
        let scope = stack.scope();
        let instead = self.instead(&scope, &repository.at)?;
        // The key that is named is of the place that is named.
        let named = repository.key.as_ref().filter(|_| instead.is_none());
        let store = match instead {
            Some(store) => store,
            None => self.store_at(stack, &scope, &repository.at)?,
        };
        let key = match (named, self.adopted_key(&scope, &store)?) {
            (Some(name), _) => secret(stack, name)?,
            (None, Some(key)) => key,
            (None, None) => match &repository.key {
                Some(name) => secret(stack, name)?,
                None => self.backup_key(&scope)?,
            },
        };
        Ok(Location {
            store,
            key,
            compression: Some(i32::from(repository.compression)),
            bandwidth: repository.bandwidth.map(|bytes| bytes.0),
        })
    }

    fn store_at(
        &self,
        stack: &Stack,
        scope: &Scope,
        at: &RepositoryAt,
    ) -> Result<StoreAt, Trouble> {
        match at {
            RepositoryAt::Server => Ok(StoreAt::Directory(self.own_repository(scope))),
            RepositoryAt::Directory { path } => Ok(StoreAt::Directory(path.clone())),
            RepositoryAt::S3(s3) => {
                let token = s3.session_token.as_ref();
                Ok(StoreAt::S3(S3 {
                    endpoint: s3.endpoint.clone(),
                    bucket: s3.bucket.clone(),
                    prefix: s3.prefix.clone(),
                    region: s3.region.clone(),
                    access_key: secret(stack, &s3.access_key)?,
                    secret_key: secret(stack, &s3.secret_key)?,
                    session_token: token.map(|name| secret(stack, name)).transpose()?,
                    path_style: s3.path_style,
                }))
            }
        }
    }

    /// Below the server's data directory, for each environment apart.
    pub(super) fn own_repository(&self, scope: &Scope) -> PathBuf {
        let directory = self.data().backups();
        directory
            .join("repositories")
            .join(scope.stack.as_str())
            .join(scope.environment.as_str())
    }

    /// As people say where a repository is.
    pub(super) fn place_of(&self, scope: &Scope, at: &RepositoryAt) -> String {
        if let Ok(Some(store)) = self.instead(scope, at) {
            return store.to_string();
        }
        match at {
            RepositoryAt::Server => self.own_repository(scope).display().to_string(),
            RepositoryAt::Directory { path } => path.display().to_string(),
            RepositoryAt::S3(s3) => {
                let place = StoreAt::S3(S3 {
                    endpoint: s3.endpoint.clone(),
                    bucket: s3.bucket.clone(),
                    prefix: s3.prefix.clone(),
                    region: s3.region.clone(),
                    access_key: Secret::default(),
                    secret_key: Secret::default(),
                    session_token: None,
                    path_style: s3.path_style,
                });
                place.to_string()
            }
        }
    }
}

/// The value of a secret of the release, as one line.
pub(super) fn secret(stack: &Stack, name: &str) -> Result<Secret<String>, Trouble> {
    let value = stack.secrets.get(name);
    let value = value.and_then(|secret| secret.value.as_ref());
    let line = value.and_then(|value| value.expose().line());
    let line = line.filter(|line| !line.is_empty());
    line.map(|line| Secret::new(line.to_owned()))
        .ok_or_else(|| {
            Trouble::new(format!("secret `{name}` has no value in this release"))
                .hint("deploy again")
        })
}
