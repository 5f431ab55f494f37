//! Restore points that another server made: a machine that is recovered takes them over, with the key.

use super::job::Trouble;
use crate::api::types::{AdoptBackups, ApiError, Instead, KeptCopy, KeptPoint};
use crate::control::{Control, now};
use mainstay_backup::{Location, StoreAt};
use mainstay_model::{Scope, Secret};
use mainstay_stack::RepositoryAt;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Name of the copy that points lie in which came with the machine.
pub(super) const ADOPTED: &str = "recovered-from";

impl Control {
    /// Takes over points and the repository that they lie in. Done twice is done once.
    pub(crate) async fn adopt_backups(
        &self,
        scope: &Scope,
        adopted: AdoptBackups,
    ) -> Result<(), ApiError> {
        self.keep_adopted(scope, &adopted.location)?;
        self.keep_instead(scope, adopted.instead.as_ref())?;
        let known = self.points(scope).await?;
        for mut point in adopted.points {
            if known.iter().any(|kept| kept.point.id == point.point.id) {
                continue;
            }
            point.point.scope = scope.clone();
            point.here = false;
            point.proof = None;
            let snapshots = super::keeping::snapshots(&point).into_iter();
            let same: BTreeMap<String, String> = snapshots
                .map(|snapshot| (snapshot.clone(), snapshot))
                .collect();
            let copy = KeptCopy {
                at: now(),
                snapshots: same,
                verified_at: None,
            };
            point.copies = BTreeMap::from([(ADOPTED.to_owned(), copy)]);
            self.keep_point(&point).await?;
        }
        self.adopt_logs(scope, adopted.logs)?;
        let points: Vec<KeptPoint> = self.points(scope).await?;
        self.backups.board.points(scope, &points);
        Ok(())
    }

    /// Where adopted points lie.
    pub(super) fn adopted(&self, scope: &Scope) -> Result<Option<Location>, Trouble> {
        let (path, name) = self.adopted_place(scope);
        if !path.exists() {
            return Ok(None);
        }
        let bytes = self.key.open_sealed(&path, &name);
        let bytes = bytes.map_err(|error| Trouble::new(error.to_string()))?;
        let location = serde_json::from_slice(&bytes);
        location.map(Some).map_err(|error| {
            Trouble::new(format!(
                "where the restore points came from does not read: {error}"
            ))
        })
    }

    fn keep_adopted(&self, scope: &Scope, location: &Location) -> Result<(), Trouble> {
        let (path, name) = self.adopted_place(scope);
        self.seal_place(&path, &name, location)
    }

    fn seal_place(
        &self,
        path: &Path,
        name: &str,
        what: &impl serde::Serialize,
    ) -> Result<(), Trouble> {
        let bytes = serde_json::to_vec(what).map_err(|error| Trouble::new(error.to_string()))?;
        let sealed = self.key.seal(path, name, &bytes);
        sealed.map_err(|error| Trouble::new(error.to_string()).hint("see that the disk has room"))
    }

    /// The key of a repository that was taken over, where that is the one at `store`.
    pub(super) fn adopted_key(
        &self,
        scope: &Scope,
        store: &StoreAt,
    ) -> Result<Option<Secret<String>>, Trouble> {
        let adopted = self.adopted(scope)?;
        let same = adopted.filter(|adopted| adopted.store.to_string() == store.to_string());
        Ok(same.map(|adopted| adopted.key))
    }

    /// A repository that was taken over, and is the one at `store`, has a new key.
    pub(super) fn rekey_adopted(
        &self,
        scope: &Scope,
        store: &StoreAt,
        key: &Secret<String>,
    ) -> Result<(), Trouble> {
        let adopted = self.adopted(scope)?;
        let same = adopted.filter(|adopted| adopted.store.to_string() == store.to_string());
        let Some(mut adopted) = same else {
            return Ok(());
        };
        adopted.key = key.clone();
        self.keep_adopted(scope, &adopted)
    }

    fn keep_instead(&self, scope: &Scope, instead: Option<&Instead>) -> Result<(), Trouble> {
        let (path, name) = self.instead_place(scope);
        if let Some(instead) = instead {
            return self.seal_place(&path, &name, instead);
        }
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Trouble::new(format!("{}: {error}", path.display())))
            }
            _ => Ok(()),
        }
    }

    /// What stands in for a repository that was lost; `None`: it was not.
    pub(super) fn instead(
        &self,
        scope: &Scope,
        at: &RepositoryAt,
    ) -> Result<Option<StoreAt>, Trouble> {
        let (path, name) = self.instead_place(scope);
        if !path.exists() {
            return Ok(None);
        }
        let bytes = self.key.open_sealed(&path, &name);
        let bytes = bytes.map_err(|error| Trouble::new(error.to_string()))?;
        let read: Result<Instead, _> = serde_json::from_slice(&bytes);
        let instead = read.map_err(|error| {
            Trouble::new(format!("where restore points go does not read: {error}"))
        })?;
        Ok((instead.lost == *at).then_some(instead.store))
    }

    fn adopted_place(&self, scope: &Scope) -> (PathBuf, String) {
        let name = format!("adopted-backups/{scope}");
        (self.beside_key(scope, "adopted"), name)
    }

    fn instead_place(&self, scope: &Scope) -> (PathBuf, String) {
        let name = format!("instead-backups/{scope}");
        (self.beside_key(scope, "instead"), name)
    }

    fn beside_key(&self, scope: &Scope, word: &str) -> PathBuf {
        let keys = self.data().backups().join("keys");
        let file = format!("{}.{word}.sealed", scope.environment);
        keys.join(scope.stack.as_str()).join(file)
    }
}
