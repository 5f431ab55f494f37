//! PromQL, as Prometheus 3 speaks it, over any store of series.
//!
//! A [`Query`] is parsed once and evaluated by an [`Engine`] against a
//! [`Storage`](mainstay_series::Storage), at one time or over a range. Evaluation is series-major:
//! each series is read once for all steps of a query, windows slide over its samples, and
//! aggregations take series in one by one, so that a sum over twenty thousand series never holds
//! more than one of them.
//!
//! Read `eval/mod.rs` first, then `eval/window.rs` and `eval/aggregate/mod.rs`.
//!
//! **Invariants:** no IO, no clock; whoever calls says what time it is and when to stop. What is
//! not supported (native histograms, everything experimental) is refused by name and never
//! answered wrongly. No text panics or exhausts the stack.
//!
//! ```
//! use mainstay_promql::promqltest::MemoryStorage;
//! use mainstay_promql::{Engine, Query, Value, uninterrupted};
//!
//! let storage = MemoryStorage::load("load 1m\n  hits_total{job=\"a\"} 0+60x10").unwrap();
//! let query = Query::parse("sum by (job) (rate(hits_total[5m]))").unwrap();
//! let answer = Engine::default().instant(&storage, &query, 600_000, &uninterrupted).unwrap();
//! let Value::Vector { samples, .. } = answer.value else { panic!() };
//! assert_eq!(samples[0].0.to_string(), r#"{job="a"}"#);
//! assert!((samples[0].1 - 1.0).abs() < 1e-9);
//! ```

#![allow(clippy::float_cmp, reason = "PromQL compares numbers exactly")]

mod annotation;
mod answer;
pub mod ast;
mod civil;
mod engine;
mod error;
mod eval;
mod format;
pub mod functions;
mod nearly;
pub mod number;
mod print;
pub mod promqltest;
mod syntax;

pub use answer::{Answer, Stats, Value};
pub use engine::{Check, Engine, Options, ParseError, Query, uninterrupted};
pub use error::{Interrupt, QueryError};
pub use format::float as format_float;
pub use syntax::{MAX_DEPTH, MAX_TEXT, parse_selector, parse_series};
