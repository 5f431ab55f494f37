//! The files of this machine, for tests.

use mainstay_model::{Content, Secret};
use mainstay_stack::secrets::{Answers, Source, Unavailable};
use mainstay_stack::{LoadError, Loader, Resolution};
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

/// The resolution with the values of every secret that is a file, as a client fetches them.
pub(crate) fn supplied(loader: &dyn Loader, resolution: Resolution) -> Resolution {
    let mut answers = Answers::new();
    for request in &resolution.secrets {
        let Source::File { path, .. } = &request.source else {
            continue;
        };
        let answer = match loader.read(path) {
            Ok(text) => Ok(Secret::new(Content::new(text))),
            Err(error) => {
                let name = &request.name;
                Err(Unavailable::missing(format!("secret `{name}`: {error}")).hint("write it"))
            }
        };
        answers.insert(request.name.clone(), answer);
    }
    resolution.supply(&answers)
}

/// Where the repository begins.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the repository")
}
