//! What every profile builds on: settings, store, Redis, counters, faults.

use crate::faults::FaultSwitch;
use crate::latency::Latency;
use crate::metrics::Metrics;
use crate::quota::Quota;
use crate::redis_peer::RedisPeer;
use crate::settings::Settings;
use crate::store::Store;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Shared by all handlers and workers.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) faults: Arc<FaultSwitch>,
    pub(crate) store: Arc<Store>,
    pub(crate) redis: Option<Arc<RedisPeer>>,
    pub(crate) quota: Quota,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) latency: Latency,
    pub(crate) logins: Semaphore,
    pub(crate) started: Instant,
    /// Cancelled at SIGTERM: whatever would wait for long ends.
    pub(crate) stopping: CancellationToken,
}
