//! Storing memories and giving them back.

use super::WhisperCache;
use super::merkle;
use super::seal::{self, SealError};
use super::store::{MAX_MEMORIES, Memory};
use crate::account::{Caller, hex};
use crate::moment::Moment;
use crate::web::{ApiError, within_quota};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Instant;

/// Of one memory.
const MAX_CONTENT_BYTES: usize = 64 * 1024;

#[derive(Debug, Deserialize)]
pub(crate) struct New {
    content: String,
}

/// `POST /api/memory`: 201 once it is on the disk.
pub(crate) async fn store(
    State(here): State<WhisperCache>,
    caller: Caller,
    Json(New { content }): Json<New>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    within_quota(&here.app, &caller).await?;
    if content.is_empty() || content.len() > MAX_CONTENT_BYTES {
        return Err(ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("a memory has 1 to {MAX_CONTENT_BYTES} bytes"),
        ));
    }
    let started = Instant::now();
    if here.app.store.memory_count(Some(&caller.name)).await? >= MAX_MEMORIES {
        return Err(ApiError::new(
            StatusCode::INSUFFICIENT_STORAGE,
            format!("{} has {MAX_MEMORIES} memories already", caller.name),
        ));
    }
    let id = uuid::Uuid::now_v7().to_string();
    let about = about(&caller.name, &id);
    let key = here.app.settings.encryption_key;
    let kept = match &key {
        Some(key) => seal::seal(key, &about, content.as_bytes())?,
        None => content.as_bytes().to_vec(),
    };
    let leaf = merkle::leaf(content.as_bytes());
    let memory = Memory {
        id: id.clone(),
        owner: caller.name,
        content: kept.into(),
        sealed: key.is_some(),
        leaf,
        created: Moment::now(),
    };
    let answer = json!({"id": id, "hash": hex(&leaf), "created": memory.created});
    here.app.store.put_memory(memory).await?;
    here.took("store", started);
    Ok((StatusCode::CREATED, Json(answer)))
}

/// `GET /api/memory`: one's own, as ids and hashes.
pub(crate) async fn list(
    State(here): State<WhisperCache>,
    caller: Caller,
) -> Result<Json<Value>, ApiError> {
    let started = Instant::now();
    let leaves = here.app.store.leaves(&caller.name).await?;
    let hashes: Vec<_> = leaves.iter().map(|(_, leaf)| *leaf).collect();
    let memories: Vec<_> = leaves
        .iter()
        .map(|(id, leaf)| json!({"id": id, "hash": hex(leaf)}))
        .collect();
    here.took("list", started);
    let root = hex(&merkle::root(&hashes));
    Ok(Json(json!({"memories": memories, "root": root})))
}

/// `GET /api/memory/{id}`
pub(crate) async fn show(
    State(here): State<WhisperCache>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let started = Instant::now();
    let memory = here.visible(&caller, &id).await?;
    let content = match (memory.sealed, &here.app.settings.encryption_key) {
        (false, _) => memory.content.to_vec(),
        (true, Some(key)) => seal::open(key, &about(&memory.owner, &id), &memory.content)?,
        (true, None) => return Err(SealError::NoKey.into()),
    };
    here.took("show", started);
    Ok(Json(json!({
        "id": memory.id,
        "content": String::from_utf8_lossy(&content),
        "hash": hex(&memory.leaf),
        "sealed": memory.sealed,
        "created": memory.created,
    })))
}

fn about(owner: &str, id: &str) -> String {
    format!("{owner}/{id}")
}

impl From<SealError> for ApiError {
    fn from(error: SealError) -> Self {
        tracing::error!(%error, "cannot seal or open a memory");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}
