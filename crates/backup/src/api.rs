//! What a repository is asked for and what it answers: plain values, as they cross the pipe to the worker.

use mainstay_model::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// A repository was opened or made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Of the repository, for good: 64 hexadecimal digits.
    pub id: String,
    pub created: bool,
}

/// What is written into a snapshot beside its data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewSnapshot {
    pub host: String,
    /// Without commas: restic separates them so.
    pub tags: Vec<String>,
    /// Where the data lies in the snapshot: absolute, as `/databases/orders.sql`.
    pub path: String,
    pub time: Timestamp,
}

/// A directory to save.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    pub root: PathBuf,
    /// Globs as in `.gitignore`, relative to the root: `*.tmp`, `/cache`.
    pub exclude: Vec<String>,
}

/// A snapshot is there, in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// 64 hexadecimal digits.
    pub snapshot: String,
    /// What was saved, in bytes.
    pub bytes: u64,
    /// What the repository grew by, in bytes.
    pub added: u64,
    pub files: u64,
    /// Of a stream: 64 hexadecimal digits.
    pub sha256: Option<String>,
    pub took: Duration,
    /// Files of a directory that vanished while it was read, each with its path. They are not in the snapshot.
    pub warnings: Vec<String>,
}

/// A snapshot as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    pub snapshot: String,
    pub time: Timestamp,
    pub host: String,
    pub tags: Vec<String>,
    pub paths: Vec<String>,
    /// What was saved, in bytes; 0 where whoever made it did not say.
    pub bytes: u64,
}

/// How far a job is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    pub done: u64,
    pub total: Option<u64>,
}

/// Who is told how far a job is.
pub type Watch<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// What was read back, in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    pub bytes: u64,
    /// Of one file.
    pub sha256: Option<String>,
    pub took: Duration,
}

/// A file of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Absolute within the snapshot.
    pub path: String,
    pub kind: EntryKind,
    pub bytes: u64,
    pub modified: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    File,
    Directory,
    Link,
    /// A device, a pipe, a socket.
    Other,
}

/// How much a check reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadData {
    /// That everything that is named is there: no data.
    Structure,
    /// Of the packs, chosen anew each time; 1 to 100.
    Percent(u8),
    All,
}

/// What a check found. Damage is an answer, not a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Empty: all is well.
    pub problems: Vec<String>,
    pub snapshots: u64,
    /// Of the packs read back and hashed, in bytes.
    pub read: u64,
    pub took: Duration,
}

/// What a prune did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruned {
    /// Removed for good, in bytes.
    pub removed: u64,
    /// Not needed any more; a later prune removes them, in bytes.
    pub marked: u64,
    /// Written anew because half of it was not needed, in bytes.
    pub repacked: u64,
}

/// What a copy did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// Snapshots there by snapshots here; also those that had been copied before.
    pub map: BTreeMap<String, String>,
    /// What the other repository grew by, in bytes.
    pub bytes: u64,
}

/// A key that opens the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRow {
    pub id: String,
    pub created: Option<Timestamp>,
    pub host: Option<String>,
    pub user: Option<String>,
    /// The one that the repository was opened with now.
    pub current: bool,
}
