//! Where the files of a repository lie. One conformance suite checks every kind.
//!
//! Names are paths of restic's layout: `config`, `keys/ID`, `snapshots/ID`, `index/ID`, `data/ab/ID`. Blocking:
//! the work on a repository is done on threads of its own.

mod direct;
mod directory;
mod limit;
mod s3;

pub use directory::Directory;
pub(crate) use directory::failure;
pub use limit::{Bucket, Limited};
pub use s3::{Bucketed, Patience};

use crate::{Failure, StoreAt};
use bytes::Bytes;
use std::fmt::Debug;
use std::sync::Arc;

/// What a store could not do. `transient` ones were already tried again.
pub use crate::failure::Failure as StoreFailure;

/// Files by name, written once and never changed.
pub trait Store: Debug + Send + Sync + 'static {
    /// Makes what has to be there before the first file: a directory, a bucket. Done twice is done once.
    fn create(&self) -> Result<(), StoreFailure>;

    /// Every file whose name begins with `prefix`, with its size in bytes, in no order. An empty list where
    /// there is nothing.
    fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, StoreFailure>;

    /// All of a file, or `length` bytes of it from `offset`. A short answer is a failure.
    fn read(&self, name: &str, range: Option<Range>) -> Result<Bytes, StoreFailure>;

    /// Writes a whole file: it is there under its name in full and for good when this answers, or not at all.
    fn write(&self, name: &str, content: &[Bytes]) -> Result<(), StoreFailure>;

    /// Removes a file; one that is not there is no failure.
    fn remove(&self, name: &str) -> Result<(), StoreFailure>;
}

/// Part of a file, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub offset: u64,
    pub length: u64,
}

/// The store at a place. Nothing is asked of it yet.
pub fn open(at: &StoreAt) -> Result<Arc<dyn Store>, Failure> {
    match at {
        StoreAt::Directory(path) => Ok(Arc::new(Directory::new(path.clone()))),
        StoreAt::S3(s3) => s3::open(s3),
    }
}
