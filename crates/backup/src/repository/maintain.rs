//! Check, forget, prune.

use super::Repository;
use super::lock::Share;
use super::trouble::damage;
use crate::{Checked, Failure, FailureKind, Pruned, ReadData};
use rustic_core::repofile::SnapshotId;
use rustic_core::{CheckOptions, FileType, PruneOptions, ReadSubsetOption};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Problems that are told; a repository with more is not read to its end by anybody.
const MAX_PROBLEMS: usize = 1000;

impl Repository {
    /// That every snapshot has its trees, every file its blobs, every pack its size; and that packs hold what they
    /// held, as many as asked for.
    pub(crate) fn check(&self, read: ReadData) -> Result<Checked, Failure> {
        let started = Instant::now();
        let mut options = CheckOptions::default();
        options.read_data = read != ReadData::Structure;
        options.read_data_subset = match read {
            ReadData::Structure | ReadData::All => ReadSubsetOption::All,
            ReadData::Percent(percent) => ReadSubsetOption::Size(self.share(percent)?),
        };
        let before = self.adapter.store().list("snapshots/")?.len();
        // A pack that opens and does not unpack makes rustic panic.
        let found = catch_unwind(AssertUnwindSafe(|| self.rustic.check(options)));
        let mut problems: Vec<String> = match found {
            Ok(Ok(results)) => {
                let errors = results.0.into_iter();
                // Warnings are of files that nobody needs; prune removes them.
                let errors = errors.filter(|(level, _)| format!("{level:?}") == "Error");
                let told = errors.map(|(_, error)| tell(&error));
                told.take(MAX_PROBLEMS).collect()
            }
            Ok(Err(error)) => match self.adapter.trouble.explain(error) {
                failure if failure.kind == FailureKind::Damaged => vec![failure.message],
                failure => return Err(failure),
            },
            Err(_) => vec!["a pack opens but cannot be unpacked".to_owned()],
        };
        problems.extend(self.damaged_keys()?);
        let read = self.meter.read().done;
        Ok(Checked {
            problems,
            snapshots: before as u64,
            read,
            took: started.elapsed(),
        })
    }

    /// They lock nobody out, but who has only that key is.
    fn damaged_keys(&self) -> Result<Vec<String>, Failure> {
        let listed = self.adapter.store().list("keys/")?;
        let names = listed
            .iter()
            .filter_map(|(path, _)| path.rsplit('/').next());
        let ids = names.filter_map(|name| name.parse().ok());
        let read = ids.map(|id| self.adapter.read_whole(FileType::Key, &id));
        let failed = read.filter_map(Result::err);
        let damaged = failed.filter(|failure| failure.kind == FailureKind::Damaged);
        Ok(damaged.map(|failure| failure.message).collect())
    }

    /// So much of the packs, in bytes; never so little that no pack fits into it.
    fn share(&self, percent: u8) -> Result<u64, Failure> {
        let packs = self.adapter.store().list("data/")?;
        let whole: u64 = packs.iter().map(|(_, size)| size).sum();
        let largest = packs.iter().map(|(_, size)| *size).max().unwrap_or(0);
        let share = u128::from(whole) * u128::from(percent.clamp(1, 100)) / 100;
        Ok(u64::try_from(share).unwrap_or(u64::MAX).max(largest + 1))
    }

    /// Snapshots that are not there any more are no failure: forgotten twice is forgotten once. Their data stays until
    /// a prune, so that others may add and read meanwhile.
    pub(crate) fn forget(&self, snapshots: &[String]) -> Result<(), Failure> {
        let _lock = self.lock(Share::Adds, "forget")?;
        let mut ids = Vec::new();
        for name in snapshots {
            match self.snapshot(name) {
                Ok(snapshot) => ids.push(snapshot.id),
                // Forgotten before, or damaged: what is asked for is that it goes.
                Err(failure) if failure.kind == FailureKind::NotFound && name.len() == 64 => {}
                Err(failure) if failure.kind == FailureKind::Damaged => {
                    let id = name.parse::<SnapshotId>().map_err(|_| failure)?;
                    ids.push(id);
                }
                Err(failure) => return Err(failure),
            }
        }
        let deleted = self.rustic.delete_snapshots(&ids);
        deleted.map_err(|error| self.adapter.trouble.explain(error))
    }

    /// Marks packs that nobody needs, and removes those that were marked longer ago than `grace`.
    pub(crate) fn prune(&self, grace: Duration) -> Result<Pruned, Failure> {
        let _lock = self.lock(Share::Removes, "prune")?;
        let explain = |error| self.adapter.trouble.explain(error);
        let mut options = PruneOptions::default();
        let seconds = i64::try_from(grace.as_secs()).unwrap_or(i64::MAX / 2);
        options.keep_delete = jiff::Span::new()
            .try_seconds(seconds)
            .map_err(|error| Failure::new(FailureKind::Other, error.to_string()))?;
        // A damaged tree would make what it names look as if nobody needed it.
        let plan = catch_unwind(AssertUnwindSafe(|| self.rustic.prune_plan(&options)));
        let plan = plan.map_err(|_| damage("the repository cannot be read to its end"))?;
        let plan = plan.map_err(explain)?;
        self.adapter.trouble.check()?;
        let size = plan.stats.size_sum();
        let pruned = Pruned {
            removed: plan.stats.size_to_delete.remove,
            marked: size.remove + size.repackrm + plan.stats.size_unref,
            repacked: size.repack - size.repackrm,
        };
        self.rustic.prune(&options, plan).map_err(explain)?;
        self.adapter.trouble.check()?;
        Ok(pruned)
    }
}

/// What rustic found, with the whole name of the file that it is about: its own words shorten it.
fn tell(error: &(impl std::fmt::Debug + std::fmt::Display)) -> String {
    let debug = format!("{error:?}");
    let whole = debug.split(|c: char| !c.is_ascii_hexdigit());
    match whole.into_iter().find(|word| word.len() == 64) {
        Some(name) if debug.contains("ack") => format!("data/{}/{name}: {error}", &name[..2]),
        Some(name) => format!("{name}: {error}"),
        None => error.to_string(),
    }
}
