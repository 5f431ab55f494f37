//! The instance's secret files: in a directory in memory that is its own, for as long as it runs.
//!
//! They belong to the user that the program runs as, who alone can read them. They are there
//! before the program is, and gone before anybody hears of its end; what a killed shim leaves, the
//! control plane removes. Whether the directory is in memory is the control plane's to see.

use crate::user::{Accounts, Identity};
use mainstay_wire::shim::{Files, Launch};
use rustix::fs::{Mode, OFlags};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Written files; they go with it.
#[derive(Debug, Default)]
pub(crate) struct Kept(Option<PathBuf>);

impl Kept {
    pub(crate) fn remove(&mut self) {
        if let Some(directory) = self.0.take() {
            let _ = std::fs::remove_dir_all(directory);
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Writes what the launch brings, anew.
pub(crate) fn write(launch: &Launch) -> Result<Kept, String> {
    let Some(files) = &launch.files else {
        return Ok(Kept::default());
    };
    let identity = Accounts::read(Path::new("/etc"))
        .resolve(launch.user.as_deref(), launch.group.as_deref())
        .map_err(|error| error.to_string())?;
    let _ = std::fs::remove_dir_all(&files.directory);
    let kept = Kept(Some(files.directory.clone()));
    write_all(files, identity.as_ref()).map_err(|error| {
        let directory = files.directory.display();
        format!("the secret files in `{directory}` cannot be written: {error}")
    })?;
    Ok(kept)
}

fn write_all(files: &Files, identity: Option<&Identity>) -> io::Result<()> {
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(&files.directory)?;
    // From here on through the directory itself, which nobody else can write to.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = rustix::fs::open(&files.directory, flags, Mode::empty())?;
    for (name, content) in &files.files {
        if name.contains('/') || name == "." || name == ".." {
            return Err(io::Error::other(format!("`{name}` is no name of a file")));
        }
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o400)
            .open(files.directory.join(name))?;
        file.write_all(content.expose().bytes())?;
        own(&file, identity)?;
    }
    own(&directory, identity)
}

/// Nothing is to be done where the program runs as we do.
fn own(file: impl rustix::fd::AsFd, identity: Option<&Identity>) -> io::Result<()> {
    let Some(identity) = identity else {
        return Ok(());
    };
    if identity.uid == rustix::process::getuid() && identity.gid == rustix::process::getgid() {
        return Ok(());
    }
    Ok(rustix::fs::fchown(
        file,
        Some(identity.uid),
        Some(identity.gid),
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_model::{Content, Secret};
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt;

    fn files(directory: &Path, name: &str) -> Files {
        let content = Secret::new(Content::new("hunter2\n"));
        Files {
            directory: directory.join("app"),
            files: BTreeMap::from([(name.to_owned(), content)]),
        }
    }

    #[test]
    fn they_are_for_one_user_and_go_with_what_keeps_them() {
        let place = tempfile::tempdir().unwrap();
        let files = files(place.path(), "db");
        write_all(&files, None).unwrap();
        let path = files.directory.join("db");
        assert_eq!(std::fs::read(&path).unwrap(), b"hunter2\n");
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&files.directory)), (0o400, 0o700));
        drop(Kept(Some(files.directory.clone())));
        assert!(!files.directory.exists());
    }

    #[test]
    fn a_name_that_leads_out_is_refused() {
        let place = tempfile::tempdir().unwrap();
        for name in ["../x", "a/b", "..", "."] {
            let files = files(place.path(), name);
            assert!(write_all(&files, None).is_err(), "{name}");
            std::fs::remove_dir_all(&files.directory).unwrap();
        }
        assert!(!place.path().join("x").exists());
    }
}
