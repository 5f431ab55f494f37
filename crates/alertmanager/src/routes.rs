//! Which path is answered by what.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::{get, post};

use crate::blocking::Api;
use crate::source::Alerting;
use crate::{alerts, health, metrics, silences, status};

/// The longest body that is read.
pub const LIMIT_BODY_BYTES: usize = 16 << 20;

/// The API, to be nested where it shall be. Unknown paths below it are answered here too.
pub fn router(source: Arc<dyn Alerting>) -> Router {
    Router::new()
        .route("/api/v2/status", get(status::status))
        .route("/api/v2/receivers", get(status::receivers))
        .route("/api/v2/alerts", get(alerts::list).post(alerts::post))
        .route("/api/v2/alerts/groups", get(alerts::groups))
        .route("/api/v2/silences", get(silences::list).post(silences::post))
        .route(
            "/api/v2/silence/{id}",
            get(silences::get).delete(silences::delete),
        )
        .route("/-/healthy", get(health::well))
        .route("/-/ready", get(health::well))
        .route("/-/reload", post(health::reload))
        .route("/metrics", get(metrics::metrics))
        .fallback(|| async { (StatusCode::NOT_FOUND, "404 page not found\n") })
        .layer(DefaultBodyLimit::max(LIMIT_BODY_BYTES))
        .with_state(Api::new(source))
}
