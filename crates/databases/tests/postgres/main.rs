//! Dumps, the log and points in time against real PostgreSQL under load.
//!
//! The judge is a ledger: money only moves between accounts, in transactions that write their number and moment
//! into a journal. A copy is a state that existed exactly when its sum is right and its journal has no hole.

#![allow(clippy::unwrap_used, reason = "tests, also outside of their functions")]

mod dump;
mod ledger;
mod recover;
mod server;
#[path = "../support/mod.rs"]
mod support;
mod tables;
mod wal;
