//! What a worker is told to do. Holds secrets: it goes over standard input only.

use crate::{Location, NewSnapshot, ReadData, Tree};
use mainstay_model::Secret;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The first frame.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) at: Location,
    /// Where locks lie of repositories that are not on this machine.
    pub(crate) locks: PathBuf,
    pub(crate) job: Job,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Job {
    Open {
        create: bool,
    },
    SaveStream {
        new: NewSnapshot,
    },
    SaveTree {
        new: NewSnapshot,
        tree: Tree,
    },
    LoadFile {
        snapshot: String,
        path: String,
    },
    LoadTree {
        snapshot: String,
        path: String,
        into: PathBuf,
    },
    List,
    Entries {
        snapshot: String,
        path: String,
    },
    Check {
        read: ReadData,
    },
    Forget {
        snapshots: Vec<String>,
    },
    Prune {
        grace_seconds: u64,
    },
    Copy {
        to: Location,
        snapshots: Vec<String>,
    },
    Keys,
    AddKey {
        key: Secret<String>,
    },
    RemoveKey {
        id: String,
    },
}
