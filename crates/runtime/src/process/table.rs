//! The processes of this machine, as `/proc` shows them, and how one of ours is ended.
//!
//! **Invariant:** a signal goes to a process that was identified by pid *and* start time, through
//! a pidfd opened before the comparison, so that a pid that is used again hits nobody.

use mainstay_wire::process::Stat;
use mainstay_wire::shim::Process;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::collections::HashMap;

/// One look at all processes.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) by_pid: HashMap<i32, Stat>,
    children: HashMap<i32, Vec<i32>>,
}

impl Table {
    pub(crate) fn read() -> Self {
        let mut table = Self::default();
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let pid = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            if let Some(stat) = pid.and_then(stat) {
                table
                    .children
                    .entry(stat.parent)
                    .or_default()
                    .push(stat.process.pid);
                table.by_pid.insert(stat.process.pid, stat);
            }
        }
        table
    }

    /// Everything below `root`, without it, and without what has ended.
    pub(crate) fn below(&self, root: i32) -> Vec<&Stat> {
        let mut found = Vec::new();
        let mut seen = std::collections::HashSet::from([root]);
        let mut open = vec![root];
        while let Some(parent) = open.pop() {
            for child in self.children.get(&parent).into_iter().flatten() {
                if seen.insert(*child)
                    && let Some(stat) = self.by_pid.get(child)
                {
                    open.push(*child);
                    if !stat.is_zombie() {
                        found.push(stat);
                    }
                }
            }
        }
        found
    }
}

pub(crate) fn stat(pid: i32) -> Option<Stat> {
    Stat::parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Whether exactly this process runs.
pub(crate) fn is_alive(process: Process) -> bool {
    stat(process.pid).is_some_and(|stat| stat.process == process && !stat.is_zombie())
}

/// Sends `signal` to exactly this process; false where it has gone.
pub(crate) fn signal(process: Process, signal: Signal) -> bool {
    Pid::from_raw(process.pid)
        .and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok())
        .is_some_and(|handle| is_alive(process) && pidfd_send_signal(handle, signal).is_ok())
}

/// A variable in the environment a process was started with; `None` also where it may not be seen.
pub(crate) fn variable(environment: &[u8], name: &str) -> Option<String> {
    environment.split(|byte| *byte == 0).find_map(|entry| {
        let entry = std::str::from_utf8(entry).ok()?;
        let (key, value) = entry.split_once('=')?;
        (key == name).then(|| value.to_owned())
    })
}
