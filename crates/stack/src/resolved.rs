//! What a stack is once every file was read, merged, interpolated and checked.
//!
//! Raw → validated once: nothing here is an `Option` that means "default". This is what the CLI
//! uploads, what a release holds, and what the runtime and the rollout are planned from.
//!
//! **Invariant:** values the user wrote as secrets stand in [`Secret`]s only; [`Stack::redacted`]
//! gives what may be shown.

mod alerts;
mod backups;
mod build;
mod container;
mod metrics;
mod network;
mod render;
mod secret;

pub use alerts::*;
pub use backups::*;
pub use build::*;
pub use container::*;
pub use metrics::*;
pub use network::*;
pub use render::*;
pub use secret::*;

use crate::policy::{Monitoring, Policy};
use crate::request::Purpose;
use mainstay_model::{
    Bytes, EnvironmentName, Scope, Secret, ServiceName, StackName, Step, duration_ms,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// What runs, and how it stays up, in one environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stack {
    pub name: StackName,
    pub environment: EnvironmentName,
    #[serde(default)]
    pub purpose: Purpose,
    #[serde(default)]
    pub monitoring: Monitoring,
    /// What the environment asks of whoever changes it.
    #[serde(default)]
    pub policy: Policy,
    /// Absolute: where relative paths of the files start.
    pub directory: PathBuf,
    pub target: TargetKind,
    pub services: BTreeMap<ServiceName, Service>,
    pub volumes: BTreeMap<String, Volume>,
    /// Those that a service joins, by their key in the files.
    #[serde(default)]
    pub networks: BTreeMap<String, Network>,
    /// Where the engine of a container target listens; `None` on the process target.
    #[serde(default)]
    pub engine: Option<Engine>,
    pub routes: Vec<Route>,
    /// What is looked at from outside, beside the routes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<OutsideProbe>,
    pub deploy: Deploy,
    #[serde(default, skip_serializing_if = "Alerts::is_empty")]
    pub alerts: Alerts,
    #[serde(default)]
    pub backups: Backups,
    /// By name: every secret that a service gets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, StackSecret>,
    /// What is said for files of other engines; nothing that runs depends on it.
    #[serde(default, skip_serializing_if = "Render::is_empty")]
    pub render: Render,
}

impl Stack {
    pub fn scope(&self) -> Scope {
        Scope {
            stack: self.name.clone(),
            environment: self.environment.clone(),
        }
    }
}

/// The engine that runs an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    Process,
    Docker,
    Swarm,
    Kubernetes,
    Ecs,
}

/// Where a container engine listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    /// `unix:///var/run/docker.sock`, `tcp://host:2376` …
    pub address: String,
    pub tls: Option<EngineTls>,
}

/// Absolute paths of PEM files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineTls {
    pub ca: PathBuf,
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl TargetKind {
    /// As the files call it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Docker => "docker",
            Self::Swarm => "swarm",
            Self::Kubernetes => "kubernetes",
            Self::Ecs => "ecs",
        }
    }

    /// Whether services run as containers.
    pub const fn runs_containers(self) -> bool {
        !matches!(self, Self::Process)
    }
}

/// One service of the stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    pub name: ServiceName,
    pub image: Option<String>,
    /// From `x-mainstay`: how the process target runs it.
    pub process: Option<ProcessRun>,
    /// How a container engine runs it.
    #[serde(default)]
    pub container: Container,
    /// Whole environment of the service as the files give it, sorted.
    pub environment: BTreeMap<String, Value>,
    /// On the host for a process (absolute), within the container for a container.
    pub working_directory: Option<PathBuf>,
    pub user: Option<String>,
    pub group: Option<String>,
    pub replicas: u32,
    /// Never two at once: stop-first, and said so.
    pub singleton: bool,
    /// Why it holds state, where it does: never two at once, replaced stop-first.
    #[serde(default)]
    pub stateful: Option<Stateful>,
    pub limits: ServiceLimits,
    pub ports: Vec<Port>,
    pub depends_on: BTreeMap<ServiceName, Dependency>,
    pub health: Option<HealthCheck>,
    pub restart: Restart,
    pub stop_signal: String,
    #[serde(with = "duration_ms")]
    pub stop_grace: Duration,
    pub mounts: Vec<Mount>,
    pub log: Log,
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub metrics: MetricsRule,
    /// `secrets` and `configs`: files that the instance finds in memory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<GrantedFile>,
    /// `x-mainstay.secrets`: variable → secret. Once the values are there, `environment` has them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, String>,
}

/// What a service has that only one instance may have at a time: state, as a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "lowercase")]
pub enum Stateful {
    /// The files say so: `x-mainstay: {stateful: true}`.
    Declared,
    /// Writes to a volume that is not shared.
    Volume { volume: String },
    /// Writes to a path of the host.
    Bind { path: String },
    /// Runs a known database.
    Image { image: String },
    /// Has a fixed address on a network.
    Address { address: String },
    /// Listens on the host's own network.
    HostNetwork,
}

impl std::fmt::Display for Stateful {
    /// Goes on after *because*.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Declared => write!(f, "it is declared stateful"),
            Self::Volume { volume } => write!(f, "volume `{volume}` is not shared"),
            Self::Bind { path } => write!(f, "it writes to `{path}` of the host"),
            Self::Image { image } => write!(f, "`{image}` is a database"),
            Self::Address { address } => write!(f, "its address `{address}` is fixed"),
            Self::HostNetwork => write!(f, "it listens on the host's own network"),
        }
    }
}

/// A value of the environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    pub text: Secret<String>,
    /// By its name, by its form (a URL with a password in it) or by where it came from.
    pub secret: bool,
}

/// How the process target runs a service (`x-mainstay` of the Compose service).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessRun {
    /// Run before each deploy, in the stack's directory.
    pub build: Option<Vec<String>>,
    /// Files that the build leaves, relative to the stack's directory; kept per release, by
    /// SHA-256, so that a rollback runs the very bytes. A command that starts with one of them
    /// runs the kept copy.
    pub artifacts: Vec<PathBuf>,
    pub command: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct ServiceLimits {
    pub memory: Option<Bytes>,
    pub cpus: Option<f64>,
    pub processes: Option<u64>,
    pub open_files: Option<u64>,
}

/// One entry of `ports`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// What the service listens on inside a container; on the process target the instance gets a
    /// free port as `PORT` instead.
    pub target: u16,
    /// What the proxy listens on.
    pub published: Option<u16>,
    pub host_ip: Option<std::net::IpAddr>,
    pub protocol: PortProtocol,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PortProtocol {
    /// The default for TCP ports: routed, balanced, retried.
    Http,
    /// `app_protocol: tcp`: bytes are passed through.
    Tcp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    pub condition: DependencyCondition,
    /// Restart this service when the other one was replaced.
    pub restart: bool,
    /// Without it, a missing or failed dependency is a warning.
    pub required: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DependencyCondition {
    ServiceStarted,
    ServiceHealthy,
    ServiceCompletedSuccessfully,
}

/// When an instance counts as healthy; Compose's `healthcheck` or `mainstay.yaml`'s `health`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    pub probe: Probe,
    #[serde(with = "duration_ms")]
    pub interval: Duration,
    /// Between probes while starting (100 ms: a stated deviation from Compose).
    #[serde(with = "duration_ms")]
    pub start_interval: Duration,
    #[serde(with = "duration_ms")]
    pub timeout: Duration,
    /// Failures do not count within this time after the start.
    #[serde(with = "duration_ms")]
    pub start_period: Duration,
    /// Failures in a row until unhealthy.
    pub retries: u32,
    /// Passes in a row until ready.
    pub passes: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Probe {
    /// GET on the instance's port: 200 to 399 passes.
    Http { path: String },
    /// A connection opens.
    Tcp,
    /// Exit code 0 passes. Runs in the instance's environment and working directory.
    Command { command: Vec<String> },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    pub condition: RestartCondition,
    /// First back-off; doubles up to a minute.
    #[serde(with = "duration_ms")]
    pub delay: Duration,
    /// Restarts within `window` until it counts as a crash loop and is left down.
    pub max_attempts: u32,
    #[serde(with = "duration_ms")]
    pub window: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartCondition {
    No,
    OnFailure,
    Always,
    UnlessStopped,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    pub kind: MountKind,
    /// Name of a volume, or absolute path of a bind mount.
    pub source: String,
    pub target: String,
    pub read_only: bool,
    #[serde(default)]
    pub options: MountOptions,
}

/// What an engine must know of a mount beside where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MountOptions {
    /// Bind: make the host's directory where it is missing.
    pub create_host_path: bool,
    /// Bind: `rprivate`, `rshared` …; `None`: the engine's default.
    pub propagation: Option<String>,
    /// Bind: `z` (shared) or `Z` (private) relabels it for SELinux.
    pub selinux: Option<String>,
    /// Volume: not filled with what the image has there.
    pub no_copy: bool,
    /// Volume: only this directory of it. Engines before 26 would mount all of it without a word.
    pub subpath: Option<String>,
    /// Tmpfs; `None`: as much as there is memory.
    pub tmpfs_size: Option<Bytes>,
    /// Tmpfs: permission bits; `None`: 1777.
    pub tmpfs_mode: Option<u32>,
}

impl Default for MountOptions {
    fn default() -> Self {
        Self {
            create_host_path: true,
            propagation: None,
            selinux: None,
            no_copy: false,
            subpath: None,
            tmpfs_size: None,
            tmpfs_mode: None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MountKind {
    Bind,
    Volume,
    Tmpfs,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// What the engine calls it: the `name` of the files, else `STACK-ENVIRONMENT_KEY`.
    pub name: String,
    /// `x-mainstay: {shared: true}`: two instances may have it at once.
    pub shared: bool,
    /// Somebody else's: it must be there, and is never made or removed.
    #[serde(default)]
    pub external: bool,
    /// `name` empty: the engine's default, `local`.
    #[serde(default)]
    pub driver: Driver,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// A plug-in of the engine, and what it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Driver {
    /// Empty: the engine's default.
    pub name: String,
    pub options: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    pub max_size: Bytes,
    pub max_files: u32,
    #[serde(with = "duration_ms")]
    pub max_age: Duration,
}

/// Which requests go to which service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Empty: every host. `*.example.org` is allowed.
    pub hosts: Vec<String>,
    /// `/` or `/api`: matches whole segments, the longest prefix wins.
    pub path: String,
    pub strip_prefix: bool,
    pub service: ServiceName,
    pub balance: Balance,
    /// Until the response's head.
    #[serde(with = "duration_ms")]
    pub timeout: Duration,
    pub max_body: Bytes,
    /// Whether the service's health is probed through it.
    #[serde(default = "yes")]
    pub probe: bool,
}

const fn yes() -> bool {
    true
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Balance {
    RoundRobin,
    LeastConnections,
    ClientIp,
}

/// How a release replaces another. Every field is a default that `deploy.services.NAME`
/// overrides for one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deploy {
    pub default: DeployPolicy,
    pub services: BTreeMap<ServiceName, DeployPolicy>,
    #[serde(with = "duration_ms")]
    pub progress_deadline: Duration,
    /// How long a new release is judged after it has all the traffic.
    #[serde(with = "duration_ms")]
    pub watch: Duration,
    pub keep_releases: u32,
    pub hooks: Hooks,
    /// All ten steps are asked for, or only those that a deploy cannot do without.
    #[serde(default)]
    pub pipeline: PipelineMode,
    /// Every step has its rules.
    #[serde(default)]
    pub steps: BTreeMap<Step, StepRules>,
    #[serde(default)]
    pub migrations: Option<Migrations>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum PipelineMode {
    Full,
    #[default]
    None,
}

/// What is said of one of the ten steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRules {
    /// Run in the stack's directory, one after the other.
    pub commands: Vec<Vec<String>>,
    /// Of all commands together.
    #[serde(with = "duration_ms")]
    pub timeout: Duration,
    /// A deploy is refused where the step cannot be done, and goes back where it fails.
    pub required: bool,
    /// Left out on purpose, and why.
    pub waive: Option<String>,
}

/// Changes of the database's schema: one run before the instances are replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migrations {
    /// Whose program, variables and user the commands have.
    pub service: ServiceName,
    pub command: Vec<String>,
    /// Takes back what `command` did.
    pub downgrade: Option<Vec<String>>,
    /// Prints the schema's revision as its last line.
    pub revision: Option<Vec<String>>,
    #[serde(with = "duration_ms")]
    pub timeout: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployPolicy {
    pub strategy: Strategy,
    #[serde(with = "duration_ms")]
    pub healthy_deadline: Duration,
    #[serde(with = "duration_ms")]
    pub minimum_healthy_time: Duration,
    #[serde(with = "duration_ms")]
    pub drain: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "strategy", rename_all = "kebab-case")]
pub enum Strategy {
    /// Start-first: up to `surge` more than wanted, `parallelism` replaced at a time.
    Rolling { surge: u32, parallelism: u32 },
    /// All new beside all old; weight of the new in percent, step by step, `pause` between.
    BlueGreen {
        steps: Vec<u8>,
        #[serde(with = "duration_ms")]
        pause: Duration,
    },
    /// The old one ends before the new one starts: singletons, and volumes that are not shared.
    StopFirst,
}

/// Commands run in the stack's directory; a failing `before` hook ends the rollout untouched, a
/// failing `after` hook rolls back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Hooks {
    pub before: Vec<Vec<String>>,
    pub after: Vec<Vec<String>>,
    #[serde(with = "duration_ms")]
    pub timeout: Duration,
}
