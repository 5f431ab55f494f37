//! The whole of what a pipeline remembers: the record of a release, while it is written.

use crate::part::{Gate, Part};
use crate::plan::{How, Plan};
use mainstay_model::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a part stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    Waiting,
    Running,
    Passed,
    Failed {
        reason: String,
    },
    /// It was not run, or did not come to an end: that it would have passed is not known.
    NotDone {
        why: String,
    },
    Waived {
        by: String,
        reason: String,
    },
    Skipped {
        why: String,
    },
}

/// One line of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub part: Part,
    pub required: bool,
    #[serde(flatten)]
    pub state: State,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// What was seen: the last lines of a command, figures, names.
    #[serde(default)]
    pub evidence: Vec<String>,
}

/// Where the pipeline is between its gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    Before,
    /// The rollout moves the instances.
    Moving,
    After,
    Watching,
    Ended,
}

/// One pipeline. Serialise it after each [`Pipeline::step`] that changed it, before the actions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pipeline {
    pub(crate) entries: Vec<Entry>,
    pub(crate) phase: Phase,
    /// The gate that stays shut, and why.
    pub(crate) failure: Option<(Gate, String)>,
}

impl Pipeline {
    /// At its beginning; nothing happens until the first [`Pipeline::step`].
    pub fn begin(plan: Plan) -> Self {
        let entry = |planned: crate::Planned| Entry {
            part: planned.part,
            required: planned.required,
            state: match planned.how {
                How::Do => State::Waiting,
                How::Missing { why, .. } => State::NotDone { why },
                How::Waived { by, reason } => State::Waived { by, reason },
                How::Skipped { why } => State::Skipped { why },
            },
            started_at: None,
            finished_at: None,
            evidence: Vec::new(),
        };
        Self {
            entries: plan.parts.into_iter().map(entry).collect(),
            phase: Phase::Before,
            failure: None,
        }
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub fn entry(&self, part: Part) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.part == part)
    }

    /// The part that runs now.
    pub fn running(&self) -> Option<Part> {
        let mut entries = self.entries.iter();
        let running = entries.find(|entry| entry.state == State::Running);
        running.map(|entry| entry.part)
    }

    pub fn has_ended(&self) -> bool {
        self.phase == Phase::Ended
    }
}

impl Entry {
    /// It will not change any more.
    pub fn has_ended(&self) -> bool {
        !matches!(self.state, State::Waiting | State::Running)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting => f.write_str("waiting"),
            Self::Running => f.write_str("running"),
            Self::Passed => f.write_str("passed"),
            Self::Failed { reason } => write!(f, "failed: {reason}"),
            Self::NotDone { why } => write!(f, "not done: {why}"),
            Self::Waived { by, reason } => write!(f, "waived by {by}: {reason}"),
            Self::Skipped { why } => write!(f, "skipped: {why}"),
        }
    }
}
