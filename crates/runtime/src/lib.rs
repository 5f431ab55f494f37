//! Targets: what starts, watches and stops instances.
//!
//! [`target::Target`] is the contract, [`spec`] what is asked for, [`status`] what is seen.
//! [`process::ProcessTarget`] runs instances as processes of this machine, each below a shim;
//! engines with containers of their own come beside it. [`health`] and [`restart`] decide, without
//! clock or process, when an instance is healthy and when it is started again.
//!
//! ```
//! use mainstay_model::Timestamp;
//! use mainstay_runtime::restart::{Decision, decide};
//! use mainstay_runtime::spec::{RestartCondition, RestartPolicy};
//! use mainstay_wire::shim::Exit;
//! use std::time::Duration;
//!
//! let policy = RestartPolicy {
//!     condition: RestartCondition::OnFailure,
//!     delay: Duration::from_secs(1),
//!     max_attempts: 2,
//!     window: Duration::from_mins(10),
//! };
//! let mut restarts = Vec::new();
//! let mut ended = |at| {
//!     let now = Timestamp::from_millis(at);
//!     decide(&policy, &mut restarts, &Exit::Code(1), false, now)
//! };
//! assert_eq!(ended(0), Decision::At(Timestamp::from_millis(1000)));
//! assert_eq!(ended(5000), Decision::At(Timestamp::from_millis(7000)));
//! assert_eq!(ended(9000), Decision::CrashLoop);
//! ```
//!
//! **Invariant:** every verb is idempotent, and what it intends is on disk before it acts.

pub mod artifacts;
pub mod build;
pub mod docker;
pub mod exec;
mod group;
pub mod health;
pub mod images;
pub mod logs;
mod probe;
pub mod process;
pub mod restart;
pub mod spec;
pub mod status;
pub mod target;
