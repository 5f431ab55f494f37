//! The messages that the processes of one binary send each other.
//!
//! The control plane (`mainstay-runtime`) and the shim (`mainstay-shim`) are two processes of two
//! crates that must not know each other; what they say to each other stands here.
//!
//! **Invariant:** plain serde types and nothing else. Every message carries or is preceded by
//! [`shim::PROTOCOL`]; a side accepts its own version and the one before.

pub mod process;
pub mod shim;
pub mod stage;
