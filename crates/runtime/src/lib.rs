//! Targets: what starts, watches and stops instances.

pub mod spec;
pub mod status;
pub mod target;
