//! The API over an engine: by itself, asked by amtool, and sent to by a real Prometheus.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod amtool;
mod beside;
mod http;
mod peer;
mod prometheus;
mod requests;
mod shell;
