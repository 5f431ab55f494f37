//! The snapshots of a repository, each read by itself: a damaged one is told, and stands in the way of no other.

use super::{Repository, row};
use crate::repository::trouble::damage;
use crate::{Failure, FailureKind, Row};
use parking_lot::Mutex;
use rustic_core::repofile::{SnapshotFile, SnapshotId};
use rustic_core::{FileType, Id};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Threads that read them: from S3 each takes a round trip.
const READERS: usize = 8;

impl Repository {
    /// Every snapshot, the oldest first.
    pub(crate) fn list(&self) -> Result<Vec<Row>, Failure> {
        let mut rows: Vec<_> = self.snapshots()?.iter().map(row).collect();
        rows.sort_by(|a, b| (a.time, &a.snapshot).cmp(&(b.time, &b.snapshot)));
        Ok(rows)
    }

    /// All of them, or why one cannot be read.
    pub(super) fn snapshots(&self) -> Result<Vec<SnapshotFile>, Failure> {
        let (snapshots, failures) = self.readable()?;
        match failures.into_iter().next() {
            None => Ok(snapshots),
            Some(failure) if failure.kind == FailureKind::Damaged => Err(failure.hint(
                "forget it by that name; the others can be restored by theirs, and a copy elsewhere may have it whole",
            )),
            Some(failure) => Err(failure),
        }
    }

    /// The newest of the same host and path that can be read: what it has unchanged is not read again.
    pub(super) fn parent(&self, host: &str, path: &str) -> Result<Option<SnapshotId>, Failure> {
        let (snapshots, _) = self.readable()?;
        let same = snapshots.into_iter().filter(|snapshot| {
            let mut paths = snapshot.paths.iter();
            let one = paths.next().is_some_and(|first| first == path) && paths.next().is_none();
            one && snapshot.hostname == host
        });
        let newest = same.max_by_key(|snapshot| (snapshot.time.timestamp(), snapshot.id));
        Ok(newest.map(|snapshot| snapshot.id))
    }

    /// Those that can be read, and why the others cannot.
    fn readable(&self) -> Result<(Vec<SnapshotFile>, Vec<Failure>), Failure> {
        let listed = self.adapter.store().list("snapshots/")?;
        let names = listed
            .iter()
            .filter_map(|(path, _)| path.rsplit('/').next());
        let ids: Vec<Id> = names.filter_map(|name| name.parse().ok()).collect();
        let next = AtomicUsize::new(0);
        let read = Mutex::new((Vec::new(), Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..READERS.min(ids.len()) {
                scope.spawn(|| {
                    while let Some(id) = ids.get(next.fetch_add(1, Ordering::Relaxed)) {
                        match self.read_snapshot(id) {
                            Ok(snapshot) => read.lock().0.push(snapshot),
                            Err(failure) => read.lock().1.push(failure),
                        }
                    }
                });
            }
        });
        Ok(read.into_inner())
    }

    fn read_snapshot(&self, id: &Id) -> Result<SnapshotFile, Failure> {
        let sealed = self.adapter.read_whole(FileType::Snapshot, id)?;
        let json = self.crypt.file(&sealed);
        let snapshot = json.and_then(|json| serde_json::from_slice::<SnapshotFile>(&json).ok());
        let mut snapshot = snapshot.ok_or_else(|| {
            let path = super::adapter::path(FileType::Snapshot, id);
            damage(format!("{path} is not what was written"))
        })?;
        snapshot.id = (*id).into();
        Ok(snapshot)
    }
}
