//! What a target is asked to run.

mod container;

pub use container::{
    Attachment, ContainerLimits, ContainerRun, Device, DeviceRequest, Isolation, Logging, Mount,
    MountKind, Network, Pool, Reach, Ulimit, Volume,
};

use mainstay_model::{Content, InstanceId, Scope, Secret, duration_ms};
use mainstay_wire::shim::{Limits, LogPolicy, StopPolicy};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// One instance, completely: nothing is looked up anywhere else. What every target needs stands
/// here; what only one of them understands stands in `run`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceSpec<R = Run> {
    pub scope: Scope,
    pub id: InstanceId,
    /// Whole environment but for `PORT`, which the target adds where the instance listens.
    pub environment: BTreeMap<String, Secret<String>>,
    pub user: Option<String>,
    pub group: Option<String>,
    pub limits: Limits,
    pub health: Option<HealthCheck>,
    pub restart: RestartPolicy,
    pub stop: StopPolicy,
    pub log: LogPolicy,
    /// Secrets and configs that it is given as files.
    pub files: Vec<InstanceFile>,
    pub run: R,
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
    /// Permission bits and owner in a container; a process's files are its own user's alone.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
}

/// How an instance runs: by which target, and what only that target needs to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Run {
    Process(ProcessRun),
    Container(Box<ContainerRun>),
}

/// What the process target runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessRun {
    /// Program and arguments.
    pub command: Vec<String>,
    pub working_directory: PathBuf,
    /// The target finds a free loopback port and passes it as `PORT`.
    pub wants_port: bool,
}

impl<R> InstanceSpec<R> {
    /// The same with another `run`, and the one it had.
    pub(crate) fn with_run<S>(self, run: S) -> (InstanceSpec<S>, R) {
        let spec = InstanceSpec {
            scope: self.scope,
            id: self.id,
            environment: self.environment,
            user: self.user,
            group: self.group,
            limits: self.limits,
            health: self.health,
            restart: self.restart,
            stop: self.stop,
            log: self.log,
            files: self.files,
            run,
        };
        (spec, self.run)
    }
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

impl Probe {
    /// What a command probe runs; empty for the others.
    pub(crate) fn command(&self) -> &[String] {
        match self {
            Self::Command { command } => command,
            Self::Http { .. } | Self::Tcp => &[],
        }
    }
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
