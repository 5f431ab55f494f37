//! How the service is: for probes, for people, for Prometheus.

use super::Shared;
use super::error::ApiError;
use crate::faults::HealthFault;
use crate::health::{self, Health, Verdict};
use crate::job::JobState;
use crate::machine;
use crate::metrics::Page;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// 200 while this instance can do its work, 503 when it cannot; the checks stand in the body.
pub(crate) async fn health(State(app): Shared) -> Response {
    let fault = app.faults.get().health;
    if fault == Some(HealthFault::Hang) {
        std::future::pending::<()>().await;
    }
    let mut health = health::check(&app.settings, &app.store, app.redis.as_deref()).await;
    if fault == Some(HealthFault::Fail) {
        health.status = Verdict::Fail;
    }
    let status = match health.status {
        Verdict::Pass | Verdict::Warn => StatusCode::OK,
        Verdict::Fail => StatusCode::SERVICE_UNAVAILABLE,
    };
    let body = json!({
        "status": health.status,
        "release": app.settings.release,
        "instance": app.settings.instance,
        "fault": fault,
        "checks": health.checks,
    });
    (status, Json(body)).into_response()
}

/// What this instance is and does, for people.
pub(crate) async fn status(State(app): Shared) -> Result<Json<Value>, ApiError> {
    let settings = &app.settings;
    let jobs = app.store.job_counts().await?;
    Ok(Json(json!({
        "service": settings.profile.title,
        "profile": settings.profile.name,
        "greeting": settings.greeting,
        "release": settings.release,
        "instance": settings.instance,
        "uptime_s": app.started.elapsed().as_secs(),
        "database": settings.database.kind(),
        "redis": settings.redis.is_some(),
        "workers": settings.work.workers,
        "jobs": jobs,
        "memory_bytes": machine::resident_bytes(),
        "faults": app.faults.get(),
        "model": null,
        "note": "measures recordings; holds no model and knows no words",
    })))
}

/// Prometheus' text format.
pub(crate) async fn metrics(State(app): Shared) -> impl IntoResponse {
    let settings = &app.settings;
    let names = &settings.profile.metrics;
    let mut page = Page::default();
    app.metrics.write(&mut page);
    page.gauges(
        "app_info",
        [(
            [
                ("instance_name", settings.instance.as_str()),
                ("profile", settings.profile.name),
                ("release", settings.release.as_str()),
            ]
            .as_slice(),
            1,
        )],
    );
    // A scrape during an outage of the database still gives the rest.
    if let Ok(counts) = app.store.job_counts().await {
        let jobs = counts
            .iter()
            .map(|(state, count)| ([("state", state.as_str())], *count))
            .collect::<Vec<_>>();
        page.gauges(
            names.jobs,
            jobs.iter()
                .map(|(labels, count)| (labels.as_slice(), *count)),
        );
        page.gauge(names.queue, counts[&JobState::Queued]);
    }
    let health = health::check(settings, &app.store, app.redis.as_deref()).await;
    write_dependencies(&mut page, &health);
    write_process(&mut page, app.started.elapsed().as_secs_f64());
    let kind: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, page.finish())
}

fn write_dependencies(page: &mut Page, health: &Health) {
    let up: Vec<_> = health
        .checks
        .iter()
        .map(|(name, check)| ([("dependency", *name)], check))
        .collect();
    page.gauges(
        "dependency_up",
        up.iter()
            .map(|(labels, check)| (labels.as_slice(), u8::from(check.status == Verdict::Pass))),
    );
    page.gauges(
        "dependency_check_seconds",
        up.iter()
            .map(|(labels, check)| (labels.as_slice(), check.took_ms / 1000.0)),
    );
}

fn write_process(page: &mut Page, uptime_s: f64) {
    page.counter("process_cpu_seconds_total", machine::cpu_seconds());
    if let Some(bytes) = machine::resident_bytes() {
        page.gauge("process_resident_memory_bytes", bytes);
    }
    if let Some(files) = machine::open_files() {
        page.gauge("process_open_fds", files);
    }
    page.gauge("process_uptime_seconds", uptime_s);
}
