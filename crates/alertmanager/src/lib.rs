//! Alertmanager's HTTP API, version 2, over any engine of alerts.
//!
//! [`router`] makes an axum `Router` of an [`Alerting`] (where answers come from). The server nests it
//! where it likes. Paths, parameters, codes and the shape of every answer are those of Alertmanager, so
//! that Prometheus, amtool and Grafana need not know that it is none; `docs/alerts.md` lists what
//! differs. Read `source.rs` first.
//!
//! **Invariants:** nothing of the source runs on the async runtime; how much of it runs at once is
//! bounded, and each request has a deadline. It decides nothing about who may ask: [`access`] says what a
//! request needs, and the server checks. No secret is in any answer.

mod access;
mod alerts;
mod asked;
mod blocking;
mod health;
mod metrics;
mod reply;
mod routes;
mod silences;
mod source;
mod status;

pub use access::{Access, access};
pub use routes::{LIMIT_BODY_BYTES, router};
pub use source::{Alerting, Build, Figures, SourceError, Suppression};
