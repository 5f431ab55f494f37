//! The HTTP API: one router, served over the unix socket and, with tokens, over TCP.

mod alert_types;
mod alerts;
mod approval_types;
mod auth;
mod backup_types;
mod backups;
mod environments;
mod error;
mod events;
mod exec;
mod forward;
mod image_types;
mod images;
mod logs;
mod machine;
mod metrics;
mod release_types;
mod sent;
pub mod types;

pub use auth::Actor;
pub use events::EventQuery;
pub use logs::LogParameters;

use crate::control::Control;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{delete, get, post, put};
use std::sync::Arc;
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;

/// Longest JSON body: a resolved stack.
const MAX_BODY: usize = 8 << 20;

fn router(control: Arc<Control>) -> Router {
    let scoped = Router::new()
        .route("/", get(environments::status).delete(environments::forget))
        .route("/deploy", post(environments::deploy))
        .route("/rollback", post(environments::rollback))
        .route("/scale", post(environments::scale))
        .route("/restart", post(environments::restart))
        .route("/down", post(environments::down))
        .route("/requests", get(environments::requests))
        .route("/infra", post(environments::infra))
        .route("/releases", get(environments::releases))
        .route("/releases/{number}", get(environments::release))
        .route("/secrets", get(environments::secrets))
        .route("/rollout", get(environments::rollout))
        .route("/rollout/{command}", post(environments::command))
        .route("/logs", get(logs::follow))
        .route("/exec", get(exec::upgrade))
        .route("/forward", get(forward::upgrade))
        .route("/doctor", get(environments::doctor))
        .nest("/backups", backups::routes())
        .route("/images/list", post(images::list))
        .route("/images/pull", post(images::pull))
        .route("/images/audit", post(images::audit))
        .route("/images/prune", post(images::prune));
    Router::new()
        .route("/health", get(machine::health))
        .route("/status", get(machine::status))
        .route("/metrics", get(machine::metrics))
        .route("/api/v1/environments", get(environments::list))
        .nest("/api/v1/environments/{stack}/{environment}", scoped)
        .route("/api/v1/operations/{id}", get(environments::operation))
        .route(
            "/api/v1/operations/{id}/{decision}",
            post(environments::decide),
        )
        .route("/api/v1/events", get(events::list))
        .merge(alerts::routes())
        .route("/api/v1/journal/verify", get(machine::verify))
        .route(
            "/api/v1/tokens",
            get(machine::tokens).post(machine::create_token),
        )
        .route("/api/v1/tokens/{name}", delete(machine::revoke_token))
        .route("/api/v1/certificates", get(machine::certificates))
        .route(
            "/api/v1/certificates/{host}/renew",
            post(machine::renew_certificate),
        )
        .route("/api/v1/shutdown", post(machine::shutdown))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        // A build context is streamed to the engine and has a limit of its own.
        .route(
            "/api/v1/environments/{stack}/{environment}/images/build",
            post(images::build),
        )
        .route(
            "/api/v1/metrics/backfill",
            post(metrics::backfill).layer(DefaultBodyLimit::max(metrics::MOST_BACKFILL)),
        )
        // Artifacts are streamed to disk and have a limit of their own.
        .route(
            "/api/v1/artifacts/{sha256}",
            put(machine::put_artifact)
                .head(machine::has_artifact)
                .get(machine::get_artifact),
        )
        .nest_service("/prometheus", metrics::router(&control))
        .nest_service("/alertmanager", alerts::router(&control))
        .fallback(machine::not_found)
        .with_state(control)
}

/// Serves until `stop`, then lets requests end.
pub async fn serve_unix(
    control: Arc<Control>,
    listener: UnixListener,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let app = router(control).layer(middleware::from_fn(auth::unix_peer));
    axum::serve(
        listener,
        app.into_make_service_with_connect_info::<auth::Peer>(),
    )
    .with_graceful_shutdown(stop.cancelled_owned())
    .await
}

/// The same over TCP, where a token decides.
pub async fn serve_tcp(
    control: Arc<Control>,
    listener: TcpListener,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let tokens = control.tokens();
    let app = router(control).layer(middleware::from_fn_with_state(tokens, auth::tcp_token));
    axum::serve(listener, app)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}
