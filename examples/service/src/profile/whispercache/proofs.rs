//! Proofs that a memory is stored, and checking them.

use super::WhisperCache;
use super::merkle::{self, Hash};
use crate::account::{Caller, hex, unhex};
use crate::web::ApiError;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Instant;

/// Longer ones are of no tree that can be made here.
const MAX_PATH: usize = 64;

#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    memory_id: String,
}

/// What is shown, and what is checked without asking the store: hashes in hex.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Proof {
    hash: String,
    index: u64,
    size: u64,
    path: Vec<String>,
    root: String,
}

/// `POST /api/proof/generate`
pub(crate) async fn generate(
    State(here): State<WhisperCache>,
    caller: Caller,
    Json(Wanted { memory_id }): Json<Wanted>,
) -> Result<Json<Proof>, ApiError> {
    let started = Instant::now();
    let memory = here.visible(&caller, &memory_id).await?;
    let leaves = here.app.store.leaves(&memory.owner).await?;
    let hashes: Vec<Hash> = leaves.iter().map(|(_, leaf)| *leaf).collect();
    let root = hex(&merkle::root(&hashes));
    let key = format!("proof:{root}:{memory_id}");
    let kept = here.cache.get(&here.app, &key).await;
    let kept = kept.and_then(|text| serde_json::from_str(&text).ok());
    let proof = if let Some(proof) = kept {
        proof
    } else {
        let proof = make(&memory_id, &leaves, &hashes, root).ok_or_else(|| {
            here.failed();
            ApiError::new(StatusCode::CONFLICT, "the memory has just gone")
        })?;
        if let Ok(text) = serde_json::to_string(&proof) {
            here.cache.put(&here.app, &key, text).await;
        }
        proof
    };
    here.app.metrics.count(super::GENERATED, &[], 1);
    here.proof_took("generate", started);
    Ok(Json(proof))
}

fn make(id: &str, leaves: &[(String, Hash)], hashes: &[Hash], root: String) -> Option<Proof> {
    let index = leaves.iter().position(|(leaf, _)| leaf == id)?;
    let path = merkle::path(index, hashes)?;
    Some(Proof {
        hash: hex(&hashes[index]),
        index: index as u64,
        size: hashes.len() as u64,
        path: path.iter().map(|hash| hex(hash)).collect(),
        root,
    })
}

/// `POST /api/proof/verify`: whether it holds. Nothing of the store is asked.
pub(crate) async fn verify(
    State(here): State<WhisperCache>,
    Json(proof): Json<Proof>,
) -> Result<Json<Value>, ApiError> {
    let started = Instant::now();
    let Some((leaf, path, root)) = decode(&proof) else {
        here.failed();
        return Err(ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "hash, root and path are SHA-256 in hex",
        ));
    };
    let valid = merkle::verify(&leaf, proof.index, proof.size, &path, &root);
    if valid {
        here.app.metrics.count(super::VERIFIED, &[], 1);
    } else {
        here.failed();
    }
    here.proof_took("verify", started);
    Ok(Json(json!({"valid": valid, "root": proof.root})))
}

fn decode(proof: &Proof) -> Option<(Hash, Vec<Hash>, Hash)> {
    let hash = |text: &String| unhex(text)?.try_into().ok();
    if proof.path.len() > MAX_PATH {
        return None;
    }
    let path = proof.path.iter().map(hash).collect::<Option<_>>()?;
    Some((hash(&proof.hash)?, path, hash(&proof.root)?))
}
