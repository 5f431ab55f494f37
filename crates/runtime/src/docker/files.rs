//! Files that an instance sees and no disk does: secrets and configs.
//!
//! They lie on a tmpfs of this machine, in a directory that only we may enter, and each is
//! bind-mounted read-only. The engine has no way to fill a container's own tmpfs before its start,
//! and an upload into its file system would be on the engine's disk; so an engine elsewhere cannot
//! be given any, and that is said by name (decision 0011).
//!
//! What a restart of the machine loses is written again by the next start of the instance.

use super::failure::{Answer, Failure};
use crate::artifacts::hex;
use crate::process::directory;
use crate::spec::InstanceFile;
use mainstay_model::{InstanceId, Scope};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// `f_type` of a tmpfs and of a ramfs (statfs(2)).
const IN_MEMORY: [i64; 2] = [0x0102_1994, 0x8584_58f6];

/// Where the files of all instances lie.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    root: Option<PathBuf>,
}

impl Files {
    /// Below `runtime` where that is in memory; else below `/dev/shm`, under a name that follows
    /// from `runtime`.
    pub(crate) fn new(runtime: &Path) -> Self {
        let name = format!("mainstay-{}", hex(&directory::digest(runtime)[..8]));
        let places = [runtime.join("f"), Path::new("/dev/shm").join(name)];
        let root = places.into_iter().find(|place| in_memory(place));
        Self { root }
    }

    /// Writes what an instance is to see: where each lies, and where it is seen.
    pub(crate) fn write(
        &self,
        scope: &Scope,
        id: &InstanceId,
        files: &[InstanceFile],
    ) -> Answer<Vec<(PathBuf, String)>> {
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let (Some(root), Some(directory)) = (&self.root, self.of(scope, id)) else {
            return Err(Failure::new(
                "there is no file system in memory for secret files",
                "mount a tmpfs on /dev/shm, or pass the values as environment",
            ));
        };
        let written = (0..).zip(files).map(|(number, file)| {
            let path = directory.join(number_name(number));
            write(&path, file).map(|()| (path, file.target.clone()))
        });
        let made = directory::make(&directory).and_then(|()| check_owner(root));
        let written: io::Result<Vec<_>> = made.and_then(|()| written.collect());
        written.map_err(|error| {
            Failure::new(
                format!("cannot write a secret file of {id}: {error}"),
                "see that the machine has memory left",
            )
        })
    }

    /// Whether everything that was written is still there.
    pub(crate) fn are_there(&self, scope: &Scope, id: &InstanceId, count: usize) -> bool {
        let directory = self.of(scope, id);
        (0..count).all(|number| {
            let directory = directory.as_ref();
            directory.is_some_and(|directory| directory.join(number_name(number)).exists())
        })
    }

    pub(crate) fn remove(&self, scope: &Scope, id: &InstanceId) {
        let Some(directory) = self.of(scope, id) else {
            return;
        };
        let _ = std::fs::remove_dir_all(&directory);
        // What holds no instance any more goes too, up to our own directory.
        for parent in directory.ancestors().skip(1).take(3) {
            if std::fs::remove_dir(parent).is_err() {
                return;
            }
        }
    }

    fn of(&self, scope: &Scope, id: &InstanceId) -> Option<PathBuf> {
        let root = self.root.as_ref()?;
        Some(
            root.join(scope.stack.as_str())
                .join(scope.environment.as_str())
                .join(id.to_string()),
        )
    }
}

fn number_name(number: usize) -> String {
    number.to_string()
}

/// Of the nearest directory that exists.
fn in_memory(path: &Path) -> bool {
    let existing = path.ancestors().find(|path| path.exists());
    let kind = existing.and_then(|path| rustix::fs::statfs(path).ok());
    kind.is_some_and(|kind| IN_MEMORY.contains(&{ kind.f_type }))
}

/// `/dev/shm` is everybody's: a directory that somebody else made there under our name is not ours.
fn check_owner(root: &Path) -> io::Result<()> {
    let found = std::fs::symlink_metadata(root)?;
    let private = found.is_dir() && found.mode() & 0o777 == 0o700;
    if private && found.uid() == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    let path = root.display();
    Err(io::Error::other(format!("`{path}` is not only ours")))
}

/// Written in place, so that a container that has it mounted sees the same file.
fn write(path: &Path, file: &InstanceFile) -> io::Result<()> {
    let mut handle: File = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    handle.write_all(file.content.expose().bytes())?;
    if (file.uid, file.gid) != (0, 0) {
        std::os::unix::fs::fchown(&handle, Some(file.uid), Some(file.gid))?;
    }
    handle.set_permissions(std::fs::Permissions::from_mode(file.mode))
}
