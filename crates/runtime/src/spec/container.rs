//! What a container is made of, beyond what every instance has.
//!
//! In the words of the Compose specification; an empty list or `None` leaves the matter to the
//! image or the engine. What is deployed is decided before: `image` names exactly one image.

use mainstay_model::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct ContainerRun {
    /// An image id (`sha256:…`), a reference with its digest, or a tag.
    pub image: String,
    pub platform: Option<String>,
    pub entrypoint: Option<Vec<String>>,
    pub command: Option<Vec<String>>,
    pub working_directory: Option<String>,
    /// Where the instance listens inside; probes and the proxy go there.
    pub port: Option<u16>,
    /// An image's own HEALTHCHECK counts where the service has none.
    pub image_health: bool,
    /// A small init as process 1 that passes signals on and reaps.
    pub init: bool,
    pub tty: bool,
    pub stdin_open: bool,
    pub reach: Reach,
    pub mounts: Vec<Mount>,
    pub isolation: Isolation,
    pub resources: ContainerLimits,
    /// `None`: `json-file` with the spec's own log policy.
    pub logging: Option<Logging>,
    pub devices: Vec<Device>,
    pub device_cgroup_rules: Vec<String>,
    pub device_requests: Vec<DeviceRequest>,
    pub runtime: Option<String>,
    pub storage_options: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    /// The user's own; those below `io.mainstay.` are ours.
    pub labels: BTreeMap<String, String>,
}

/// How a container is reached, and what it reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Reach {
    /// The first one is where probes and the proxy reach the instance.
    pub networks: Vec<Attachment>,
    /// `host` or `none`, in place of networks.
    pub mode: Option<String>,
    pub hostname: Option<String>,
    pub domainname: Option<String>,
    /// `name:address`
    pub extra_hosts: Vec<String>,
    pub dns: Vec<String>,
    pub dns_search: Vec<String>,
    pub dns_options: Vec<String>,
}

/// What a container may do on its host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Isolation {
    pub read_only: bool,
    pub privileged: bool,
    pub cap_add: Vec<String>,
    pub cap_drop: Vec<String>,
    pub security_opt: Vec<String>,
    pub group_add: Vec<String>,
    pub sysctls: BTreeMap<String, String>,
    pub pid: Option<String>,
    pub ipc: Option<String>,
    pub uts: Option<String>,
    pub userns: Option<String>,
    /// The control group's namespace: `host` or `private`.
    pub cgroup: Option<String>,
    pub cgroup_parent: Option<String>,
}

/// Limits that only an engine sets, beside the spec's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct ContainerLimits {
    pub memory_reservation: Option<Bytes>,
    /// Memory and swap together in bytes; -1: no limit.
    pub memory_swap: Option<i64>,
    pub memory_swappiness: Option<u8>,
    pub shm_size: Option<Bytes>,
    pub cpu_shares: Option<u64>,
    pub cpuset: Option<String>,
    pub cpu_period_us: Option<i64>,
    pub cpu_quota_us: Option<i64>,
    pub oom_kill_disable: bool,
    pub oom_score_adj: Option<i32>,
    pub ulimits: Vec<Ulimit>,
}

/// Where the engine keeps what a container writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logging {
    pub driver: String,
    pub options: BTreeMap<String, String>,
}

/// One network of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    pub network: Network,
    /// Names under which the other containers of the network find it.
    pub aliases: Vec<String>,
    pub ipv4: Option<String>,
    pub ipv6: Option<String>,
    pub link_local: Vec<String>,
    pub options: BTreeMap<String, String>,
}

/// A network, as it is to be; made where it is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Network {
    /// The engine's name for it: `<stack>-<environment>_<network>` unless the files say otherwise.
    pub name: String,
    /// Somebody else's: used, never made or removed.
    pub external: bool,
    /// Without a way to the world outside.
    pub internal: bool,
    /// `bridge` where none is named.
    pub driver: Option<String>,
    pub options: BTreeMap<String, String>,
    pub ipv6: bool,
    pub attachable: bool,
    pub ipam_driver: Option<String>,
    pub ipam_options: BTreeMap<String, String>,
    pub pools: Vec<Pool>,
    pub labels: BTreeMap<String, String>,
}

/// Addresses of a network (Compose's `ipam.config`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Pool {
    pub subnet: Option<String>,
    pub gateway: Option<String>,
    pub ip_range: Option<String>,
    pub reserved: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    pub kind: MountKind,
    pub target: String,
    pub read_only: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MountKind {
    /// An absolute path on the engine's machine.
    Bind {
        source: String,
        /// Makes it, an empty directory, where it is missing.
        create: bool,
        propagation: Option<String>,
        /// `z` or `Z`.
        selinux: Option<String>,
    },
    Volume {
        volume: Volume,
        /// Not filled with what the image has there.
        no_copy: bool,
        /// Only this directory of it.
        subpath: Option<String>,
    },
    /// A volume of the instance alone: it has no name, begins with what the image has there, and goes with it.
    Unnamed,
    Tmpfs {
        size: Option<Bytes>,
        mode: Option<u32>,
    },
    /// With the options that `mount -t tmpfs` takes.
    TmpfsAs { options: String },
}

/// A named volume, made where it is missing, and never removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Volume {
    /// The engine's name for it: `<stack>-<environment>_<volume>` unless the files say otherwise.
    pub name: String,
    pub external: bool,
    /// Two instances may have it at once.
    pub shared: bool,
    pub driver: Option<String>,
    pub options: BTreeMap<String, String>,
    pub labels: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    pub name: String,
    pub soft: i64,
    pub hard: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    pub source: String,
    pub target: String,
    /// Of `r`, `w` and `m`.
    pub permissions: String,
}

/// GPUs and the like, as the engine finds them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct DeviceRequest {
    pub driver: String,
    /// -1: all.
    pub count: Option<i64>,
    pub device_ids: Vec<String>,
    pub capabilities: Vec<String>,
    pub options: BTreeMap<String, String>,
}
