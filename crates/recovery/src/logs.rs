//! What is kept of a database's log beside its bases: between which moments any one can be gone to.

use mainstay_model::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A stretch of log without a hole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRange {
    /// Its name under `backups.sources`.
    pub source: String,
    /// The restore point whose base it begins with.
    pub base: Uuid,
    /// The earliest moment that can be gone to: when the base was whole.
    pub from: Timestamp,
    /// The latest.
    pub to: Timestamp,
}

impl LogRange {
    pub fn covers(&self, time: Timestamp) -> bool {
        self.from <= time && time <= self.to
    }
}
