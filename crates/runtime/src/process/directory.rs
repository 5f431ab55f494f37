//! Where an instance lives on disk: `ROOT/STACK/ENVIRONMENT/INSTANCE`, and its socket elsewhere.
//!
//! Three levels rather than one joined name: `a-b` in `c` and `a` in `b-c` are two places.

use super::state::is_locked;
use crate::artifacts::hex;
use mainstay_model::{InstanceId, Scope};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often, and how far apart, it is looked whether a shim has gone.
const GOING_LOOKS: u32 = 250;
const LOOK: Duration = Duration::from_millis(20);

/// What is being removed bears this before its name.
const REMOVED: &str = ".removed-";

pub(crate) fn of(root: &Path, scope: &Scope, id: &InstanceId) -> PathBuf {
    root.join(scope.stack.as_str())
        .join(scope.environment.as_str())
        .join(id.to_string())
}

/// Made with its parents, for us alone.
pub(crate) fn make(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

/// Short, because a socket's path is bounded by 108 bytes; one for one instance directory.
pub(crate) fn socket_name(directory: &Path) -> String {
    hex(&digest(directory)[..8]) + ".sock"
}

/// SHA-256 of the path.
pub(crate) fn digest(path: &Path) -> [u8; 32] {
    let bytes = path.as_os_str().as_encoded_bytes();
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().try_into().unwrap_or_default()
}

/// All instance directories, in order. What a crash left half removed is removed.
pub(crate) fn all(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut level = vec![root.to_owned()];
    for _ in 0..3 {
        let mut next = Vec::new();
        for directory in level {
            for entry in std::fs::read_dir(directory)? {
                let entry = entry?;
                if entry.file_name().to_string_lossy().starts_with(REMOVED) {
                    let _ = std::fs::remove_dir_all(entry.path());
                } else if entry.file_type()?.is_dir() {
                    next.push(entry.path());
                }
            }
        }
        level = next;
    }
    level.retain(|directory| directory.join("instance.json").exists());
    level.sort();
    Ok(level)
}

/// First away under another name, so that a crash on the way leaves no half of an instance. The
/// last shim, which has told its end and is about to go, is let go first.
pub(crate) fn remove(directory: &Path, socket: &Path) -> io::Result<()> {
    for _ in 0..GOING_LOOKS {
        if !is_locked(directory) {
            break;
        }
        std::thread::sleep(LOOK);
    }
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    let away = directory.with_file_name(format!("{REMOVED}{name}"));
    let _ = std::fs::remove_dir_all(&away);
    std::fs::rename(directory, &away)?;
    let _ = std::fs::remove_file(socket);
    std::fs::remove_dir_all(&away)?;
    // The environment's and the stack's directory go with their last instance.
    for parent in directory.ancestors().skip(1).take(2) {
        if std::fs::remove_dir(parent).is_err() {
            break;
        }
    }
    Ok(())
}
