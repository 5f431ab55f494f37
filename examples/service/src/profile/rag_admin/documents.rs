//! Taking documents in, showing and removing them.

use super::RagAdmin;
use super::search;
use super::store::Document;
use crate::account::Caller;
use crate::moment::Moment;
use crate::web::{ApiError, within_quota};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

const MAX_TITLE_CHARS: usize = 200;
const MAX_CONTENT_BYTES: usize = 256 * 1024;

/// Different words of one document.
const MAX_TERMS: usize = 2_000;

#[derive(Debug, Deserialize)]
pub(crate) struct New {
    title: String,
    content: String,
}

/// `POST /api/documents`
pub(crate) async fn add(
    State(here): State<RagAdmin>,
    caller: Caller,
    Json(New { title, content }): Json<New>,
) -> Result<(StatusCode, Json<Document>), ApiError> {
    within_quota(&here.app, &caller).await?;
    let words = search::count(&content);
    let problem = if title.trim().is_empty() || title.chars().count() > MAX_TITLE_CHARS {
        Some(format!("a title has 1 to {MAX_TITLE_CHARS} characters"))
    } else if content.len() > MAX_CONTENT_BYTES {
        Some(format!("a document has at most {MAX_CONTENT_BYTES} bytes"))
    } else if words.is_empty() || words.len() > MAX_TERMS {
        Some(format!("a document has 1 to {MAX_TERMS} different words"))
    } else {
        None
    };
    if let Some(problem) = problem {
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, problem)
            .hint("send {\"title\": …, \"content\": …}; cut a long text into several documents"));
    }
    let document = Document {
        id: uuid::Uuid::now_v7().to_string(),
        owner: caller.name,
        title,
        words: words.values().copied().map(u64::from).sum(),
        created: Moment::now(),
    };
    here.app
        .store
        .add_document(&document, &content, &words)
        .await?;
    tracing::info!(
        document = document.id,
        words = document.words,
        "document taken in"
    );
    Ok((StatusCode::CREATED, Json(document)))
}

/// `GET /api/documents`: everybody's, newest first.
pub(crate) async fn list(State(here): State<RagAdmin>, _: Caller) -> Result<Json<Value>, ApiError> {
    let documents = here.app.store.documents().await?;
    Ok(Json(json!({"documents": documents})))
}

/// `GET /api/documents/{id}`
pub(crate) async fn show(
    State(here): State<RagAdmin>,
    _: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let found = here.app.store.document(&id).await?;
    let (document, content) = found.ok_or_else(no_such_document)?;
    Ok(Json(json!({"document": document, "content": content})))
}

/// `DELETE /api/documents/{id}`: one's own; an admin may remove any.
pub(crate) async fn remove(
    State(here): State<RagAdmin>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let found = here.app.store.document(&id).await?;
    let (document, _) = found.ok_or_else(no_such_document)?;
    if !caller.may_see(&document.owner) {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "somebody else's document",
        ));
    }
    here.app.store.remove_document(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn no_such_document() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "no such document")
}
