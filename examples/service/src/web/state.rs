//! How the service is: for probes, for people, for Prometheus.

use super::Whole;
use super::error::ApiError;
use crate::app::App;
use crate::faults::HealthFault;
use crate::health::{self, Health, Verdict};
use crate::machine;
use crate::metrics::Page;
use crate::moment::Moment;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// 200 while this instance can do its work, 503 when it cannot; the checks stand in the body.
pub(crate) async fn health(State(whole): State<Whole>) -> Response {
    let app = &whole.app;
    let fault = app.faults.get().health;
    if fault == Some(HealthFault::Hang) {
        std::future::pending::<()>().await;
    }
    let mut health = health::check(app, whole.part.as_ref()).await;
    if fault == Some(HealthFault::Fail) {
        health.status = Verdict::Fail;
    }
    let status = match health.status {
        Verdict::Pass | Verdict::Warn => StatusCode::OK,
        Verdict::Fail => StatusCode::SERVICE_UNAVAILABLE,
    };
    let body = json!({
        "status": word(app, health.status),
        "timestamp": Moment::now(),
        "release": app.settings.release,
        "instance": app.settings.instance,
        "fault": fault,
        "checks": checks(app, &health),
    });
    (status, Json(body)).into_response()
}

fn checks(app: &App, health: &Health) -> Map<String, Value> {
    let checks = health.checks.iter();
    checks
        .map(|(name, check)| {
            let check = json!({
                "status": word(app, check.status),
                "detail": check.detail,
                "took_ms": check.took_ms,
            });
            ((*name).to_owned(), check)
        })
        .collect()
}

/// As the guide says it.
fn word(app: &App, verdict: Verdict) -> &'static str {
    app.settings.profile.health.verdicts[verdict as usize]
}

/// What this instance is and does, for people.
pub(crate) async fn status(State(whole): State<Whole>) -> Result<Json<Value>, ApiError> {
    let app = &whole.app;
    let settings = &app.settings;
    let mut status = json!({
        "service": settings.profile.title,
        "profile": settings.profile.name,
        "greeting": settings.greeting,
        "release": settings.release,
        "instance": settings.instance,
        "uptime_s": app.started.elapsed().as_secs(),
        "database": settings.database.kind(),
        "redis": settings.redis.is_some(),
        "memory_bytes": machine::resident_bytes(),
        "faults": app.faults.get(),
        "note": settings.profile.note,
    });
    let facts = whole.part.facts().await?;
    if let (Value::Object(status), Value::Object(facts)) = (&mut status, facts) {
        status.extend(facts);
    }
    Ok(Json(status))
}

/// Prometheus' text format.
pub(crate) async fn metrics(State(whole): State<Whole>) -> impl IntoResponse {
    let app = &whole.app;
    let mut page = Page::default();
    app.metrics.write(&mut page);
    page.gauges(
        "app_info",
        [(
            [
                ("instance_name", app.settings.instance.as_str()),
                ("profile", app.settings.profile.name),
                ("release", app.settings.release.as_str()),
            ]
            .as_slice(),
            1,
        )],
    );
    whole.part.gauges(&mut page).await;
    let connections = app.store.connections();
    page.gauge("database_connections_active", connections.active);
    page.gauge("database_connections_max", connections.most);
    // A scrape during an outage of the database still gives the rest.
    if let Ok(users) = app.store.active_users(Moment::now()).await {
        page.gauge("active_users_total", users);
    }
    let health = health::check(app, whole.part.as_ref()).await;
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
