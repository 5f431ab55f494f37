//! The secrets of a stack, and the files that services are given.

use mainstay_model::{Content, Secret};
use serde::{Deserialize, Serialize};

/// A secret of the stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackSecret {
    /// For people: `variable DATABASE_PASSWORD`, `vault kv/data/shop, key token`.
    pub source: String,
    /// `None` until somebody has fetched it, and in what may be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Secret<Content>>,
    /// Keyed by the server that holds the release: tells equal from different.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// A file that a service is given by its `secrets` or `configs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantedFile {
    /// Of the secret or config.
    pub name: String,
    pub kind: FileKind,
    /// Absolute path in a container.
    pub target: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<String>,
    /// Permission bits in a container.
    pub mode: u32,
    /// `None` until somebody has fetched it, and in what may be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Secret<Content>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    Secret,
    Config,
}
