//! The HTTP side: which path does what, and what every answer carries.

mod admin;
mod caller;
mod error;
mod jobs;
mod login;
mod progress;
mod sample;
mod stamp;
mod state;
mod upload;

use crate::bell::Bell;
use crate::faults::FaultSwitch;
use crate::metrics::Metrics;
use crate::quota::Quota;
use crate::redis_peer::RedisPeer;
use crate::settings::Settings;
use crate::store::Store;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::{get, post};
use axum::{Router, middleware};
use error::ApiError;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Uploads held in memory at a time; who comes then waits, for a while.
pub(crate) const UPLOADS_AT_A_TIME: usize = 8;

/// Passwords checked at a time: each takes a processor for a good while.
pub(crate) const LOGINS_AT_A_TIME: usize = 2;

/// What a multipart body has around its file.
const MULTIPART_BYTES: usize = 64 * 1024;

/// What the handlers share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) faults: Arc<FaultSwitch>,
    pub(crate) store: Arc<Store>,
    pub(crate) redis: Option<Arc<RedisPeer>>,
    pub(crate) bell: Arc<Bell>,
    pub(crate) quota: Quota,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) uploads: Semaphore,
    pub(crate) logins: Semaphore,
    pub(crate) started: Instant,
    /// Cancelled at SIGTERM: whatever would wait for long ends.
    pub(crate) stopping: CancellationToken,
}

pub(crate) type Shared = State<Arc<App>>;

/// All routes, with the answers stamped.
pub(crate) fn router(app: Arc<App>) -> Router {
    let paths = &app.settings.profile.endpoints;
    let body = app.settings.max_upload_bytes as usize + MULTIPART_BYTES;
    let mut router = Router::new()
        .route("/", get(page))
        .route("/sample.wav", get(sample::sample))
        .route(paths.jobs, get(jobs::list).post(upload::upload))
        .route(paths.job, get(jobs::show))
        .route(paths.progress, get(progress::progress))
        .route(paths.token, post(login::login).delete(login::logout))
        .route(paths.admin_stats, get(admin::stats))
        .route(paths.health, get(state::health))
        .route(paths.status, get(state::status))
        .route(paths.metrics, get(state::metrics));
    if app.settings.faults_enabled {
        router = router.route(
            paths.admin_faults,
            get(admin::show_faults).post(admin::set_faults),
        );
    }
    router
        .fallback(nothing_here)
        .layer(DefaultBodyLimit::max(body))
        .layer(middleware::from_fn_with_state(app.clone(), stamp::stamp))
        .with_state(app)
}

/// A form to try it with: one static file, with the profile's names in it.
async fn page(State(app): Shared) -> Html<String> {
    let profile = app.settings.profile;
    let page = include_str!("page.html")
        .replace("{{title}}", profile.title)
        .replace("{{jobs}}", profile.endpoints.jobs)
        .replace("{{progress}}", profile.endpoints.progress)
        .replace("{{status}}", profile.endpoints.status);
    Html(page)
}

async fn nothing_here() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "nothing here")
}
