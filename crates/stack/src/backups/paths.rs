//! Where a path of a service is, and whether two are the same.

use crate::resolved::{Mount, MountKind, Service, TargetKind};
use std::path::{Component, Path, PathBuf};

/// The path as the service sees it, absolute where its working directory is known. A process starts in the
/// stack's directory where nothing else is said.
pub(super) fn absolute(
    service: &Service,
    path: &str,
    target: TargetKind,
    directory: &Path,
) -> String {
    let base = match &service.working_directory {
        Some(base) => base.as_path(),
        None if target.runs_containers() => Path::new(""),
        None => directory,
    };
    let joined = tidy(&base.join(path));
    joined.to_string_lossy().into_owned()
}

/// Without `.` and, where there is something before it, `..`.
fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if tidy.file_name().is_some() => {
                tidy.pop();
            }
            other => tidy.push(other),
        }
    }
    tidy
}

/// The mount that the absolute path of a container lies in, and what of the path is below it.
pub(super) fn mount_of<'a>(service: &'a Service, path: &str) -> Option<(&'a Mount, PathBuf)> {
    let path = Path::new(path);
    let mounts = service.mounts.iter();
    let within = mounts.filter(|mount| mount.kind != MountKind::Tmpfs);
    let within = within.filter_map(|mount| {
        let rest = path.strip_prefix(&mount.target).ok()?;
        Some((mount, rest.to_owned()))
    });
    within.max_by_key(|(mount, _)| mount.target.len())
}

/// One text for one file, from whichever service it is looked at.
pub(super) fn identity(service: Option<&Service>, path: &str, target: TargetKind) -> String {
    let Some(service) = service.filter(|_| target.runs_containers()) else {
        return path.to_owned();
    };
    match mount_of(service, path) {
        Some((mount, rest)) if mount.kind == MountKind::Volume => {
            format!("volume {}: {}", mount.source, rest.display())
        }
        Some((mount, rest)) => Path::new(&mount.source).join(rest).display().to_string(),
        None => format!("{}: {path}", service.name),
    }
}
