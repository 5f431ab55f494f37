//! Targets: what starts, watches and stops instances.
//!
//! [`target::Target`] is the contract, [`spec`] what is asked for, [`status`] what is seen.
//! [`process::ProcessTarget`] runs instances as processes of this machine, each below a shim;
//! engines with containers of their own come beside it. [`health`] and [`restart`] decide, without
//! clock or process, when an instance is healthy and when it is started again.
//!
//! **Invariant:** every verb is idempotent, and what it intends is on disk before it acts.

pub mod artifacts;
pub mod build;
pub mod exec;
mod group;
pub mod health;
pub mod logs;
mod probe;
pub mod process;
pub mod restart;
pub mod spec;
pub mod status;
pub mod target;
