//! Every path: what it answers, and what it refuses.

use serde_json::json;

use crate::http::percent;
use crate::shell::Server;

const CONFIG: &str = "
route:
  receiver: ops
  group_by: [alertname]
  routes: [{receiver: db, matchers: [team=db]}]
inhibit_rules: [{source_matchers: [severity=critical], target_matchers: [severity=warning], equal: [job]}]
receivers:
- {name: ops, webhook_configs: [{url: 'http://ops/s3cret'}]}
- {name: db}
";

const ALERTS: &str = r#"[
 {"labels": {"alertname": "Down", "job": "a", "severity": "critical", "empty": ""},
  "annotations": {"summary": "it is down"}, "generatorURL": "http://p/g",
  "startsAt": "2026-11-01T10:00:00+01:00", "endsAt": "2036-11-01T00:00:00Z"},
 {"labels": {"alertname": "Slow", "job": "a", "severity": "warning"}, "startsAt": "0001-01-01T00:00:00Z"},
 {"labels": {"alertname": "Full", "team": "db"}}
]"#;

fn server() -> Server {
    let server = Server::start(CONFIG);
    let answer = server.send("POST", "/api/v2/alerts", ALERTS);
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    server
}

fn names(server: &Server, query: &str) -> Vec<String> {
    let answer = server.send("GET", &format!("/api/v2/alerts?{query}"), "");
    assert_eq!(answer.status, 200, "{query}: {answer:?}");
    let json = answer.json();
    let name =
        |alert: &serde_json::Value| alert["labels"]["alertname"].as_str().unwrap().to_owned();
    let mut names: Vec<String> = json.as_array().unwrap().iter().map(name).collect();
    names.sort();
    names
}

#[test]
fn an_alert_is_shown_as_alertmanager_shows_it() {
    let server = server();
    let filter = percent("alertname=Down");
    let mut alert = server
        .send("GET", &format!("/api/v2/alerts?filter={filter}"), "")
        .json()[0]
        .take();
    let updated = alert["updatedAt"].take();
    assert!(updated.as_str().unwrap().ends_with('Z'));
    assert_eq!(
        alert,
        json!({
            "annotations": {"summary": "it is down"},
            "endsAt": "2036-11-01T00:00:00.000Z",
            // As Prometheus's `model.LabelSet` hashes {alertname="Down", job="a", severity="critical"}.
            "fingerprint": alert["fingerprint"],
            "generatorURL": "http://p/g",
            "labels": {"alertname": "Down", "job": "a", "severity": "critical"},
            "receivers": [{"name": "ops"}],
            "startsAt": "2026-11-01T09:00:00.000Z",
            "status": {"inhibitedBy": [], "mutedBy": [], "silencedBy": [], "state": "active"},
            "updatedAt": null,
        })
    );
    assert_eq!(alert["fingerprint"].as_str().unwrap().len(), 16);
}

#[test]
fn alerts_are_filtered() {
    let server = server();
    for (query, is) in [
        ("", vec!["Down", "Full", "Slow"]),
        ("inhibited=false", vec!["Down", "Full"]),
        ("active=false", vec!["Slow"]),
        ("receiver=d.", vec!["Full"]),
        ("receiver=d", vec![]),
        (
            &format!("filter={}", percent("severity!=critical")),
            vec!["Full", "Slow"],
        ),
        (
            &format!(
                "filter={}&filter={}",
                percent("job=a"),
                percent("severity=~\"w.*\"")
            ),
            vec!["Slow"],
        ),
    ] {
        assert_eq!(names(&server, query), is, "{query}");
    }
    for query in ["filter=job", "receiver=(", "active=maybe"] {
        let answer = server.send("GET", &format!("/api/v2/alerts?{query}"), "");
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.json().is_string(), "{answer:?}");
    }
    let groups = server
        .send("GET", "/api/v2/alerts/groups?inhibited=false", "")
        .json();
    let shown: Vec<_> = groups
        .as_array()
        .unwrap()
        .iter()
        .map(|group| {
            (
                group["receiver"]["name"].clone(),
                group["labels"].clone(),
                group["alerts"].as_array().unwrap().len(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            (json!("ops"), json!({"alertname": "Down"}), 1),
            (json!("db"), json!({"alertname": "Full"}), 1),
        ]
    );
}

#[test]
fn what_is_no_alert_is_refused_and_the_rest_taken() {
    let server = server();
    for body in [
        "",
        "{}",
        "[{}]",
        r#"[{"labels": {"a": 1}}]"#,
        r#"[{"labels": {"a": "b"}, "startsAt": "x"}]"#,
        r#"[{"labels": {"": "b"}}]"#,
    ] {
        assert_eq!(
            server.send("POST", "/api/v2/alerts", body).status,
            400,
            "{body}"
        );
    }
    let mixed = r#"[{"labels": {"a": ""}}, {"labels": {"alertname": "New"}}]"#;
    let answer = server.send("POST", "/api/v2/alerts", mixed);
    assert_eq!(
        (answer.status, answer.json()),
        (400, json!("an alert has at least one label"))
    );
    assert_eq!(names(&server, "filter=alertname%3DNew"), ["New"]);
}

#[test]
fn silences_are_set_changed_and_ended() {
    let server = server();
    let body = |id: &str, value: &str| {
        json!({
            "id": id, "matchers": [{"name": "job", "value": value, "isRegex": false}],
            "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2036-01-01T00:00:00Z",
            "createdBy": "ann", "comment": "work",
        })
        .to_string()
    };
    let set = server.send("POST", "/api/v2/silences", &body("", "a"));
    assert_eq!(set.status, 200, "{set:?}");
    let id = set.json()["silenceID"].as_str().unwrap().to_owned();
    assert_eq!(names(&server, "silenced=false"), ["Full"]);
    let shown = server
        .send("GET", &format!("/api/v2/silence/{id}"), "")
        .json();
    assert_eq!(shown["status"], json!({"state": "active"}));
    assert_eq!(
        shown["matchers"],
        json!([{"name": "job", "value": "a", "isRegex": false, "isEqual": true}])
    );
    assert_eq!(shown["id"], json!(id));
    let found = |filter: &str| {
        let path = format!("/api/v2/silences?filter={}", percent(filter));
        server
            .send("GET", &path, "")
            .json()
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!((found("job=a"), found("job!=a"), found("job=b")), (1, 0, 0));
    assert_eq!(
        server
            .send("DELETE", &format!("/api/v2/silence/{id}"), "")
            .status,
        200
    );
    assert_eq!(names(&server, "silenced=false"), ["Down", "Full", "Slow"]);
    let unknown = "/api/v2/silence/0199d7b4-0000-7000-8000-000000000000";
    assert_eq!(server.send("GET", unknown, "").status, 404);
    assert_eq!(server.send("DELETE", unknown, "").status, 404);
    assert_eq!(
        server
            .send("POST", "/api/v2/silences", &body("none", "a"))
            .status,
        404
    );
    assert_eq!(
        server
            .send("POST", "/api/v2/silences", &body("", ""))
            .status,
        400
    );
    assert_eq!(server.send("POST", "/api/v2/silences", "{}").status, 400);
}

#[test]
fn status_receivers_health_and_metrics() {
    let server = server();
    let status = server.send("GET", "/api/v2/status", "").json();
    assert_eq!(status["versionInfo"]["version"], "0.25.0");
    assert_eq!(status["cluster"]["status"], "disabled");
    let original = status["config"]["original"].as_str().unwrap();
    assert!(
        original.contains("http://ops/<secret>") && !original.contains("s3cret"),
        "{original}"
    );
    let receivers = server.send("GET", "/api/v2/receivers", "").json();
    assert_eq!(receivers, json!([{"name": "ops"}, {"name": "db"}]));
    for path in ["/-/healthy", "/-/ready"] {
        assert_eq!(server.send("GET", path, "").body, "OK");
    }
    let reload = server.send("POST", "/-/reload", "");
    assert_eq!(
        (reload.status, reload.body.as_str()),
        (500, "failed to reload config: it stands in the test\n")
    );
    assert_eq!(server.send("GET", "/api/v1/alerts", "").status, 404);
    let metrics = server.send("GET", "/metrics", "").body;
    for line in [
        "alertmanager_alerts{state=\"active\"} 2",
        "alertmanager_alerts{state=\"suppressed\"} 1",
        "alertmanager_alerts_received_total{status=\"firing\",version=\"v2\"} 3",
        "alertmanager_notifications_total{integration=\"webhook\"} ",
        "alertmanager_dispatcher_aggregation_groups 3",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
}

#[test]
fn a_body_that_is_too_long_is_refused() {
    let server = server();
    let body = " ".repeat(mainstay_alertmanager::LIMIT_BODY_BYTES + 1);
    let answer = crate::http::send(server.port, "POST", "/alertmanager/api/v2/alerts", &body);
    // It may close before all was sent.
    assert!(answer.map_or(true, |answer| answer.status == 413));
}
