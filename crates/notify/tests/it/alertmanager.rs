//! A real Alertmanager and we tell the same receivers about the same alerts, with the same
//! configuration and the same templates: what arrives is the same.

use crate::mail;
use crate::support::{NOW, PATIENCE, Receiver, await_port, block_on, fine, free_port};
use mainstay_alert::config::Configuration;
use mainstay_alert::{AlertStatus, Fingerprint, IntegrationKey, Notification, NotifiedAlert};
use mainstay_model::Timestamp;
use mainstay_notify::{Sender, templates};
use mainstay_series::Labels;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Every default text that differs, written anew.
const TEMPLATES: &str = r#"
{{ define "__subject" }}[{{ .Status | toUpper }}] {{ .GroupLabels.SortedPairs.Values | join " " }} {{ len .Alerts }}{{ end }}
{{ define "__alertmanager" }}It{{ end }}
{{ define "__alertmanagerURL" }}{{ .ExternalURL }}/#/alerts?receiver={{ .Receiver | urlquery }}{{ end }}
{{ define "__text_alert_list" }}{{ range . }}{{ range .Labels.SortedPairs }}{{ .Name }}={{ .Value }};{{ end }}{{ range .Annotations.SortedPairs }}{{ .Name }}={{ .Value }};{{ end }}{{ .StartsAt.Unix }} {{ .GeneratorURL }} {{ .Fingerprint }}
{{ end }}{{ end }}
{{ define "slack.default.fallback" }}{{ template "slack.default.title" . }} {{ .CommonLabels.Values }}{{ end }}
{{ define "slack.default.text" }}{{ template "__text_alert_list" .Alerts }}{{ end }}
{{ define "opsgenie.default.description" }}{{ template "__text_alert_list" .Alerts.Firing }}{{ end }}
{{ define "discord.default.message" }}{{ template "__text_alert_list" .Alerts.Firing }}{{ end }}
{{ define "telegram.default.message" }}<b>{{ template "__subject" . }}</b> <a href="{{ (index .Alerts 0).GeneratorURL }}">x</a> {{ range .Alerts }}{{ .Annotations.summary }}{{ end }}{{ end }}
"#;

fn configuration(port: u16) -> String {
    format!(
        r#"global: {{resolve_timeout: 5m}}
templates: ['*.tmpl']
route: {{receiver: all.hooks, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers:
- name: all.hooks
  webhook_configs: [{{url: 'http://127.0.0.1:{port}/webhook', max_alerts: 1}}]
  slack_configs:
  - api_url: 'http://127.0.0.1:{port}/slack'
    channel: '#{{{{ .CommonLabels.severity }}}}'
    send_resolved: true
    link_names: true
    short_fields: true
    pretext: '{{{{ .CommonAnnotations.SortedPairs.Values | join "," }}}}'
    footer: '{{{{ with .CommonLabels.Remove .GroupLabels.Names }}}}{{{{ .Names }}}}{{{{ end }}}}'
    fields: [{{title: '{{{{ title "some word" }}}}', value: '{{{{ .Alerts.Firing | len }}}}'}}, {{title: b, value: c, short: false}}]
    actions: [{{type: button, text: go, url: 'http://x/{{{{ .Status }}}}', style: primary, confirm: {{text: sure}}}}]
  pagerduty_configs:
  - routing_key: the-key
    url: 'http://127.0.0.1:{port}/pagerduty'
    severity: '{{{{ .CommonLabels.severity }}}}'
    class: c
    details: {{more: '{{{{ range .Alerts }}}}{{{{ .Labels.instance }}}},{{{{ end }}}}'}}
    images: [{{src: 'http://x', alt: a, href: 'http://y'}}]
    links: [{{href: 'http://x', text: '{{{{ .Status }}}}'}}]
  opsgenie_configs:
  - api_key: the-key
    api_url: 'http://127.0.0.1:{port}/opsgenie/'
    tags: 'a,{{{{ .CommonLabels.severity }}}}'
    priority: P2
    responders: [{{name: 'one,two', type: teams}}, {{username: u, type: user}}]
  discord_configs: [{{webhook_url: 'http://127.0.0.1:{port}/discord'}}]
  telegram_configs: [{{api_url: 'http://127.0.0.1:{port}/telegram', bot_token: 'to:ken', chat_id: -5, parse_mode: HTML}}]
"#
    )
}

const PATHS: [&str; 6] = [
    "/webhook",
    "/slack",
    "/pagerduty",
    "/opsgenie",
    "/discord",
    "/telegram",
];

struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn receiver() -> Receiver {
    Receiver::start(|request| {
        if request.path.starts_with("/telegram") {
            let answer = json!({"ok": true, "result": {"message_id": 1, "date": 1, "chat": {"id": -5, "type": "group"}}});
            return (
                200,
                vec![("content-type", "application/json".to_owned())],
                answer.to_string(),
            );
        }
        fine()
    })
}

/// Starts one; `None` where there is none.
fn alertmanager(directory: &Path, port: u16) -> Option<Peer> {
    let child = Command::new("prometheus-alertmanager")
        .arg(format!(
            "--config.file={}",
            directory.join("am.yml").display()
        ))
        .arg(format!(
            "--storage.path={}",
            directory.join("data").display()
        ))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--web.external-url=http://am.example:9093/x")
        .arg("--cluster.listen-address=")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let peer = Peer(child);
    await_port(port);
    Some(peer)
}

fn post(port: u16, alerts: &Value) {
    let body = alerts.to_string();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "POST /x/api/v2/alerts HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn labels(instance: &str) -> Vec<(&'static str, String)> {
    vec![
        ("alertname", "Down".to_owned()),
        ("instance", instance.to_owned()),
        ("severity", "critical".to_owned()),
    ]
}

fn annotations(instance: &str) -> Vec<(&'static str, String)> {
    vec![
        ("summary", format!("{instance} is <down> & \"out\"")),
        ("team", "core".to_owned()),
    ]
}

const STARTS: &str = "2023-11-14T22:11:40.123Z";
const SOURCE: &str = "http://prometheus.example/graph?g0.expr=up+%3D%3D+0&g0.tab=1";

/// As Alertmanager is told it.
fn told(instance: &str, ends: Option<&str>) -> Value {
    let object = |pairs: Vec<(&str, String)>| -> Value {
        pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Value::from(value)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let mut alert = json!({
        "labels": object(labels(instance)),
        "annotations": object(annotations(instance)),
        "startsAt": STARTS,
        "generatorURL": SOURCE,
    });
    if let Some(ends) = ends {
        alert["endsAt"] = ends.into();
    }
    alert
}

/// As our engine hands it out.
fn notified(instance: &str, ends_at: Option<Timestamp>) -> NotifiedAlert {
    let labels = Labels::from_pairs(labels(instance));
    NotifiedAlert {
        fingerprint: Fingerprint::of(&labels),
        labels,
        annotations: annotations(instance)
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        starts_at: STARTS.parse().unwrap(),
        ends_at,
        generator_url: SOURCE.to_owned(),
        status: if ends_at.is_some() {
            AlertStatus::Resolved
        } else {
            AlertStatus::Firing
        },
    }
}

/// Sends to all receivers of the configuration; how many there were.
fn send_ours(text: &str, directory: &Path, alerts: &[NotifiedAlert]) -> usize {
    let (configuration, problems) = Configuration::read(text, &directory.join("am.yml"), "am.yml");
    assert!(problems.is_empty(), "{problems}");
    let integrations = configuration.unwrap().receivers.remove(0).integrations;
    let sender = Sender::new(
        templates([("own.tmpl", TEMPLATES)]).unwrap(),
        "http://am.example:9093/x",
    );
    for integration in &integrations {
        let notification = Notification {
            receiver: "all.hooks".to_owned(),
            integration: IntegrationKey::of(integration),
            group_key: "{}:{alertname=\"Down\"}".to_owned(),
            group_labels: Labels::from_pairs([("alertname", "Down")]),
            alerts: alerts.to_vec(),
        };
        let sent = block_on(sender.send(integration, &notification, NOW, PATIENCE));
        sent.unwrap_or_else(|failure| panic!("{:?}: {failure}", integration.kind()));
    }
    integrations.len()
}

/// What both say in their own way: colours of Discord, how Telegram is told not to preview links.
fn comparable(path: &str, mut body: Value) -> Value {
    match path {
        "/discord" => {
            body["embeds"][0]["color"] = Value::Null;
        }
        "/telegram" => {
            let object = body.as_object_mut().unwrap();
            object.remove("link_preview_options");
            object.remove("disable_web_page_preview");
            object.remove("disable_notification");
            // Numbers are texts with Alertmanager's library; Telegram takes both.
            let chat = object["chat_id"].to_string();
            object.insert("chat_id".to_owned(), chat.trim_matches('"').into());
        }
        _ => {}
    }
    body
}

/// The next request, as it is compared: its path, what is seen of it, its body.
fn next(receiver: &Receiver) -> (String, (Value, Value)) {
    let request = receiver.next();
    let mut paths = PATHS.iter();
    let path = paths.find(|path| request.path.starts_with(*path)).unwrap();
    let body = comparable(path, request.json());
    let authorization = request.headers.get("authorization").cloned();
    let seen = json!([
        request.method,
        request.path,
        authorization,
        request.headers["content-type"]
    ]);
    ((*path).to_owned(), (seen, body))
}

/// Our requests are theirs. Alertmanager takes alerts in one by one, and may tell of the first before it has the
/// second: then it tells of both a moment later.
fn agree(theirs: &Receiver, ours: &Receiver) {
    let mut expected = BTreeMap::new();
    while expected.len() < PATHS.len() {
        let (path, said) = next(ours);
        expected.entry(path).or_insert(said);
    }
    let mut told = BTreeMap::new();
    for _ in 0..3 * PATHS.len() {
        if told == expected {
            return;
        }
        told.extend([next(theirs)]);
    }
    assert_eq!(expected, told);
}

#[test]
fn the_same_alerts_make_the_same_requests() {
    let (theirs, ours) = (receiver(), receiver());
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("am.yml"), configuration(theirs.port)).unwrap();
    std::fs::write(directory.path().join("own.tmpl"), TEMPLATES).unwrap();
    let port = free_port();
    let Some(_peer) = alertmanager(directory.path(), port) else {
        println!(
            "skipped: Alertmanager is not installed (apt-get install prometheus-alertmanager)"
        );
        return;
    };
    let text = configuration(ours.port);
    post(port, &json!([told("a:1", None), told("b:2", None)]));
    let firing = [notified("a:1", None), notified("b:2", None)];
    assert_eq!(send_ours(&text, directory.path(), &firing), PATHS.len());
    agree(&theirs, &ours);
    let ends = "2023-11-14T22:12:40.5Z";
    post(
        port,
        &json!([told("a:1", Some(ends)), told("b:2", Some(ends))]),
    );
    let at: Timestamp = ends.parse().unwrap();
    send_ours(
        &text,
        directory.path(),
        &[notified("a:1", Some(at)), notified("b:2", Some(at))],
    );
    agree(&theirs, &ours);
}

/// A mail with both bodies; of what is written in HTML every place that is escaped another way.
fn mail_configuration(port: u16) -> String {
    format!(
        r#"route: {{receiver: all.hooks, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
templates: ['*.tmpl']
receivers:
- name: all.hooks
  email_configs:
  - to: 'Ops <ops@example.org>, b@example.org'
    from: 'Mainstay <m@example.org>'
    smarthost: '127.0.0.1:{port}'
    hello: mainstay.test
    require_tls: false
    send_resolved: true
    auth_username: user
    auth_password: pass-word
    headers: {{x-state: '{{{{ .Status }}}}', subject: 'Ünd {{{{ template "__subject" . }}}}'}}
    text: '{{{{ template "__text_alert_list" .Alerts }}}}'
    html: |
      <!DOCTYPE html><html><head><title>{{{{ .CommonAnnotations.team }}}}</title></head><body>
      <!-- {{{{ .Status }}}} -->
      {{{{ range .Alerts }}}}<p title="{{{{ .Annotations.summary }}}}" class={{{{ .Status }}}}>{{{{ .Annotations.summary }}}}</p>
      <a href="{{{{ .GeneratorURL }}}}">source</a> <a href="/x?q={{{{ .Annotations.summary }}}}&amp;r={{{{ .Labels.instance | urlquery }}}}">q</a>
      <td style="color: {{{{ if eq .Status "firing" }}}}#f00{{{{ else }}}}#0f0{{{{ end }}}}; width: {{{{ len .Labels }}}}px">x</td>{{{{ end }}}}
      <a href="{{{{ template "__alertmanagerURL" . }}}}">here</a></body></html>
"#
    )
}

/// What does not depend on who sent it, and when.
fn essence(mail: &Value) -> Value {
    let headers = &mail["headers"];
    json!({
        "envelope": [mail["hello"], mail["from"], mail["to"], mail["user"]],
        "headers": [headers["from"], headers["to"], headers["subject"], headers["x-state"]],
        "parts": mail["parts"],
    })
}

#[test]
fn the_same_alerts_make_the_same_mail() {
    let Some(theirs) = mail::Peer::start(free_port(), "plain", "PLAIN") else {
        return;
    };
    let Some(ours) = mail::Peer::start(free_port(), "plain", "PLAIN") else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("am.yml"),
        mail_configuration(theirs.port),
    )
    .unwrap();
    std::fs::write(directory.path().join("own.tmpl"), TEMPLATES).unwrap();
    let port = free_port();
    let Some(_peer) = alertmanager(directory.path(), port) else {
        println!(
            "skipped: Alertmanager is not installed (apt-get install prometheus-alertmanager)"
        );
        return;
    };
    let text = mail_configuration(ours.port);
    let ends = "2023-11-14T22:12:40.5Z";
    for ended in [None, Some(ends)] {
        post(port, &json!([told("a:1", ended), told("b:2", None)]));
        let at = ended.map(|ends| ends.parse().unwrap());
        send_ours(
            &text,
            directory.path(),
            &[notified("a:1", at), notified("b:2", None)],
        );
        let (ours, theirs) = (essence(&ours.next()), essence(&theirs.next()));
        assert_eq!(ours["parts"].as_array().map(Vec::len), Some(2));
        assert_eq!(ours, theirs);
    }
}
