//! What can go wrong with a store as a whole, and with one batch.

use std::io;
use std::path::{Path, PathBuf};

/// Why a store could not be opened, maintained or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system said no.
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    /// A file is not what it ought to be.
    #[error("{path}: {reason}")]
    Corrupt { path: PathBuf, reason: String },
    /// The log cannot be written now; reads go on, and writing goes on by itself once it can be.
    #[error("the store takes no samples: {0}\n  hint: make room; writing goes on by itself")]
    Stopped(String),
    /// More than one batch or one call may bring.
    #[error("{what} would be more than {limit}")]
    TooMuch { what: &'static str, limit: usize },
    /// What was handed over does not make sense.
    #[error("{0}")]
    Refused(String),
}

impl StoreError {
    pub(crate) fn corrupt(path: impl Into<PathBuf>, reason: impl std::fmt::Display) -> Self {
        Self::Corrupt {
            path: path.into(),
            reason: reason.to_string(),
        }
    }
}

/// Names the file in an error of the file system.
pub(crate) trait At<T> {
    fn at(self, path: impl AsRef<Path>) -> Result<T, StoreError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: impl AsRef<Path>) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Io {
            path: path.as_ref().to_owned(),
            source,
        })
    }
}

/// Why one sample of a batch was not taken. The others of the batch were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Rejection {
    /// Older than the newest of its series, and no out-of-order window is open.
    #[error("out of order sample")]
    OutOfOrder,
    /// Older than the out-of-order window reaches back from the newest sample of the store.
    #[error("too old sample")]
    TooOld,
    /// The series has another value at that time.
    #[error("duplicate sample for timestamp")]
    DuplicateTimestamp,
    /// Before what the head still holds, and no out-of-order window is open.
    #[error("out of bounds")]
    OutOfBounds,
    /// A new series, and there are as many as are allowed.
    #[error("too many series")]
    SeriesLimit,
    /// The reference is of no series (any more), and no labels came with it.
    #[error("unknown series reference")]
    UnknownSeries,
    /// A series without any label.
    #[error("series without labels")]
    NoLabels,
}
