//! What happens around every request: its id, the headers that say who answered, the faults asked
//! for, and one log line.

use super::error::ApiError;
use crate::app::App;
use crate::profile::{ADMIN_FAULTS, Exchange, LogFields};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
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
    let endpoint = request.extensions().get::<MatchedPath>().cloned();
    let endpoint = endpoint.as_ref().map_or("unmatched", MatchedPath::as_str);
    let exempt = is_exempt(&app, endpoint);
    let mut response = if exempt {
        next.run(request).await
    } else {
        with_faults(&app, request, next).await
    };
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
    let took = started.elapsed();
    let status = response.status().as_u16();
    if !exempt {
        app.latency.note(took);
    }
    count(&app, &method, endpoint, status, took);
    let fields = app.settings.profile.log;
    let duration_ms = took.as_secs_f64() * 1000.0;
    log(fields, &id, &method, &path, status, duration_ms, exempt);
    response
}

/// One line a request. Probes and scrapes would be most of the log: they stand in it when they
/// fail, or when it is asked to tell more.
fn log(
    fields: LogFields,
    id: &str,
    method: &Method,
    path: &str,
    status: u16,
    duration_ms: f64,
    exempt: bool,
) {
    /// The fields' names have to be known to the compiler.
    macro_rules! line {
        ($($fields:tt)*) => {
            if status >= 500 {
                tracing::error!($($fields)*, error = "the answer is a 5xx", "request");
            } else if exempt {
                tracing::debug!($($fields)*, "request");
            } else {
                tracing::info!($($fields)*, "request");
            }
        };
    }
    match fields {
        LogFields::Snake => line!(request_id = id, %method, path, status, duration_ms),
        LogFields::Camel => line!(requestId = id, %method, path, status, duration = duration_ms),
    }
}

fn count(app: &App, method: &Method, endpoint: &str, status: u16, took: Duration) {
    // Any other method counts as one: a client may send what it likes.
    let method = match *method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::DELETE => method.as_str(),
        _ => "OTHER",
    };
    let code = status.to_string();
    let labels = [("method", method), ("endpoint", endpoint)];
    app.metrics
        .observe("http_request_duration_seconds", &labels, took);
    let labels = [labels[0], labels[1], ("status", &code)];
    app.metrics.count("http_requests_total", &labels, 1);
    let exchange = Exchange {
        method,
        endpoint,
        status,
        took,
    };
    (app.settings.profile.count)(&app.metrics, &exchange);
}

async fn with_faults(app: &App, request: Request, next: Next) -> Response {
    let faults = app.faults.get();
    if faults.latency_ms > 0 {
        tokio::time::sleep(Duration::from_millis(faults.latency_ms)).await;
    }
    if app.faults.next_is_error() {
        return ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "the fault error_rate")
            .into_response();
    }
    next.run(request).await
}

/// Faults never hide the paths by which they are seen and taken back.
fn is_exempt(app: &App, endpoint: &str) -> bool {
    let paths = &app.settings.profile.paths;
    endpoint == ADMIN_FAULTS
        || paths.health.contains(&endpoint)
        || paths.metrics.contains(&endpoint)
}

fn request_id(request: &Request) -> String {
    request
        .headers()
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| !id.is_empty() && id.len() <= MAX_ID_BYTES)
        .map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned)
}
