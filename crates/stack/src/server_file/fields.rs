//! Every field of `server.yaml`: its shape and what it says.

use crate::grammar::{Key, Section, Shape};
use crate::keys::TEXTS;

/// The whole file.
pub static SERVER: Section = Section {
    name: "server.yaml",
    extensions: true,
    keys: &[
        Key::honoured(
            "api",
            Shape::Section(&API),
            "The API and the console. Both ask for a token over TCP.",
        ),
        Key::honoured(
            "proxy",
            Shape::Section(&PROXY),
            "Where the routes of all stacks are served.",
        ),
        Key::honoured(
            "tls",
            Shape::Section(&TLS),
            "Certificates for `proxy.https`.",
        ),
        Key::honoured(
            "journal",
            Shape::Section(&JOURNAL),
            "What happened, and who did it.",
        ),
        Key::honoured(
            "metrics",
            Shape::Section(&METRICS),
            "How metrics are collected and kept.",
        ),
        Key::honoured(
            "alerts",
            Shape::Section(&ALERTS),
            "Which rules are evaluated beside those of the stacks, and who is told.",
        ),
        Key::honoured("log", Shape::Section(&LOG), "The server's own log."),
    ],
};

/// `api`
static API: Section = Section {
    name: "api",
    extensions: false,
    keys: &[Key::honoured(
        "listen",
        Shape::Text,
        "Address and port. Default `127.0.0.1:9900`, or the next port that is free; `serve --api` wins.",
    )],
};

/// `proxy`
static PROXY: Section = Section {
    name: "proxy",
    extensions: false,
    keys: &[
        Key::honoured(
            "http",
            Shape::Text,
            "Address and port for plain HTTP. Default `127.0.0.1:8080`, or the next port that is free; `serve --proxy` wins.",
        ),
        Key::honoured(
            "https",
            Shape::Text,
            "Address and port for HTTP/1.1 and HTTP/2 under TLS. Left out: nothing is encrypted.",
        ),
        Key::honoured(
            "redirect",
            Shape::Section(&REDIRECT),
            "Send plain requests to `https`, for hosts that have a certificate. So it is where `https` is there, unless told otherwise.",
        ),
        Key::honoured(
            "hsts",
            Shape::Section(&HSTS),
            "Tell browsers to ask under `https` only (`Strict-Transport-Security`). Left out: they are not told.",
        ),
    ],
};

/// `proxy.redirect`
static REDIRECT: Section = Section {
    name: "redirect",
    extensions: false,
    keys: &[
        Key::honoured("enabled", Shape::Bool, "Default `true`."),
        Key::honoured(
            "port",
            Shape::Integer,
            "The port under which clients reach `https`, where that is another than it listens on.",
        ),
        Key::honoured(
            "except",
            Shape::OneOrMore(&Shape::Text),
            "Paths, and what is below them, that are served plainly, for probes that know no TLS.",
        ),
    ],
};

/// `proxy.hsts`
static HSTS: Section = Section {
    name: "hsts",
    extensions: false,
    keys: &[
        Key::honoured(
            "max_age",
            Shape::Duration,
            "For how long they remember it. Default `365d`.",
        ),
        Key::honoured(
            "include_subdomains",
            Shape::Bool,
            "Also for every name below the host. Default `false`.",
        ),
        Key::honoured(
            "preload",
            Shape::Bool,
            "Agree to stand in the list that browsers are built with; asks for `include_subdomains` and a year. Default `false`.",
        ),
    ],
};

/// `tls`
static TLS: Section = Section {
    name: "tls",
    extensions: false,
    keys: &[
        Key::honoured(
            "min_version",
            Shape::Word(&["1.2", "1.3"]),
            "The oldest version that is spoken. Default `1.2`.",
        ),
        Key::honoured(
            "certificates",
            Shape::List(&Shape::Section(&CERTIFICATE)),
            "Certificates from files, chosen by the names that stand in them. The first answers for who asks for no name. They are taken up again when they change.",
        ),
        Key::honoured(
            "acme",
            Shape::Section(&ACME),
            "Have certificates made and renewed for the hosts of all routes that no file is for.",
        ),
    ],
};

/// One entry of `tls.certificates`.
static CERTIFICATE: Section = Section {
    name: "certificate",
    extensions: false,
    keys: &[
        Key::honoured(
            "certificate",
            Shape::Text,
            "PEM file with the server's own certificate and the intermediate ones.",
        ),
        Key::honoured(
            "key",
            Shape::Text,
            "PEM file with its private key, without a passphrase.",
        ),
    ],
};

/// `tls.acme`
static ACME: Section = Section {
    name: "acme",
    extensions: false,
    keys: &[
        Key::honoured(
            "directory",
            Shape::Text,
            "`letsencrypt`, `letsencrypt-staging` (for trying: its certificates are not trusted), or the URL of another authority's directory. Default `letsencrypt`.",
        ),
        Key::honoured(
            "email",
            Shape::Text,
            "Where the authority writes to when something is wrong.",
        ),
        Key::honoured(
            "terms_agreed",
            Shape::Bool,
            "That you agree to the authority's terms; must be `true`.",
        ),
        Key::honoured(
            "challenge",
            Shape::Word(&["http-01", "tls-alpn-01"]),
            "How it sees that a host is yours: it asks on port 80, or on port 443. Default `http-01`.",
        ),
        Key::honoured(
            "ca",
            Shape::Text,
            "PEM file of who signed a private authority's own certificate. Left out: as the system trusts.",
        ),
    ],
};

/// `journal`
static JOURNAL: Section = Section {
    name: "journal",
    extensions: false,
    keys: &[Key::honoured(
        "retention",
        Shape::Duration,
        "How long events are kept; releases are kept as `deploy.keep_releases` says. Default `365d`.",
    )],
};

/// `metrics`
static METRICS: Section = Section {
    name: "metrics",
    extensions: false,
    keys: &[
        Key::honoured(
            "enabled",
            Shape::Bool,
            "`false`: nothing is collected or stored. Default `true`.",
        ),
        Key::honoured(
            "interval",
            Shape::Duration,
            "Between two scrapes of an instance. Default `15s`.",
        ),
        Key::honoured(
            "retention",
            Shape::Duration,
            "How long samples are kept. Default `15d`.",
        ),
        Key::honoured(
            "max_size",
            Shape::Size,
            "What samples may take on disk; the oldest go first. Left out: any.",
        ),
        Key::honoured(
            "host",
            Shape::Bool,
            "Whether the machine's own figures are collected, under node_exporter's names. Default `true`.",
        ),
        Key::honoured(
            "prometheus",
            Shape::Text,
            "A configuration file of Prometheus: its `scrape_configs` and `remote_write` are honoured as well.",
        ),
        Key::honoured(
            "admin_api",
            Shape::Bool,
            "Whether series may be deleted and snapshots made over HTTP, by admins. Default `false`.",
        ),
    ],
};

/// `alerts`
static ALERTS: Section = Section {
    name: "alerts",
    extensions: false,
    keys: &[
        Key::honoured(
            "enabled",
            Shape::Bool,
            "`false`: no rule is evaluated and nobody is told. Default `true`.",
        ),
        Key::honoured(
            "interval",
            Shape::Duration,
            "Between two evaluations of a group of rules that says nothing of it. Default `15s`.",
        ),
        Key::honoured(
            "packs",
            TEXTS,
            "Rule packs that come with Mainstay, by name: `mainstay rules packs` lists them. Default `mainstay`.",
        ),
        Key::honoured(
            "rules",
            TEXTS,
            "Rule files of Prometheus, as they are; `*` is allowed in the last part of a path.",
        ),
        Key::honoured(
            "routing",
            Shape::Text,
            "`built-in`: critical alerts go to PagerDuty or the webhook, warnings to Slack, the rest by e-mail, as far as `receivers` has their addresses. Else the path of a configuration file of Alertmanager, which is taken as it is. Default `built-in`.",
        ),
        Key::honoured(
            "receivers",
            Shape::Section(&RECEIVERS),
            "Whom that built-in routing tells.",
        ),
        Key::honoured(
            "url",
            Shape::Text,
            "How people reach this server: links in notifications start with it. Default: where the API listens.",
        ),
        Key::honoured(
            "rotas",
            Shape::Named(&Shape::Section(&ROTA)),
            "Who is on call, by name: people in turn.",
        ),
        Key::honoured(
            "escalations",
            Shape::List(&Shape::Section(&ESCALATION)),
            "Who is told next while an alert fires and nobody acknowledges it. The first whose matchers hold is an alert's.",
        ),
        Key::honoured(
            "heartbeat",
            Shape::Section(&HEARTBEAT),
            "A dead man's switch: told at fixed times that alerts are on their way. Its silence is to be noticed there.",
        ),
    ],
};

/// `alerts.receivers`
static RECEIVERS: Section = Section {
    name: "receivers",
    extensions: false,
    keys: &[
        Key::honoured(
            "webhook",
            Shape::Section(&ADDRESS),
            "Gets Alertmanager's webhook messages.",
        ),
        Key::honoured("slack", Shape::Section(&SLACK), "An incoming webhook."),
        Key::honoured(
            "pagerduty",
            Shape::Section(&PAGERDUTY),
            "An integration of the Events API v2.",
        ),
        Key::honoured("email", Shape::Section(&EMAIL), "By SMTP."),
    ],
};

/// A value that gives access.
const GIVEN: Shape = Shape::Short(&Shape::Section(&GIVEN_LONG));

const URL: Key = Key::honoured("url", GIVEN, "Where it is, here or in a file.");

/// Long form of such a value.
static GIVEN_LONG: Section = Section {
    name: "value or file",
    extensions: false,
    keys: &[
        Key::honoured(
            "value",
            Shape::Text,
            "The value itself; the short form is this.",
        ),
        Key::honoured(
            "file",
            Shape::Text,
            "What it stands in, to keep it out of here. The path is absolute, or starts at this file; it is read each time the value is needed.",
        ),
    ],
};

/// `alerts.receivers.webhook`
static ADDRESS: Section = Section {
    name: "webhook",
    extensions: false,
    keys: &[URL],
};

/// `alerts.receivers.slack`
static SLACK: Section = Section {
    name: "slack",
    extensions: false,
    keys: &[
        URL,
        Key::honoured(
            "channel",
            Shape::Text,
            "Left out: the one that the webhook belongs to.",
        ),
    ],
};

/// `alerts.receivers.pagerduty`
static PAGERDUTY: Section = Section {
    name: "pagerduty",
    extensions: false,
    keys: &[Key::honoured(
        "routing_key",
        GIVEN,
        "The integration's key, here or in a file.",
    )],
};

/// `alerts.receivers.email`
static EMAIL: Section = Section {
    name: "email",
    extensions: false,
    keys: &[
        Key::honoured("to", TEXTS, "One address, or a list."),
        Key::honoured("from", Shape::Text, "Who it comes from."),
        Key::honoured(
            "smarthost",
            Shape::Text,
            "Host and port of the SMTP server.",
        ),
        Key::honoured("username", Shape::Text, "For those servers that ask."),
        Key::honoured("password", GIVEN, "The same, here or in a file."),
        Key::honoured(
            "require_tls",
            Shape::Bool,
            "Whether nothing is sent unencrypted. Default `true`.",
        ),
    ],
};

/// One entry of `alerts.rotas`.
static ROTA: Section = Section {
    name: "rota",
    extensions: false,
    keys: &[
        Key::honoured(
            "people",
            Shape::List(&Shape::Section(&PERSON)),
            "In the order of their turns.",
        ),
        Key::honoured(
            "starts",
            Shape::Text,
            "First day of the first turn, such as `2026-01-05`.",
        ),
        Key::honoured("days", Shape::Integer, "How long a turn is. Default 7."),
        Key::honoured(
            "handover",
            Shape::Text,
            "When one hands over to the next. Default `09:00`.",
        ),
        Key::honoured("zone", Shape::Text, "Of these times. Default `UTC`."),
    ],
};

/// One entry of `people`.
static PERSON: Section = Section {
    name: "person",
    extensions: false,
    keys: &[
        Key::honoured("name", Shape::Text, "Of the person."),
        Key::honoured(
            "receiver",
            Shape::Text,
            "The receiver that reaches them: one of Alertmanager's file, or `pagerduty`, `webhook`, `slack`, `email` of the built-in routing.",
        ),
    ],
};

/// One entry of `alerts.escalations`.
static ESCALATION: Section = Section {
    name: "escalation",
    extensions: false,
    keys: &[
        Key::honoured(
            "matchers",
            TEXTS,
            "Alertmanager's matchers, such as `severity=critical`.",
        ),
        Key::honoured(
            "steps",
            Shape::List(&Shape::Section(&ESCALATION_STEP)),
            "In the order of their times.",
        ),
    ],
};

/// One entry of `steps`.
static ESCALATION_STEP: Section = Section {
    name: "escalation step",
    extensions: false,
    keys: &[
        Key::honoured(
            "after",
            Shape::Duration,
            "Counted from when its own receiver was told first.",
        ),
        Key::honoured("rota", Shape::Text, "Who is on call there then is told."),
        Key::honoured("receiver", Shape::Text, "Or this receiver is told."),
    ],
};

/// `alerts.heartbeat`
static HEARTBEAT: Section = Section {
    name: "heartbeat",
    extensions: false,
    keys: &[
        URL,
        Key::honoured("interval", Shape::Duration, "Default `1m`."),
    ],
};

/// `log`
static LOG: Section = Section {
    name: "log",
    extensions: false,
    keys: &[Key::honoured(
        "level",
        Shape::Word(&["error", "warn", "info", "debug", "trace"]),
        "Default `info`; the variable `MAINSTAY_LOG` wins.",
    )],
};

/// Every section in the order of the reference page.
pub fn sections() -> Vec<&'static Section> {
    vec![
        &SERVER,
        &API,
        &PROXY,
        &REDIRECT,
        &HSTS,
        &TLS,
        &CERTIFICATE,
        &ACME,
        &JOURNAL,
        &METRICS,
        &ALERTS,
        &RECEIVERS,
        &ADDRESS,
        &SLACK,
        &PAGERDUTY,
        &EMAIL,
        &ROTA,
        &PERSON,
        &ESCALATION,
        &ESCALATION_STEP,
        &HEARTBEAT,
        &GIVEN_LONG,
        &LOG,
    ]
}
