//! Restore points and jobs about them, below `…/backups` of an environment.

use super::auth::Actor;
use super::environments::{InScope, fingerprint, idempotency_key};
use super::sent::Sent;
use super::types::{
    AdoptBackups, ApiError, BackupJob, BackupKey, BackupsStatus, CreateBackup, NewBackupKey,
    OnPoint, PruneRequest, Pruning, RestoreRequest, Role,
};
use crate::backups::By;
use crate::control::Control;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::routing::{get, post};
use axum::{Json, Router};
use std::sync::Arc;
use uuid::Uuid;

type Answer<T> = Result<Json<T>, ApiError>;

pub(super) fn routes() -> Router<Arc<Control>> {
    Router::new()
        .route("/", get(status).post(create))
        .route("/verify", post(verify))
        .route("/drill", post(drill))
        .route("/restore", post(restore))
        .route("/prune", get(pruning).post(prune))
        .route("/copy", post(copy))
        .route("/jobs/{id}", get(job))
        .route("/jobs/{id}/cancel", post(cancel))
        .route("/keys", get(keys).post(add_key))
        .route("/keys/export", get(export_key))
        .route("/keys/rotate", post(rotate_key))
        .route("/adopt", post(adopt))
}

async fn status(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
) -> Answer<BackupsStatus> {
    actor.needs(Role::Viewer)?;
    control.backups_status(&scope).await.map(Json)
}

async fn create(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
    headers: HeaderMap,
    Sent(request): Sent<CreateBackup>,
) -> Answer<BackupJob> {
    actor.needs(Role::Operator)?;
    let key = idempotency_key(&headers)?;
    let print = fingerprint(&control, "backup", &scope, &request)?;
    let verb = async move |control: Arc<Control>, id| {
        let by = By {
            name: actor.name,
            id,
        };
        control.create_backup(&scope, request, &by).await
    };
    control.once(key, print, verb).await.map(Json)
}

async fn verify(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
    headers: HeaderMap,
    Sent(request): Sent<OnPoint>,
) -> Answer<BackupJob> {
    actor.needs(Role::Operator)?;
    let key = idempotency_key(&headers)?;
    let print = fingerprint(&control, "backup-verify", &scope, &request)?;
    let verb = async move |control: Arc<Control>, id| {
        let by = By {
            name: actor.name,
            id,
        };
        control.begin_verify(&scope, request.percent, &by).await
    };
    control.once(key, print, verb).await.map(Json)
}

async fn drill(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
    headers: HeaderMap,
    Sent(request): Sent<OnPoint>,
) -> Answer<BackupJob> {
    actor.needs(Role::Operator)?;
    let key = idempotency_key(&headers)?;
    let print = fingerprint(&control, "backup-drill", &scope, &request)?;
    let verb = async move |control: Arc<Control>, id| {
        let by = By {
            name: actor.name,
            id,
        };
        control.begin_drill(&scope, request, &by).await
    };
    control.once(key, print, verb).await.map(Json)
}

async fn restore(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
    headers: HeaderMap,
    Sent(request): Sent<RestoreRequest>,
) -> Answer<BackupJob> {
    actor.needs(Role::Operator)?;
    let key = idempotency_key(&headers)?;
    let print = fingerprint(&control, "backup-restore", &scope, &request)?;
    let verb = async move |control: Arc<Control>, id| {
        let by = By {
            name: actor.name,
            id,
        };
        control.restore(&scope, request, &by).await
    };
    control.once(key, print, verb).await.map(Json)
}

async fn pruning(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
) -> Answer<Pruning> {
    actor.needs(Role::Viewer)?;
    control.pruning(&scope).await.map(Json)
}

async fn prune(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
    headers: HeaderMap,
    Sent(request): Sent<PruneRequest>,
) -> Answer<BackupJob> {
    actor.needs(Role::Operator)?;
    let key = idempotency_key(&headers)?;
    let print = fingerprint(&control, "backup-prune", &scope, &request)?;
    let verb = async move |control: Arc<Control>, id| {
        let by = By {
            name: actor.name,
            id,
        };
        control.begin_prune(&scope, &by).await
    };
    control.once(key, print, verb).await.map(Json)
}

async fn copy(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
    headers: HeaderMap,
    Sent(request): Sent<PruneRequest>,
) -> Answer<BackupJob> {
    actor.needs(Role::Operator)?;
    let key = idempotency_key(&headers)?;
    let print = fingerprint(&control, "backup-copy", &scope, &request)?;
    let verb = async move |control: Arc<Control>, id| {
        let by = By {
            name: actor.name,
            id,
        };
        control.begin_copy(&scope, &by).await
    };
    control.once(key, print, verb).await.map(Json)
}

async fn job(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    Path((_, _, id)): Path<(String, String, Uuid)>,
    actor: Actor,
) -> Answer<BackupJob> {
    actor.needs(Role::Viewer)?;
    control.backup_job(&scope, id).await.map(Json)
}

async fn cancel(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    Path((_, _, id)): Path<(String, String, Uuid)>,
    actor: Actor,
    Sent(PruneRequest {}): Sent<PruneRequest>,
) -> Answer<BackupJob> {
    actor.needs(Role::Operator)?;
    control.cancel_backup_job(&scope, id).await.map(Json)
}

async fn keys(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
) -> Answer<Vec<BackupKey>> {
    actor.needs(Role::Viewer)?;
    control.backup_keys(&scope).await.map(Json)
}

/// Whoever has the key and the repository has everything: an admin's.
async fn export_key(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
) -> Answer<NewBackupKey> {
    actor.needs(Role::Admin)?;
    let key = control.export_backup_key(&scope)?;
    let message = format!("the key of the backups of {scope} was exported");
    control
        .record_machine_event("backup.key-exported", &scope.to_string(), message, &actor)
        .await?;
    Ok(Json(key))
}

async fn add_key(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
    Sent(NewBackupKey { key }): Sent<NewBackupKey>,
) -> Answer<BackupKey> {
    actor.needs(Role::Admin)?;
    let added = control.add_backup_key(&scope, &key).await?;
    let message = format!("another key opens the backups of {scope}");
    control
        .record_machine_event("backup.key-added", &scope.to_string(), message, &actor)
        .await?;
    Ok(Json(added))
}

/// Before anything runs: what a recovered machine has to begin with.
async fn adopt(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
    Sent(adopted): Sent<AdoptBackups>,
) -> Answer<()> {
    actor.needs(Role::Admin)?;
    let place = adopted.location.store.to_string();
    control.adopt_backups(&scope, adopted).await?;
    let message = format!("restore points of {scope} were taken over from {place}");
    control
        .record_machine_event("backup.adopted", &scope.to_string(), message, &actor)
        .await?;
    Ok(Json(()))
}

async fn rotate_key(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
    Sent(PruneRequest {}): Sent<PruneRequest>,
) -> Answer<BackupKey> {
    actor.needs(Role::Admin)?;
    let rotated = control.rotate_backup_key(&scope).await?;
    let message = format!("the backups of {scope} have a new key");
    control
        .record_machine_event("backup.key-rotated", &scope.to_string(), message, &actor)
        .await?;
    Ok(Json(rotated))
}
