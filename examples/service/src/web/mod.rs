//! What every profile shows to the outside: health, status, metrics, log-in, statistics, faults;
//! and what every answer carries.

mod admin;
mod caller;
mod cors;
mod error;
mod login;
pub(crate) mod page;
mod stamp;
mod state;

pub(crate) use caller::within_quota;
pub(crate) use error::ApiError;

use crate::app::App;
use crate::profile::{ADMIN_FAULTS, ADMIN_STATS, Part};
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Router, middleware};
use std::sync::Arc;

/// Passwords checked at a time: each takes a processor for a good while.
pub(crate) const LOGINS_AT_A_TIME: usize = 2;

/// What a multipart body has around its file.
const MULTIPART_BYTES: usize = 64 * 1024;

/// The shared state and the profile's own.
#[derive(Debug, Clone)]
pub(crate) struct Whole {
    pub(crate) app: Arc<App>,
    pub(crate) part: Arc<dyn Part>,
}

impl FromRef<Whole> for Arc<App> {
    fn from_ref(whole: &Whole) -> Self {
        whole.app.clone()
    }
}

/// All routes, with the answers stamped.
pub(crate) fn router(whole: &Whole) -> Router {
    let settings = &whole.app.settings;
    let paths = &settings.profile.paths;
    let body = settings.max_upload_bytes as usize + MULTIPART_BYTES;
    let mut shared = Router::new()
        .route(paths.token, post(login::login).delete(login::logout))
        .route(ADMIN_STATS, get(admin::stats));
    for path in paths.health {
        shared = shared.route(path, get(state::health));
    }
    for path in paths.status {
        shared = shared.route(path, get(state::status));
    }
    if let Some(form) = settings.profile.form {
        shared = shared.route("/", get(async move || form.html("")));
    }
    if settings.metrics_enabled {
        shared = with_metrics(shared, paths.metrics);
    }
    if settings.faults_enabled {
        let faults = get(admin::show_faults).post(admin::set_faults);
        shared = shared.route(ADMIN_FAULTS, faults);
    }
    let router = shared
        .with_state(whole.clone())
        .merge(whole.part.routes())
        .fallback(nothing_here)
        .layer(DefaultBodyLimit::max(body));
    stamped(router, whole)
}

/// What the metrics port shows: scrapes, and whether the instance lives.
pub(crate) fn metrics_router(whole: &Whole) -> Router {
    let router = with_metrics(Router::new(), &["/metrics"])
        .route("/health", get(state::health))
        .with_state(whole.clone())
        .fallback(nothing_here);
    stamped(router, whole)
}

fn with_metrics(router: Router<Whole>, paths: &[&str]) -> Router<Whole> {
    let paths = paths.iter();
    paths.fold(router, |router, path| {
        router.route(path, get(state::metrics))
    })
}

fn stamped(router: Router, whole: &Whole) -> Router {
    router
        .layer(middleware::from_fn_with_state(
            whole.app.clone(),
            cors::cors,
        ))
        .layer(middleware::from_fn_with_state(
            whole.app.clone(),
            stamp::stamp,
        ))
}

pub(crate) async fn nothing_here() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "nothing here")
}
