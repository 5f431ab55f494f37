//! The same alerts, silences and questions to a real Alertmanager and here: the same answers, and the same
//! notifications.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::http::{percent, send, wait_for};
use crate::peer::program;
use crate::shell::Server;

/// A real Alertmanager in a room of its own; it ends with the test.
struct Alertmanager {
    child: Child,
    port: u16,
    _room: tempfile::TempDir,
}

impl Alertmanager {
    fn start(test: &str, config: &str) -> Option<Self> {
        let program = program("prometheus-alertmanager", test)?;
        let room = tempfile::tempdir().unwrap();
        let file = room.path().join("a.yml");
        std::fs::write(&file, config).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let child = Command::new(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.path={}",
                room.path().join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--cluster.listen-address=", "--log.level=error"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Self {
            child,
            port,
            _room: room,
        };
        wait_for("ready Alertmanager", || {
            let ready = send(port, "GET", "/-/ready", "");
            ready.ok().filter(|answer| answer.status == 200)
        });
        Some(started)
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Takes webhooks.
struct Sink {
    port: u16,
    taken: Arc<Mutex<Vec<Value>>>,
}

impl Sink {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&taken);
        // It ends with the process; a test's sink costs a thread.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Some(body) = take(stream) {
                    kept.lock().unwrap().push(body);
                }
            }
        });
        Self { port, taken }
    }
}

/// One request for each connection.
fn take(stream: TcpStream) -> Option<Value> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    reader.get_mut().write_all(answer).ok()?;
    serde_json::from_slice(&body).ok()
}

fn config(port: u16) -> String {
    format!(
        "route:
  receiver: ops
  group_by: [alertname]
  group_wait: 300ms
  group_interval: 1s
  routes:
  - {{receiver: db, matchers: [team=~\"db|sql\"], group_by: ['...'], continue: true}}
  - {{receiver: all, match: {{team: db}}, group_by: [team, job]}}
inhibit_rules: [{{source_matchers: [severity=critical], target_matchers: [severity=warning], equal: [job]}}]
receivers:
- {{name: ops, webhook_configs: [{{url: 'http://127.0.0.1:{port}/'}}]}}
- {{name: db, webhook_configs: [{{url: 'http://127.0.0.1:{port}/'}}]}}
- {{name: all, webhook_configs: [{{url: 'http://127.0.0.1:{port}/'}}]}}
"
    )
}

const ALERTS: &str = r#"[
 {"labels": {"alertname": "Down", "job": "a", "severity": "critical"}, "annotations": {"summary": "s", "empty": ""},
  "startsAt": "2026-11-01T10:00:00.5Z", "endsAt": "2036-11-01T00:00:00Z", "generatorURL": "http://p/g?a=1"},
 {"labels": {"alertname": "Down", "job": "b"}, "startsAt": "2026-11-01T10:00:00Z", "endsAt": "2036-11-01T00:00:00Z"},
 {"labels": {"alertname": "Slow", "job": "a", "severity": "warning"}, "startsAt": "2026-11-01T10:00:00Z", "endsAt": "2036-11-01T00:00:00Z"},
 {"labels": {"alertname": "Full", "team": "db", "instance": "ä\"\\\nx"}, "startsAt": "2026-11-01T10:00:00Z", "endsAt": "2036-11-01T00:00:00Z"},
 {"labels": {"alertname": "Quiet", "job": "silenced"}, "startsAt": "2026-11-01T10:00:00Z", "endsAt": "2036-11-01T00:00:00Z"}
]"#;

/// What may differ: times of the answer itself, ids, and what only newer versions say.
fn stripped(mut value: Value, id: &str) -> Value {
    let mut stack = vec![&mut value];
    while let Some(value) = stack.pop() {
        match value {
            Value::Object(map) => {
                map.remove("updatedAt");
                map.remove("mutedBy");
                stack.extend(map.values_mut());
            }
            Value::Array(items) => stack.extend(items),
            Value::String(text) if text == id => "the silence".clone_into(text),
            _ => {}
        }
    }
    value
}

/// Sorted, since neither promises an order of equal ones.
fn sorted(value: Value) -> Vec<String> {
    let Value::Array(items) = value else {
        panic!("{value}")
    };
    let mut items: Vec<String> = items.iter().map(ToString::to_string).collect();
    items.sort();
    items
}

#[test]
fn answers_and_notifications_are_those_of_alertmanager() {
    let test = "answers_and_notifications_are_those_of_alertmanager";
    let sink = Sink::start();
    let config = config(sink.port);
    let Some(theirs) = Alertmanager::start(test, &config) else {
        return;
    };
    let ours = Server::start(&config);
    let both = |method: &str, path: &str, body: &str| {
        let their = send(theirs.port, method, path, body).unwrap();
        let our = ours.send(method, path, body);
        assert_eq!(our.status, their.status, "{path}: {our:?} {their:?}");
        (our, their)
    };
    let silence = json!({
        "matchers": [{"name": "job", "value": "silenced|x", "isRegex": true, "isEqual": true}],
        "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2036-01-01T00:00:00Z", "createdBy": "ann", "comment": "c",
    });
    let (our, their) = both("POST", "/api/v2/silences", &silence.to_string());
    let id = |answer: &crate::http::Answer| answer.json()["silenceID"].as_str().unwrap().to_owned();
    let (our_id, their_id) = (id(&our), id(&their));
    // The critical one first: Alertmanager's inhibitor learns of an alert a moment after its dispatcher.
    let alerts: Vec<Value> = serde_json::from_str(ALERTS).unwrap();
    both("POST", "/api/v2/alerts", &json!(alerts[..1]).to_string());
    notifications(&ours, &sink, 1);
    both("POST", "/api/v2/alerts", ALERTS);
    notifications(&ours, &sink, 4);
    let filter = |text: &str| format!("filter={}", percent(text));
    for path in [
        "/api/v2/alerts".to_owned(),
        "/api/v2/alerts?active=false".to_owned(),
        "/api/v2/alerts?silenced=false&inhibited=false".to_owned(),
        "/api/v2/alerts?receiver=d.".to_owned(),
        format!("/api/v2/alerts?{}", filter("job!~\"a|b\"")),
        format!(
            "/api/v2/alerts?{}&{}",
            filter("job=a"),
            filter("severity=\"\"")
        ),
        "/api/v2/alerts/groups".to_owned(),
        "/api/v2/alerts/groups?inhibited=false&receiver=ops".to_owned(),
        "/api/v2/receivers".to_owned(),
    ] {
        let (our, their) = both("GET", &path, "");
        let (our, their) = (
            stripped(our.json(), &our_id),
            stripped(their.json(), &their_id),
        );
        assert_eq!(sorted(our), sorted(their), "{path}");
    }
    for (method, path, body) in [
        ("GET", format!("/api/v2/alerts?{}", filter("job")), ""),
        ("GET", "/api/v2/alerts?receiver=(".to_owned(), ""),
        (
            "POST",
            "/api/v2/silences".to_owned(),
            r#"{"matchers": [{"name": "a", "value": "", "isRegex": false}], "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2036-01-01T00:00:00Z", "createdBy": "a", "comment": "c"}"#,
        ),
        (
            "POST",
            "/api/v2/silences".to_owned(),
            r#"{"matchers": [{"name": "a", "value": "b", "isRegex": false}], "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2026-01-02T00:00:00Z", "createdBy": "a", "comment": "c"}"#,
        ),
        ("POST", "/api/v2/alerts".to_owned(), r#"[{"labels": {}}]"#),
        (
            "GET",
            "/api/v2/silence/0199d7b4-0000-7000-8000-000000000000".to_owned(),
            "",
        ),
    ] {
        both(method, &path, body);
    }
}

/// Waits until both have told the same: the same groups by the same keys, with the same alerts.
fn notifications(ours: &Server, sink: &Sink, number: usize) {
    type Told = BTreeSet<(String, String, Vec<String>)>;
    let their = || -> Told {
        let taken = sink.taken.lock().unwrap();
        let alerts = |value: &Value| -> Vec<String> {
            let alerts = value["alerts"].as_array().unwrap().iter();
            let text = |alert: &Value, key: &str| alert[key].as_str().unwrap().to_owned();
            let show = |a| format!("{} {}", text(a, "fingerprint"), text(a, "status"));
            alerts.map(show).collect()
        };
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        taken
            .iter()
            .map(|v| (text(&v["receiver"]), text(&v["groupKey"]), alerts(v)))
            .collect()
    };
    let our = || -> Told {
        let alerts = |n: &mainstay_alert::Notification| {
            let show = |a: &mainstay_alert::NotifiedAlert| {
                format!("{} {}", a.fingerprint, a.status.as_str())
            };
            n.alerts.iter().map(show).collect()
        };
        let sent = ours.shell.sent();
        sent.iter()
            .map(|n| (n.receiver.clone(), n.group_key.clone(), alerts(n)))
            .collect()
    };
    // `Down` of `ops` twice, `Full` of `db` and of `all`; `Slow` is inhibited and `Quiet` silenced.
    let enough = || their().len() >= number && our().len() >= number;
    wait_for("notifications of both", || enough().then_some(()));
    assert_eq!(our(), their());
}
