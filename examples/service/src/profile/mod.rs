//! What differs from guide to guide: one module for each, over the same shared parts.
//!
//! A profile is a table of the guide's names and a [`Part`]: what it does beside what every
//! service does (health, status, metrics, log-in, faults). A further guide adds a module here and
//! is listed in [`ALL`].

pub(crate) mod deep_echo;
pub(crate) mod rag_admin;
pub(crate) mod whisper_transcriber;
pub(crate) mod whispercache;
pub(crate) mod whisperengine;

use crate::app::App;
use crate::health::Check;
use crate::metrics::{Metrics, Page};
use crate::settings::Environment;
use crate::store::StoreError;
use crate::web::page::Form;
use axum::Router;
use futures_util::future::BoxFuture;
use serde_json::Value;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// One guide's service.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// What it really does, and what it does not.
    pub(crate) note: &'static str,
    /// Default of `PORT`.
    pub(crate) port: u16,
    /// Default of `METRICS_PORT`, where the guide has one.
    pub(crate) metrics_port: Option<u16>,
    pub(crate) variables: Variables,
    pub(crate) paths: Paths,
    pub(crate) health: HealthWords,
    pub(crate) log: LogFields,
    /// The page to try it on, where it is no page of its own.
    pub(crate) form: Option<Form>,
    /// Counts a request under the guide's own names, beside `http_requests_total`.
    pub(crate) count: fn(&Metrics, &Exchange),
    /// Its tables, in the SQL of both engines.
    pub(crate) schema: &'static str,
    pub(crate) part: fn(&Arc<App>) -> Box<dyn Part>,
}

/// Variables whose names or defaults the guide fixes.
#[derive(Debug)]
pub(crate) struct Variables {
    /// Which one tells the environment.
    pub(crate) environment: &'static str,
    pub(crate) default_environment: Environment,
    /// Default of `DATABASE_PATH`.
    pub(crate) database_path: &'static str,
    /// Which one turns metrics off.
    pub(crate) metrics_enabled: &'static str,
    /// Default of `CORS_ORIGINS`.
    pub(crate) cors_origins: &'static str,
    /// Set by the guide, read by nobody here, and why.
    pub(crate) idle: &'static [(&'static str, &'static str)],
    /// Variables of which one value is there; others would promise what is not.
    pub(crate) only: &'static [(&'static str, &'static str)],
}

/// Paths, as the router writes them. The first of several is the one that Mainstay is told of.
#[derive(Debug)]
pub(crate) struct Paths {
    pub(crate) health: &'static [&'static str],
    pub(crate) status: &'static [&'static str],
    pub(crate) metrics: &'static [&'static str],
    pub(crate) token: &'static str,
}

/// The same everywhere: they are ours, not the guides'.
pub(crate) const ADMIN_STATS: &str = "/admin/stats";
pub(crate) const ADMIN_FAULTS: &str = "/admin/faults";

/// What a vector store is asked: Chroma's heartbeat.
pub(crate) const HEARTBEAT: &str = "/api/v2/heartbeat";

/// How `/health` says it.
#[derive(Debug)]
pub(crate) struct HealthWords {
    /// For pass, warn and fail.
    pub(crate) verdicts: [&'static str; 3],
    /// The name of the memory check.
    pub(crate) memory: &'static str,
}

/// Names of the fields of a request's log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFields {
    /// `request_id`, `duration_ms`
    Snake,
    /// `requestId`, `duration` in milliseconds
    Camel,
}

/// A request that was answered.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    pub(crate) method: &'a str,
    pub(crate) endpoint: &'a str,
    pub(crate) status: u16,
    pub(crate) took: Duration,
}

/// What a profile does beside what every service does.
pub(crate) trait Part: Debug + Send + Sync {
    /// Its paths; `/` among them where there is no form.
    fn routes(&self) -> Router;

    /// Its checks in `/health`.
    fn checks(&self) -> BoxFuture<'_, Vec<(&'static str, Check)>> {
        Box::pin(async { Vec::new() })
    }

    /// What is asked for at a scrape.
    fn gauges<'a>(&'a self, _page: &'a mut Page) -> BoxFuture<'a, ()> {
        Box::pin(async {})
    }

    /// What it holds, for `/status` and the admin.
    fn facts(&self) -> BoxFuture<'_, Result<Value, StoreError>>;

    /// Its work beside requests; ends soon after `stopping`.
    fn work(&self, _stopping: &CancellationToken) -> JoinSet<()> {
        JoinSet::new()
    }
}

pub(crate) const ALL: [&Profile; 5] = [
    &whisper_transcriber::PROFILE,
    &whisperengine::PROFILE,
    &whispercache::PROFILE,
    &deep_echo::PROFILE,
    &rag_admin::PROFILE,
];

impl Profile {
    /// # Errors
    /// Lists the profiles there are.
    pub(crate) fn named(name: &str) -> Result<&'static Self, String> {
        ALL.into_iter()
            .find(|profile| profile.name == name)
            .ok_or_else(|| {
                let names: Vec<_> = ALL.iter().map(|profile| profile.name).collect();
                format!("no such profile\n  hint: there is {}", names.join(", "))
            })
    }
}

/// For a profile without names of its own.
pub(crate) fn count_nothing(_: &Metrics, _: &Exchange) {}
