//! Prometheus's HTTP API, below `/prometheus`.

use super::auth::Actor;
use super::types::{ApiError, ErrorCode, Role};
use crate::control::Control;
use crate::metrics::sources::Beside;
use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use mainstay_prometheus::{Access, access};

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
