//! Stands in for a vector store: beats like Chroma's heart, and holds no vectors.

use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) fn router() -> Router {
    Router::new()
        .route("/api/v1/heartbeat", get(heartbeat))
        .route("/api/v2/heartbeat", get(heartbeat))
}

async fn heartbeat() -> Json<Value> {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Json(json!({"nanosecond heartbeat": since.as_nanos() as u64}))
}
