//! Prometheus's HTTP API, below `/prometheus`.

use super::auth::Actor;
use super::types::{ApiError, ErrorCode, Role};
use crate::control::Control;
use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use mainstay_prometheus::{Access, access};

/// Answers, or says why there is nothing to answer from.
pub(super) fn router(control: &Control) -> Router {
    match &control.collected {
        Some(metrics) => metrics.router().layer(middleware::from_fn(allowed)),
        None => Router::new().fallback(off),
    }
}

async fn off() -> ApiError {
    let error = ApiError::new(ErrorCode::NotFound, "this server collects no metrics");
    error.hint("see `metrics` in server.yaml, and the server's log where it is not switched off")
}

/// Reads are anybody's who may see the server, writes an operator's, and the rest an admin's.
async fn allowed(actor: Actor, request: Request, next: Next) -> Response {
    let role = match access(request.uri().path()) {
        Access::Read => Role::Viewer,
        Access::Write => Role::Operator,
        Access::Admin => Role::Admin,
    };
    match actor.needs(role) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}
