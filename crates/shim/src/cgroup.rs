//! Memory, CPU and process limits by a control group of the instance's own.
//!
//! Version 2 where it is delegated to us (below our own group, or beside it where that one may
//! not have children), version 1 where we may write. What cannot be limited becomes a warning in
//! plain words: an instance that runs without a limit is better than one that does not run.
//! Sources: the kernel's `admin-guide/cgroup-v2` and `cgroup-v1`.

use mainstay_wire::shim::{Launch, Limits, Process};
use std::io;
use std::path::{Path, PathBuf};

/// CFS period in microseconds, the kernel's default.
const PERIOD: u64 = 100_000;

/// The groups made for one instance; removed when it has ended.
#[derive(Debug, Default)]
pub(crate) struct Cgroup {
    directories: Vec<PathBuf>,
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for directory in &self.directories {
            // Refused while a process is left in it; the next run of the instance uses it again.
            let _ = std::fs::remove_dir(directory);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Controller {
    Memory,
    Cpu,
    Pids,
}

impl Controller {
    fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Pids => "pids",
        }
    }

    /// Files and values that set the limit, in the order they are written; version 2 or 1.
    fn settings(self, limits: &Limits, version: u8) -> Vec<(&'static str, String)> {
        let quota = |cpus: f64| (cpus * PERIOD as f64).max(1000.0) as u64;
        match (self, version) {
            (Self::Memory, 2) => setting("memory.max", limits.memory.map(|bytes| bytes.0)),
            (Self::Memory, _) => {
                setting("memory.limit_in_bytes", limits.memory.map(|bytes| bytes.0))
            }
            (Self::Cpu, 2) => limits
                .cpus
                .map(|cpus| vec![("cpu.max", format!("{} {PERIOD}", quota(cpus)))])
                .unwrap_or_default(),
            (Self::Cpu, _) => limits
                .cpus
                .map(|cpus| {
                    vec![
                        ("cpu.cfs_period_us", PERIOD.to_string()),
                        ("cpu.cfs_quota_us", quota(cpus).to_string()),
                    ]
                })
                .unwrap_or_default(),
            (Self::Pids, _) => setting("pids.max", limits.processes),
        }
    }

    fn describe(self, limits: &Limits) -> String {
        match self {
            Self::Memory => format!(
                "memory is not limited to {}",
                limits.memory.unwrap_or_default()
            ),
            Self::Cpu => format!("CPU is not limited to {}", limits.cpus.unwrap_or_default()),
            Self::Pids => format!(
                "processes are not limited to {}",
                limits.processes.unwrap_or_default()
            ),
        }
    }
}

fn setting(file: &'static str, value: Option<u64>) -> Vec<(&'static str, String)> {
    value
        .map(|value| vec![(file, value.to_string())])
        .unwrap_or_default()
}

/// Where our own group stands in one hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Own {
    version: u8,
    mount: PathBuf,
    directory: PathBuf,
}

impl Cgroup {
    /// Puts `process` into groups with the limits of `launch`. What was limited here is taken out
    /// of `limits`, which are the ones that the process will set itself.
    pub(crate) fn create(
        launch: &Launch,
        process: Process,
        limits: &mut Limits,
        warnings: &mut Vec<String>,
    ) -> Self {
        let mut made = Self::default();
        let name = group_name(&launch.directory);
        for controller in [Controller::Memory, Controller::Cpu, Controller::Pids] {
            if controller.settings(&launch.limits, 2).is_empty() {
                continue;
            }
            match made.limit(controller, &launch.limits, &name, process) {
                Ok(()) if controller == Controller::Pids => limits.processes = None,
                Ok(()) => {}
                Err(error) => warnings.push(format!(
                    "{}: {error}; hint: run the server as root or in a delegated control group",
                    controller.describe(&launch.limits)
                )),
            }
        }
        made
    }

    fn limit(
        &mut self,
        controller: Controller,
        limits: &Limits,
        name: &str,
        process: Process,
    ) -> io::Result<()> {
        let own = find(controller.name()).ok_or_else(|| {
            io::Error::other(format!(
                "this machine has no {} controller",
                controller.name()
            ))
        })?;
        let mut failed = io::Error::other("no place for a group");
        for directory in places(&own, controller.name(), name) {
            let settings = controller.settings(limits, own.version);
            match self.fill(&directory, &settings, process) {
                Ok(()) => return Ok(()),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    fn fill(
        &mut self,
        directory: &Path,
        settings: &[(&str, String)],
        process: Process,
    ) -> io::Result<()> {
        let new = !directory.exists();
        if new {
            std::fs::create_dir(directory)?;
        }
        let filled = settings
            .iter()
            .try_for_each(|(file, value)| write(&directory.join(file), value))
            .and_then(|()| write(&directory.join("cgroup.procs"), &process.pid.to_string()));
        match filled {
            Ok(()) => {
                if !self.directories.iter().any(|known| known == directory) {
                    self.directories.push(directory.to_owned());
                }
                Ok(())
            }
            Err(error) => {
                if new {
                    let _ = std::fs::remove_dir(directory);
                }
                Err(error)
            }
        }
    }
}

fn write(file: &Path, value: &str) -> io::Result<()> {
    // Not created where it is missing: then the controller is not there.
    let mut file = std::fs::OpenOptions::new().write(true).open(file)?;
    io::Write::write_all(&mut file, value.as_bytes())
}

/// Directories to try, best first.
fn places(own: &Own, controller: &str, name: &str) -> Vec<PathBuf> {
    let below = own.directory.join(name);
    if own.version == 1 {
        return vec![below];
    }
    let mut places = Vec::new();
    // A group with processes may not hand controllers to children, but for the root.
    if write(
        &own.directory.join("cgroup.subtree_control"),
        &format!("+{controller}"),
    )
    .is_ok()
    {
        places.push(below);
    }
    if own.directory != own.mount
        && let Some(parent) = own.directory.parent()
    {
        places.push(parent.join(name));
    }
    places
}

/// One for an instance directory, and the same in its next run.
fn group_name(directory: &Path) -> String {
    // FNV-1a, 64 bits.
    let hash = directory
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    let instance = directory.file_name().unwrap_or_default().to_string_lossy();
    format!("mainstay-{instance}-{hash:016x}")
}

fn find(controller: &str) -> Option<Own> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let (mounts, own) = (read("/proc/self/mountinfo"), read("/proc/self/cgroup"));
    let unified = locate(&mounts, &own, None).filter(|own| {
        std::fs::read_to_string(own.directory.join("cgroup.controllers"))
            .is_ok_and(|text| text.split_whitespace().any(|name| name == controller))
    });
    unified.or_else(|| locate(&mounts, &own, Some(controller)))
}

/// From `mountinfo` and `cgroup` of this process (proc(5), cgroups(7)); `None` for version 2.
fn locate(mounts: &str, own: &str, controller: Option<&str>) -> Option<Own> {
    let path = own.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let controllers = fields.next()?;
        let ours = match controller {
            None => controllers.is_empty(),
            Some(controller) => controllers.split(',').any(|name| name == controller),
        };
        ours.then(|| fields.next()).flatten()
    })?;
    // Seen from a namespace whose root is below our group.
    if path.contains("..") {
        return None;
    }
    let mount = mounts.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let mut right = right.split(' ');
        let kind = right.next()?;
        let matches = match controller {
            None => kind == "cgroup2",
            Some(controller) => {
                kind == "cgroup" && right.nth(1)?.split(',').any(|option| option == controller)
            }
        };
        // mount id, parent, device, root, mount point
        matches.then(|| left.split(' ').nth(4)).flatten()
    })?;
    Some(Own {
        version: if controller.is_none() { 2 } else { 1 },
        directory: Path::new(mount).join(path.trim_start_matches('/')),
        mount: mount.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_model::Bytes;

    const MOUNTS: &str = "\
31 23 0:27 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
32 31 0:28 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n\
33 31 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
34 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n";
    const OWN: &str = "12:memory:/a/b\n4:cpu,cpuacct:/\n1:name=systemd:/x\n0::/user.slice\n";

    #[test]
    fn both_versions_are_located() {
        let own = |controller| {
            locate(MOUNTS, OWN, controller).map(|own| own.directory.display().to_string())
        };
        assert_eq!(
            own(None).as_deref(),
            Some("/sys/fs/cgroup/unified/user.slice")
        );
        assert_eq!(
            own(Some("memory")).as_deref(),
            Some("/sys/fs/cgroup/memory/a/b")
        );
        assert_eq!(
            own(Some("cpu")).as_deref(),
            Some("/sys/fs/cgroup/cpu,cpuacct/")
        );
        assert_eq!(own(Some("pids")), None);
        assert_eq!(locate(MOUNTS, "0::/../x\n", None), None);
    }

    #[test]
    fn limits_are_written_as_each_version_wants_them() {
        let limits = Limits {
            memory: Some(Bytes(64 << 20)),
            cpus: Some(0.5),
            processes: Some(9),
            open_files: None,
        };
        let text = |controller: Controller, version| {
            let settings = controller.settings(&limits, version);
            let lines: Vec<String> = settings
                .iter()
                .map(|(file, value)| format!("{file}={value}"))
                .collect();
            lines.join(" ")
        };
        assert_eq!(text(Controller::Memory, 2), "memory.max=67108864");
        assert_eq!(
            text(Controller::Memory, 1),
            "memory.limit_in_bytes=67108864"
        );
        assert_eq!(text(Controller::Cpu, 2), "cpu.max=50000 100000");
        assert_eq!(
            text(Controller::Cpu, 1),
            "cpu.cfs_period_us=100000 cpu.cfs_quota_us=50000"
        );
        assert_eq!(text(Controller::Pids, 1), "pids.max=9");
        assert!(Controller::Cpu.settings(&Limits::default(), 2).is_empty());
    }
}
