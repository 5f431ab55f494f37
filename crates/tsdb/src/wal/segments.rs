//! The files of a log: segments by number, and the checkpoint that stands for those before.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::error::{At, StoreError};

/// What lies in a log's directory.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Ascending.
    pub(crate) segments: Vec<u64>,
    /// The newest whole checkpoint: it stands for all segments up to its number.
    pub(crate) checkpoint: Option<u64>,
}

pub(crate) fn segment(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:08}"))
}

pub(crate) fn checkpoint(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("checkpoint.{number:08}"))
}

/// Lists a log; what a crash left half made is removed.
pub(crate) fn list(dir: &Path) -> Result<Listing, StoreError> {
    let mut listing = Listing::default();
    for entry in fs::read_dir(dir).at(dir)? {
        let entry = entry.at(dir)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(number) = name.strip_prefix("checkpoint.") {
            match number.parse() {
                Ok(number) => listing.checkpoint = listing.checkpoint.max(Some(number)),
                // `checkpoint.00000007.tmp`
                Err(_) => fs::remove_dir_all(entry.path()).at(entry.path())?,
            }
        } else if let Ok(number) = name.parse() {
            listing.segments.push(number);
        }
    }
    listing.segments.sort_unstable();
    Ok(listing)
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    File::open(dir).and_then(|dir| dir.sync_all()).at(dir)
}
