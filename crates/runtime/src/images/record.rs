//! What exactly an image is.

use mainstay_model::Timestamp;
use serde::{Deserialize, Serialize};

/// An image that a name was resolved to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// As the files name it, or the first name that was given to what was built.
    pub reference: String,
    /// Digest of the image's configuration (`sha256:…`): what a container is made from.
    pub id: String,
    /// `name@sha256:…`: where a registry has it. `None`: it was built and not pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// `linux/amd64`
    pub platform: String,
    pub size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// `org.opencontainers.image.version`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `org.opencontainers.image.revision`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

impl ImageRecord {
    /// The id as people compare it: `sha256:` and twelve digits.
    pub fn short_id(&self) -> &str {
        self.id.get(..19).unwrap_or(&self.id)
    }
}

/// One image of ours on an engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnImage {
    pub id: String,
    pub names: Vec<String>,
    pub stack: String,
    pub service: String,
    pub size: u64,
    pub created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}
