//! The shapes that the vendors document, written down by hand, and every payload held against them.

use crate::support::{NOW, alert, integration, notification, sender};
use mainstay_alert::AlertStatus::{Firing, Resolved};
use mainstay_alert::NotifiedAlert;
use mainstay_alert::config::Integration;
use mainstay_model::Secret;
use mainstay_notify::{Request, requests};
use serde_json::{Value, json};

fn made(integration: &Integration, alerts: Vec<NotifiedAlert>, secret: &str) -> Vec<Request> {
    let notification = notification(integration, alerts);
    let sender = sender();
    let message = sender.message(integration, &notification, NOW);
    requests(
        &integration.settings,
        &message,
        &Secret::new(secret.to_owned()),
    )
    .unwrap()
}

fn body(request: &Request) -> Value {
    serde_json::from_str(request.body.expose()).unwrap()
}

fn one(integration: &Integration, alerts: Vec<NotifiedAlert>, secret: &str) -> (String, Value) {
    let mut requests = made(integration, alerts, secret);
    assert_eq!(requests.len(), 1);
    let request = requests.remove(0);
    assert_eq!(request.method, "POST");
    (request.url.expose().clone(), body(&request))
}

/// What a field may be.
enum Kind {
    /// A text of at most so many characters.
    Text(usize),
    Number,
    Bool,
    /// One of these words.
    Word(&'static [&'static str]),
    List(usize, &'static [Field]),
    Object(&'static [Field]),
    /// Names that the vendor leaves to the sender, and texts.
    Free,
    /// A list of texts, each of at most so many characters.
    Texts(usize, usize),
    Null,
}

/// A name, whether it must be there, and what it is.
type Field = (&'static str, bool, Kind);

const MUST: bool = true;
const MAY: bool = false;
const LONG: usize = 1_000_000;

/// Every field is one of the vendor's, has its kind and its length; none that must be there is
/// missing.
fn check(value: &Value, fields: &[Field], at: &str) {
    let object = value
        .as_object()
        .unwrap_or_else(|| panic!("{at} is no object"));
    for name in object.keys() {
        assert!(
            fields.iter().any(|field| field.0 == name),
            "{at}: `{name}` is none of the vendor's"
        );
    }
    for (name, must, kind) in fields {
        let at = format!("{at}.{name}");
        let Some(value) = object.get(*name) else {
            assert!(!must, "{at} is missing");
            continue;
        };
        check_kind(value, kind, &at);
    }
}

fn check_kind(value: &Value, kind: &Kind, at: &str) {
    let short = |value: &Value, most: usize| {
        let text = value.as_str().unwrap_or_else(|| panic!("{at} is no text"));
        assert!(text.chars().count() <= most, "{at} is longer than {most}");
    };
    match kind {
        Kind::Text(most) => short(value, *most),
        Kind::Number => assert!(value.is_number(), "{at} is no number"),
        Kind::Bool => assert!(value.is_boolean(), "{at} is no boolean"),
        Kind::Null => assert!(value.is_null(), "{at} is something"),
        Kind::Word(words) => assert!(words.contains(&value.as_str().unwrap()), "{at}: {value}"),
        Kind::List(most, fields) => {
            let list = value.as_array().unwrap();
            assert!(!list.is_empty() && list.len() <= *most, "{at}");
            for each in list {
                check(each, fields, at);
            }
        }
        Kind::Object(fields) => check(value, fields, at),
        Kind::Free => assert!(
            value.as_object().unwrap().values().all(Value::is_string),
            "{at}"
        ),
        Kind::Texts(count, most) => {
            let list = value.as_array().unwrap();
            assert!(list.len() <= *count, "{at}");
            for each in list {
                short(each, *most);
            }
        }
    }
}

const ALERT: &[Field] = &[
    ("status", MUST, Kind::Word(&["firing", "resolved"])),
    ("labels", MUST, Kind::Free),
    ("annotations", MUST, Kind::Free),
    ("startsAt", MUST, Kind::Text(40)),
    ("endsAt", MUST, Kind::Text(40)),
    ("generatorURL", MUST, Kind::Text(LONG)),
    ("fingerprint", MUST, Kind::Text(16)),
];

const WEBHOOK: &[Field] = &[
    ("version", MUST, Kind::Word(&["4"])),
    ("groupKey", MUST, Kind::Text(LONG)),
    ("truncatedAlerts", MUST, Kind::Number),
    ("status", MUST, Kind::Word(&["firing", "resolved"])),
    ("receiver", MUST, Kind::Text(LONG)),
    ("groupLabels", MUST, Kind::Free),
    ("commonLabels", MUST, Kind::Free),
    ("commonAnnotations", MUST, Kind::Free),
    ("externalURL", MUST, Kind::Text(LONG)),
    ("alerts", MUST, Kind::List(100_000, ALERT)),
];

#[test]
fn webhook() {
    let integration = integration("  webhook_configs: [{url: 'http://h/x', max_alerts: 1}]");
    let alerts = vec![alert(Firing, "a"), alert(Resolved, "b")];
    let (url, body) = one(&integration, alerts, "http://h/{{ .Status }}");
    assert_eq!(url, "http://h/firing");
    check(&body, WEBHOOK, "webhook");
    assert_eq!(
        body,
        json!({
            "version": "4", "groupKey": "{}:{alertname=\"Down\"}", "truncatedAlerts": 1,
            "status": "firing", "receiver": "ops\\.team", "externalURL": "http://mainstay.example:9900",
            "groupLabels": {"alertname": "Down"},
            "commonLabels": {"alertname": "Down", "instance": "a", "severity": "critical"},
            "commonAnnotations": {"summary": "a is <down>", "runbook": "https://example.com/run?a=1&b=2"},
            "alerts": [{
                "status": "firing",
                "labels": {"alertname": "Down", "instance": "a", "severity": "critical"},
                "annotations": {"summary": "a is <down>", "runbook": "https://example.com/run?a=1&b=2"},
                "startsAt": "2023-11-14T22:11:40Z", "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "http://prometheus/graph?g0.expr=up",
                "fingerprint": body["alerts"][0]["fingerprint"],
            }],
        })
    );
}

const SLACK_CONFIRM: &[Field] = &[
    ("text", MUST, Kind::Text(LONG)),
    ("title", MAY, Kind::Text(LONG)),
    ("ok_text", MAY, Kind::Text(LONG)),
    ("dismiss_text", MAY, Kind::Text(LONG)),
];

const SLACK_ACTION: &[Field] = &[
    ("type", MUST, Kind::Word(&["button"])),
    ("text", MUST, Kind::Text(LONG)),
    ("url", MAY, Kind::Text(LONG)),
    ("style", MAY, Kind::Word(&["default", "primary", "danger"])),
    ("name", MAY, Kind::Text(LONG)),
    ("value", MAY, Kind::Text(LONG)),
    ("confirm", MAY, Kind::Object(SLACK_CONFIRM)),
];

const SLACK_FIELD: &[Field] = &[
    ("title", MUST, Kind::Text(LONG)),
    ("value", MUST, Kind::Text(LONG)),
    ("short", MAY, Kind::Bool),
];

const SLACK_ATTACHMENT: &[Field] = &[
    ("title", MAY, Kind::Text(1024)),
    ("title_link", MAY, Kind::Text(LONG)),
    ("pretext", MAY, Kind::Text(LONG)),
    ("text", MUST, Kind::Text(40_000)),
    ("fallback", MUST, Kind::Text(LONG)),
    ("callback_id", MAY, Kind::Text(LONG)),
    ("fields", MAY, Kind::List(100, SLACK_FIELD)),
    ("actions", MAY, Kind::List(5, SLACK_ACTION)),
    ("image_url", MAY, Kind::Text(LONG)),
    ("thumb_url", MAY, Kind::Text(LONG)),
    ("footer", MAY, Kind::Text(LONG)),
    ("color", MAY, Kind::Text(20)),
    ("mrkdwn_in", MAY, Kind::Texts(10, 20)),
];

const SLACK: &[Field] = &[
    ("channel", MAY, Kind::Text(LONG)),
    ("username", MAY, Kind::Text(LONG)),
    ("icon_emoji", MAY, Kind::Text(LONG)),
    ("icon_url", MAY, Kind::Text(LONG)),
    ("link_names", MAY, Kind::Bool),
    ("attachments", MUST, Kind::List(100, SLACK_ATTACHMENT)),
];

#[test]
fn slack() {
    let plain = integration("  slack_configs: [{api_url: 'https://h/x', channel: '#ops'}]");
    let (url, body) = one(
        &plain,
        vec![alert(Firing, "a")],
        "https://hooks.slack.com/services/T/B/X",
    );
    assert_eq!(url, "https://hooks.slack.com/services/T/B/X");
    check(&body, SLACK, "slack");
    assert_eq!(body["channel"], "#ops");
    let attachment = &body["attachments"][0];
    assert_eq!(attachment["color"], "danger");
    assert_eq!(attachment["title"], "1 firing: Down (a, critical)");
    assert_eq!(
        attachment["mrkdwn_in"],
        json!(["fallback", "pretext", "text"])
    );
    let (_, body) = one(&plain, vec![alert(Resolved, "a")], "https://h");
    assert_eq!(body["attachments"][0]["color"], "good");

    let full = integration(
        r"  slack_configs:
  - api_url: 'https://h/x'
    channel: '{{ .CommonLabels.severity }}'
    link_names: true
    short_fields: true
    mrkdwn_in: [text]
    title: '{{ range .Alerts }}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{{ end }}'
    image_url: 'https://h/i'
    thumb_url: 'https://h/t'
    fields: [{title: t, value: '{{ .Status }}'}, {title: u, value: v, short: false}]
    actions:
    - {type: button, text: go, url: 'https://h', style: primary}
    - {type: button, text: go, style: danger, name: n, value: '{{ .Receiver }}', confirm: {text: sure, title: t, ok_text: y, dismiss_text: n}}
",
    );
    let alerts = (0..20)
        .map(|index| alert(Firing, &index.to_string()))
        .collect();
    let (_, body) = one(&full, alerts, "https://h");
    check(&body, SLACK, "slack");
    assert_eq!(body["link_names"], true);
    let attachment = &body["attachments"][0];
    assert!(attachment["title"].as_str().unwrap().ends_with("x…"));
    assert_eq!(
        attachment["fields"][0],
        json!({"title": "t", "value": "firing", "short": true})
    );
    assert_eq!(attachment["fields"][1]["short"], false);
    assert_eq!(attachment["actions"][1]["value"], "ops\\.team");
    assert_eq!(attachment["actions"][1]["confirm"]["ok_text"], "y");
    assert_eq!(body["channel"], "critical");
}

const PAYLOAD: &[Field] = &[
    ("summary", MUST, Kind::Text(1024)),
    ("source", MUST, Kind::Text(LONG)),
    (
        "severity",
        MUST,
        Kind::Word(&["critical", "error", "warning", "info"]),
    ),
    ("timestamp", MAY, Kind::Text(40)),
    ("class", MAY, Kind::Text(LONG)),
    ("component", MAY, Kind::Text(LONG)),
    ("group", MAY, Kind::Text(LONG)),
    ("custom_details", MAY, Kind::Free),
];

const PAGERDUTY: &[Field] = &[
    ("routing_key", MUST, Kind::Text(32)),
    (
        "event_action",
        MUST,
        Kind::Word(&["trigger", "acknowledge", "resolve"]),
    ),
    ("dedup_key", MUST, Kind::Text(255)),
    ("payload", MUST, Kind::Object(PAYLOAD)),
    ("client", MAY, Kind::Text(LONG)),
    ("client_url", MAY, Kind::Text(LONG)),
    (
        "images",
        MAY,
        Kind::List(
            100,
            &[
                ("src", MUST, Kind::Text(LONG)),
                ("href", MAY, Kind::Text(LONG)),
                ("alt", MAY, Kind::Text(LONG)),
            ],
        ),
    ),
    (
        "links",
        MAY,
        Kind::List(
            100,
            &[
                ("href", MUST, Kind::Text(LONG)),
                ("text", MAY, Kind::Text(LONG)),
            ],
        ),
    ),
];

#[test]
fn pagerduty() {
    let key = "0123456789abcdef0123456789abcdef";
    let integration = integration(
        r"  pagerduty_configs:
  - routing_key: k
    severity: '{{ .CommonLabels.severity }}'
    class: c
    component: d
    group: '{{ .GroupLabels.alertname }}'
    details: {extra: '{{ len .Alerts }}'}
    images: [{src: 'https://h/{{ .Status }}', alt: a, href: 'https://h'}, {src: '', alt: none}]
    links: [{href: 'https://h', text: '{{ .Status }}'}, {href: '{{ .CommonLabels.nope }}', text: none}]
",
    );
    let (url, body) = one(&integration, vec![alert(Firing, "a")], key);
    assert_eq!(url, "https://events.pagerduty.com/v2/enqueue");
    check(&body, PAGERDUTY, "pagerduty");
    assert_eq!(body["event_action"], "trigger");
    assert_eq!(body["payload"]["severity"], "critical");
    assert_eq!(body["payload"]["custom_details"]["extra"], "1");
    assert_eq!(body["payload"]["custom_details"]["num_firing"], "1");
    assert_eq!(body["images"].as_array().unwrap().len(), 1);
    assert_eq!(
        body["links"],
        json!([{"href": "https://h", "text": "firing"}])
    );
    let dedup = body["dedup_key"].clone();
    let (_, body) = one(&integration, vec![alert(Resolved, "a")], key);
    assert_eq!(
        (&body["event_action"], &body["dedup_key"]),
        (&json!("resolve"), &dedup)
    );
    // The whole event is bounded: what can be spared goes.
    let alerts = (0..4000)
        .map(|index| alert(Firing, &format!("{index:0100}")))
        .collect();
    let (_, body) = one(&integration, alerts, key);
    check(&body, PAGERDUTY, "pagerduty");
    assert!(body.to_string().len() <= 512_000);
    assert!(body["payload"]["custom_details"]["error"].is_string());
}

#[test]
fn pagerduty_without_a_key_is_refused() {
    let integration = integration("  pagerduty_configs: [{routing_key: k}]");
    let notification = notification(&integration, vec![alert(Firing, "a")]);
    let sender = sender();
    let message = sender.message(&integration, &notification, NOW);
    let failure = requests(
        &integration.settings,
        &message,
        &Secret::new(" ".to_owned()),
    )
    .unwrap_err();
    assert!(!failure.retry);
}

const RESPONDER: &[Field] = &[
    ("id", MAY, Kind::Text(LONG)),
    ("name", MAY, Kind::Text(LONG)),
    ("username", MAY, Kind::Text(LONG)),
    (
        "type",
        MUST,
        Kind::Word(&["team", "user", "escalation", "schedule"]),
    ),
];

const OPSGENIE: &[Field] = &[
    ("message", MUST, Kind::Text(130)),
    ("alias", MAY, Kind::Text(512)),
    ("description", MAY, Kind::Text(15_000)),
    ("responders", MAY, Kind::List(50, RESPONDER)),
    ("actions", MAY, Kind::Texts(10, 50)),
    ("tags", MAY, Kind::Texts(20, 50)),
    ("details", MAY, Kind::Free),
    ("entity", MAY, Kind::Text(512)),
    ("source", MAY, Kind::Text(100)),
    ("priority", MAY, Kind::Word(&["P1", "P2", "P3", "P4", "P5"])),
    ("note", MAY, Kind::Text(25_000)),
];

const OPSGENIE_RECEIVER: &str = r"  opsgenie_configs:
  - api_key: k
    api_url: 'https://api.eu.opsgenie.com'
    message: '{{ range .Alerts }}{{ .Annotations.summary }}, {{ end }}'
    tags: 'a,,{{ .CommonLabels.severity }}'
    actions: 'restart'
    priority: P1
    entity: e
    note: n
    details: {more: '{{ .Status }}'}
    update_alerts: true
    responders: [{name: 'one, two', type: teams}, {username: u, type: user}, {name: '{{ .CommonLabels.nope }}', type: team}]
";

#[test]
fn opsgenie() {
    let integration = integration(OPSGENIE_RECEIVER);
    let alerts = (0..40)
        .map(|index| alert(Firing, &index.to_string()))
        .collect();
    let requests = made(&integration, alerts, "genie-key");
    let seen: Vec<_> = requests
        .iter()
        .map(|request| (request.method, request.url.expose().as_str()))
        .collect();
    let create = body(&requests[0]);
    check(&create, OPSGENIE, "opsgenie");
    let alias = create["alias"].as_str().unwrap();
    assert_eq!(
        seen,
        [
            ("POST", "https://api.eu.opsgenie.com/v2/alerts"),
            (
                "PUT",
                &format!(
                    "https://api.eu.opsgenie.com/v2/alerts/{alias}/message?identifierType=alias"
                )
            ),
            (
                "PUT",
                &format!(
                    "https://api.eu.opsgenie.com/v2/alerts/{alias}/description?identifierType=alias"
                )
            ),
        ]
    );
    assert_eq!(requests[0].headers[0].1.expose(), "GenieKey genie-key");
    assert_eq!(create["tags"], json!(["a", "critical"]));
    assert_eq!(
        create["details"],
        json!({"alertname": "Down", "severity": "critical", "more": "firing"})
    );
    assert_eq!(
        create["responders"],
        json!([{"name": "one", "type": "team"}, {"name": "two", "type": "team"}, {"username": "u", "type": "user"}])
    );
    check(
        &body(&requests[1]),
        &[("message", MUST, Kind::Text(130))],
        "message",
    );
    let requests = made(&integration, vec![alert(Resolved, "a")], "genie-key");
    assert_eq!(requests.len(), 1);
    assert!(
        requests[0]
            .url
            .expose()
            .ends_with(&format!("/v2/alerts/{alias}/close?identifierType=alias"))
    );
    check(
        &body(&requests[0]),
        &[("source", MAY, Kind::Text(100))],
        "close",
    );
}

const EMBED: &[Field] = &[
    ("title", MAY, Kind::Text(256)),
    ("description", MAY, Kind::Text(4096)),
    ("color", MAY, Kind::Number),
];

const DISCORD: &[Field] = &[
    ("content", MAY, Kind::Text(2000)),
    ("username", MAY, Kind::Text(80)),
    ("avatar_url", MAY, Kind::Text(LONG)),
    ("embeds", MUST, Kind::List(10, EMBED)),
];

#[test]
fn discord() {
    let integration = integration(
        "  discord_configs: [{webhook_url: 'https://h/x', username: u, content: '{{ .Status }}', avatar_url: 'https://h/a'}]",
    );
    let many = || {
        (0..200)
            .map(|index| alert(Firing, &index.to_string()))
            .collect()
    };
    for alerts in [vec![alert(Firing, "a")], many()] {
        let (_, body) = one(&integration, alerts, "https://h");
        check(&body, DISCORD, "discord");
        assert_eq!(body["content"], "firing");
    }
    let color = |alerts| one(&integration, alerts, "https://h").1["embeds"][0]["color"].clone();
    assert_ne!(color(many()), color(vec![alert(Resolved, "a")]));
}

const TELEGRAM: &[Field] = &[
    ("chat_id", MUST, Kind::Number),
    ("text", MUST, Kind::Text(4096)),
    (
        "parse_mode",
        MAY,
        Kind::Word(&["Markdown", "MarkdownV2", "HTML"]),
    ),
    ("disable_notification", MAY, Kind::Bool),
    ("message_thread_id", MAY, Kind::Number),
    (
        "link_preview_options",
        MAY,
        Kind::Object(&[("is_disabled", MAY, Kind::Bool)]),
    ),
];

#[test]
fn telegram() {
    let html = integration(
        "  telegram_configs: [{bot_token: t, chat_id: -100123, message_thread_id: 7, disable_notifications: true}]",
    );
    let (url, body) = one(&html, vec![alert(Firing, "a")], "123:ABC");
    assert_eq!(url, "https://api.telegram.org/bot123:ABC/sendMessage");
    check(&body, TELEGRAM, "telegram");
    assert_eq!(
        (&body["chat_id"], &body["message_thread_id"]),
        (&json!(-100_123), &json!(7))
    );
    assert!(body["text"].as_str().unwrap().contains("a is &lt;down&gt;"));
    let many = || {
        (0..200)
            .map(|index| alert(Firing, &index.to_string()))
            .collect()
    };
    let (_, body) = one(&html, many(), "t");
    check(&body, TELEGRAM, "telegram");
    assert!(
        body["text"]
            .as_str()
            .unwrap()
            .contains("longer than Telegram takes")
    );
    let plain = integration("  telegram_configs: [{bot_token: t, chat_id: 1, parse_mode: ''}]");
    let (_, body) = one(&plain, many(), "t");
    check(&body, TELEGRAM, "telegram");
    assert!(body["text"].as_str().unwrap().contains("0 is <down>"));
    assert!(body.get("parse_mode").is_none());
}

const CARD: &[Field] = &[
    (
        "@context",
        MUST,
        Kind::Word(&["http://schema.org/extensions"]),
    ),
    ("@type", MUST, Kind::Word(&["MessageCard"])),
    ("type", MAY, Kind::Word(&["MessageCard"])),
    ("summary", MUST, Kind::Text(LONG)),
    ("title", MAY, Kind::Text(LONG)),
    ("text", MAY, Kind::Text(LONG)),
    ("themeColor", MAY, Kind::Text(6)),
];

const BLOCK: &[Field] = &[
    ("type", MUST, Kind::Word(&["TextBlock"])),
    ("text", MUST, Kind::Text(LONG)),
    ("weight", MAY, Kind::Word(&["Lighter", "Default", "Bolder"])),
    (
        "size",
        MAY,
        Kind::Word(&["Small", "Default", "Medium", "Large", "ExtraLarge"]),
    ),
    ("wrap", MAY, Kind::Bool),
    ("style", MAY, Kind::Word(&["default", "heading"])),
    (
        "color",
        MAY,
        Kind::Word(&[
            "Default",
            "Dark",
            "Light",
            "Accent",
            "Good",
            "Warning",
            "Attention",
        ]),
    ),
];

const ADAPTIVE: &[Field] = &[
    (
        "$schema",
        MUST,
        Kind::Word(&["http://adaptivecards.io/schemas/adaptive-card.json"]),
    ),
    ("type", MUST, Kind::Word(&["AdaptiveCard"])),
    ("version", MUST, Kind::Word(&["1.2"])),
    (
        "msteams",
        MAY,
        Kind::Object(&[("width", MAY, Kind::Word(&["full"]))]),
    ),
    ("body", MUST, Kind::List(10, BLOCK)),
];

const TEAMS_V2: &[Field] = &[
    ("type", MUST, Kind::Word(&["message"])),
    (
        "attachments",
        MUST,
        Kind::List(
            1,
            &[
                (
                    "contentType",
                    MUST,
                    Kind::Word(&["application/vnd.microsoft.card.adaptive"]),
                ),
                ("contentUrl", MUST, Kind::Null),
                ("content", MUST, Kind::Object(ADAPTIVE)),
            ],
        ),
    ),
];

#[test]
fn teams() {
    let many = || {
        (0..500)
            .map(|index| alert(Firing, &format!("ä\"{index}")))
            .collect::<Vec<_>>()
    };
    for (receiver, shape) in [
        ("  msteams_configs: [{webhook_url: 'https://h/x'}]", CARD),
        (
            "  msteamsv2_configs: [{webhook_url: 'https://h/x'}]",
            TEAMS_V2,
        ),
    ] {
        let integration = integration(receiver);
        for alerts in [vec![alert(Firing, "a")], vec![alert(Resolved, "a")], many()] {
            let (_, body) = one(&integration, alerts, "https://h");
            check(&body, shape, "teams");
            assert!(body.to_string().len() <= 28 * 1024);
            assert!(body.to_string().contains("is <down>"));
        }
        let (_, body) = one(&integration, many(), "https://h");
        assert!(
            body.to_string().len() > 27 * 1024,
            "no more is cut than must be"
        );
    }
}

#[test]
fn nothing_secret_shows_in_debug() {
    let integration = integration("  pagerduty_configs: [{routing_key: k}]");
    let requests = made(&integration, vec![alert(Firing, "a")], "very-secret-key");
    assert!(!format!("{requests:?}").contains("very-secret-key"));
    assert!(requests[0].body.expose().contains("very-secret-key"));
}
