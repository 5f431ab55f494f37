//! Small JSON files of the data directory: private, written whole, and with the version of their
//! format in front, so that a newer one is refused and not misread.

use crate::seal::write_private;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// `major.minor` of all these files; see `docs/formats/data-directory.md`.
const MAJOR: u32 = 1;
const FORMAT: &str = "1.0";

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum VersionedError {
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("{path} does not read: {problem}")]
    Form { path: PathBuf, problem: String },
    #[error("{path} has format {found}, and this program knows {FORMAT}; run the newer program")]
    Newer { path: PathBuf, found: String },
}

#[derive(Deserialize)]
struct Header {
    format: String,
}

#[derive(Serialize, Deserialize)]
struct Whole<T> {
    format: String,
    #[serde(flatten)]
    body: T,
}

/// `None`: there is no such file.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, VersionedError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(VersionedError::File {
                path: path.to_owned(),
                source,
            });
        }
    };
    let form = |error: serde_json::Error| VersionedError::Form {
        path: path.to_owned(),
        problem: error.to_string(),
    };
    let header: Header = serde_json::from_slice(&bytes).map_err(form)?;
    let major = header
        .format
        .split('.')
        .next()
        .and_then(|major| major.parse().ok());
    if major.is_none_or(|major: u32| major > MAJOR) {
        return Err(VersionedError::Newer {
            path: path.to_owned(),
            found: header.format,
        });
    }
    let whole: Whole<T> = serde_json::from_slice(&bytes).map_err(form)?;
    Ok(Some(whole.body))
}

/// Whole or not at all, mode 0600.
pub(crate) fn write<T: Serialize>(path: &Path, body: &T) -> Result<(), VersionedError> {
    let whole = Whole {
        format: FORMAT.to_owned(),
        body,
    };
    let bytes = serde_json::to_vec_pretty(&whole).map_err(|error| VersionedError::Form {
        path: path.to_owned(),
        problem: error.to_string(),
    })?;
    write_private(path, &bytes).map_err(|source| VersionedError::File {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Body {
        number: u32,
    }

    #[test]
    fn what_was_written_reads_and_a_newer_major_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.json");
        assert_eq!(read::<Body>(&path).unwrap(), None);
        write(&path, &Body { number: 3 }).unwrap();
        assert_eq!(read(&path).unwrap(), Some(Body { number: 3 }));
        std::fs::write(&path, r#"{"format":"2.0","number":3}"#).unwrap();
        let error = read::<Body>(&path).unwrap_err().to_string();
        assert!(error.contains("has format 2.0"), "{error}");
        std::fs::write(&path, "{").unwrap();
        assert!(read::<Body>(&path).is_err());
    }
}
