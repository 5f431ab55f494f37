//! What a target is asked to run.

use mainstay_model::{Content, InstanceId, Scope, Secret, duration_ms};
use mainstay_wire::shim::{Limits, LogPolicy, StopPolicy};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// One instance, completely: nothing is looked up anywhere else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceSpec {
    pub scope: Scope,
    pub id: InstanceId,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Whole environment but for `PORT`, which the target adds where `wants_port`.
    pub environment: BTreeMap<String, Secret<String>>,
    pub working_directory: PathBuf,
    pub user: Option<String>,
    pub group: Option<String>,
    pub limits: Limits,
    /// The target finds a free loopback port and passes it as `PORT`.
    pub wants_port: bool,
    pub health: Option<HealthCheck>,
    pub restart: RestartPolicy,
    pub stop: StopPolicy,
    pub log: LogPolicy,
    /// Secrets and configs that it is given as files.
    pub files: Vec<InstanceFile>,
}

/// A file in memory, for the user of the instance alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceFile {
    /// Of one instance, each another.
    pub name: String,
    /// Where it is in a container. A process finds it elsewhere: variables that hold exactly this
    /// path hold the one that it has there, and `NAME_FILE` holds it too.
    pub target: String,
    pub content: Secret<Content>,
}

/// When an instance counts as healthy. The field meanings are those of Compose's `healthcheck`;
/// `start_interval` and `passes` are ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    pub probe: Probe,
    #[serde(with = "duration_ms")]
    pub interval: Duration,
    #[serde(with = "duration_ms")]
    pub start_interval: Duration,
    #[serde(with = "duration_ms")]
    pub timeout: Duration,
    #[serde(with = "duration_ms")]
    pub start_period: Duration,
    pub retries: u32,
    pub passes: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Probe {
    /// GET on the instance's port: 200 to 399 passes.
    Http {
        path: String,
    },
    Tcp,
    /// Exit code 0 passes.
    Command {
        command: Vec<String>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartPolicy {
    pub condition: RestartCondition,
    /// First back-off; doubles up to a minute.
    #[serde(with = "duration_ms")]
    pub delay: Duration,
    /// Restarts within `window` until it is a crash loop and left down.
    pub max_attempts: u32,
    #[serde(with = "duration_ms")]
    pub window: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartCondition {
    No,
    OnFailure,
    /// Also what `unless-stopped` means here: a stop is always asked for by the control plane.
    Always,
}
