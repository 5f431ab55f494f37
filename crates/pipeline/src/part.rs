//! The parts of a pipeline: the ten steps, and what the user hangs between them.

use mainstay_model::Step;
use serde::{Deserialize, Serialize};
use std::fmt;

/// In the order in which they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    PreChecks,
    Configuration,
    Backup,
    /// `deploy.hooks.before`
    HooksBefore,
    Migration,
    Update,
    Health,
    /// `deploy.hooks.after`
    HooksAfter,
    LoadTest,
    Alerts,
    ReleaseNotes,
    RollbackPlan,
    Watch,
}

/// Where the rollout waits for the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// Before anything is replaced.
    Before,
    /// When everything is replaced, before the watch.
    After,
}

impl Part {
    pub const ALL: [Self; 13] = [
        Self::PreChecks,
        Self::Configuration,
        Self::Backup,
        Self::HooksBefore,
        Self::Migration,
        Self::Update,
        Self::Health,
        Self::HooksAfter,
        Self::LoadTest,
        Self::Alerts,
        Self::ReleaseNotes,
        Self::RollbackPlan,
        Self::Watch,
    ];

    /// Which of the ten steps it is; `None`: something of the user's between them.
    pub const fn step(self) -> Option<Step> {
        Some(match self {
            Self::PreChecks => Step::PreChecks,
            Self::Configuration => Step::Configuration,
            Self::Backup => Step::Backup,
            Self::Update => Step::Update,
            Self::Health => Step::Health,
            Self::LoadTest => Step::LoadTest,
            Self::Alerts => Step::Alerts,
            Self::ReleaseNotes => Step::ReleaseNotes,
            Self::RollbackPlan => Step::RollbackPlan,
            Self::Watch => Step::Watch,
            Self::HooksBefore | Self::Migration | Self::HooksAfter => return None,
        })
    }

    pub const fn of(step: Step) -> Self {
        match step {
            Step::PreChecks => Self::PreChecks,
            Step::Configuration => Self::Configuration,
            Step::Backup => Self::Backup,
            Step::Update => Self::Update,
            Step::Health => Self::Health,
            Step::LoadTest => Self::LoadTest,
            Step::Alerts => Self::Alerts,
            Step::ReleaseNotes => Self::ReleaseNotes,
            Step::RollbackPlan => Self::RollbackPlan,
            Step::Watch => Self::Watch,
        }
    }

    /// The gate that it stands before; `None`: the rollout itself, and its watch.
    pub(crate) const fn gate(self) -> Option<Gate> {
        match self {
            Self::PreChecks
            | Self::Configuration
            | Self::Backup
            | Self::HooksBefore
            | Self::Migration => Some(Gate::Before),
            Self::Update | Self::Watch => None,
            _ => Some(Gate::After),
        }
    }

    pub const fn word(self) -> &'static str {
        match self {
            Self::HooksBefore => "hooks before",
            Self::Migration => "migration",
            Self::HooksAfter => "hooks after",
            other => match other.step() {
                Some(step) => step.word(),
                None => "",
            },
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
