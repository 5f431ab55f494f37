//! A job: one recording, from its upload to its report.

use super::audio::Report;
use crate::moment::Moment;
use serde::{Deserialize, Serialize};

/// A job as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) owner: String,
    /// The file's name as the client gave it.
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) state: JobState,
    /// From 0 to 1.
    pub(crate) progress: f64,
    /// Starts so far; more than one when an instance was lost in between.
    pub(crate) attempts: u32,
    pub(crate) created: Moment,
    pub(crate) started: Option<Moment>,
    pub(crate) finished: Option<Moment>,
    pub(crate) result: Option<Report>,
    pub(crate) error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum JobState {
    Queued,
    Running,
    Done,
    Failed,
}

impl JobState {
    pub(crate) const ALL: [Self; 4] = [Self::Queued, Self::Running, Self::Done, Self::Failed];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed)
    }
}
