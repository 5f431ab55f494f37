//! What a container engine needs of a service, beside what every target does.
//!
//! There for every service: one that runs as a plain process has the plain defaults. An `Option`
//! here means *left to the image* or *no limit*, and says which; it never means a default of ours.
//! The image stands in [`Service::image`](super::Service), limits in
//! [`ServiceLimits`](super::ServiceLimits).

use super::Build;
use mainstay_model::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The container side of a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Container {
    /// How the image is built, where it is built here.
    pub build: Option<Build>,
    /// `None`: the image's own. Empty: none at all.
    pub entrypoint: Option<Vec<String>>,
    /// `None`: the image's own; with an `entrypoint` of the files that is none, as in Compose.
    pub command: Option<Vec<String>>,
    pub pull: PullPolicy,
    /// The health check that the image brings does not count: `healthcheck: {disable: true}`.
    pub ignore_image_health: bool,
    /// `os/architecture[/variant]`; `None`: the engine's own.
    pub platform: Option<String>,
    /// `None`: the engine's default runtime.
    pub runtime: Option<String>,
    /// Reap orphans with an init process of the engine.
    pub init: bool,
    pub tty: bool,
    pub stdin_open: bool,
    pub network: ContainerNetwork,
    pub isolation: Isolation,
    pub resources: ContainerResources,
    pub logging: Logging,
    /// Mounted at these paths, with the options that `mount -t tmpfs` takes (may be empty).
    pub tmpfs: BTreeMap<String, String>,
    pub devices: Vec<Device>,
    pub device_cgroup_rules: Vec<String>,
    pub gpus: Vec<DeviceRequest>,
    pub annotations: BTreeMap<String, String>,
    pub storage_options: BTreeMap<String, String>,
}

/// When the image is asked for at its registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum PullPolicy {
    /// When the engine has it not.
    #[default]
    Missing,
    Always,
    Never,
    /// Never pulled, always built.
    Build,
}

/// How a container is reached, and what it reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct ContainerNetwork {
    pub mode: NetworkMode,
    /// By the key of [`Stack::networks`](super::Stack); empty unless the mode is `Networks`.
    pub networks: BTreeMap<String, Attachment>,
    /// `None`: the engine's choice.
    pub hostname: Option<String>,
    pub domainname: Option<String>,
    pub extra_hosts: Vec<HostEntry>,
    /// Empty: the engine's own servers.
    pub dns: Vec<String>,
    pub dns_options: Vec<String>,
    pub dns_search: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum NetworkMode {
    /// Those in `networks`.
    #[default]
    Networks,
    /// The host's own network: two instances cannot listen on one port.
    Host,
    None,
}

/// One network of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Attachment {
    /// Names beside the service's own, which always is one.
    pub aliases: Vec<String>,
    pub ipv4_address: Option<String>,
    pub ipv6_address: Option<String>,
    pub link_local_ips: Vec<String>,
    pub driver_options: BTreeMap<String, String>,
    /// Networks are joined from the highest to the lowest, equal ones by name.
    pub priority: i32,
}

/// A line of the container's hosts file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostEntry {
    pub host: String,
    /// An IP address, or `host-gateway`.
    pub address: String,
}

/// What a container may do on its host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Isolation {
    pub privileged: bool,
    /// Of its root file system.
    pub read_only: bool,
    pub cap_add: Vec<String>,
    pub cap_drop: Vec<String>,
    pub security_opt: Vec<String>,
    pub group_add: Vec<String>,
    pub sysctls: BTreeMap<String, String>,
    /// `host`, `private`, `shareable` or `none`; `None`: the engine's default.
    pub ipc: Option<String>,
    /// Only `host` changes anything.
    pub pid: Option<String>,
    pub uts: Option<String>,
    pub userns: Option<String>,
    /// The control group's namespace: `host` or `private`.
    pub cgroup: Option<String>,
    pub cgroup_parent: Option<String>,
}

/// Limits and shares that only an engine sets; the others are in
/// [`ServiceLimits`](super::ServiceLimits). `None`: no limit, or the kernel's default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct ContainerResources {
    pub memory_reservation: Option<Bytes>,
    /// Memory and swap together.
    pub memory_swap: Option<SwapLimit>,
    /// 0 to 100.
    pub memory_swappiness: Option<u8>,
    pub shm_size: Option<Bytes>,
    pub cpu_shares: Option<u64>,
    pub cpuset: Option<String>,
    pub cpu_period_us: Option<i64>,
    pub cpu_quota_us: Option<i64>,
    pub oom_kill_disable: bool,
    /// -1000 to 1000.
    pub oom_score_adj: Option<i32>,
    /// By name: `nofile`, `nproc`, `memlock` …
    pub ulimits: BTreeMap<String, Ulimit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SwapLimit {
    Unlimited,
    At(Bytes),
}

/// -1 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    pub soft: i64,
    pub hard: i64,
}

/// Where an engine keeps what a container writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logging {
    pub driver: String,
    /// Whole: rotation is in it where the driver rotates.
    pub options: BTreeMap<String, String>,
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            driver: "json-file".to_owned(),
            options: BTreeMap::new(),
        }
    }
}

/// A device of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    pub source: String,
    pub target: String,
    /// `rwm` or a part of it.
    pub permissions: String,
}

/// GPUs and the like, as the engine finds them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct DeviceRequest {
    /// Empty: the engine's choice.
    pub driver: String,
    /// `None`: those in `device_ids`, or all.
    pub count: Option<u32>,
    pub device_ids: Vec<String>,
    /// All of them must be there.
    pub capabilities: Vec<String>,
    pub options: BTreeMap<String, String>,
}
