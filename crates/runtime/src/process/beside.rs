//! What else can be asked of an instance than to run: its log, a command beside it, its usage.

use super::table::Table;
use super::{Entry, ProcessTarget, lock, remains, state};
use crate::exec::Exec;
use crate::logs::{self, LogLine, LogQuery};
use crate::status::Resources;
use crate::target::TargetError;
use mainstay_model::{Bytes, InstanceId, Scope};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;

pub use super::remains::Orphan;

/// Between two looks at what may be an orphan.
const ORPHAN_LOOKS: Duration = Duration::from_millis(500);

impl ProcessTarget {
    pub(super) fn lines(
        &self,
        scope: &Scope,
        id: &InstanceId,
        query: LogQuery,
    ) -> Result<mpsc::Receiver<LogLine>, TargetError> {
        let directory = self.with(scope, id, |entry| entry.directory.join("log"))?;
        let (receiver, work) = logs::read(directory, scope.clone(), id.clone(), query);
        let cancel = self.shared.cancel.clone();
        self.shared.tasks.spawn(async move {
            tokio::select! {
                () = cancel.cancelled() => {}
                () = work => {}
            }
        });
        Ok(receiver)
    }

    pub(super) async fn beside(
        &self,
        scope: &Scope,
        id: &InstanceId,
        command: &[String],
        tty: bool,
    ) -> Result<Exec, TargetError> {
        if tty {
            let error = "the process target has no terminal for a command yet";
            return Err(TargetError::new(error.into()).hint("run it without a terminal"));
        }
        if command.is_empty() {
            return Err(TargetError::new("there is no command to run".into()));
        }
        let surroundings = self
            .with(scope, id, |entry| lock(&entry.shown).surroundings.clone())?
            .ok_or_else(|| {
                TargetError::new(format!("{id} was not handed to this server yet"))
                    .hint("try again once the server has resumed its deployments")
            })?;
        Exec::start(&surroundings, command).await
    }

    /// Reads all of `/proc` once.
    pub(super) async fn usage(&self) -> Vec<(Scope, InstanceId, Resources)> {
        let Ok(table) = tokio::task::spawn_blocking(Table::read).await else {
            return Vec::new();
        };
        let instances = lock(&self.instances);
        let measured = instances.iter().filter_map(|((scope, id), entry)| {
            let shim = entry.shim()?;
            // Of a shim that has gone the pid may be somebody else's.
            let alive = table.by_pid.get(&shim.pid)?.process == shim;
            let used = alive.then(|| measure(&table, shim.pid));
            let used = used.filter(|used| used.processes > 0)?;
            Some((scope.clone(), id.clone(), used))
        });
        measured.collect()
    }

    /// Processes of ours that no shim looks after. Blocking: reads `/proc`, and where something is
    /// found, once more after half a second: a shim that is just starting or about to go is none.
    pub fn orphans(&self) -> Vec<Orphan> {
        let mut found = self.strays();
        if !found.is_empty() {
            std::thread::sleep(ORPHAN_LOOKS);
            let still = self.strays();
            found.retain(|orphan| still.contains(orphan));
        }
        found
    }

    fn strays(&self) -> Vec<Orphan> {
        let mut keepers = remains::own_process();
        let directories: Vec<PathBuf> = {
            let instances = lock(&self.instances);
            keepers.extend(instances.values().filter_map(Entry::shim));
            let directories = instances.values().map(|entry| entry.directory.clone());
            directories.collect()
        };
        let records = directories.iter().filter_map(|directory| {
            let record = state::read_record(directory).ok().flatten()?;
            Some(record.shim)
        });
        keepers.extend(records);
        remains::orphans(&self.shared.options.directory, &keepers)
    }

    /// Kills the orphans that were found, as far as each still is who it was. Blocking.
    pub fn end_orphans(&self, found: &[Orphan]) -> usize {
        let ours = self.orphans();
        found
            .iter()
            .filter(|orphan| ours.contains(orphan) && remains::kill(orphan.process))
            .count()
    }

    /// Instance directories that could not be read; each stands in the server's log with its reason.
    pub fn damaged(&self) -> &[PathBuf] {
        &self.damaged
    }

    fn with<T>(
        &self,
        scope: &Scope,
        id: &InstanceId,
        look: impl FnOnce(&Entry) -> T,
    ) -> Result<T, TargetError> {
        let instances = lock(&self.instances);
        let entry = instances.get(&(scope.clone(), id.clone()));
        entry.map(look).ok_or_else(|| {
            TargetError::new(format!("there is no instance {id} in {scope}"))
                .hint("`mainstay ps` lists them")
        })
    }
}

fn measure(table: &Table, shim: i32) -> Resources {
    let below = table.below(shim);
    let ticks: u64 = below.iter().map(|stat| stat.cpu_ticks).sum();
    let pages: u64 = below.iter().map(|stat| stat.resident_pages).sum();
    let user: u64 = below.iter().map(|stat| stat.user_ticks).sum();
    let second = rustix::param::clock_ticks_per_second() as f64;
    Resources {
        cpu_seconds: ticks as f64 / second,
        user_seconds: user as f64 / second,
        rss: Bytes(pages * rustix::param::page_size() as u64),
        processes: below.len(),
        threads: below.iter().map(|stat| stat.threads as usize).sum(),
    }
}
