//! What each stack is for, done for the n-th time, with a look at what was done before.

use super::Client;
use crate::first_run::recording;
use serde_json::json;

/// Talks to the bot, and asks its gateway whether it was ever there twice.
pub(super) fn whisperengine(client: &Client<'_>, round: usize) {
    let say = |content: String| {
        let said = json!({"user": "ann", "content": content});
        client.post("/discord/say?wait=20s", &said)["answers"].clone()
    };
    assert_eq!(say(format!("!remember day {round}")), json!(["remembered"]));
    let all: Vec<String> = (1..=round).rev().map(|n| format!("day {n}")).collect();
    let newest = all[..all.len().min(3)].join("\n");
    assert_eq!(say("!recall day".to_owned()), json!([newest]));
    let tally = client.get("/discord/status").json();
    let most = &tally["most_connected"];
    assert_eq!(most, 1, "the bot was there twice: {tally}");
    assert_eq!(tally["answered_twice"], 0, "{tally}");
}

/// Has a recording measured.
pub(super) fn whisper_transcriber(client: &Client<'_>, round: usize) {
    let job = client.post_bytes("/jobs?wait=30s", &recording());
    assert_eq!(job["state"], "done", "{job}");
    assert_eq!(job["result"]["segments"].as_array().map(Vec::len), Some(1));
    let jobs = client.get("/jobs").json();
    assert_eq!(jobs["jobs"].as_array().map(Vec::len), Some(round), "{jobs}");
}

/// Stores a memory and has it proven.
pub(super) fn whispercache(client: &Client<'_>, round: usize) {
    let memory = json!({"content": format!("day {round}")});
    let memory = client.post("/api/memory", &memory);
    let wanted = json!({"memory_id": memory["id"]});
    let proof = client.post("/api/proof/generate", &wanted);
    assert_eq!(proof["size"], round, "{proof}");
    assert_eq!(client.post("/api/proof/verify", &proof)["valid"], true);
    let page = client.get("/");
    assert!(page.body.contains("fetch(\"/api/memory\""), "{page:?}");
    let metrics = client.get("/metrics").body;
    assert!(metrics.contains("whispercache_requests_total"), "{metrics}");
}

/// Calls, and is answered by the service behind.
pub(super) fn deep_echo(client: &Client<'_>, round: usize) {
    let text = format!("call number {round}");
    let echo = client.post("/api/echo", &json!({"text": text}));
    assert_eq!(echo["layers"][0], text);
    let by = echo["by"].as_str().unwrap();
    assert!(by.contains("cognitive-service"), "{echo}");
    let history = client.get("/api/history").json();
    assert_eq!(history["echoes"].as_array().map(Vec::len), Some(round));
}

/// Takes a document in and asks for it.
pub(super) fn rag_admin(client: &Client<'_>, round: usize) {
    let content = format!("Backups of day {round} are kept for thirty days.");
    let document = json!({"title": format!("day {round}"), "content": content});
    client.post("/api/documents", &document);
    let question = json!({"query": format!("what of day {round}?")});
    let answer = client.post("/api/query", &question);
    assert_eq!(answer["response"], content, "{answer}");
    let all = client.get("/api/documents").json();
    assert_eq!(all["documents"].as_array().map(Vec::len), Some(round));
    let page = client.get("/");
    assert!(page.body.contains("fetch(\"/api/query\""), "{page:?}");
}
