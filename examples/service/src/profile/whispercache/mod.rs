//! The whispercache guide's service: stores memories, sealed where there is a key, and proves by
//! hashes that it holds them.

mod memories;
mod merkle;
mod proofs;
mod seal;
mod stats;
mod store;

use super::{Exchange, HealthWords, LogFields, Part, Paths, Profile, Variables};
use crate::account::Caller;
use crate::app::App;
use crate::cache::Cache;
use crate::metrics::{Metrics, Page};
use crate::settings::Environment;
use crate::store::StoreError;
use crate::web::ApiError;
use crate::web::page::Form;
use axum::Router;
use axum::extract::FromRef;
use axum::http::StatusCode;
use axum::routing::{get, post};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use store::Memory;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const GENERATED: &str = "whispercache_proofs_generated";
const VERIFIED: &str = "whispercache_proofs_verified";
const FAILED: &str = "whispercache_proofs_failed";
const REQUESTS: [&str; 3] = [
    "whispercache_requests_total",
    "whispercache_requests_success",
    "whispercache_requests_error",
];

/// How often the event loop is asked how late it is.
const TICK: Duration = Duration::from_millis(250);

pub(crate) const PROFILE: Profile = Profile {
    name: "whispercache",
    title: "WhisperCache",
    note: "stores memories and proves by hashes that it holds them; no zero-knowledge proofs, no blockchain",
    port: 4000,
    metrics_port: Some(9090),
    variables: Variables {
        environment: "NODE_ENV",
        default_environment: Environment::Other,
        database_path: "/app/data/whispercache.db",
        metrics_enabled: "METRICS_ENABLED",
        cors_origins: "localhost",
        idle: &[
            ("MIDNIGHT_API_KEY", "no blockchain is asked"),
            (
                "JWT_SECRET",
                "tokens are random and kept by their hash: nothing is signed",
            ),
            ("VITE_WS_URL", "the page opens no WebSocket"),
        ],
        only: &[("BLOCKCHAIN_MODE", "simulation")],
    },
    paths: Paths {
        health: &["/api/health", "/health", "/api/metrics/health"],
        status: &["/api/status", "/status"],
        metrics: &["/metrics", "/api/metrics/prometheus"],
        token: "/api/auth/login",
    },
    health: HealthWords {
        verdicts: ["healthy", "degraded", "unhealthy"],
        memory: "memory",
    },
    log: LogFields::Camel,
    form: Some(Form {
        title: "WhisperCache",
        note: "Stores a memory and answers with its hash",
        path: "/api/memory",
        field: "content",
        example: "The sea was quiet that night.",
        button: "Remember",
    }),
    count,
    schema: store::SCHEMA,
    part: |app| Box::new(WhisperCache::new(app)),
};

fn count(metrics: &Metrics, exchange: &Exchange) {
    let [total, success, error] = REQUESTS;
    metrics.count(total, &[], 1);
    let outcome = if exchange.status < 400 {
        success
    } else {
        error
    };
    metrics.count(outcome, &[], 1);
}

/// Its state, beside the shared one.
#[derive(Debug, Clone)]
pub(crate) struct WhisperCache {
    app: Arc<App>,
    cache: Arc<Cache>,
    /// How late the event loop was, at worst of late.
    lag_us: Arc<AtomicU64>,
}

impl FromRef<WhisperCache> for Arc<App> {
    fn from_ref(here: &WhisperCache) -> Self {
        here.app.clone()
    }
}

impl WhisperCache {
    fn new(app: &Arc<App>) -> Self {
        // A series that is not there yet cannot be compared with a threshold.
        for name in REQUESTS.into_iter().chain([GENERATED, VERIFIED, FAILED]) {
            app.metrics.count(name, &[], 0);
        }
        Self {
            app: app.clone(),
            cache: Arc::default(),
            lag_us: Arc::default(),
        }
    }

    /// The memory, where the caller may see it. Somebody else's is as one that is not there.
    async fn visible(&self, caller: &Caller, id: &str) -> Result<Memory, ApiError> {
        match self.app.store.memory(id).await? {
            Some(memory) if caller.may_see(&memory.owner) => Ok(memory),
            _ => Err(ApiError::new(StatusCode::NOT_FOUND, "no such memory")),
        }
    }

    fn took(&self, operation: &'static str, started: Instant) {
        let labels = [("operation", operation)];
        let name = "whispercache_memory_operation_seconds";
        self.app.metrics.observe(name, &labels, started.elapsed());
    }

    fn proof_took(&self, operation: &'static str, started: Instant) {
        let labels = [("operation", operation)];
        let name = "whispercache_proof_seconds";
        self.app.metrics.observe(name, &labels, started.elapsed());
    }

    fn failed(&self) {
        self.app.metrics.count(FAILED, &[], 1);
    }
}

impl Part for WhisperCache {
    fn routes(&self) -> Router {
        Router::new()
            .route("/api/memory", get(memories::list).post(memories::store))
            .route("/api/memory/{id}", get(memories::show))
            .route("/api/proof/generate", post(proofs::generate))
            .route("/api/proof/verify", post(proofs::verify))
            .route("/api/metrics/stats", get(stats::stats))
            .with_state(self.clone())
    }

    fn gauges<'a>(&'a self, page: &'a mut Page) -> BoxFuture<'a, ()> {
        Box::pin(stats::gauges(self, page))
    }

    fn facts(&self) -> BoxFuture<'_, Result<Value, StoreError>> {
        Box::pin(async {
            let memories = self.app.store.memory_count(None).await?;
            Ok(json!({
                "memories": memories,
                "sealed": self.app.settings.encryption_key.is_some(),
                "blockchain": "simulation",
            }))
        })
    }

    /// Asks the event loop how late it is.
    fn work(&self, stopping: &CancellationToken) -> JoinSet<()> {
        let lag_us = self.lag_us.clone();
        let ask = async move {
            loop {
                let due = Instant::now() + TICK;
                tokio::time::sleep_until(due.into()).await;
                let late = due.elapsed().as_micros() as u64;
                // The worst of the last ones fades.
                let before = lag_us.load(Ordering::Relaxed);
                lag_us.store(late.max(before / 2), Ordering::Relaxed);
            }
        };
        let mut work = JoinSet::new();
        let stopping = stopping.clone();
        work.spawn(async move {
            stopping.run_until_cancelled(ask).await;
        });
        work
    }
}
