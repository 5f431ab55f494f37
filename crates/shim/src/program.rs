//! Finding the program: as a shell does, in the `PATH` of the environment it will run in.

use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Where programs are looked for when the environment has no `PATH`.
pub(crate) const DEFAULT_PATH: &str =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProgramError {
    #[error(
        "`{name}` was not found in PATH ({path}); hint: install it, or write its path in `command`"
    )]
    NotInPath { name: String, path: String },
    #[error("`{0}` does not exist; hint: build it first, or correct `command`")]
    NoFile(PathBuf),
    #[error("`{0}` is a directory, not a program")]
    Directory(PathBuf),
    #[error("`{0}` is not executable; hint: `chmod +x {0}`, or start it through its interpreter")]
    NotExecutable(PathBuf),
}

/// The file that `name` means, seen from the working directory this process is in.
pub(crate) fn find(name: &str, path: Option<&str>) -> Result<PathBuf, ProgramError> {
    if name.contains('/') {
        let file = PathBuf::from(name);
        return match file.metadata() {
            Err(_) => Err(ProgramError::NoFile(file)),
            Ok(metadata) => check(&file, &metadata).map(|()| file.clone()),
        };
    }
    let path = path.unwrap_or(DEFAULT_PATH);
    let mut found = None;
    for directory in path.split(':') {
        let directory = if directory.is_empty() { "." } else { directory };
        let file = Path::new(directory).join(name);
        let Ok(metadata) = file.metadata() else {
            continue;
        };
        match check(&file, &metadata) {
            Ok(()) => return Ok(file),
            Err(error) => found = found.or(Some(error)),
        }
    }
    Err(found.unwrap_or_else(|| ProgramError::NotInPath {
        name: name.to_owned(),
        path: path.to_owned(),
    }))
}

fn check(file: &Path, metadata: &Metadata) -> Result<(), ProgramError> {
    if metadata.is_dir() {
        Err(ProgramError::Directory(file.to_owned()))
    } else if metadata.permissions().mode() & 0o111 == 0 {
        Err(ProgramError::NotExecutable(file.to_owned()))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_executable_in_path_is_taken() {
        let directory = tempfile::tempdir().unwrap();
        for (name, mode) in [("a", 0o644), ("b", 0o755)] {
            std::fs::create_dir(directory.path().join(name)).unwrap();
            let file = directory.path().join(name).join("tool");
            std::fs::write(&file, "#!/bin/sh\n").unwrap();
            std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
        }
        let at = |names: &[&str]| {
            let path: Vec<String> = names
                .iter()
                .map(|name| directory.path().join(name).display().to_string())
                .collect();
            find("tool", Some(&path.join(":")))
        };
        assert_eq!(at(&["a", "b"]), Ok(directory.path().join("b/tool")));
        assert_eq!(
            at(&["a"]),
            Err(ProgramError::NotExecutable(directory.path().join("a/tool")))
        );
        assert!(matches!(at(&["c"]), Err(ProgramError::NotInPath { .. })));
    }

    #[test]
    fn a_path_is_taken_as_it_is() {
        assert_eq!(find("/bin/sh", None), Ok("/bin/sh".into()));
        assert_eq!(
            find("/bin", None),
            Err(ProgramError::Directory("/bin".into()))
        );
        assert_eq!(find("./no", None), Err(ProgramError::NoFile("./no".into())));
    }
}
