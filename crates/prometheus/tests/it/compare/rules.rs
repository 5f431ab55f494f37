//! The same rule file in both, evaluated: the same rules and alerts, but for the times.

use serde_json::Value as Json;

use crate::peer::{Prometheus, wait_for};
use crate::rules::evaluated;
use crate::server::Server;

/// Numbers are written without exponents only since Prometheus 3: there is none from a million on.
const RULES: &str = r#"
groups:
- name: records
  interval: 1s
  limit: 3
  rules:
  - record: one
    expr: vector(1)
    labels: {team: a}
  - record: job:sum
    expr: sum  by(job)   (label_replace(one, "job", "web", "", "") * 2)
  - record: twice
    expr: label_replace(vector(1), "a", "b", "", "") or vector(2)
    labels: {a: c}
  - record: many
    expr: label_replace(vector(1), "a", "1", "", "") or label_replace(vector(1), "a", "2", "", "") or label_replace(vector(1), "a", "3", "", "") or vector(1)
- name: alerts
  interval: 1s
  rules:
  - alert: Fires
    expr: label_replace(vector(1.5), "job", "web", "", "") > 1
    labels: {severity: page, note: '{{ $labels.job }}!'}
    annotations: {summary: '{{ $labels.job }} is {{ humanize $value }} <&>', empty: ''}
  - alert: Waits
    expr: vector(1e5) * vector(1e5)
    for: 1h
    keep_firing_for: 10m
  - alert: Rests
    expr: vector(1) > 2
    annotations: {summary: nothing}
  - alert: Fails
    expr: label_replace(vector(1), "a", "1", "", "") or vector(2)
    labels: {a: x}
  - alert: Huge
    expr: vector(-Inf)
"#;

/// Times and durations are never the same; a rule that records has no empty labels in 2.42.
fn without_times(json: &mut Json) {
    match json {
        Json::Object(fields) => {
            if fields.get("type").is_some_and(|kind| kind == "recording") {
                fields.retain(|name, value| {
                    name != "labels" || value.as_object().is_some_and(|labels| !labels.is_empty())
                });
            }
            for (name, value) in fields {
                match name.as_str() {
                    "lastEvaluation" | "activeAt" => {
                        let text = value.as_str().unwrap_or_default();
                        assert!(text.parse::<jiff::Timestamp>().is_ok(), "{name}: {text}");
                        assert!(!text.starts_with("0001"), "{name}: {text}");
                        *value = Json::Null;
                    }
                    "evaluationTime" => {
                        assert!(value.is_number(), "{name}: {value}");
                        *value = Json::Null;
                    }
                    _ => without_times(value),
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(without_times),
        _ => {}
    }
}

/// 2.42 lists alerts in the order of a hash table, and groups without rules, which 3 leaves out.
fn in_order(json: &mut Json) {
    if let Some(groups) = json["data"]["groups"].as_array_mut() {
        groups.retain(|group| group["rules"] != Json::Array(Vec::new()));
    }
    if let Some(alerts) = json["data"]["alerts"].as_array_mut() {
        alerts.sort_by_key(|alert| alert["labels"].to_string());
    }
}

#[test]
fn rules_are_shown_as_prometheus_shows_them() {
    let test = "rules_are_shown_as_prometheus_shows_them";
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rules.yml");
    std::fs::write(&path, RULES).unwrap();
    let configuration = format!("rule_files: ['{}']\n", path.display());
    let Some(prometheus) = Prometheus::start(test, &configuration) else {
        return;
    };
    let path = path.as_path();
    wait_for("evaluated rules", || {
        let answer = prometheus.client.get("/api/v1/rules").json();
        let groups = answer["data"]["groups"].as_array()?;
        let rules = groups.iter().filter_map(|group| group["rules"].as_array());
        let mut rules = rules.flatten();
        rules.all(|rule| rule["health"] != "unknown").then_some(())
    });
    let server = Server::start();
    let now = jiff::Timestamp::now().as_millisecond();
    *server.parts.groups.write().unwrap() = evaluated(path, &server, &[now - 1000, now]);
    for path in [
        "/api/v1/rules",
        "/api/v1/rules?type=alert",
        "/api/v1/rules?type=record",
        "/api/v1/alerts",
    ] {
        let [mut ours, mut theirs] =
            [&server.client, &prometheus.client].map(|client| client.get(path).json());
        for json in [&mut ours, &mut theirs] {
            without_times(json);
            in_order(json);
        }
        let pretty = |json: &Json| serde_json::to_string_pretty(json).unwrap();
        let (ours, theirs) = (pretty(&ours), pretty(&theirs));
        let lines = ours.lines().zip(theirs.lines());
        // Of one that is missing everything after it differs.
        let mut differ = lines.filter(|(ours, theirs)| ours != theirs);
        let differ = differ.next();
        assert!(ours == theirs, "{path}: {differ:#?}\n{ours}\n{theirs}");
    }
}
