//! What stands on the wire about how a release came to be: promotion, steps, notes.
//!
//! Re-exported from [`super::types`], whose table has the paths.

use super::types::{Approved, Operation};
use mainstay_model::{ReleaseNumber, Scope, ServiceName, Step, Timestamp};
use mainstay_runtime::images::ImageRecord;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a promoted release comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promotion {
    pub scope: Scope,
    pub release: ReleaseNumber,
    /// The other server, as the client calls it; `None`: this one, which then looks itself.
    #[serde(default)]
    pub server: Option<String>,
}

/// What is new, from version control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notes {
    /// Commits; `None`: from the beginning.
    pub from: Option<String>,
    pub to: String,
    pub commits: u32,
    /// Markdown.
    pub text: String,
}

/// What a migration did to the schema, by its own revision command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct SchemaChange {
    pub before: Option<String>,
    pub after: Option<String>,
}

/// What is kept of a release beside what it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Record {
    pub promoted_from: Option<Promotion>,
    /// It was made from files that are in no commit.
    pub dirty: bool,
    pub branch: Option<String>,
    pub approvals: Vec<Approved>,
    pub notes: Option<Notes>,
    pub schema: Option<SchemaChange>,
    /// What each service runs on a container target, by its id.
    pub images: BTreeMap<ServiceName, ImageRecord>,
}

/// One line of the record of a deploy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepReport {
    /// `None`: hooks and the migration, which stand between the ten.
    pub step: Option<Step>,
    pub name: String,
    pub state: StepState,
    /// Why it failed, was not done, waived or skipped.
    pub reason: Option<String>,
    /// Who waived it.
    pub by: Option<String>,
    pub required: bool,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub evidence: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    Waiting,
    Running,
    Passed,
    Failed,
    NotDone,
    Waived,
    Skipped,
}

/// The steps of one rollout to a release: its deploy, or a rollback to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineReport {
    pub operation: Operation,
    pub steps: Vec<StepReport>,
}
