//! Prometheus's test language: series are loaded, expressions evaluated, answers expected.
//!
//! ```text
//! load 1m
//!   hits_total{job="a"} 0+60x10
//!
//! eval instant at 10m rate(hits_total[5m])
//!   {job="a"} 1
//! ```
//!
//! The language is specified in Prometheus's `promql/promqltest/README.md`. As there, an instant
//! query that is to succeed is tried in several ways: with every selector pinned by `@`, at other
//! times, and as the middle of a range query. What needs native histograms or experimental
//! grammar is counted as refused, by name, and neither as passed nor as failed.
//!
//! It stands in the library because the tests of this crate, the task runner and whoever stores
//! series all need it. It reads no files: scripts come as text.

mod compare;
mod expect;
mod judge;
mod pinned;
mod run;
mod script;
mod sequence;
mod storage;

pub use judge::{Subject, judge};
pub use run::{Case, Outcome, Report, run};
pub use script::ScriptError;
pub use storage::MemoryStorage;

pub(crate) use script::{Command, Eval, Expectation, Times, parse};
