//! What a killed shim leaves behind, and orphans: found by the marks in their environment.
//!
//! Each process of an instance is started with [`marks`]: the instances directory, and which
//! instance it belongs to. Children inherit them. A process is ours where they name our directory;
//! only such a one is ever signalled, and only through `table`, by pid and start time.

use super::client::MARK_DIRECTORY;
use super::table::{self, Table};
use mainstay_model::{InstanceId, Scope};
use mainstay_wire::shim::{Process, Record};
use rustix::process::Signal;
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

const MARK_STACK: &str = "MAINSTAY_STACK";
const MARK_ENVIRONMENT: &str = "MAINSTAY_ENVIRONMENT";
const MARK_INSTANCE: &str = "MAINSTAY_INSTANCE";

/// After SIGKILL, how long until we no longer wait for a process to go.
const GONE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(20);
/// While a grace lasts.
const LONG_LOOK: Duration = Duration::from_millis(100);

/// The variables that every process of an instance bears.
pub(crate) fn marks(root: &str, scope: &Scope, id: &InstanceId) -> [(&'static str, String); 4] {
    [
        (MARK_DIRECTORY, root.to_owned()),
        (MARK_STACK, scope.stack.to_string()),
        (MARK_ENVIRONMENT, scope.environment.to_string()),
        (MARK_INSTANCE, scope.instance_name(id)),
    ]
}

/// A process of ours that nobody looks after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    pub process: Process,
    /// The instance it belonged to; `None` where its marks do not say.
    pub instance: Option<(Scope, InstanceId)>,
    /// Its program and arguments.
    pub command: String,
}

/// Processes that bear our directory's mark and are below none of `keepers` (live shims, and this
/// process).
pub(crate) fn orphans(root: &Path, keepers: &[Process]) -> Vec<Orphan> {
    let table = Table::read();
    let mut kept: std::collections::HashSet<i32> = std::collections::HashSet::new();
    for keeper in keepers {
        if table
            .by_pid
            .get(&keeper.pid)
            .is_some_and(|stat| stat.process == *keeper)
        {
            kept.insert(keeper.pid);
            kept.extend(table.below(keeper.pid).iter().map(|stat| stat.process.pid));
        }
    }
    let mut orphans: Vec<Orphan> = table
        .by_pid
        .values()
        .filter(|stat| !kept.contains(&stat.process.pid) && !stat.is_zombie())
        .filter_map(|stat| marked(root, stat.process))
        .collect();
    orphans.sort_by_key(|orphan| orphan.process.pid);
    orphans
}

/// `None` where it does not bear our mark.
fn marked(root: &Path, process: Process) -> Option<Orphan> {
    let environment = std::fs::read(format!("/proc/{}/environ", process.pid)).ok()?;
    let variable = |name| table::variable(&environment, name);
    if variable(MARK_DIRECTORY)? != root.display().to_string() {
        return None;
    }
    let instance = || {
        let scope = Scope {
            stack: variable(MARK_STACK)?.parse().ok()?,
            environment: variable(MARK_ENVIRONMENT)?.parse().ok()?,
        };
        let prefix = format!("{}-{}-", scope.stack, scope.environment);
        let id = variable(MARK_INSTANCE)?
            .strip_prefix(&prefix)?
            .parse()
            .ok()?;
        Some((scope, id))
    };
    let command = std::fs::read(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
    Some(Orphan {
        process,
        instance: instance(),
        command: String::from_utf8_lossy(&command)
            .replace('\0', " ")
            .trim()
            .to_owned(),
    })
}

pub(crate) fn kill(process: Process) -> bool {
    table::signal(process, Signal::KILL)
}

/// Ends a run whose shim is gone or does not answer: SIGTERM, the grace, SIGKILL. The shim goes
/// last, because it keeps what is below it together.
pub(crate) async fn end_run(run: &Record, grace: Duration) {
    let left = {
        let run = run.clone();
        move || left_of(&run)
    };
    if !grace.is_zero() {
        empty(&left, Some(Signal::TERM), None, grace).await;
    }
    empty(&left, None, Some(Signal::KILL), GONE).await;
    table::signal(run.shim, Signal::KILL);
    let until = Instant::now() + GONE;
    while table::is_alive(run.shim) && Instant::now() < until {
        tokio::time::sleep(LOOK).await;
    }
}

/// Ends whatever bears the marks of this instance. To be called where it has no shim.
pub(crate) async fn end_marked(root: &Path, scope: &Scope, id: &InstanceId) {
    let (root, instance) = (root.to_owned(), Some((scope.clone(), id.clone())));
    let left = move || {
        let orphans = orphans(&root, &own_process());
        let own = orphans.into_iter();
        own.filter(|orphan| orphan.instance == instance)
            .map(|orphan| orphan.process)
            .collect()
    };
    empty(&left, None, Some(Signal::KILL), GONE).await;
}

/// Looks at what is left until nothing is, or for `longest`. All that is there at first gets
/// `first`; all that is there at any look gets `each`.
async fn empty(
    left: &(impl Fn() -> Vec<Process> + Clone + Send + 'static),
    first: Option<Signal>,
    each: Option<Signal>,
    longest: Duration,
) {
    let until = Instant::now() + longest;
    let mut signal = first.or(each);
    loop {
        // Reads all of /proc, which takes milliseconds.
        let look = tokio::task::spawn_blocking(left.clone());
        let found = look.await.unwrap_or_default();
        if let Some(signal) = signal {
            for process in &found {
                table::signal(*process, signal);
            }
        }
        signal = each;
        if found.is_empty() || Instant::now() >= until {
            return;
        }
        let pause = if each.is_some() { LOOK } else { LONG_LOOK };
        tokio::time::sleep(pause.min(longest)).await;
    }
}

/// What runs below the shim, or below the instance where the shim has gone.
fn left_of(run: &Record) -> Vec<Process> {
    let table = Table::read();
    let is_there = |process: &Process| {
        let stat = table.by_pid.get(&process.pid);
        stat.is_some_and(|stat| stat.process == *process && !stat.is_zombie())
    };
    let roots = std::iter::once(run.shim).chain(run.instance);
    let below = roots
        .filter(is_there)
        .flat_map(|root| table.below(root.pid))
        .map(|stat| stat.process);
    let mut left: Vec<Process> = below.chain(run.instance.filter(is_there)).collect();
    left.sort_unstable_by_key(|process| process.pid);
    left.dedup();
    left
}

/// This process, in the form of a keeper.
pub(crate) fn own_process() -> Vec<Process> {
    table::stat(std::process::id() as i32)
        .map(|stat| stat.process)
        .into_iter()
        .collect()
}
