//! Prometheus's HTTP API, below `/prometheus`.

use super::auth::Actor;
use super::types::{ApiError, Backfilled, ErrorCode, Role};
use crate::control::Control;
use crate::metrics::BackfillError;
use crate::metrics::sources::Beside;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use mainstay_prometheus::{Access, access};
use std::sync::Arc;

/// Answers, or says why there is nothing to answer from.
pub(super) fn router(control: &Control) -> Router {
    match &control.collected {
        Some(metrics) => {
            let beside = Beside {
                rules: control.rules.clone(),
                alerts: control.alerts.clone(),
            };
            metrics.router(beside).layer(middleware::from_fn(allowed))
        }
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

/// The longest file of samples of the past that is taken at once.
pub(super) const MOST_BACKFILL: usize = 256 << 20;

/// Samples of the past, in the OpenMetrics format.
pub(super) async fn backfill(
    State(control): State<Arc<Control>>,
    actor: Actor,
    text: Bytes,
) -> Result<Json<Backfilled>, ApiError> {
    actor.needs(Role::Admin)?;
    let Some(metrics) = control.collected.clone() else {
        return Err(off().await);
    };
    let written = tokio::task::spawn_blocking(move || metrics.backfill(&text)).await;
    let written = written.map_err(ApiError::unavailable)?;
    let written = written.map_err(|error| match error {
        BackfillError::Store(error) => ApiError::unavailable(error),
        wrong => ApiError::invalid(format!("the file cannot be used: {wrong}"))
            .hint("each line has a time in seconds, and the last line is `# EOF`"),
    })?;
    let message = format!(
        "{} samples of the past in {} blocks",
        written.samples, written.blocks
    );
    control
        .record_machine_event("metrics.backfilled", "metrics", message, &actor)
        .await?;
    Ok(Json(Backfilled {
        samples: written.samples,
        blocks: written.blocks,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::StatusCode;
    use tower::ServiceExt as _;

    /// Nested as the API nests it: what decides is the path below.
    async fn asked(role: Role, path: &str) -> StatusCode {
        let answers = Router::new()
            .fallback(|| async { "done" })
            .layer(middleware::from_fn(allowed));
        let api: Router = Router::new().nest_service("/prometheus", answers);
        let mut request = Request::post(format!("/prometheus{path}"))
            .body(Body::empty())
            .unwrap();
        request.extensions_mut().insert(Actor {
            name: "somebody".to_owned(),
            role,
        });
        api.oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn who_may_read_may_neither_write_nor_delete() {
        let delete = "/api/v1/admin/tsdb/delete_series";
        for (role, path, status) in [
            (Role::Viewer, "/api/v1/query", StatusCode::OK),
            (Role::Viewer, "/api/v1/write", StatusCode::FORBIDDEN),
            (Role::Operator, "/api/v1/write", StatusCode::OK),
            (Role::Operator, delete, StatusCode::FORBIDDEN),
            (Role::Operator, "/-/reload", StatusCode::FORBIDDEN),
            (Role::Admin, delete, StatusCode::OK),
        ] {
            assert_eq!(asked(role, path).await, status, "{role:?} {path}");
        }
    }
}
