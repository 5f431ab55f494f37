//! Scenarios against the real binary, each a short story of what a user does and must see.
//!
//! Every scenario has a directory, ports and processes of its own, and leaves nothing behind: the
//! end of a [`site::Site`] looks for processes that mention its directory and fails the scenario
//! where there are any. No scenario asserts how long something took; all have deadlines.

#![expect(
    clippy::unwrap_used,
    reason = "what does not hold here fails the scenario, also outside of #[test] functions"
)]

mod alerts;
mod authority;
mod backups;
mod bucket;
mod crashes;
mod deploys;
mod docker;
mod encrypted;
mod environments;
mod first_run;
mod health;
mod hook;
mod issued;
mod load;
mod looking;
mod measured;
mod metrics;
mod migrations;
mod pebble;
mod pipeline;
mod policy;
mod postgres;
mod refusals;
mod regions;
mod secrets;
mod site;
mod stacks;
mod swept;
