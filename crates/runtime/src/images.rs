//! Images of a container engine: built, pulled, pushed, looked at, and removed.
//!
//! What is deployed is never a name but an [`ImageRecord`]: the digest of the image's
//! configuration, which the engine takes as its id, and the digest under which a registry has it.
//! A name is resolved once, when a release is made; `docs/decisions/0013-images.md` says why.
//!
//! The engine does the work and says how far it is; every verb hands on what it says as
//! [`Progress`]. Dropping the future of a verb ends the work.
//!
//! It does not decide when an image is needed: that stands in the stack (`pull_policy`, `build`).

mod build;
mod credentials;
mod error;
mod inside;
mod look;
mod progress;
mod prune;
mod record;
mod transfer;

pub use build::{BuildOptions, Context};
pub use credentials::Registries;
pub use error::{FailedStep, ImageError};
pub(crate) use look::record;
pub use progress::Progress;
pub use prune::Pruned;
pub use record::{ImageRecord, OwnImage};
pub use transfer::Pull;

use bollard::Docker;

/// Label of an image that we built: which stack it is for.
pub const STACK_LABEL: &str = "io.mainstay.stack";

/// Label of an image that we built: which service it is for.
pub const SERVICE_LABEL: &str = "io.mainstay.service";

/// The images of one engine.
#[derive(Debug, Clone)]
pub struct Images {
    docker: Docker,
    /// Where the engine is, for messages.
    address: String,
    registries: Registries,
}

impl Images {
    /// `docker` has negotiated its version.
    pub fn new(docker: Docker, address: impl Into<String>, registries: Registries) -> Self {
        Self {
            docker,
            address: address.into(),
            registries,
        }
    }

    fn failed(&self, what: impl Into<String>) -> impl FnOnce(bollard::errors::Error) -> ImageError {
        let (what, address) = (what.into(), self.address.clone());
        move |error| ImageError::of_engine(&what, &address, error)
    }
}
