//! Stands in for an LLM's API: takes OpenAI's chat completions and repeats what it was told.

use crate::settings::Settings;
use crate::web::ApiError;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::time::Duration;

const MODEL: &str = "stand-in";

/// `pace`: how long an answer takes. A model would take its time.
pub(super) fn router(settings: &Settings) -> Router {
    Router::new()
        .route("/v1/models", get(models))
        .route("/v1/chat/completions", post(complete))
        .with_state(settings.work.pace)
}

async fn models() -> Json<Value> {
    Json(json!({"object": "list", "data": [{"id": MODEL, "object": "model"}]}))
}

async fn complete(
    State(pace): State<Duration>,
    Json(request): Json<Value>,
) -> Result<Json<Value>, ApiError> {
    let messages = request["messages"].as_array();
    let last = messages.and_then(|messages| messages.last()?["content"].as_str());
    let said = last.ok_or_else(|| {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "messages is empty, or its last is no text",
        )
    })?;
    tokio::time::sleep(pace).await;
    let content = format!("(stand-in, no model) you said: {said}");
    let choice = json!({
        "index": 0,
        "message": {"role": "assistant", "content": content},
        "finish_reason": "stop",
    });
    Ok(Json(json!({
        "id": uuid::Uuid::now_v7().to_string(),
        "object": "chat.completion",
        "model": MODEL,
        "choices": [choice],
    })))
}
