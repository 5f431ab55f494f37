//! The API over a store in memory: by itself, asked by promtool, and beside a real Prometheus that
//! has the same data.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod bad;
mod compare;
mod data;
mod http;
mod parts;
mod peer;
mod promtool;
mod remote;
mod requests;
mod rules;
mod server;
