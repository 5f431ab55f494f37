//! What happens around every request: its id, the headers that say who answered, the faults asked
//! for, and one log line.

use super::App;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::{Duration, Instant};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const RELEASE: HeaderName = HeaderName::from_static("x-release");
const INSTANCE: HeaderName = HeaderName::from_static("x-instance");

/// Longer ids than this are replaced: they would be copied into each log line.
const MAX_ID_BYTES: usize = 128;

/// Wraps the handlers.
pub(crate) async fn stamp(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(&request);
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let mut response = answer(&app, request, next).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (REQUEST_ID, &id),
        (RELEASE, &app.settings.release),
        (INSTANCE, &app.settings.instance),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    tracing::info!(
        request_id = id,
        %method,
        path,
        status = response.status().as_u16(),
        duration_ms = started.elapsed().as_secs_f64() * 1000.0,
        "request"
    );
    response
}

async fn answer(app: &App, request: Request, next: Next) -> Response {
    if !is_exempt(request.uri().path()) {
        let faults = app.faults.get();
        if faults.latency_ms > 0 {
            tokio::time::sleep(Duration::from_millis(faults.latency_ms)).await;
        }
        if app.faults.next_is_error() {
            return (StatusCode::INTERNAL_SERVER_ERROR, "fault: error_rate\n").into_response();
        }
    }
    next.run(request).await
}

/// Faults never hide the paths by which they are seen and taken back.
fn is_exempt(path: &str) -> bool {
    matches!(path, "/health" | "/metrics" | "/admin/faults")
}

fn request_id(request: &Request) -> String {
    request
        .headers()
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| !id.is_empty() && id.len() <= MAX_ID_BYTES)
        .map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned)
}
