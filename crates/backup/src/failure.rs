//! Why a repository did not do what it was asked.

use serde::{Deserialize, Serialize};

/// What went wrong, for whoever has to decide; and in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub kind: FailureKind,
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// There is no repository there.
    Missing,
    /// The key opens nothing.
    WrongKey,
    /// The storage refuses us: log-in, permission.
    Refused,
    /// The storage does not answer, or breaks off, also after every retry.
    Unreachable,
    /// No room left.
    Full,
    /// What was read is not what was written.
    Damaged,
    /// What should be saved could not be read to its end.
    Source,
    /// No such snapshot or path.
    NotFound,
    /// Somebody else works on it.
    Busy,
    /// It was ended before its end.
    Ended,
    Other,
}

impl Failure {
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
        }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
