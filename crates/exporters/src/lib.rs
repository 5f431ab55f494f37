//! Metrics of what does not expose any itself, under the names that community dashboards and rules
//! use: the host (node_exporter), containers (cAdvisor), PostgreSQL (postgres_exporter), Redis (redis_exporter), and probes over HTTP, TCP, TLS and
//! DNS (blackbox_exporter).
//!
//! Each exporter makes a [`Page`]; who serves it, and how often, is the server's affair.
//!
//! **Invariant:** read-only; every question to another process has a deadline; a part that cannot be
//! read is told as a metric (`…_success`, `…_up`) and leaves the others alone.

mod page;

pub mod containers;
pub mod host;
pub mod postgres;
pub mod probe;
pub mod redis;

pub use page::{Page, Told};
