//! Restore points that another server made: a machine that is recovered takes them over, with the key.

use super::job::Trouble;
use crate::api::types::{AdoptBackups, ApiError, KeptCopy, KeptPoint};
use crate::control::{Control, now};
use mainstay_backup::Location;
use mainstay_model::Scope;
use mainstay_stack::BackupRepository;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Name of the copy that points lie in which came with the machine.
pub(super) const ADOPTED: &str = "recovered-from";

impl Control {
    /// Takes over points and the repository that they lie in. Done twice is done once.
    pub(crate) async fn adopt_backups(
        &self,
        scope: &Scope,
        adopted: AdoptBackups,
    ) -> Result<(), ApiError> {
        let (path, name) = self.adopted_place(scope);
        let bytes = serde_json::to_vec(&adopted.location).map_err(ApiError::unavailable)?;
        self.key
            .seal(&path, &name, &bytes)
            .map_err(|error| ApiError::unavailable(error).hint("see that the disk has room"))?;
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

    /// The key of a repository that was taken over, where the stack's own is the same one.
    pub(super) fn adopted_key(
        &self,
        scope: &Scope,
        repository: &BackupRepository,
    ) -> Result<Option<mainstay_model::Secret<String>>, Trouble> {
        let Some(adopted) = self.adopted(scope)? else {
            return Ok(None);
        };
        let same = adopted.store.to_string() == self.place_of(scope, &repository.at);
        Ok(same.then_some(adopted.key))
    }

    fn adopted_place(&self, scope: &Scope) -> (PathBuf, String) {
        let path = self
            .data()
            .backups()
            .join("keys")
            .join(scope.stack.as_str())
            .join(format!("{}.adopted.sealed", scope.environment));
        (path, format!("adopted-backups/{scope}"))
    }
}
