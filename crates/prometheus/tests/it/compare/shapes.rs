//! Answers whose values cannot be equal: that ours have every field of a real Prometheus's, of the
//! same kind of JSON.

use serde_json::{Value as Json, json};

use crate::parts::exemplar;
use crate::peer::{Prometheus, wait_for};
use crate::server::Server;
use mainstay_prometheus::MetricMetadata;

/// What is missing or of another kind, by its path.
fn missing(path: &str, ours: &Json, theirs: &Json, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Json::Object(ours), Json::Object(theirs)) => {
            for (key, value) in theirs {
                let path = format!("{path}.{key}");
                match ours.get(key) {
                    Some(own) => missing(&path, own, value, found),
                    None => found.push(format!("{path} is not there")),
                }
            }
        }
        (Json::Array(ours), Json::Array(theirs)) => {
            if let (Some(ours), Some(theirs)) = (ours.first(), theirs.first()) {
                missing(&format!("{path}[0]"), ours, theirs, found);
            }
        }
        _ => {
            let same = std::mem::discriminant(ours) == std::mem::discriminant(theirs);
            if !same {
                found.push(format!("{path} is {ours}, not like {theirs}"));
            }
        }
    }
}

#[test]
fn what_is_missing_or_of_another_kind_is_found() {
    let theirs = json!({"a": {"b": [{"c": 1, "d": "x"}]}, "e": null});
    let mut found = Vec::new();
    missing("", &theirs, &theirs, &mut found);
    assert!(found.is_empty());
    missing("", &json!({"a": {"b": [{"c": "1"}]}}), &theirs, &mut found);
    assert_eq!(
        found,
        [
            ".a.b[0].c is \"1\", not like 1",
            ".a.b[0].d is not there",
            ".e is not there",
        ]
    );
}

#[test]
fn status_and_targets_have_every_field() {
    let test = "status_and_targets_have_every_field";
    let server = Server::start();
    let configuration = format!(
        "scrape_configs:
- job_name: a
  scrape_interval: 1s
  metrics_path: /prometheus/-/healthy
  static_configs: [{{targets: ['127.0.0.1:{0}']}}]
- job_name: b
  static_configs: [{{targets: ['127.0.0.1:{0}']}}]
  relabel_configs: [{{source_labels: [job], regex: b, action: drop}}]
",
        server.client.port
    );
    let Some(prometheus) = Prometheus::start(test, &configuration) else {
        return;
    };
    wait_for("first scrape", || {
        let targets = prometheus.client.get("/api/v1/targets").json();
        let health = &targets["data"]["activeTargets"][0]["health"];
        (*health == "down").then_some(())
    });
    server
        .parts
        .metadata
        .write()
        .unwrap()
        .push(MetricMetadata::default());
    server.parts.exemplars.write().unwrap().push(exemplar(1));
    let mut found = Vec::new();
    for path in [
        "targets",
        "targets?state=active",
        "targets?state=dropped",
        "targets/metadata",
        "metadata",
        "status/config",
        "status/runtimeinfo",
        "status/buildinfo",
        "status/tsdb",
        "status/walreplay",
        "status/flags",
        "query?query=up&stats=all",
    ] {
        let path = format!("/api/v1/{path}");
        let [ours, theirs] = [&server.client, &prometheus.client].map(|client| client.get(&path));
        assert_eq!((ours.status, theirs.status), (200, 200), "{path}");
        let (ours, mut theirs) = (ours.json(), theirs.json());
        if path.ends_with("flags") {
            // Which flags there are is each server's own.
            theirs["data"]
                .as_object_mut()
                .unwrap()
                .retain(|name, _| name == "query.timeout");
        }
        if path.ends_with("active") || path.ends_with("targets") {
            // Labels, likewise.
            theirs["data"]["activeTargets"][0]["discoveredLabels"] = json!({});
        }
        if !path.ends_with("active") && path.contains("targets?") || path.ends_with("/targets") {
            theirs["data"]["droppedTargets"][0]["discoveredLabels"] = json!({});
        }
        missing(&path, &ours, &theirs, &mut found);
    }
    assert!(found.is_empty(), "{found:#?}");
}
