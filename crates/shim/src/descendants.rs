//! Everything below this process, found in `/proc`, and signalled without mistaking one for another.
//!
//! The shim is a subreaper: whoever leaves its parent or its session comes to the shim, so the
//! tree of parents below it is complete. A pid may be used again between looking and signalling;
//! hence a pidfd is opened first and the start time compared through it.

use mainstay_wire::process::Stat;
use mainstay_wire::shim::Process;
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, pidfd_open, pidfd_send_signal};
use std::collections::{HashMap, HashSet};

/// How often the tree is looked at again within one call: a process that forks while it is being
/// looked at is caught by the next look.
const ROUNDS: usize = 8;

/// Sends `signal` to everything below this process. Returns how many were reached.
pub(crate) fn signal_all(signal: Signal) -> usize {
    let mut reached = HashSet::new();
    for _ in 0..ROUNDS {
        let before = reached.len();
        for process in below(rustix::process::getpid().as_raw_pid()) {
            if !reached.contains(&process) && signal_one(process, signal) {
                reached.insert(process);
            }
        }
        if reached.len() == before {
            break;
        }
    }
    reached.len()
}

/// Kills and reaps everything below this process; gives up after a second.
pub(crate) fn end_all() {
    for _ in 0..100 {
        signal_all(Signal::KILL);
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::CHILD) => return,
                Ok(None) | Err(_) => break,
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// Sends `signal` to exactly this process; false where it has gone.
pub(crate) fn signal_one(process: Process, signal: Signal) -> bool {
    let Some(pid) = Pid::from_raw(process.pid) else {
        return false;
    };
    let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else {
        return false;
    };
    // The handle holds on to whoever had the pid just now; is it the one we mean?
    identify(process.pid) == Some(process) && pidfd_send_signal(handle, signal).is_ok()
}

/// Who has this pid now.
pub(crate) fn identify(pid: i32) -> Option<Process> {
    stat(pid).map(|stat| stat.process)
}

fn stat(pid: i32) -> Option<Stat> {
    Stat::parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// All processes below `root` that have not ended, without `root`.
fn below(root: i32) -> Vec<Process> {
    let mut children: HashMap<i32, Vec<Stat>> = HashMap::new();
    for stat in all() {
        children.entry(stat.parent).or_default().push(stat);
    }
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(parent) = open.pop() {
        // Taken out, so that a tree read while it changed cannot be walked in a circle.
        for child in children.remove(&parent).unwrap_or_default() {
            open.push(child.process.pid);
            if !child.is_zombie() {
                found.push(child.process);
            }
        }
    }
    found
}

fn all() -> impl Iterator<Item = Stat> {
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| stat(entry.ok()?.file_name().to_str()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_not_who_we_mean_is_not_signalled() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let real = identify(child.id() as i32).unwrap();
        let other = Process {
            start_ticks: real.start_ticks + 1,
            ..real
        };
        assert!(!signal_one(other, Signal::KILL));
        assert!(child.try_wait().unwrap().is_none());
        assert!(signal_one(real, Signal::KILL));
        child.wait().unwrap();
        assert!(!signal_one(real, Signal::KILL));
    }

    #[test]
    fn grandchildren_are_below() {
        let mut child = std::process::Command::new("sh")
            .args(["-c", "sleep 60 & echo $!; wait"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
        let grandchild = identify(line.trim().parse().unwrap()).unwrap();
        assert!(below(std::process::id() as i32).contains(&grandchild));
        assert!(signal_one(grandchild, Signal::KILL));
        child.wait().unwrap();
    }
}
