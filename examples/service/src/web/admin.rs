//! For admins: statistics, and faults while running.

use super::Shared;
use super::caller::AdminOnly;
use super::error::ApiError;
use crate::faults::Faults;
use crate::machine;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

/// What went on, of this instance and of all together.
pub(crate) async fn stats(State(app): Shared, _: AdminOnly) -> Result<Json<Value>, ApiError> {
    let names = &app.settings.profile.metrics;
    let metrics = &app.metrics;
    Ok(Json(json!({
        "all_instances": {
            "jobs": app.store.job_counts().await?,
            "users": app.store.user_count().await?,
        },
        "this_instance": {
            "instance": app.settings.instance,
            "release": app.settings.release,
            "uptime_s": app.started.elapsed().as_secs(),
            "requests": metrics.total(names.requests),
            "uploads": metrics.total("uploads_total"),
            "upload_bytes": metrics.total("upload_bytes_total"),
            "jobs_processed": metrics.total("jobs_processed_total"),
            "log_ins_failed": metrics.total("auth_failures_total"),
            "memory_bytes": machine::resident_bytes(),
            "cpu_s": machine::cpu_seconds(),
        },
    })))
}

/// The faults in force.
pub(crate) async fn show_faults(State(app): Shared) -> Json<Faults> {
    Json(app.faults.get())
}

/// Puts other faults in force: those not named are taken back.
pub(crate) async fn set_faults(
    State(app): Shared,
    Json(faults): Json<Faults>,
) -> Result<Json<Faults>, ApiError> {
    let faults = faults
        .checked()
        .map_err(|error| ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, error))?;
    tracing::warn!(?faults, "faults set");
    app.faults.set(faults.clone());
    Ok(Json(faults))
}
