//! The HTTP side: which path does what, and what every answer carries.

mod stamp;

use crate::faults::{FaultSwitch, Faults, HealthFault};
use crate::settings::Settings;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use std::sync::Arc;

/// What the handlers share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) faults: Arc<FaultSwitch>,
}

pub(crate) type Shared = State<Arc<App>>;

/// All routes, with the answers stamped.
pub(crate) fn router(app: Arc<App>) -> Router {
    let mut router = Router::new()
        .route("/", get(page))
        .route("/health", get(health));
    if app.settings.faults_enabled {
        router = router.route("/admin/faults", post(set_faults).get(get_faults));
    }
    router
        .layer(middleware::from_fn_with_state(app.clone(), stamp::stamp))
        .with_state(app)
}

async fn page() -> Html<&'static str> {
    Html(include_str!("page.html"))
}

async fn health(State(app): Shared) -> Response {
    match app.faults.get().health {
        Some(HealthFault::Hang) => std::future::pending().await,
        Some(HealthFault::Fail) => (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(serde_json::json!({"status": "fail", "reason": "FAULT_HEALTH"})),
        )
            .into_response(),
        None => Json(serde_json::json!({"status": "pass"})).into_response(),
    }
}

async fn get_faults(State(app): Shared) -> Json<Faults> {
    Json(app.faults.get())
}

async fn set_faults(State(app): Shared, Json(faults): Json<Faults>) -> Response {
    match faults.checked() {
        Ok(faults) => {
            app.faults.set(faults.clone());
            Json(faults).into_response()
        }
        Err(error) => (StatusCode::UNPROCESSABLE_ENTITY, error).into_response(),
    }
}
