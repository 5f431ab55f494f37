//! What is asked of the server as a whole: status, metrics, artifacts, tokens, shutdown.

use super::auth::Actor;
use super::sent::Sent;
use super::types::{
    ApiError, Certificate, ErrorCode, JournalVerdict, Role, ServerStatus, ShutdownRequest, Token,
    TokenCreated, TokenRequest,
};
use crate::control::{Control, now};
use crate::tokens::TokenError;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::IntoResponse;
use mainstay_model::Secret;
use std::sync::Arc;

pub(super) async fn health() -> impl IntoResponse {
    Json(serde_json::json!({"status": "ok"}))
}

pub(super) async fn status(
    State(control): State<Arc<Control>>,
    actor: Actor,
) -> Result<Json<ServerStatus>, ApiError> {
    actor.needs(Role::Viewer)?;
    Ok(Json(control.server_status().await))
}

pub(super) async fn metrics(
    State(control): State<Arc<Control>>,
    actor: Actor,
) -> Result<impl IntoResponse, ApiError> {
    actor.needs(Role::Viewer)?;
    Ok((
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        control.metrics().await,
    ))
}

pub(super) async fn verify(
    State(control): State<Arc<Control>>,
    actor: Actor,
) -> Result<Json<JournalVerdict>, ApiError> {
    actor.needs(Role::Viewer)?;
    control.verify_journal().await.map(Json)
}

pub(super) async fn has_artifact(
    State(control): State<Arc<Control>>,
    Path(sha256): Path<String>,
    actor: Actor,
) -> Result<StatusCode, ApiError> {
    actor.needs(Role::Viewer)?;
    Ok(if control.artifact_store().renew(&sha256) {
        StatusCode::OK
    } else {
        StatusCode::NOT_FOUND
    })
}

/// For a promotion to another server.
pub(super) async fn get_artifact(
    State(control): State<Arc<Control>>,
    Path(sha256): Path<String>,
    actor: Actor,
) -> Result<Body, ApiError> {
    actor.needs(Role::Operator)?;
    let missing = || ApiError::not_found(format!("no artifact has the SHA-256 {sha256}"));
    let path = control.artifact_store().path(&sha256).ok_or_else(missing)?;
    let file = tokio::fs::File::open(path)
        .await
        .map_err(ApiError::unavailable)?;
    Ok(Body::from_stream(tokio_util::io::ReaderStream::new(file)))
}

pub(super) async fn put_artifact(
    State(control): State<Arc<Control>>,
    Path(sha256): Path<String>,
    actor: Actor,
    body: Body,
) -> Result<StatusCode, ApiError> {
    actor.needs(Role::Operator)?;
    control.put_artifact(&sha256, body).await?;
    Ok(StatusCode::CREATED)
}

pub(super) async fn tokens(
    State(control): State<Arc<Control>>,
    actor: Actor,
) -> Result<Json<Vec<Token>>, ApiError> {
    actor.needs(Role::Admin)?;
    Ok(Json(control.tokens().list()))
}

pub(super) async fn create_token(
    State(control): State<Arc<Control>>,
    actor: Actor,
    Sent(request): Sent<TokenRequest>,
) -> Result<Json<TokenCreated>, ApiError> {
    actor.needs(Role::Admin)?;
    let (token, secret) =
        control
            .tokens()
            .create(&request.name, request.role, &actor.name, now())?;
    let message = format!("token {} created with role {:?}", token.name, token.role);
    control
        .record_machine_event("token.created", &token.name, message, &actor)
        .await?;
    Ok(Json(TokenCreated {
        token,
        secret: Secret::new(secret),
    }))
}

pub(super) async fn revoke_token(
    State(control): State<Arc<Control>>,
    Path(name): Path<String>,
    actor: Actor,
) -> Result<Json<Token>, ApiError> {
    actor.needs(Role::Admin)?;
    let token = control.tokens().revoke(&name)?;
    let message = format!("token {name} revoked");
    control
        .record_machine_event("token.revoked", &name, message, &actor)
        .await?;
    Ok(Json(token))
}

pub(super) async fn certificates(
    State(control): State<Arc<Control>>,
    actor: Actor,
) -> Result<Json<Vec<Certificate>>, ApiError> {
    actor.needs(Role::Viewer)?;
    Ok(Json(control.list_certificates()))
}

pub(super) async fn renew_certificate(
    State(control): State<Arc<Control>>,
    Path(host): Path<String>,
    actor: Actor,
) -> Result<StatusCode, ApiError> {
    actor.needs(Role::Operator)?;
    control.renew_certificate(&host)?;
    let message = format!("a new certificate for {host} is asked for");
    control
        .record_machine_event("certificate.asked", &host, message, &actor)
        .await?;
    Ok(StatusCode::ACCEPTED)
}

pub(super) async fn shutdown(
    State(control): State<Arc<Control>>,
    actor: Actor,
    Sent(request): Sent<ShutdownRequest>,
) -> Result<StatusCode, ApiError> {
    actor.needs(Role::Admin)?;
    control.shutdown(request, &actor).await?;
    Ok(StatusCode::ACCEPTED)
}

pub(super) async fn not_found(uri: Uri) -> ApiError {
    ApiError::not_found(format!("nothing is at {}", uri.path()))
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        let code = match &error {
            TokenError::Exists(_) | TokenError::TooMany => ErrorCode::Conflict,
            TokenError::Unknown(_) => ErrorCode::NotFound,
            TokenError::Name(_) => ErrorCode::Invalid,
            TokenError::NoRandom | TokenError::File(_) => ErrorCode::Unavailable,
        };
        Self::new(code, error.to_string())
    }
}
