//! Compose files and `mainstay.yaml`, resolved into one [`Stack`].

mod fingerprint;
mod order;
mod redact;
pub mod resolved;

pub use order::dependency_order;
pub use redact::HIDDEN;
pub use resolved::*;
