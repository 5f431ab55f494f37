//! Prometheus's HTTP API, over any store of series.
//!
//! [`router`] makes an axum `Router` of [`Sources`] (where answers come from: the store, the targets,
//! the receiver of writes, …) and [`Options`] (limits). The server nests it where it likes. Paths,
//! parameters, codes, error types and the shape of every answer are those of Prometheus 3, so that
//! Grafana, promtool and curl need not know that it is none; `docs/prometheus-api.md` lists what
//! differs.
//!
//! Read `sources.rs` first (what is asked of others), then `pool.rs` (how a query runs and ends),
//! then `query.rs`.
//!
//! **Invariants:** no query runs on the async runtime; how many run and wait is bounded, and each
//! has a deadline and ends early when nobody waits for it. It decides nothing about who may ask:
//! [`access`] says what a path needs, and the server checks.
//!
//! ```
//! use std::sync::Arc;
//!
//! use mainstay_prometheus::{
//!     BuildInfo, Options, RuntimeInfo, RuleAlert, RuleGroup, RuleStatus, Rules, SourceError, Sources, Status, TsdbStatus, router,
//! };
//! use mainstay_promql::promqltest::MemoryStorage;
//!
//! struct Me;
//! impl Status for Me {
//!     fn configuration(&self) -> String {
//!         "global: {}\n".to_owned()
//!     }
//!     fn runtime(&self) -> RuntimeInfo {
//!         RuntimeInfo::default()
//!     }
//!     fn build(&self) -> BuildInfo {
//!         BuildInfo::of_version("3.5.0")
//!     }
//!     fn tsdb(&self, _limit: usize) -> Result<TsdbStatus, SourceError> {
//!         Err(SourceError("no head".to_owned()))
//!     }
//! }
//!
//! let storage = MemoryStorage::load("load 1m\n  up 1x10").unwrap();
//! let api = router(Sources::of(Arc::new(storage), Arc::new(Me)), Options::default());
//! let _app: axum::Router = axum::Router::new().nest("/prometheus", api);
//! ```

mod access;
mod admin;
mod compress;
mod escape;
mod exemplars;
mod failure;
mod federate;
mod form;
mod health;
mod json;
mod labels;
mod metadata;
mod options;
mod params;
mod pool;
mod query;
mod read;
mod reply;
mod routes;
mod rules;
mod sources;
mod status;
mod targets;
mod time;
mod write;

pub use access::{Access, access};
pub use options::Options;
pub use routes::router;
pub use sources::{
    ActiveTarget, Admin, AlertingStatus, Alertmanagers, BuildInfo, Count, DroppedTarget, Exemplar,
    Exemplars, MetricMetadata, Readiness, Reload, RuleAlert, RuleGroup, RuleStatus, Rules,
    RuntimeInfo, ScrapeState, SourceError, Sources, Status, Stored, TargetMetadata, Targets,
    TsdbStatus, WalReplay, Writer,
};
