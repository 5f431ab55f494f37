//! `POST /api/query`: a question, and the passages that hold its words.

use super::RagAdmin;
use super::search::{passage, words};
use crate::account::Caller;
use crate::store::StoreError;
use crate::web::ApiError;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

const MAX_QUERY_BYTES: usize = 4 * 1024;

/// Words of a question that are looked for.
const MAX_WORDS: usize = 16;

const MAX_PASSAGES: usize = 3;

#[derive(Debug, Deserialize)]
pub(crate) struct Question {
    query: String,
}

#[derive(Debug, Serialize)]
struct Passage {
    document: String,
    title: String,
    score: f64,
    text: String,
}

pub(crate) async fn query(
    State(here): State<RagAdmin>,
    caller: Caller,
    Json(Question { query }): Json<Question>,
) -> Result<Json<Value>, ApiError> {
    let started = Instant::now();
    let query_id = uuid::Uuid::now_v7().to_string();
    let (user_id, query_length) = (&caller.name, query.len());
    tracing::info!(query_id, user_id, query_length, "Query received");
    let wanted: BTreeSet<String> = words(&query).take(MAX_WORDS).collect();
    if query.len() > MAX_QUERY_BYTES || wanted.is_empty() {
        return Err(ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("a question has words, and at most {MAX_QUERY_BYTES} bytes"),
        ));
    }
    let found = find(&here, &wanted).await;
    let processing_time = started.elapsed().as_secs_f64();
    let passages = found.inspect_err(|error| {
        tracing::error!(query_id, %error, processing_time, "Query processing failed");
    })?;
    let response = passages.first().map(|passage| passage.text.clone());
    let result_length = response.as_ref().map_or(0, String::len);
    tracing::info!(
        query_id,
        processing_time,
        result_length,
        "Query processed successfully"
    );
    here.app.metrics.count("rag_queries_total", &[], 1);
    Ok(Json(json!({
        "query_id": query_id,
        "response": response,
        "passages": passages,
        "model": null,
        "processing_time": processing_time,
    })))
}

/// The best documents first.
async fn find(here: &RagAdmin, wanted: &BTreeSet<String>) -> Result<Vec<Passage>, StoreError> {
    let store = &here.app.store;
    let corpus = store.corpus().await?;
    let mut scores: BTreeMap<String, f64> = BTreeMap::new();
    for word in wanted {
        let hits = store.hits(word).await?;
        for hit in &hits {
            let weight = corpus.weight(hits.len(), hit.count, hit.length);
            *scores.entry(hit.document.clone()).or_default() += weight;
        }
    }
    let mut best: Vec<_> = scores.into_iter().collect();
    best.sort_by(|one, other| other.1.total_cmp(&one.1));
    best.truncate(MAX_PASSAGES);
    let mut passages = Vec::new();
    for (id, score) in best {
        // It may have been removed in between.
        if let Some((document, content)) = store.document(&id).await? {
            passages.push(Passage {
                text: passage(&content, wanted).to_owned(),
                document: document.id,
                title: document.title,
                score: (score * 1000.0).round() / 1000.0,
            });
        }
    }
    Ok(passages)
}
