//! What stands on the wire about images.
//!
//! A build's body is one line of JSON ([`ImageBuild`]) and behind it the build context as a tar
//! archive. Builds and pulls answer [`ImageMessage`]s, one JSON object a line, as they come; the
//! last one is `done` or `failed`. Who goes away before ends the work.

pub use mainstay_runtime::images::{
    BuildOptions, FailedStep, ImageError, ImageRecord, OwnImage, Progress as ImageProgress, Pruned,
    Pull,
};
use mainstay_stack::Engine;
use serde::{Deserialize, Serialize};

/// First line of a build's body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageBuild {
    /// As in the stack; `None`: the server's own.
    pub engine: Option<Engine>,
    pub options: BuildOptions,
    /// Send it to its registry when it is built.
    #[serde(default)]
    pub push: bool,
}

/// Resolves a name to one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImagePull {
    pub engine: Option<Engine>,
    pub reference: String,
    #[serde(default)]
    pub pull: Pull,
    #[serde(default)]
    pub platform: Option<String>,
}

/// Asks for what is wrong with an image that the engine has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageAudit {
    pub engine: Option<Engine>,
    pub reference: String,
    /// The service has a health check of its own.
    #[serde(default)]
    pub has_health_check: bool,
    /// The service names a user of its own.
    #[serde(default)]
    pub has_user: bool,
    /// Built from the stack's files.
    #[serde(default)]
    pub own: bool,
    /// Rules that the Dockerfile waives.
    #[serde(default)]
    pub waived: Vec<String>,
}

/// Which images of a stack there are, or which may go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageQuery {
    pub engine: Option<Engine>,
}

/// An image of the stack, and the releases that name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedImage {
    #[serde(flatten)]
    pub image: OwnImage,
    /// `production r12`
    pub releases: Vec<String>,
}

/// One line of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub enum ImageMessage {
    Progress(ImageProgress),
    Done(ImageRecord),
    Failed(ImageError),
}
