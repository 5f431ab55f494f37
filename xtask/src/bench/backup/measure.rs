//! How long a process takes until what it wrote is on disk, how much of the processors, and how much memory it has at
//! the most.

use anyhow::{Context, Result, bail};
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Between two looks at a process: what it gains in its last moment is missed.
const LOOK: Duration = Duration::from_millis(10);

/// In which the kernel tells times of processes.
const TICK: Duration = Duration::from_millis(10);

#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    pub(super) took: Duration,
    /// On all processors, its own and the kernel's for it. Other work on the machine disturbs it less than `took`.
    pub(super) cpu: Duration,
    /// Resident, as the kernel keeps it.
    pub(super) peak_bytes: u64,
}

pub(super) fn command(command: &mut Command, on: &Path) -> Result<Measured> {
    sync(on)?;
    child(command.spawn()?, on, || Ok(()))
}

/// Does `work` beside the child, waits for it, and for the disk.
pub(super) fn child(
    mut child: Child,
    on: &Path,
    work: impl FnOnce() -> Result<()>,
) -> Result<Measured> {
    let started = Instant::now();
    let (peak, ticks) = (AtomicU64::new(0), AtomicU64::new(0));
    let ended = AtomicBool::new(false);
    let pid = child.id();
    let worked = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                peak.fetch_max(high_water(pid).unwrap_or(0), Ordering::Relaxed);
                ticks.fetch_max(cpu_ticks(pid).unwrap_or(0), Ordering::Relaxed);
                std::thread::sleep(LOOK);
            }
        });
        let worked = work();
        let status = child.wait();
        ended.store(true, Ordering::Relaxed);
        worked.and(Ok(status?))
    })?;
    if !worked.success() {
        bail!("a process of the run failed: {worked}");
    }
    sync(on)?;
    Ok(Measured {
        took: started.elapsed(),
        cpu: TICK * u32::try_from(ticks.into_inner())?,
        peak_bytes: peak.into_inner(),
    })
}

/// Of its own and of the kernel for it; proc_pid_stat(5), fields 14 and 15.
fn cpu_ticks(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

fn high_water(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

/// Everything that was written to the file system of a path.
pub(super) fn sync(on: &Path) -> Result<()> {
    let folder = File::open(on).with_context(|| format!("cannot open {}", on.display()))?;
    Ok(rustix::fs::syncfs(folder)?)
}
