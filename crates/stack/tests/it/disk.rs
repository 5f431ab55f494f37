//! The files of this machine, for tests.

use mainstay_stack::{LoadError, Loader};
use std::path::{Path, PathBuf};

/// Reads from the disk.
#[derive(Debug)]
pub(crate) struct Disk;

impl Loader for Disk {
    fn read(&self, path: &Path) -> Result<String, LoadError> {
        std::fs::read_to_string(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => LoadError::NotFound,
            std::io::ErrorKind::InvalidData => LoadError::NotText,
            _ => LoadError::Other(error.to_string()),
        })
    }

    fn exists(&self, path: &Path) -> bool {
        path.is_file()
    }
}

/// Where the repository begins.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the repository")
}
