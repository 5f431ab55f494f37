//! Rolling, blue-green and stop-first rollouts as a pure state machine.
//!
//! A [`Rollout`] is made from a [`plan::Plan`], is shown the [`world::World`] again and again, and
//! answers with [`world::Action`]s and with [`Decision`]s that carry their reasons. It holds no
//! clock and does no IO: everything it knows stands in its own state or in the world it is shown.
//! It is persisted between the step and the actions, so that a control plane that dies at any
//! point goes on where it was.
//!
//! Read `step.rs` first (the phases), then `advance.rs` (one service), then `want.rs` (how state
//! and world become actions).
//!
//! **Invariants**, each checked by the seeded simulation of the server's driver:
//! - start-first never takes a serving instance away before its replacement serves;
//! - an instance gets requests only after it was healthy for the minimum time;
//! - stop-first never has an old and a new instance alive at once;
//! - a rollout ends in exactly one release: the new one when it succeeded, else the old one.
//!
//! ```
//! use mainstay_model::{ReleaseNumber, Timestamp};
//! use mainstay_rollout::plan::Plan;
//! use mainstay_rollout::world::{Event, World};
//! use mainstay_rollout::{Outcome, Rollout};
//! use std::time::Duration;
//!
//! let plan = Plan {
//!     from: None,
//!     to: ReleaseNumber(1),
//!     services: vec![],
//!     progress_deadline: Duration::from_secs(600),
//!     gate_deadline: Duration::ZERO,
//!     watch: Duration::ZERO,
//!     hook_before: false,
//!     hook_after: false,
//!     rollback: false,
//! };
//! let now = Timestamp::from_millis(0);
//! let mut rollout = Rollout::begin(plan, now);
//! let step = rollout.step(&Event::Observed(World::default()), now);
//! assert!(step.actions.is_empty());
//! assert_eq!(rollout.outcome(), Some(&Outcome::Succeeded));
//! ```

mod advance;
mod decision;
mod judge;
pub mod plan;
mod reason;
mod route;
mod service;
mod state;
mod step;
mod summary;
mod want;
pub mod world;

#[cfg(test)]
mod tests;

pub use decision::Decision;
pub use reason::{Failure, Hold, Hook, Outcome};
pub use state::{Phase, Rollout};
pub use step::Step;
pub use summary::{ServiceSummary, Summary};
