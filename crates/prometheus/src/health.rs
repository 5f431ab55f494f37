//! `/-/healthy`, `/-/ready`, `/-/reload`, `/-/quit`.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::failure::PlainError;
use crate::pool::Ticket;
use crate::routes::Api;
use crate::sources::Readiness;

const PLAIN: [(&str, &str); 1] = [("content-type", "text/plain; charset=utf-8")];

pub(crate) async fn healthy() -> Response {
    (PLAIN, "Prometheus Server is Healthy.\n").into_response()
}

pub(crate) async fn ready() -> Response {
    (PLAIN, "Prometheus Server is Ready.\n").into_response()
}

/// Lets nothing through while starting and stopping.
pub(crate) async fn when_ready(State(api): State<Api>, request: Request, next: Next) -> Response {
    let stopping = match api.sources.status.readiness() {
        Readiness::Ready => return next.run(request).await,
        Readiness::NotReady => "false",
        Readiness::Stopping => "true",
    };
    (
        StatusCode::SERVICE_UNAVAILABLE,
        [("x-prometheus-stopping", stopping)],
        PLAIN,
        "Service Unavailable",
    )
        .into_response()
}

pub(crate) async fn reload(State(api): State<Api>) -> Response {
    let Some(reload) = api.sources.reload.clone() else {
        return lifecycle_is_off().await;
    };
    let work = move |_: &Ticket| Ok(reload.reload()?);
    let done = api.lookups.run(api.options.admin_timeout, work).await;
    let Err(failure) = done else {
        return StatusCode::OK.into_response();
    };
    let mut error = PlainError::from(failure);
    error.message = format!("failed to reload config: {}", error.message);
    error.into_response()
}

/// Also for `/-/quit`: whoever runs the server stops it, and nobody else.
pub(crate) async fn lifecycle_is_off() -> Response {
    (
        StatusCode::FORBIDDEN,
        PLAIN,
        "Lifecycle API is not enabled.",
    )
        .into_response()
}

pub(crate) async fn needs_post() -> Response {
    let message = "Only POST or PUT requests allowed";
    (StatusCode::METHOD_NOT_ALLOWED, PLAIN, message).into_response()
}
