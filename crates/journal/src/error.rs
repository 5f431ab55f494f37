//! Why the journal could not do what it was asked.

use mainstay_model::Scope;
use rusqlite::ErrorCode;
use std::path::PathBuf;
use uuid::Uuid;

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error(
        "the journal {path} has format {found}, and this program knows {known}; hint: run the newer program, or restore the backup beside the file"
    )]
    NewerFormat {
        path: PathBuf,
        found: String,
        known: String,
    },
    #[error("{path} is not a journal of Mainstay; hint: move it away and a new one is made")]
    NotAJournal { path: PathBuf },
    #[error("no space left for the journal; hint: free some space on its disk, nothing was lost")]
    Full,
    #[error(
        "the journal's file is damaged: {detail}; hint: restore it from a backup, or move it away and a new one is made"
    )]
    Damaged { detail: String },
    #[error("a rollout of {scope} is running: {id}; hint: wait for it, or abort it")]
    RolloutRunning { scope: Scope, id: Uuid },
    #[error("the rollout {id} is not running")]
    NotRunning { id: Uuid },
    #[error("release {number} of {scope} is not in the journal")]
    NoRelease { scope: Scope, number: u32 },
    #[error(
        "the idempotency key `{key}` was used for another request; hint: take a new key for a new request"
    )]
    KeyReused { key: String },
    #[error("row {row} of the journal cannot be read: {detail}")]
    Row { row: String, detail: String },
    #[error("the journal's writer has ended; hint: look for its last error in the server's log")]
    Closed,
    #[error("the journal did not answer for {seconds} s; hint: look at the disk")]
    TimedOut { seconds: u64 },
    #[error("cannot {what} the journal {path}: {source}")]
    Io {
        what: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the journal failed: {0}")]
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for JournalError {
    fn from(error: rusqlite::Error) -> Self {
        let detail = || error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged { detail: detail() }
            }
            _ => Self::Sqlite(error),
        }
    }
}

impl JournalError {
    /// A row whose content is not what this program writes.
    pub(crate) fn row(row: impl Into<String>, detail: &impl ToString) -> Self {
        Self::Row {
            row: row.into(),
            detail: detail.to_string(),
        }
    }
}
