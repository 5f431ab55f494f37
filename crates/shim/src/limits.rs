//! Resource limits of one process: `RLIMIT_NOFILE` and `RLIMIT_NPROC`.
//!
//! Memory and CPU have no such limit worth the name; they are the cgroup's (`cgroup`).

use mainstay_wire::shim::{Launch, Limits};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What can be had of `limits` here, with a warning for what cannot.
pub(crate) fn attainable(limits: &Limits, warnings: &mut Vec<String>) -> Limits {
    let mut attainable = limits.clone();
    if let Some(wanted) = limits.open_files {
        let most = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
        if wanted > most && !rustix::process::geteuid().is_root() {
            warnings.push(format!(
                "open files are limited to {most} instead of {wanted}: only root can raise the hard limit"
            ));
            attainable.open_files = Some(most);
        }
    }
    attainable
}

/// Where no control group counts the processes of the instance. `RLIMIT_NPROC` counts those of the
/// whole user, so it is only of use where the instance has a user of its own.
pub(crate) fn processes_without_cgroup(
    launch: &Launch,
    limits: &mut Limits,
    warnings: &mut Vec<String>,
) {
    let Some(most) = limits.processes else {
        return;
    };
    match &launch.user {
        Some(user) => warnings.push(format!(
            "the limit of {most} processes counts all processes of the user `{user}`"
        )),
        None => limits.processes = None,
    }
}

/// Sets them on this process, for what it will become.
pub(crate) fn apply(limits: &Limits) -> rustix::io::Result<()> {
    let exactly = |value: u64| Rlimit {
        current: Some(value),
        maximum: Some(value),
    };
    if let Some(files) = limits.open_files {
        setrlimit(Resource::Nofile, exactly(files))?;
    }
    if let Some(processes) = limits.processes {
        setrlimit(Resource::Nproc, exactly(processes))?;
    }
    Ok(())
}
