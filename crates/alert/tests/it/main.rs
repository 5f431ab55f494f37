//! Alertmanager's configuration beside amtool, and its semantics as timelines.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod beyond;
mod check_config;
mod corpus;
mod peer;
mod semantics;
mod simulation;
mod timeline;
