//! How an image is built from the user's files.

use super::Value;
use mainstay_model::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// `build` of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Absolute: the directory that is sent to the builder.
    pub context: PathBuf,
    pub dockerfile: Dockerfile,
    /// The stage to build; `None`: the last.
    pub target: Option<String>,
    /// Arguments are no place for secrets: `docker history` shows them. Those that look like one
    /// were warned about, and are hidden where they are shown.
    pub args: BTreeMap<String, Value>,
    pub cache_from: Vec<String>,
    /// Empty: the engine's own.
    pub platforms: Vec<String>,
    pub labels: BTreeMap<String, String>,
    /// `None`: the builder's default.
    pub network: Option<String>,
    /// Further names of the image, beside the service's `image`.
    pub tags: Vec<String>,
    /// Ask for newer base images.
    pub pull: bool,
    pub no_cache: bool,
    /// `None`: the builder's default.
    pub shm_size: Option<Bytes>,
    pub extra_hosts: Vec<super::HostEntry>,
}

/// Where the recipe stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dockerfile {
    /// Absolute; may lie outside of the context.
    File(PathBuf),
    Inline(String),
}
