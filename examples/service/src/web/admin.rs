//! For admins: statistics, and faults while running.

use super::Whole;
use super::caller::AdminOnly;
use super::error::ApiError;
use crate::app::App;
use crate::faults::Faults;
use crate::machine;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;

/// What went on, of this instance and of all together.
pub(crate) async fn stats(
    State(Whole { app, part }): State<Whole>,
    _: AdminOnly,
) -> Result<Json<Value>, ApiError> {
    let metrics = &app.metrics;
    let mut all = part.facts().await?;
    all["users"] = app.store.user_count().await?.into();
    Ok(Json(json!({
        "all_instances": all,
        "this_instance": {
            "instance": app.settings.instance,
            "release": app.settings.release,
            "uptime_s": app.started.elapsed().as_secs(),
            "requests": metrics.total("http_requests_total"),
            "log_ins_failed": metrics.total("auth_failures_total"),
            "memory_bytes": machine::resident_bytes(),
            "cpu_s": machine::cpu_seconds(),
        },
    })))
}

/// The faults in force.
pub(crate) async fn show_faults(State(app): State<Arc<App>>) -> Json<Faults> {
    Json(app.faults.get())
}

/// Puts other faults in force: those not named are taken back.
pub(crate) async fn set_faults(
    State(app): State<Arc<App>>,
    Json(faults): Json<Faults>,
) -> Result<Json<Faults>, ApiError> {
    let faults = faults
        .checked()
        .map_err(|error| ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, error))?;
    tracing::warn!(?faults, "faults set");
    app.faults.set(faults.clone());
    Ok(Json(faults))
}
