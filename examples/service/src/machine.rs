//! What the process takes of the machine, read from the kernel. Linux only.
//!
//! Every figure may be missing (`None`) where the kernel does not give it; nobody fails for that.

use rustix::time::{ClockId, clock_gettime};
use std::path::Path;

/// Resident memory of this process.
pub(crate) fn resident_bytes() -> Option<u64> {
    kib_field("/proc/self/status", "VmRSS:")
}

/// Memory of no file: heap and stacks that are in use.
pub(crate) fn anonymous_bytes() -> Option<u64> {
    kib_field("/proc/self/status", "RssAnon:")
}

/// Address space for it, used or not.
pub(crate) fn data_bytes() -> Option<u64> {
    kib_field("/proc/self/status", "VmData:")
}

/// All memory of the machine.
pub(crate) fn memory_bytes() -> Option<u64> {
    kib_field("/proc/meminfo", "MemTotal:")
}

/// CPU time of all threads so far.
pub(crate) fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

pub(crate) fn open_files() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count())
}

/// Room on the file system of a folder, for a process that is not root.
pub(crate) fn free_bytes(folder: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// `VmRSS:     4321 kB`
fn kib_field(file: &str, field: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_answers() {
        assert!(resident_bytes().is_some_and(|bytes| bytes > 0));
        assert!(anonymous_bytes().is_some() && data_bytes() > anonymous_bytes());
        assert!(memory_bytes() > resident_bytes());
        assert!(open_files().is_some_and(|files| files > 0));
        assert!(free_bytes(Path::new("/")).is_some());
        assert!(cpu_seconds() > 0.0);
    }
}
