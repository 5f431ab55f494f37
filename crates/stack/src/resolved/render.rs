//! What is said for the files that `mainstay render` writes: it changes nothing of what runs.

use mainstay_model::{Bytes, ServiceName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The section `render`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Render {
    /// The name under which people reach the stack. `None`: the first host of its routes.
    pub domain: Option<String>,
    /// Whom a certificate authority writes to.
    pub contact: Option<String>,
    /// Where images that are built here are pushed: `ghcr.io/example`.
    pub registry: Option<String>,
    pub services: BTreeMap<ServiceName, RenderService>,
    /// How large volumes are, by their key in the files. What is not said is [`VOLUME_SIZE`].
    pub volumes: BTreeMap<String, Bytes>,
    pub kubernetes: RenderKubernetes,
    pub cloud: RenderCloud,
    pub ci: RenderCi,
    pub nginx: RenderNginx,
    /// Which files are written where; in the order of the file.
    pub layout: Vec<Layout>,
}

impl Render {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Of a volume of which nothing is said.
pub const VOLUME_SIZE: Bytes = Bytes(10 << 30);

/// What is said of one service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RenderService {
    pub autoscale: Option<Autoscale>,
    /// What a Dockerfile is written for. `None`: none is.
    pub language: Option<Language>,
}

/// Between how many instances an engine may choose, and by what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Autoscale {
    pub min: u32,
    pub max: u32,
    /// Percent of what is asked for; at least one of the two is said.
    pub cpu: Option<u8>,
    pub memory: Option<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    Rust,
    Python,
    Node,
}

impl Language {
    pub const WORDS: [&'static str; 3] = ["rust", "python", "node"];
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RenderKubernetes {
    /// `None`: `STACK-ENVIRONMENT`.
    pub namespace: Option<String>,
    pub ingress_class: String,
    /// A `ClusterIssuer` of cert-manager.
    pub issuer: String,
    /// `None`: the cluster's default.
    pub storage_class: Option<String>,
}

impl Default for RenderKubernetes {
    fn default() -> Self {
        Self {
            namespace: None,
            ingress_class: "nginx".to_owned(),
            issuer: "letsencrypt".to_owned(),
            storage_class: None,
        }
    }
}

/// What a cloud is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RenderCloud {
    pub compute: Compute,
    pub region: String,
    /// Where backups are copied to and dr stands. `None`: nowhere.
    pub standby_region: Option<String>,
    /// Availability zones, 2 to 6.
    pub zones: u8,
    /// Bucket of the state. `None`: `STACK-terraform-state`.
    pub state_bucket: Option<String>,
    /// Instance class of the database: `db.t4g.medium`.
    pub database_class: String,
    pub database_storage: Bytes,
    /// Copies that only answer reads.
    pub database_replicas: u8,
    /// Node type of the cache: `cache.t4g.small`.
    pub cache_class: String,
    /// Instance type of a cluster's machines.
    pub node_class: String,
}

impl Default for RenderCloud {
    fn default() -> Self {
        Self {
            compute: Compute::Eks,
            region: "eu-central-1".to_owned(),
            standby_region: None,
            zones: 3,
            state_bucket: None,
            database_class: "db.t4g.medium".to_owned(),
            database_storage: Bytes(100 << 30),
            database_replicas: 0,
            cache_class: "cache.t4g.small".to_owned(),
            node_class: "t3.large".to_owned(),
        }
    }
}

/// What runs containers in a cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compute {
    Eks,
    Ecs,
}

impl Compute {
    pub const WORDS: [&'static str; 2] = ["eks", "ecs"];
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RenderCi {
    /// Where pushes go to staging by themselves.
    pub branch: String,
    /// Commands that lint and test, one job each, by name.
    pub checks: BTreeMap<String, String>,
    /// Versions of the language that the checks are run with.
    pub versions: Vec<String>,
}

impl Default for RenderCi {
    fn default() -> Self {
        Self {
            branch: "main".to_owned(),
            checks: BTreeMap::new(),
            versions: Vec::new(),
        }
    }
}

/// What a web server in front lets through, in requests a second; two seconds' worth may come at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RenderNginx {
    /// Of one client.
    pub client_rate: u32,
    /// Of all clients together, for each route.
    pub route_rate: u32,
}

impl Default for RenderNginx {
    fn default() -> Self {
        Self {
            client_rate: 50,
            route_rate: 1000,
        }
    }
}

/// One line of `layout`: what a rendered file or folder is called here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// From the stack's directory on.
    pub path: String,
    /// `kubernetes` is a target with all its files, `kubernetes/hpa.yaml` one of them, `kubernetes/base` a
    /// folder.
    pub of: String,
    /// `None`: what is the same in every environment, or production.
    pub environment: Option<String>,
}
