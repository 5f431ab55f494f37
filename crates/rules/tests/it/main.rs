//! Rule files read and groups evaluated in virtual time.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod alerts;
mod corpus;
mod drive;
mod groups;
mod peer;
mod random;
mod read;
mod reloads;
mod restores;
mod sent;
mod units;
mod verdicts;
