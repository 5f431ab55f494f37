//! A restore point: the snapshots of one moment, and the release that was running.
//!
//! Its record is also stored in the repository itself, so that an empty machine finds it there.

use crate::figures::Figures;
use mainstay_model::{ReleaseNumber, Scope, ServiceName, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// What a restore point is called: 1 to 64 of `a-z A-Z 0-9 . _ -`, beginning with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PointName(String);

/// Why a text is no name of a restore point.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no name of a restore point; hint: 1 to 64 letters, digits, `.`, `_` and `-`, beginning with a letter or digit"
)]
pub struct PointNameError(String);

impl PointName {
    pub fn new(text: impl Into<String>) -> Result<Self, PointNameError> {
        let text = text.into();
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if begins && text.len() <= 64 && text.chars().all(fits) {
            Ok(Self(text))
        } else {
            Err(PointNameError(text))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PointName {
    type Error = PointNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(text)
    }
}

impl From<PointName> for String {
    fn from(name: PointName) -> Self {
        name.0
    }
}

impl FromStr for PointName {
    type Err = PointNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl fmt::Display for PointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The snapshots that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestorePoint {
    /// Version of this record; 1 today. A newer one is refused.
    pub format: u32,
    pub id: Uuid,
    pub name: PointName,
    pub scope: Scope,
    /// What was running; none where nothing was.
    pub release: Option<ReleaseNumber>,
    pub reason: Reason,
    pub began: Timestamp,
    pub ended: Timestamp,
    pub parts: Vec<Part>,
}

/// Why it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "because", rename_all = "kebab-case")]
pub enum Reason {
    /// By an entry of `backups.schedules`.
    Schedule { name: String },
    /// By somebody.
    Asked { by: String },
    /// Before a release was replaced.
    Deploy { release: ReleaseNumber },
    /// Before a restore that could go wrong.
    Safety { before: PointName },
}

/// One thing of a restore point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its name under `backups.sources`; `stack`, `journal`, `certificates` and `secrets` are Mainstay's own.
    pub source: String,
    pub kind: PartKind,
    pub service: Option<ServiceName>,
    /// The snapshot in the repository, in hex.
    pub snapshot: String,
    /// Where it stands within the snapshot: a file, or the root of a tree.
    pub path: String,
    /// The moment it is the state of.
    pub taken: Timestamp,
    /// Bytes that were read.
    pub bytes: u64,
    /// SHA-256 of the stream in hex; none for a tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figures: Option<Figures>,
    /// What is needed to bring it back, and worth knowing: database, version, position in the log. No secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
}

impl PartKind {
    /// Whether an engine has to run for it to be brought back.
    pub const fn has_engine(self) -> bool {
        matches!(self, Self::Postgresql | Self::Redis | Self::Mysql)
    }
}

/// What a part is, which decides how it is brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartKind {
    /// A dump of one PostgreSQL database, in custom format.
    Postgresql,
    /// A base backup of a whole PostgreSQL server, as tar; its log comes beside it.
    PostgresqlBase,
    /// An RDB file.
    Redis,
    /// A dump of one MySQL or MariaDB database, as SQL.
    Mysql,
    /// One SQLite database file.
    Sqlite,
    /// A volume of containers, as tar.
    Volume,
    /// A directory of the machine, as a tree.
    Directory,
    /// What a command of the user printed.
    Command,
    /// The stack's files and the release that ran.
    Stack,
    Secrets,
    Certificates,
    Journal,
}
