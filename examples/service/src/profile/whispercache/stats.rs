//! The same figures twice: as JSON for people, as `whispercache_…` for Prometheus.

use super::{FAILED, GENERATED, REQUESTS, VERIFIED, WhisperCache};
use crate::cache::hit_rate;
use crate::machine;
use crate::metrics::{Labels, Page};
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::time::Duration;

const QUANTILES: [(&str, f64); 3] = [("0.5", 0.5), ("0.95", 0.95), ("0.99", 0.99)];

/// `GET /api/metrics/stats`
pub(crate) async fn stats(State(here): State<WhisperCache>) -> Json<Value> {
    let metrics = &here.app.metrics;
    let [total, success, error] = REQUESTS.map(|name| metrics.total(name));
    let [p50, p95, p99] = latency_ms(&here);
    let memory: serde_json::Map<_, _> = memory_mb()
        .map(|(name, value)| (format!("{name}_mb"), json!(value)))
        .into_iter()
        .collect();
    Json(json!({"stats": {
        "requests": {
            "total": total,
            "success": success,
            "error": error,
            "latency_ms": {"p50": p50, "p95": p95, "p99": p99},
        },
        "proofs": {
            "generated": metrics.total(GENERATED),
            "verified": metrics.total(VERIFIED),
            "failed": metrics.total(FAILED),
            "cache_hit_rate": hit_rate(&here.app),
        },
        "memory": memory,
        "uptime_seconds": here.app.started.elapsed().as_secs(),
    }}))
}

pub(crate) async fn gauges(here: &WhisperCache, page: &mut Page) {
    let latency = latency_ms(here);
    let labels = QUANTILES.map(|(name, _)| [("quantile", name)]);
    page.gauges(
        "whispercache_request_latency_ms",
        labels
            .iter()
            .zip(latency)
            .map(|(labels, ms)| (labels.as_slice() as Labels, ms)),
    );
    page.gauge("whispercache_proof_cache_hit_rate", hit_rate(&here.app));
    for (name, value) in memory_mb() {
        page.gauge(&format!("whispercache_memory_{name}_mb"), value);
    }
    let uptime = here.app.started.elapsed().as_secs_f64();
    page.gauge("whispercache_uptime_seconds", uptime);
    let lag = here.lag_us.load(Ordering::Relaxed) as f64 / 1000.0;
    page.gauge("whispercache_event_loop_lag_ms", lag);
    // An outage of the database shows in its own metric.
    if let Ok(bytes) = here.app.store.size_bytes().await {
        page.gauge("whispercache_database_size_bytes", bytes);
    }
    if let Ok(count) = here.app.store.memory_count(None).await {
        page.gauge("whispercache_memories", count);
    }
}

/// Of the last requests; 0 before the first.
fn latency_ms(here: &WhisperCache) -> [f64; 3] {
    let shares = QUANTILES.map(|(_, share)| share);
    let quantiles = here.app.latency.quantiles(shares);
    quantiles
        .unwrap_or([Duration::ZERO; 3])
        .map(|took| took.as_secs_f64() * 1000.0)
}

/// The guide means Node's heap. Here: memory of no file (heap and stacks) that is in use, the
/// address space for it, and all that is resident.
fn memory_mb() -> [(&'static str, f64); 3] {
    let mib = |bytes: Option<u64>| bytes.unwrap_or(0) as f64 / (1024.0 * 1024.0);
    [
        ("heap_used", mib(machine::anonymous_bytes())),
        ("heap_total", mib(machine::data_bytes())),
        ("rss", mib(machine::resident_bytes())),
    ]
}
