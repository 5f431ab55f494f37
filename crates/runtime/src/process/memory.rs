//! Where secret files are: on a file system that is memory, never on a disk.
//!
//! `ROOT/STACK/ENVIRONMENT/INSTANCE/NAME`, as the instance directories are laid out. The shim
//! makes and removes the last directory, since it knows the user that the files are for; here the
//! way to it is made, and what a killed shim or a crash left is removed. After the machine was
//! started again nothing is there, and each instance is given its files anew as it starts.

use super::directory;
use crate::spec::{InstanceSpec, ProcessRun};
use mainstay_model::{InstanceId, Scope, Secret};
use mainstay_wire::shim::Files;
use rustix::fs::{Mode, OFlags};
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// `f_type` of file systems that are memory (statfs(2)).
const TMPFS: u64 = 0x0102_1994;
const RAMFS: u64 = 0x8584_58f6;

/// The first of these places that is in memory. Its name should be of this server alone.
pub fn memory_directory(candidates: &[PathBuf]) -> Option<PathBuf> {
    candidates
        .iter()
        .find(|path| path.parent().is_some_and(is_memory))
        .cloned()
}

fn is_memory(directory: &Path) -> bool {
    rustix::fs::statfs(directory).is_ok_and(|found| {
        let kind = found.f_type as u64 & 0xffff_ffff;
        kind == TMPFS || kind == RAMFS
    })
}

/// Where the files of an instance are.
pub(super) fn of(root: &Path, scope: &Scope, id: &InstanceId) -> PathBuf {
    directory::of(root, scope, id)
}

/// Makes the way to the directory of an instance. Others may go through, so that the user of a
/// service comes to its own directory, and see nothing.
pub(super) fn prepare(root: &Path, own: &Path) -> io::Result<()> {
    let parents: Vec<&Path> = own
        .ancestors()
        .skip(1)
        .take_while(|path| path.starts_with(root))
        .collect();
    for path in parents.iter().rev() {
        match std::fs::DirBuilder::new().mode(0o711).create(path) {
            Ok(()) => std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o711))?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => ours(path)?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// `/dev/shm` is everybody's: somebody may have been there before.
fn ours(path: &Path) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = std::fs::File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let found = directory.metadata()?;
    if found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "`{}` belongs to somebody else, or others may write to it",
        path.display()
    )))
}

/// Removes the files of an instance that does not run, and directories that are empty then.
pub(super) fn remove(root: &Path, own: &Path) {
    if ours(root).is_err() {
        return;
    }
    let _ = std::fs::remove_dir_all(own);
    let parents = own.ancestors().skip(1);
    for parent in parents.take_while(|path| path.starts_with(root)) {
        if std::fs::remove_dir(parent).is_err() {
            break;
        }
    }
}

/// Removes what belongs to none of `known`.
pub(super) fn sweep(root: &Path, known: &[PathBuf]) {
    let mut level = vec![root.to_owned()];
    for _ in 0..3 {
        let within = level.iter().filter_map(|path| std::fs::read_dir(path).ok());
        level = within
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect();
    }
    for own in level.iter().filter(|path| !known.contains(path)) {
        remove(root, own);
    }
}

/// What the shim is to write. `None` where there are no files.
pub(super) fn files(spec: &InstanceSpec<ProcessRun>, own: PathBuf) -> Option<Files> {
    if spec.files.is_empty() {
        return None;
    }
    let files = spec.files.iter();
    Some(Files {
        directory: own,
        files: files
            .map(|file| (file.name.clone(), file.content.clone()))
            .collect(),
    })
}

/// Tells the instance where its files are. A variable with exactly the path that a file has in a
/// container holds the path that it has here; `NAME_FILE` holds it where the user says nothing.
pub(super) fn tell(
    spec: &InstanceSpec<ProcessRun>,
    own: &Path,
    environment: &mut BTreeMap<String, Secret<String>>,
) {
    for file in &spec.files {
        let path = own.join(&file.name).display().to_string();
        for value in environment.values_mut() {
            if *value.expose() == file.target {
                *value = Secret::new(path.clone());
            }
        }
        environment
            .entry(variable(&file.name))
            .or_insert_with(|| Secret::new(path));
    }
}

/// `db-password` → `DB_PASSWORD_FILE`
fn variable(name: &str) -> String {
    let fit = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    let mut variable: String = name.chars().map(fit).collect();
    variable.push_str("_FILE");
    variable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_memory_is_taken() {
        let here = |path: &str| PathBuf::from(path);
        assert_eq!(memory_directory(&[here("/proc/x")]), None);
        let shared = here("/dev/shm/x");
        let found = memory_directory(&[here("/nowhere/x"), shared.clone()]);
        assert_eq!(found, is_memory(Path::new("/dev/shm")).then_some(shared));
    }

    #[test]
    fn a_place_that_others_may_write_to_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("root");
        let own = root.join("shop/dev/app-r1-1");
        prepare(&root, &own).unwrap();
        prepare(&root, &own).unwrap();
        assert_eq!(root.metadata().unwrap().mode() & 0o777, 0o711);
        std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(prepare(&root, &own).is_err());
        std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o711)).unwrap();
        std::os::unix::fs::symlink("/", root.join("link")).unwrap();
        assert!(prepare(&root, &root.join("link/dev/app-r1-1")).is_err());
    }

    #[test]
    fn what_belongs_to_nobody_is_swept() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("root");
        let (known, left) = (root.join("a/b/c"), root.join("a/x/c"));
        for own in [&known, &left] {
            prepare(&root, own).unwrap();
            std::fs::create_dir(own).unwrap();
            std::fs::write(own.join("secret"), "x").unwrap();
        }
        sweep(&root, std::slice::from_ref(&known));
        assert!(known.exists() && !root.join("a/x").exists());
        sweep(&root, &[]);
        assert!(!root.exists());
    }
}
