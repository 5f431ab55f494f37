//! Documents go in; questions find the passages that hold their words.

use super::harness::{Postgres, Request, Service};
use serde_json::json;

const POLICY: &str =
    "Backups run at night.\n\nBackups are kept for thirty days.\n\nNobody reads this.";

fn add(service: &Service, title: &str, content: &str) -> String {
    let body = json!({"title": title, "content": content});
    let answer = service.post("/api/documents", &body);
    answer["id"].as_str().unwrap().to_owned()
}

fn ask(service: &Service, query: &str) -> serde_json::Value {
    service.post("/api/query", &json!({"query": query}))
}

/// Takes in, finds, removes.
fn story(service: &mut Service) {
    let policy = add(service, "Backup policy", POLICY);
    add(service, "Canteen", "Soup is kept warm until two.");
    let answer = ask(service, "How long are backups kept?");
    assert_eq!(answer["response"], "Backups are kept for thirty days.");
    assert_eq!(answer["passages"][0]["title"], "Backup policy");
    assert_eq!(answer["passages"].as_array().unwrap().len(), 2);
    assert_eq!(answer["model"], json!(null));
    let received = service.logged("Query received");
    let processed = service.logged("Query processed successfully");
    assert_eq!(received["query_id"], answer["query_id"]);
    assert_eq!(processed["query_id"], answer["query_id"]);
    assert!(received["query_length"] == 26 && received["user_id"] == "anonymous");
    assert!(processed["processing_time"].is_number(), "{processed}");
    let removed = Request::new("DELETE", &format!("/api/documents/{policy}"), &[]);
    assert_eq!(removed.send(service.address()).status, 204);
    assert_eq!(
        ask(service, "How long are backups?")["response"],
        json!(null)
    );
    assert_eq!(service.metric("rag_documents"), 1);
}

fn start(more: &[(&str, &str)]) -> Service {
    Service::start(&[&[("SAMPLE_PROFILE", "rag-admin")], more].concat())
}

#[test]
fn a_question_finds_its_passage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rag.db");
    story(&mut start(&[("DATABASE_PATH", path.to_str().unwrap())]));
}

#[test]
fn a_question_finds_its_passage_on_postgresql() {
    let test = "a_question_finds_its_passage_on_postgresql";
    let Some(mut postgres) = Postgres::start(test) else {
        return;
    };
    let mut service = start(&[("DATABASE_URL", &postgres.url())]);
    story(&mut service);
    postgres.kill();
    let question = Request::json("/api/query", &json!({"query": "soup"}));
    assert_eq!(question.send(service.address()).status, 503);
    let line = service.logged("Query processing failed");
    assert!(
        line["level"] == "ERROR" && line["error"].is_string(),
        "{line}"
    );
}

#[test]
fn what_is_no_document_and_no_question_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rag.db");
    let service = start(&[("DATABASE_PATH", path.to_str().unwrap())]);
    for (path, body) in [
        ("/api/documents", json!({"title": "", "content": "words"})),
        (
            "/api/documents",
            json!({"title": "empty", "content": "of the"}),
        ),
        (
            "/api/documents",
            json!({"title": "x", "content": "a".repeat(300_000)}),
        ),
        ("/api/query", json!({"query": "what is it"})),
    ] {
        let answer = Request::json(path, &body).send(service.address());
        assert_eq!(answer.status, 422, "{path}: {}", answer.text());
    }
}

#[test]
fn the_vector_store_is_asked_and_can_be_missed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rag.db");
    let store = Service::start_as(&["stand-in", "vector-store"], &[]);
    assert_eq!(store.json("/health")["real"], false);
    let url = store.url("http", "");
    let service = start(&[
        ("DATABASE_PATH", path.to_str().unwrap()),
        ("VECTOR_STORE_URL", &url),
    ]);
    let check = |health: &serde_json::Value| health["checks"]["vector_store"]["detail"].clone();
    assert_eq!(check(&service.json("/health")), "answers");
    store.kill();
    let health = service.json("/health");
    assert_eq!(health["status"], "degraded", "{health}");
}
