//! A table of files: what `amtool check-config` takes is taken, what it refuses is refused.

#![allow(clippy::too_many_lines, reason = "tables")]

use std::path::Path;
use std::process::Command;

use mainstay_alert::config::Configuration;

use crate::peer::program;

/// What is expected of a file.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Verdict {
    /// By both.
    Taken,
    /// By both.
    Refused,
    /// By us, as by newer versions than the 0.25 that is asked here.
    TakenSince(&'static str),
    /// By us alone, by name.
    RefusedByUs,
}

use Verdict::{Refused, RefusedByUs, Taken, TakenSince};

const R: &str = "receivers: [{name: r}]\n";
const ROUTE: &str = "route: {receiver: r}\n";

/// A file with one receiver of `r`, made of a list of integrations.
fn receiver(kind: &str, fields: &str) -> String {
    format!("{ROUTE}receivers:\n- name: r\n  {kind}_configs:\n  - {{{fields}}}\n")
}

/// A file whose global section holds `fields` and which has a receiver.
fn global(fields: &str, kind: &str, of: &str) -> String {
    format!("global: {{{fields}}}\n{}", receiver(kind, of))
}

/// A file with a route below the root.
fn child(fields: &str) -> String {
    format!("route:\n  receiver: r\n  routes:\n  - {{{fields}}}\n{R}")
}

fn interval(fields: &str) -> String {
    format!("{ROUTE}{R}time_intervals:\n- name: t\n  time_intervals:\n  - {{{fields}}}\n")
}

fn inhibit(fields: &str) -> String {
    format!("{ROUTE}{R}inhibit_rules:\n- {{{fields}}}\n")
}

fn structure() -> Vec<(String, Verdict)> {
    let root = |fields: &str| format!("route: {{{fields}}}\n{R}");
    vec![
        (String::new(), Refused),
        (format!("{ROUTE}{R}"), Taken),
        (ROUTE.to_owned(), Refused),
        (R.to_owned(), Refused),
        (format!("global:\n{ROUTE}{R}"), Taken),
        (format!("{ROUTE}{R}templates: ['*.none']\n"), Taken),
        (format!("{ROUTE}{R}recievers: []\n"), Refused),
        (
            format!("{ROUTE}receivers: [{{name: r}}, {{name: r}}]"),
            Refused,
        ),
        (
            format!("{ROUTE}receivers: [{{name: r}}, {{name: ''}}]"),
            Refused,
        ),
        (root("group_by: [a]"), Refused),
        (root("receiver: x"), Refused),
        (root("receiver: r, matchers: ['a=b']"), Refused),
        (root("receiver: r, match: {a: b}"), Refused),
        (root("receiver: r, continue: true"), Refused),
        (root("receiver: r, continue: no"), Taken),
        (root("receiver: r, continue: 'true'"), Refused),
        (root("receiver: r, mute_time_intervals: [t]"), Refused),
        (root("receiver: r, active_time_intervals: [t]"), Refused),
        (root("receiver: r, group_by: ['...']"), Taken),
        (root("receiver: r, group_by: ['...', a]"), Refused),
        (root("receiver: r, group_by: [a, a]"), Refused),
        (root("receiver: r, group_by: a"), Refused),
        (root("receiver: r, group_by: ['a-b']"), TakenSince("0.27")),
        (root("receiver: r, group_by: ['']"), Refused),
        (root("receiver: r, group_wait: 0s"), Taken),
        (root("receiver: r, group_interval: 0s"), Refused),
        (root("receiver: r, repeat_interval: 0s"), Refused),
        (root("receiver: r, repeat_interval: 1d12h"), Taken),
        (root("receiver: r, repeat_interval: 1.5h"), Refused),
        (root("receiver: r, repeat_interval: 10"), Refused),
        (child("receiver: x"), Refused),
        (child(""), Taken),
        (child("matchers: ['a=b', 'c!~\"d|e\"']"), Taken),
        (child("matchers: ['{a=b, c=d}']"), Taken),
        (child("matchers: ['a=~(']"), Refused),
        (child("matchers: ['a']"), Refused),
        (child("matchers: 'a=b'"), Refused),
        (child("matchers: ['\"a.b\"=c']"), TakenSince("0.27")),
        (child("match: {a: b, c: 1, d: true}"), Taken),
        (child("match_re: {a: 'b|c'}"), Taken),
        (child("match_re: {a: '('}"), Refused),
        (child("match_re: {a: '[[:alpha:]]+\\d'}"), Taken),
        (child("matcher: ['a=b']"), Refused),
        (child("mute_time_intervals: [t]"), Refused),
        (child("continue: yes, routes: [{receiver: r}]"), Taken),
        (format!("{ROUTE}{R}tracing: {{}}"), Refused),
    ]
}

fn rules_and_intervals() -> Vec<(String, Verdict)> {
    vec![
        (
            inhibit("source_matchers: ['a=b'], target_matchers: ['a=c'], equal: [d]"),
            Taken,
        ),
        (
            inhibit("source_match: {a: b}, target_match_re: {a: 'c|d'}"),
            Taken,
        ),
        (inhibit("source_match_re: {a: '('}"), Refused),
        (inhibit("source_matchers: [a]"), Refused),
        (inhibit("equal: a"), Refused),
        (inhibit("equals: [a]"), Refused),
        (inhibit(""), Taken),
        (
            interval("times: [{start_time: '09:00', end_time: '17:00'}]"),
            Taken,
        ),
        (
            interval("times: [{start_time: '09:00', end_time: '24:00'}]"),
            Taken,
        ),
        (
            interval("times: [{start_time: '9:00', end_time: '17:00'}]"),
            Refused,
        ),
        (
            interval("times: [{start_time: '17:00', end_time: '09:00'}]"),
            Refused,
        ),
        (
            interval("times: [{start_time: '09:00', end_time: '09:00'}]"),
            Refused,
        ),
        (interval("times: [{start_time: '09:00'}]"), Refused),
        (interval("weekdays: ['monday:friday', Sunday]"), Taken),
        (interval("weekdays: ['saturday:sunday']"), Refused),
        (interval("weekdays: ['1:5']"), Refused),
        (interval("days_of_month: ['1:5', '-3:-1', '15']"), Taken),
        (interval("days_of_month: ['0']"), Refused),
        (interval("days_of_month: ['32']"), Refused),
        (interval("days_of_month: ['-1:5']"), Refused),
        (interval("days_of_month: ['-1:-5']"), Refused),
        (interval("days_of_month: ['30:-31']"), Refused),
        (interval("months: ['may:august', december, '1:3']"), Taken),
        (interval("months: ['august:may']"), Refused),
        (interval("months: [mai]"), Refused),
        (interval("years: ['2026:2030', 2035]"), Taken),
        (interval("years: ['2030:2026']"), Refused),
        (interval("location: Europe/Zurich"), Taken),
        (interval("location: Mars/Olympus"), Refused),
        (interval("location: Local"), RefusedByUs),
        (interval("hours: [1]"), Refused),
        (interval(""), Taken),
        (
            format!("{ROUTE}{R}time_intervals: [{{time_intervals: []}}]"),
            Refused,
        ),
        (
            format!("{ROUTE}{R}time_intervals: [{{name: a}}, {{name: a}}]"),
            Refused,
        ),
        (
            format!("{ROUTE}{R}mute_time_intervals: [{{name: a}}]\ntime_intervals: [{{name: a}}]"),
            Refused,
        ),
        (
            format!(
                "{}time_intervals: [{{name: t}}]",
                child("mute_time_intervals: [t], active_time_intervals: [t]")
            ),
            Taken,
        ),
    ]
}

fn receivers() -> Vec<(String, Verdict)> {
    let mail = "to: a@b, from: c@d, smarthost: 'h:25'";
    let mut table = vec![
        (receiver("webhook", "url: 'http://h/x'"), Taken),
        (
            receiver(
                "webhook",
                "url: 'http://h:9/x?a=b', max_alerts: 5, send_resolved: false",
            ),
            Taken,
        ),
        (receiver("webhook", "url: 'ftp://h/x'"), Refused),
        (receiver("webhook", "url: 'h/x'"), Refused),
        (receiver("webhook", "url: 'http:///x'"), Refused),
        (receiver("webhook", "url: 'http://h:x/'"), Refused),
        (receiver("webhook", ""), Refused),
        (
            receiver("webhook", "url: 'http://h/x', max_alerts: -1"),
            Refused,
        ),
        (
            receiver("webhook", "url: 'http://h/x', send_resolve: true"),
            Refused,
        ),
        (receiver("webhook", "url_file: f"), TakenSince("0.26")),
        (
            receiver("webhook", "url: 'http://h/x', timeout: 10s"),
            TakenSince("0.28"),
        ),
        (receiver("email", mail), Taken),
        (
            receiver(
                "email",
                &format!("{mail}, headers: {{subject: a, Reply-To: b}}"),
            ),
            Taken,
        ),
        (
            receiver(
                "email",
                &format!("{mail}, headers: {{subject: a, Subject: b}}"),
            ),
            Refused,
        ),
        (receiver("email", "to: a@b"), Refused),
        (receiver("email", "from: c@d, smarthost: 'h:25'"), Refused),
        (
            receiver("email", "to: a@b, from: c@d, smarthost: h"),
            Refused,
        ),
        (
            receiver("email", "to: a@b, from: c@d, smarthost: 'h:'"),
            Refused,
        ),
        (
            receiver(
                "email",
                "to: a@b, from: c@d, smarthost: '[::1]:25', require_tls: false",
            ),
            Taken,
        ),
        (
            global("smtp_smarthost: 'h:25', smtp_from: a@b", "email", "to: c@d"),
            Taken,
        ),
        (
            global("smtp_smarthost: 'h:25'", "email", "to: c@d"),
            Refused,
        ),
        (
            global(
                "smtp_auth_password: a, smtp_auth_password_file: b",
                "webhook",
                "url: 'http://h'",
            ),
            Refused,
        ),
        (
            global("resolve_timeout: 5 m", "webhook", "url: 'http://h'"),
            Refused,
        ),
        (
            global(
                "http_config: {basic_auth: {username: u, password: p}}",
                "webhook",
                "url: 'http://h'",
            ),
            Taken,
        ),
        (
            global(
                "http_config: {proxy_url: 'http://p'}",
                "webhook",
                "url: 'http://h'",
            ),
            RefusedByUs,
        ),
        (global("smtp_fro: x", "webhook", "url: 'http://h'"), Refused),
    ];
    table.extend(chats());
    table.extend(pagers());
    for (kind, fields) in [
        ("pushover", "user_key: u, token: t"),
        ("victorops", "api_key: k, routing_key: r"),
        ("sns", "topic_arn: a, sigv4: {}"),
        ("wechat", "corp_id: c, api_secret: s"),
        (
            "webex",
            "room_id: r, http_config: {authorization: {credentials: c}}",
        ),
    ] {
        table.push((receiver(kind, fields), RefusedByUs));
    }
    for kind in ["jira", "rocketchat", "incidentio"] {
        table.push((receiver(kind, ""), Refused));
    }
    table
}

fn chats() -> Vec<(String, Verdict)> {
    let url = "api_url: 'https://h/x'";
    let slack = |fields: &str| receiver("slack", &format!("{url}, {fields}"));
    vec![
        (receiver("slack", url), Taken),
        (receiver("slack", "channel: c"), Refused),
        (
            global("slack_api_url: 'https://h/x'", "slack", "channel: c"),
            Taken,
        ),
        (
            global("slack_api_url_file: f", "slack", "channel: c"),
            Taken,
        ),
        (
            global(
                "slack_api_url: 'https://h/x', slack_api_url_file: f",
                "slack",
                "channel: c",
            ),
            Refused,
        ),
        (receiver("slack", "api_url: '<secret>'"), Taken),
        (slack("api_url_file: f"), Refused),
        (slack("fields: [{title: t, value: v, short: true}]"), Taken),
        (slack("fields: [{title: t}]"), Refused),
        (slack("actions: [{type: button, text: t, url: u}]"), Taken),
        (slack("actions: [{type: button, text: t}]"), Refused),
        (
            slack("actions: [{type: button, text: t, name: n, confirm: {text: t}}]"),
            Taken,
        ),
        (
            slack("actions: [{type: button, text: t, name: n, confirm: {title: t}}]"),
            Refused,
        ),
        (
            slack("mrkdwn_in: [text], link_names: true, short_fields: true"),
            Taken,
        ),
        (receiver("discord", "webhook_url: 'https://h/x'"), Taken),
        (receiver("discord", "title: t"), Refused),
        (receiver("telegram", "bot_token: t, chat_id: -5"), Taken),
        (receiver("telegram", "bot_token: t"), Refused),
        (receiver("telegram", "chat_id: 5"), Refused),
        (receiver("telegram", "bot_token: t, chat_id: x"), Refused),
        (
            receiver("telegram", "bot_token: t, chat_id: 5, parse_mode: Text"),
            Refused,
        ),
        (
            receiver("telegram", "bot_token: t, chat_id: 5, parse_mode: ''"),
            Taken,
        ),
        (
            receiver("msteams", "webhook_url: 'https://h/x'"),
            TakenSince("0.26"),
        ),
        (
            receiver("msteamsv2", "webhook_url: 'https://h/x', title: t"),
            TakenSince("0.28"),
        ),
        (receiver("msteams", "text: t"), Refused),
    ]
}

fn pagers() -> Vec<(String, Verdict)> {
    let genie = |fields: &str| receiver("opsgenie", &format!("api_key: k, {fields}"));
    vec![
        (receiver("pagerduty", "routing_key: k"), Taken),
        (receiver("pagerduty", "routing_key_file: k"), Taken),
        (
            receiver("pagerduty", "routing_key: k, routing_key_file: k"),
            Refused,
        ),
        (receiver("pagerduty", "severity: critical"), Refused),
        (receiver("pagerduty", "service_key: k"), RefusedByUs),
        (
            receiver(
                "pagerduty",
                "routing_key: k, details: {a: b}, images: [{src: s}], links: [{href: h, text: t}]",
            ),
            Taken,
        ),
        (
            receiver("pagerduty", "routing_key: k, images: [{source: s}]"),
            Refused,
        ),
        (receiver("opsgenie", "api_key: k"), Taken),
        (receiver("opsgenie", "message: m"), Refused),
        (
            global("opsgenie_api_key: k", "opsgenie", "message: m"),
            Taken,
        ),
        (
            global(
                "opsgenie_api_key: k, opsgenie_api_key_file: f",
                "opsgenie",
                "message: m",
            ),
            Refused,
        ),
        (genie("responders: [{name: n, type: Team}]"), Taken),
        (
            genie("responders: [{name: n, type: '{{ .GroupLabels.t }}'}]"),
            Taken,
        ),
        (genie("responders: [{type: team}]"), Refused),
        (genie("responders: [{name: n, type: pet}]"), Refused),
        (
            genie("details: {a: b}, update_alerts: true, priority: P1"),
            Taken,
        ),
    ]
}

fn table() -> Vec<(String, Verdict)> {
    [structure(), rules_and_intervals(), receivers()].concat()
}

#[test]
fn every_file_is_taken_or_refused_as_the_table_says() {
    for (text, verdict) in table() {
        let (config, problems) = Configuration::read(&text, Path::new("/etc/am/a.yml"), "a.yml");
        let taken = matches!(verdict, Taken | TakenSince(_));
        assert_eq!(config.is_some(), taken, "{verdict:?}\n{text}\n{problems}");
        assert_eq!(!problems.has_errors(), taken, "{text}\n{problems}");
        for problem in &problems {
            assert!(problem.place.is_some(), "{text}\n{problem}");
        }
    }
}

#[test]
fn amtool_says_the_same() {
    let Some(amtool) = program("amtool", "amtool_says_the_same") else {
        return;
    };
    let room = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for (number, (text, _)) in table().into_iter().enumerate() {
        let path = room.path().join(format!("{number}.yml"));
        std::fs::write(&path, text).unwrap();
        paths.push(path);
    }
    // One file at a time: amtool's word on each is its exit status.
    for (path, (text, verdict)) in paths.iter().zip(table()) {
        let output = Command::new(&amtool)
            .arg("check-config")
            .arg(path)
            .output()
            .unwrap();
        let taken = matches!(verdict, Taken | RefusedByUs);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(
            output.status.success(),
            taken,
            "{verdict:?}\n{text}\n{said}"
        );
    }
}

/// Every secret of `text` is written as `s3cret`; none of them may come out again.
#[test]
fn what_is_printed_holds_no_secret_and_is_read_again_by_both() {
    let text = "\
global:
  smtp_smarthost: 'mail.example.org:587'
  smtp_from: 'a@example.org'
  smtp_auth_username: u
  smtp_auth_password: s3cret
  slack_api_url: 'https://hooks.example.org/s3cret'
  opsgenie_api_key: s3cret
  http_config: {basic_auth: {username: u, password: s3cret}}
templates: ['t/*.tmpl']
route:
  receiver: all
  group_by: ['...']
  routes:
  - matchers: ['severity=~\"critical|page\"', a!=\"x y\"]
    receiver: all
    continue: true
    mute_time_intervals: [nights]
    routes: [{match: {team: 'db: \"one\"'}, group_wait: 10s}]
inhibit_rules:
- {source_matchers: [severity=critical], target_matchers: [severity=warning], equal: [alertname]}
time_intervals:
- name: nights
  time_intervals: [{times: [{start_time: '00:00', end_time: '06:00'}], weekdays: ['monday:friday'], location: Europe/Zurich}]
receivers:
- name: all
  webhook_configs: [{url: 'https://u:s3cret@h.example.org:8443/s3cret?t=s3cret'}]
  slack_configs: [{channel: '#ops', text: \"a\\nb: {{ .Status }}\"}]
  pagerduty_configs: [{routing_key: s3cret, details: {password: open}}]
  opsgenie_configs: [{}]
  telegram_configs: [{bot_token: s3cret, chat_id: 5}]
  discord_configs: [{webhook_url: 'https://d.example.org/s3cret'}]
  email_configs: [{to: b@example.org, auth_password: s3cret}]
";
    let read = |text: &str| Configuration::read(text, Path::new("/etc/am/a.yml"), "a.yml");
    let (config, problems) = read(text);
    assert!(problems.is_empty(), "{problems}");
    let config = config.unwrap();
    let printed = config.printed();
    assert!(!printed.contains("s3cret"), "{printed}");
    assert!(!format!("{config:?}").contains("s3cret"));
    assert!(printed.contains("password: open"), "{printed}");
    let (again, problems) = read(printed);
    let again = again.unwrap_or_else(|| panic!("{problems}\n{printed}"));
    assert_eq!(again.printed(), printed);
    assert_eq!(
        (&again.route, &again.inhibit_rules),
        (&config.route, &config.inhibit_rules)
    );
    assert_eq!(again.time_intervals, config.time_intervals);
    assert_eq!(again.receivers.len(), 1);
    let Some(amtool) = program("amtool", "what_is_printed_is_read_by_amtool") else {
        return;
    };
    let room = tempfile::tempdir().unwrap();
    let path = room.path().join("a.yml");
    std::fs::write(&path, printed).unwrap();
    let output = Command::new(amtool)
        .arg("check-config")
        .arg(&path)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}\n{printed}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn all_problems_are_collected_with_their_places_and_what_mends_them() {
    let text = "\
route: {receiver: ops, group_interval: 0s, routs: []}
receivers:
- name: ops
  webhook_configs: [{urll: 'http://h'}]
  pagerduty_configs: [{service_key: s3cret}]
  sns_configs: [{}]
";
    let (_, problems) = Configuration::read(text, Path::new("/etc/am/a.yml"), "a.yml");
    let said = problems.to_string();
    for part in [
        "a.yml:1:",
        "`group_interval` is not zero",
        "unknown key `routs` in route\n  hint: did you mean `routes`?",
        "unknown key `urll` in webhook_configs\n  hint: did you mean `url`?",
        "a webhook needs `url` or `url_file`",
        "a.yml:5:24: `service_key` is not supported yet\n  hint: PagerDuty's Events API v1",
        "`sns_configs` is not supported yet",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    assert!(!said.contains("s3cret"));
}
