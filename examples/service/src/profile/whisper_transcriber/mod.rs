//! The whisper-transcriber guide's service: WAV recordings, worked off as jobs, answered with what
//! was measured in them.

mod audio;
mod bell;
mod job;
mod jobs;
mod progress;
mod sample;
mod store;
mod upload;
mod work;

use super::{HealthWords, LogFields, Part, Paths, Profile, Variables, count_nothing};
use crate::app::App;
use crate::health::{Check, Verdict, timed};
use crate::metrics::Page;
use crate::settings::Environment;
use crate::store::StoreError;
use axum::Router;
use axum::extract::FromRef;
use axum::response::Html;
use axum::routing::get;
use bell::Bell;
use futures_util::future::BoxFuture;
use job::JobState;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use work::Workshop;

const JOBS: &str = "/jobs";
const JOB: &str = "/jobs/{id}";
const PROGRESS: &str = "/ws/progress/{id}";
const JOB_SECONDS: &str = "transcription_duration_seconds";

/// Uploads held in memory at a time; who comes then waits, for a while.
const UPLOADS_AT_A_TIME: usize = 8;

/// Jobs waiting; the guide's threshold.
const QUEUE_WARNING: u64 = 1000;

pub(crate) const PROFILE: Profile = Profile {
    name: "whisper-transcriber",
    title: "Whisper Transcriber",
    note: "measures recordings; holds no model and knows no words",
    port: 8000,
    metrics_port: None,
    variables: Variables {
        environment: "ENVIRONMENT",
        default_environment: Environment::Development,
        database_path: "./data/whisper-transcriber.db",
        metrics_enabled: "MONITORING_ENABLED",
        cors_origins: "",
        idle: &[
            (
                "REDIS_CLUSTER_ENABLED",
                "one Redis node is spoken to; a cluster's redirections are not followed",
            ),
            (
                "AUTO_SCALING_ENABLED",
                "scaling is the operator's: no service scales itself",
            ),
        ],
        only: &[],
    },
    paths: Paths {
        health: &["/health"],
        status: &["/status"],
        metrics: &["/metrics"],
        token: "/token",
    },
    health: HealthWords {
        verdicts: ["pass", "warn", "fail"],
        memory: "memory",
    },
    log: LogFields::Snake,
    form: None,
    count: count_nothing,
    schema: store::SCHEMA,
    part: |app| Box::new(Transcriber::new(app)),
};

/// Its state, beside the shared one.
#[derive(Debug, Clone)]
pub(crate) struct Transcriber {
    app: Arc<App>,
    bell: Arc<Bell>,
    uploads: Arc<Semaphore>,
}

impl FromRef<Transcriber> for Arc<App> {
    fn from_ref(here: &Transcriber) -> Self {
        here.app.clone()
    }
}

impl Transcriber {
    fn new(app: &Arc<App>) -> Self {
        Self {
            app: app.clone(),
            bell: Bell::hang(app.redis.clone(), &app.stopping),
            uploads: Arc::new(Semaphore::new(UPLOADS_AT_A_TIME)),
        }
    }

    /// The queue is in the database; a database that is down is that check's to say.
    async fn queue(&self) -> (Verdict, String) {
        let Ok(counts) = self.app.store.job_counts().await else {
            return (Verdict::Warn, "cannot be seen".to_owned());
        };
        let waiting = counts[&JobState::Queued];
        let detail = format!("{waiting} waiting");
        if waiting > QUEUE_WARNING {
            (Verdict::Warn, detail)
        } else {
            (Verdict::Pass, detail)
        }
    }
}

impl Part for Transcriber {
    fn routes(&self) -> Router {
        Router::new()
            .route("/", get(page))
            .route("/sample.wav", get(sample::sample))
            .route(JOBS, get(jobs::list).post(upload::upload))
            .route(JOB, get(jobs::show))
            .route(PROGRESS, get(progress::progress))
            .with_state(self.clone())
    }

    fn checks(&self) -> BoxFuture<'_, Vec<(&'static str, Check)>> {
        Box::pin(async { vec![("queue", timed(self.queue()).await)] })
    }

    fn gauges<'a>(&'a self, page: &'a mut Page) -> BoxFuture<'a, ()> {
        Box::pin(async {
            // A scrape during an outage of the database still gives the rest.
            let Ok(counts) = self.app.store.job_counts().await else {
                return;
            };
            let jobs: Vec<_> = counts
                .iter()
                .map(|(state, count)| ([("state", state.as_str())], *count))
                .collect();
            page.gauges(
                "transcription_jobs",
                jobs.iter()
                    .map(|(labels, count)| (labels.as_slice(), *count)),
            );
            page.gauge("transcription_queue_size", counts[&JobState::Queued]);
        })
    }

    fn facts(&self) -> BoxFuture<'_, Result<Value, StoreError>> {
        Box::pin(async {
            let jobs = self.app.store.job_counts().await?;
            Ok(json!({"jobs": jobs, "workers": self.app.settings.work.workers, "model": null}))
        })
    }

    fn work(&self, stopping: &CancellationToken) -> JoinSet<()> {
        let workshop = Workshop {
            store: self.app.store.clone(),
            bell: self.bell.clone(),
            metrics: self.app.metrics.clone(),
            settings: self.app.settings.work,
            instance: self.app.settings.instance.clone(),
        };
        workshop.open(stopping)
    }
}

/// A form to try it with: one static file, with the profile's names in it.
async fn page() -> Html<String> {
    let page = include_str!("page.html")
        .replace("{{title}}", PROFILE.title)
        .replace("{{jobs}}", JOBS)
        .replace("{{progress}}", PROGRESS)
        .replace("{{status}}", PROFILE.paths.status[0]);
    Html(page)
}
