//! What stands on the wire about backups: restore points, jobs, what is asked for.
//!
//! Re-exported from [`super::types`], whose table has the paths.

use mainstay_model::{Scope, Timestamp};
use mainstay_recovery::{LogPiece, PointName, RestorePoint};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Uuid;

/// A backup, a drill, a restore: under way, or ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupJob {
    pub id: Uuid,
    pub scope: Scope,
    pub kind: BackupJobKind,
    pub by: String,
    pub began_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub state: BackupJobState,
    /// What it does now, or did last.
    pub step: String,
    /// Bytes of the step.
    pub done: u64,
    pub total: Option<u64>,
    /// The restore point that it makes or is about.
    pub point: Option<PointName>,
    /// How it ended, in words; where it failed, why.
    pub message: Option<String>,
    pub hint: Option<String>,
    /// What was found and done, line by line.
    pub report: Vec<String>,
    /// How long each step took, in order.
    pub steps: Vec<BackupStep>,
}

/// One step that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupStep {
    pub name: String,
    #[serde(with = "mainstay_model::duration_ms", rename = "took_ms")]
    pub took: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupJobKind {
    Create,
    Restore,
    Drill,
    Verify,
    Prune,
    Copy,
}

impl BackupJobKind {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Restore => "restore",
            Self::Drill => "drill",
            Self::Verify => "verify",
            Self::Prune => "prune",
            Self::Copy => "copy",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupJobState {
    Running,
    Done,
    Failed,
}

/// A restore point, where else it lies, and what proves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptPoint {
    #[serde(flatten)]
    pub point: RestorePoint,
    /// The snapshot that is its record.
    pub record: String,
    /// Whether it lies in the repository itself; else only copies have it.
    pub here: bool,
    /// By the name of the copy.
    #[serde(default)]
    pub copies: BTreeMap<String, KeptCopy>,
    /// The last drill of it.
    #[serde(default)]
    pub proof: Option<Proven>,
}

/// The same snapshots in another repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptCopy {
    pub at: Timestamp,
    /// Snapshot here → snapshot there.
    pub snapshots: BTreeMap<String, String>,
    /// When it was last verified there by itself.
    pub verified_at: Option<Timestamp>,
}

/// What came of a drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proven {
    pub at: Timestamp,
    pub passed: bool,
    /// Everything that was compared.
    pub report: Vec<String>,
    /// From the begin of the drill to a usable copy.
    #[serde(with = "mainstay_model::duration_ms", rename = "took_ms")]
    pub took: Duration,
}

/// Everything about the backups of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupsStatus {
    pub scope: Scope,
    /// Why nothing is backed up; `None`: it is.
    pub off: Option<String>,
    /// Where, without a secret.
    pub repository: String,
    pub copies: BTreeMap<String, String>,
    pub sources: Vec<BackupSource>,
    pub schedules: Vec<BackupSchedule>,
    /// Newest first.
    pub points: Vec<KeptPoint>,
    /// Newest first.
    pub jobs: Vec<BackupJob>,
    pub logs: Vec<LogReceived>,
    /// What the objectives ask for, in milliseconds.
    #[serde(default, with = "optional_ms", rename = "rpo_ms")]
    pub rpo: Option<Duration>,
    #[serde(default, with = "optional_ms", rename = "rto_ms")]
    pub rto: Option<Duration>,
}

mod optional_ms {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::time::Duration;

    #[expect(clippy::ref_option, reason = "serde calls it so")]
    pub(super) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let millis = duration.map(|duration| duration.as_millis() as u64);
        millis.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let millis: Option<u64> = Option::deserialize(deserializer)?;
        Ok(millis.map(Duration::from_millis))
    }
}

/// One thing that is backed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupSource {
    pub name: String,
    pub kind: String,
    /// What of it, in words.
    pub what: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupSchedule {
    pub name: String,
    pub cron: String,
    /// `drill` or `create`.
    pub kind: BackupJobKind,
    pub next: Option<Timestamp>,
}

/// How far a database's log was received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogReceived {
    pub source: String,
    /// Up to this moment a restore can go; `None`: nothing was received yet.
    pub until: Option<Timestamp>,
    /// Up to this moment also when the machine is lost.
    pub stored: Option<Timestamp>,
    pub problem: Option<String>,
}

/// `backup create`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct CreateBackup {
    #[serde(default)]
    pub name: Option<PointName>,
    /// Sources, by name; empty: all.
    #[serde(default)]
    pub only: Vec<String>,
}

/// Which restore point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhichPoint {
    Latest,
    Name(PointName),
    /// The last one of a day, in UTC: `2026-11-20`.
    Date(String),
    /// The state of one moment.
    To(Timestamp),
}

/// `backup verify`, `backup drill`, `backup copy`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnPoint {
    pub which: WhichPoint,
    /// Of all data that is there, how much is read; `verify` only.
    #[serde(default)]
    pub percent: Option<u8>,
}

/// `restore`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreRequest {
    pub which: WhichPoint,
    /// Sources, by name; empty: all.
    #[serde(default)]
    pub only: Vec<String>,
    /// Beside what is there, under this name; nothing is stopped or replaced.
    #[serde(default)]
    pub beside: Option<String>,
    /// Of a database, only these.
    #[serde(default)]
    pub tables: Vec<String>,
    /// Leave out the backup of what is there now.
    #[serde(default)]
    pub no_safety: bool,
}

/// `backup key`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupKey {
    /// As the repository calls it.
    pub id: String,
    pub created_at: Option<Timestamp>,
    /// The one that this server opens the repository with.
    pub current: bool,
}

/// A key, on its way: it travels over this API only.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewBackupKey {
    pub key: mainstay_model::Secret<String>,
}

/// Restore points that another server made, and the repository that they lie in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AdoptBackups {
    pub location: mainstay_backup::Location,
    pub points: Vec<KeptPoint>,
    /// Pieces of the logs that lie there.
    #[serde(default)]
    pub logs: Vec<LogPiece>,
    /// Where restore points go from now on, in place of a repository that was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead: Option<Instead>,
}

/// A repository that was lost with its machine, and what stands in for it as long as the stack names the lost one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instead {
    pub lost: mainstay_stack::RepositoryAt,
    pub store: mainstay_backup::StoreAt,
}

/// `backup prune`, `backup copy`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct PruneRequest {}

/// What the rules of `backups.keep` come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruning {
    pub points: Vec<PruneDecision>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PruneDecision {
    pub name: PointName,
    /// Why it stays; `None`: it goes.
    pub keep: Option<String>,
}
