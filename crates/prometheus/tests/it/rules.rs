//! Rules, alerts and Alertmanagers: what is shown of which.

use std::path::Path;
use std::sync::Arc;

use mainstay_prometheus::{Options, RuleGroup};
use mainstay_rules::{Group, RuleFile, Settings, Watch};
use serde_json::{Value as Json, json};

use crate::server::Server;

/// The groups of a file, evaluated at these times over the test's data.
pub(crate) fn evaluated(path: &Path, server: &Server, times: &[i64]) -> Vec<RuleGroup> {
    let text = std::fs::read_to_string(path).unwrap();
    let (file, problems) = RuleFile::read(&text, path, "rules.yml");
    assert!(!problems.has_errors(), "{problems}");
    let settings = Arc::new(Settings::default());
    let groups = file.groups.iter().map(|spec| {
        let mut group = Group::new(&file.name, spec, &settings);
        for at_ms in times {
            let _ = group.evaluate(&*server.parts, *at_ms, &Watch::default());
        }
        RuleGroup::from(&group)
    });
    groups.collect()
}

const RULES: &str = "
groups:
- name: b
  interval: 30s
  rules:
  - {record: two, expr: vector(2), labels: {team: a}}
  - {alert: Two, expr: vector(2), labels: {team: b}, annotations: {x: '{{ $value }}'}}
- name: a
  rules:
  - {alert: One, expr: vector(0.5), for: 1h}
- name: c
  rules:
  - {record: three, expr: vector(3)}
";

fn server() -> Server {
    let server = Server::with(Options::default(), |_| {});
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rules.yml");
    std::fs::write(&path, RULES).unwrap();
    let mut groups = evaluated(&path, &server, &[1_700_000_000_000, 1_700_000_060_000]);
    for group in &mut groups {
        "rules.yml".clone_into(&mut group.file);
    }
    *server.parts.groups.write().unwrap() = groups;
    server
}

/// The names of groups and their rules: `a[One] b[two Two]`.
fn names(answer: &Json) -> String {
    let text = |json: &Json| json["name"].as_str().unwrap().to_owned();
    let groups = answer["data"]["groups"].as_array().unwrap().iter();
    let shown = groups.map(|group| {
        let rules = group["rules"].as_array().unwrap().iter();
        let rules: Vec<_> = rules.map(text).collect();
        format!("{}[{}]", text(group), rules.join(" "))
    });
    shown.collect::<Vec<_>>().join(" ")
}

#[test]
fn rules_are_shown_by_what_is_asked_for() {
    let server = server();
    for (query, shown) in [
        ("", "a[One] b[two Two] c[three]"),
        ("type=alert", "a[One] b[Two]"),
        ("type=record", "b[two] c[three]"),
        ("rule_name[]=One&rule_name[]=three", "a[One] c[three]"),
        ("rule_group[]=b", "b[two Two]"),
        ("rule_group[]=b&type=record", "b[two]"),
        ("file[]=rules.yml", "a[One] b[two Two] c[three]"),
        ("file[]=other.yml", ""),
        ("match[]=%7Bteam=%22a%22%7D", "b[two]"),
        (
            "match[]=%7Bteam=%22a%22%7D&match[]=%7Bteam=%22b%22%7D",
            "b[two Two]",
        ),
        ("match[]=%7Bteam=%22a%22,x=%22y%22%7D", ""),
        ("group_limit=5", "a[One] b[two Two] c[three]"),
    ] {
        let answer = server.client.get(&format!("/api/v1/rules?{query}"));
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        assert_eq!(names(&answer.json()), shown, "{query}");
    }
}

#[test]
fn groups_come_in_pages() {
    let server = server();
    let mut pages = Vec::new();
    let mut token = String::new();
    loop {
        let next = if token.is_empty() {
            ""
        } else {
            "&group_next_token="
        };
        let path = format!("/api/v1/rules?group_limit=1{next}{token}");
        let answer = server.client.get(&path).json();
        pages.push(names(&answer));
        match answer["data"]["groupNextToken"].as_str() {
            Some(found) => token = found.to_owned(),
            None => break,
        }
    }
    assert_eq!(pages, ["a[One]", "b[two Two]", "c[three]"]);
}

#[test]
fn what_is_wrong_with_a_request_is_said() {
    let server = server();
    for (query, error) in [
        (
            "type=x",
            r#"invalid parameter "type": not supported value "x""#,
        ),
        (
            "group_next_token=x",
            r#"invalid parameter "group_next_token": group_limit needs to be present in order to paginate over the groups"#,
        ),
        (
            "group_limit=1&group_next_token=x",
            r#"invalid parameter "group_next_token": invalid group_next_token 'x'. were rule groups changed?"#,
        ),
        (
            "group_limit=0",
            r#"invalid parameter "group_limit": group_limit needs to be greater than 0"#,
        ),
        (
            "group_limit=x",
            r#"invalid parameter "group_limit": group_limit needs to be a valid number: strconv.ParseInt: parsing "x": invalid syntax"#,
        ),
        (
            "exclude_alerts=x",
            r#"invalid parameter "exclude_alerts": error converting exclude_alerts: strconv.ParseBool: parsing "x": invalid syntax"#,
        ),
        (
            "match[]={}",
            "match[] must contain at least one non-empty matcher",
        ),
    ] {
        let answer = server.client.get(&format!("/api/v1/rules?{query}"));
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
        assert_eq!(answer.json()["error"], error);
    }
}

#[test]
fn everything_is_said_of_a_rule_and_its_alerts() {
    let server = server();
    let answer = server.client.get("/api/v1/rules?rule_name[]=Two").json();
    let alert = json!({
        "labels": {"alertname": "Two", "team": "b"},
        "annotations": {"x": "2"},
        "state": "firing",
        "activeAt": "2023-11-14T22:13:20Z",
        "value": "2e+00",
    });
    let rule = json!({
        "state": "firing",
        "name": "Two",
        "query": "vector(2)",
        "duration": 0,
        "keepFiringFor": 0,
        "labels": {"team": "b"},
        "annotations": {"x": "{{ $value }}"},
        "alerts": [alert],
        "health": "ok",
        "evaluationTime": 0,
        "lastEvaluation": "2023-11-14T22:14:20Z",
        "type": "alerting",
    });
    let group = json!({
        "name": "b",
        "file": "rules.yml",
        "rules": [rule],
        "interval": 30,
        "limit": 0,
        "evaluationTime": 0,
        "lastEvaluation": "2023-11-14T22:14:20Z",
    });
    assert_eq!(answer["data"], json!({"groups": [group]}));
    let without = server
        .client
        .get("/api/v1/rules?rule_name[]=Two&exclude_alerts=true")
        .json();
    assert_eq!(
        without["data"]["groups"][0]["rules"][0]["alerts"],
        Json::Null
    );
    let alerts = server.client.get("/api/v1/alerts").json();
    assert_eq!(alerts["data"]["alerts"][0]["labels"]["alertname"], "One");
    assert_eq!(alerts["data"]["alerts"][0]["value"], "5e-01");
    assert_eq!(alerts["data"]["alerts"][1], alert);
}

#[test]
fn alertmanagers_are_addresses() {
    let server = server();
    let address = "http://a:9093/api/v2/alerts".to_owned();
    server
        .parts
        .alertmanagers
        .write()
        .unwrap()
        .push(address.clone());
    let answer = server.client.get("/api/v1/alertmanagers").json();
    assert_eq!(
        answer["data"],
        json!({"activeAlertmanagers": [{"url": address}], "droppedAlertmanagers": []})
    );
}
