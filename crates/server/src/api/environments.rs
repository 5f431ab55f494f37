//! What is asked of one (stack, environment) pair.

use super::auth::Actor;
use super::sent::Sent;
use super::types::{
    ApiError, ApprovalRequest, Decided, Decision, DeployRequest, Diagnosis, DownRequest,
    EnvironmentStatus, EnvironmentSummary, ErrorCode, InfraAnswer, InfraRequest, Operation,
    Release, ReleaseDetail, RestartRequest, Role, RollbackRequest, RolloutCommand, RolloutStatus,
    ScaleRequest, SecretStatus,
};
use crate::control::Control;
use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::{HeaderMap, request::Parts};
use mainstay_model::{EnvironmentName, ReleaseNumber, Scope, StackName};
use mainstay_rollout::world::Command;
use serde::Deserialize;
use std::sync::Arc;
use uuid::Uuid;

type Answer<T> = Result<Json<T>, ApiError>;

/// The pair in the path, checked.
pub(super) struct InScope(pub Scope);

#[derive(Deserialize)]
struct ScopePath {
    stack: StackName,
    environment: EnvironmentName,
}

impl<S: Send + Sync> FromRequestParts<S> for InScope {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(path) = Path::<ScopePath>::from_request_parts(parts, state)
            .await
            .map_err(|error| ApiError::invalid(error.body_text()))?;
        Ok(Self(Scope {
            stack: path.stack,
            environment: path.environment,
        }))
    }
}

/// The `Idempotency-Key` header, where one was sent.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    value
        .to_str()
        .ok()
        .filter(|key| !key.is_empty() && key.len() <= 200)
        .map(|key| Some(key.to_owned()))
        .ok_or_else(|| ApiError::invalid("Idempotency-Key is not 1 to 200 printable characters"))
}

/// What a key stands for; a keyed hash, since a deploy's body holds secrets.
pub(super) fn fingerprint(
    control: &Control,
    verb: &str,
    scope: &Scope,
    request: &impl serde::Serialize,
) -> Result<String, ApiError> {
    let body = serde_json::to_vec(&(verb, scope, request))
        .map_err(|error| ApiError::invalid(error.to_string()))?;
    Ok(control.key.print(&body))
}

pub(super) async fn list(
    State(control): State<Arc<Control>>,
    actor: Actor,
) -> Answer<Vec<EnvironmentSummary>> {
    actor.needs(Role::Viewer)?;
    Ok(Json(control.summaries()))
}

pub(super) async fn status(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
) -> Answer<EnvironmentStatus> {
    actor.needs(Role::Viewer)?;
    control.environment_status(&scope).await.map(Json)
}

pub(super) async fn forget(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
) -> Answer<()> {
    actor.needs(Role::Admin)?;
    control.forget(&scope, &actor).await.map(Json)
}

pub(super) async fn deploy(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
    headers: HeaderMap,
    Sent(request): Sent<DeployRequest>,
) -> Answer<Operation> {
    actor.needs(Role::Operator)?;
    let key = idempotency_key(&headers)?;
    let print = fingerprint(&control, "deploy", &scope, &request)?;
    let verb =
        async move |control: Arc<Control>, id| control.deploy(&scope, request, &actor, id).await;
    control.once(key, print, verb).await.map(Json)
}

pub(super) async fn rollback(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
    headers: HeaderMap,
    Sent(request): Sent<RollbackRequest>,
) -> Answer<Operation> {
    actor.needs(Role::Operator)?;
    let key = idempotency_key(&headers)?;
    let print = fingerprint(&control, "rollback", &scope, &request)?;
    let verb =
        async move |control: Arc<Control>, id| control.rollback(&scope, request, &actor, id).await;
    control.once(key, print, verb).await.map(Json)
}

pub(super) async fn scale(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
    headers: HeaderMap,
    Sent(request): Sent<ScaleRequest>,
) -> Answer<Operation> {
    actor.needs(Role::Operator)?;
    let key = idempotency_key(&headers)?;
    let print = fingerprint(&control, "scale", &scope, &request)?;
    let verb =
        async move |control: Arc<Control>, id| control.scale(&scope, request, &actor, id).await;
    control.once(key, print, verb).await.map(Json)
}

pub(super) async fn restart(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
    headers: HeaderMap,
    Sent(request): Sent<RestartRequest>,
) -> Answer<Operation> {
    actor.needs(Role::Operator)?;
    let key = idempotency_key(&headers)?;
    let print = fingerprint(&control, "restart", &scope, &request)?;
    let verb =
        async move |control: Arc<Control>, id| control.restart(&scope, request, &actor, id).await;
    control.once(key, print, verb).await.map(Json)
}

pub(super) async fn down(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
    headers: HeaderMap,
    Sent(DownRequest {}): Sent<DownRequest>,
) -> Answer<Operation> {
    actor.needs(Role::Operator)?;
    let key = idempotency_key(&headers)?;
    let print = fingerprint(&control, "down", &scope, &())?;
    let verb = async move |control: Arc<Control>, id| control.down(&scope, &actor, id).await;
    control.once(key, print, verb).await.map(Json)
}

pub(super) async fn secrets(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
) -> Answer<Vec<SecretStatus>> {
    actor.needs(Role::Viewer)?;
    control.secrets(&scope).await.map(Json)
}

pub(super) async fn requests(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
) -> Answer<Vec<ApprovalRequest>> {
    actor.needs(Role::Viewer)?;
    let environment = control.environment(&scope)?;
    let requests = environment.inner().requests.clone();
    Ok(Json(requests))
}

pub(super) async fn infra(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
    Sent(request): Sent<InfraRequest>,
) -> Answer<InfraAnswer> {
    actor.needs(Role::Operator)?;
    let id = Uuid::now_v7();
    control.infra(&scope, request, &actor, id).await.map(Json)
}

/// Which role it takes stands in the request itself.
pub(super) async fn decide(
    State(control): State<Arc<Control>>,
    Path((id, decision)): Path<(Uuid, String)>,
    actor: Actor,
    Sent(request): Sent<Decision>,
) -> Answer<Decided> {
    actor.needs(Role::Operator)?;
    // What was begun goes on when whoever asked goes away.
    let decided = tokio::spawn(async move {
        match decision.as_str() {
            "approve" => Box::pin(control.approve(id, request, &actor)).await,
            "reject" => control.reject(id, request, &actor).await,
            _ => Err(ApiError::not_found(format!("no decision `{decision}`"))),
        }
    });
    let decided = decided
        .await
        .map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))?;
    decided.map(Json)
}

pub(super) async fn releases(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
) -> Answer<Vec<Release>> {
    actor.needs(Role::Viewer)?;
    control.releases(&scope).await.map(Json)
}

pub(super) async fn release(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    Path((_, _, number)): Path<(String, String, u32)>,
    actor: Actor,
) -> Answer<ReleaseDetail> {
    actor.needs(Role::Viewer)?;
    control
        .release_detail(&scope, ReleaseNumber(number))
        .await
        .map(Json)
}

pub(super) async fn rollout(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
) -> Answer<RolloutStatus> {
    actor.needs(Role::Viewer)?;
    control.rollout_status(&scope).await.map(Json)
}

pub(super) async fn command(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    Path((_, _, verb)): Path<(String, String, String)>,
    actor: Actor,
    Sent(request): Sent<RolloutCommand>,
) -> Answer<RolloutStatus> {
    actor.needs(Role::Operator)?;
    let by = actor.name;
    let command = match verb.as_str() {
        "pause" => Command::Pause { by },
        "resume" => Command::Resume { by },
        "abort" => Command::Abort {
            by,
            reason: request.reason,
        },
        _ => return Err(ApiError::not_found(format!("no rollout command `{verb}`"))),
    };
    control.command(&scope, command).await.map(Json)
}

pub(super) async fn operation(
    State(control): State<Arc<Control>>,
    Path(id): Path<Uuid>,
    actor: Actor,
) -> Answer<Operation> {
    actor.needs(Role::Viewer)?;
    control.operation(id).await.map(Json)
}

pub(super) async fn doctor(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
) -> Answer<Vec<Diagnosis>> {
    actor.needs(Role::Viewer)?;
    let mut found = control.diagnose(&scope).await?;
    found.extend(control.diagnose_target().await);
    Ok(Json(found))
}
