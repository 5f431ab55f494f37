//! The same verdict as `promtool check rules` of Prometheus 2.42, but where Prometheus 3 differs.

use std::path::Path;

use mainstay_rules::RuleFile;

use crate::peer::{promtool, run};

/// What both say of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Accepted,
    Refused,
    /// Only Prometheus 3 and this crate accept it, for this reason.
    Since3(&'static str),
    /// Only Prometheus 2 accepts it, for this reason.
    Until3(&'static str),
    /// Refused here alone, for this reason.
    Stricter(&'static str),
}
use Verdict::{Accepted, Refused, Since3, Stricter, Until3};

/// A file with one rule of these keys.
fn rule(keys: &str) -> String {
    format!("groups:\n- name: g\n  rules:\n  - {{{keys}}}\n")
}

/// A file with an alert whose annotation is this.
fn annotation(text: &str) -> String {
    rule(&format!("alert: a, expr: up, annotations: {{x: '{text}'}}"))
}

/// Whole files.
const FILES: &[(&str, Verdict)] = &[
    ("", Accepted),
    ("# nothing\n", Accepted),
    ("groups:\n", Accepted),
    ("groups: []\n", Accepted),
    ("{}\n", Accepted),
    ("group: []\n", Refused),
    ("groups: {}\n", Refused),
    ("groups: text\n", Refused),
    ("text\n", Refused),
    ("- list\n", Refused),
    ("groups: [\n", Refused),
    ("groups:\n- name: g\n", Accepted),
    ("groups:\n- name: g\n  rules:\n", Accepted),
    (
        "groups:\n- name: g\n  rules: []\n- name: h\n  rules: []\n",
        Accepted,
    ),
    ("groups:\n- name: g\n- name: g\n", Refused),
    ("groups:\n- rules: []\n", Refused),
    ("groups:\n- name: ''\n  rules: []\n", Refused),
    ("groups:\n- name: 5\n  rules: []\n", Accepted),
    ("groups:\n-\n", Accepted),
    ("groups:\n- name: g\n  interval: 30s\n", Accepted),
    ("groups:\n- name: g\n  interval: 1h30m\n", Accepted),
    ("groups:\n- name: g\n  interval: 0\n", Accepted),
    ("groups:\n- name: g\n  interval: 0s\n", Accepted),
    ("groups:\n- name: g\n  interval: 30\n", Refused),
    ("groups:\n- name: g\n  interval: 1.5m\n", Refused),
    ("groups:\n- name: g\n  interval: -1m\n", Refused),
    ("groups:\n- name: g\n  interval: 1m1h\n", Refused),
    ("groups:\n- name: g\n  interval: ''\n", Refused),
    ("groups:\n- name: g\n  interval: [1m]\n", Refused),
    ("groups:\n- name: g\n  interval: 300y\n", Refused),
    ("groups:\n- name: g\n  limit: 10\n", Accepted),
    ("groups:\n- name: g\n  limit: -1\n", Accepted),
    ("groups:\n- name: g\n  limit: ten\n", Refused),
    ("groups:\n- name: g\n  limit: '10'\n", Refused),
    ("groups:\n- name: g\n  limit:\n", Accepted),
    (
        "groups:\n- name: g\n  partial_response_strategy: abort\n",
        Refused,
    ),
    ("groups:\n- name: g\n  source_tenants: [a]\n", Refused),
    ("groups:\n- name: g\n  evaluation_delay: 1m\n", Refused),
    ("groups:\n- name: g\n  intervall: 1m\n", Refused),
    ("groups:\n- name: g\n  name: h\n", Refused),
    (
        "groups:\n- name: g\n  query_offset: 1m\n",
        Since3("groups have `query_offset`"),
    ),
    (
        "groups:\n- name: g\n  labels: {a: b}\n",
        Since3("groups have `labels`"),
    ),
    ("groups:\n- name: g\n  labels: {__name__: b}\n", Refused),
    ("groups: []\n---\ngroups: []\n", Accepted),
    ("groups: []\n---\nother: []\n", Accepted),
    ("x-a: &a {alert: a, expr: up}\ngroups: []\n", Refused),
    (
        "groups:\n- name: g\n  rules:\n  - &a {alert: a, expr: up}\n  - {<<: *a, alert: b}\n",
        Accepted,
    ),
    ("groups:\n- name: g\n  rules:\n  -\n", Accepted),
    ("groups:\n- name: g\n  rules: {}\n", Refused),
    ("groups:\n- name: g\n  rules: [text]\n", Refused),
    (
        "groups:\n- name: g\n  limit: 1.0\n",
        Stricter("a limit is a whole number"),
    ),
];

/// Keys of one rule.
const RULES: &[(&str, Verdict)] = &[
    ("record: r, expr: up", Accepted),
    ("alert: a, expr: up", Accepted),
    ("alert: a b c, expr: up", Accepted),
    ("alert: 'ü{}', expr: up", Accepted),
    ("alert: a, record: r, expr: up", Refused),
    ("expr: up", Refused),
    ("alert: '', expr: up", Refused),
    ("record: r", Refused),
    ("record: r, expr: ''", Refused),
    ("record: r, expr: ", Refused),
    ("record: r, expr: [up]", Refused),
    ("record: r, expr: 5", Accepted),
    ("record: r, expr: 'up['", Refused),
    ("record: r, expr: 'sum(up) by'", Refused),
    ("record: r, expr: 'nosuch(up)'", Refused),
    ("record: r, expr: 'rate(up)'", Refused),
    ("record: r, expr: 'up[5m]'", Accepted),
    ("record: r, expr: '\"text\"'", Accepted),
    ("record: r, expr: up, expr: up", Refused),
    ("record: r, expr: up, for: 1m", Refused),
    ("record: r, expr: up, for: 0s", Accepted),
    ("record: r, expr: up, keep_firing_for: 1m", Refused),
    ("record: r, expr: up, annotations: {a: b}", Refused),
    ("record: r, expr: up, annotations: {}", Accepted),
    ("record: r, expr: up, labels: {a: '{{ nosuch }}'}", Accepted),
    ("record: 'a:b:c', expr: up", Accepted),
    ("record: 'sum(up)', expr: up", Since3("names are any UTF-8")),
    ("record: 'a b', expr: up", Since3("names are any UTF-8")),
    ("record: 1a, expr: up", Since3("names are any UTF-8")),
    ("record: 'r{a=\"b\"}', expr: up", Refused),
    ("alert: a, expr: up, for: 1m", Accepted),
    ("alert: a, expr: up, for: 0", Accepted),
    ("alert: a, expr: up, for: 5", Refused),
    ("alert: a, expr: up, for: 1m30", Refused),
    ("alert: a, expr: up, for: -1m", Refused),
    ("alert: a, expr: up, for: 1y2w3d4h5m6s7ms", Accepted),
    ("alert: a, expr: up, keep_firing_for: 5m", Accepted),
    ("alert: a, expr: up, keep_firing: 5m", Refused),
    ("alert: a, expr: up, severity: page", Refused),
    ("alert: a, expr: up, labels: {a: b}", Accepted),
    (
        "alert: a, expr: up, labels: {a: 1, b: true, c: , d: 1.5}",
        Accepted,
    ),
    ("alert: a, expr: up, labels: {a: [b]}", Refused),
    ("alert: a, expr: up, labels: [a]", Refused),
    ("alert: a, expr: up, labels: ", Accepted),
    ("alert: a, expr: up, labels: {__name__: b}", Refused),
    ("alert: a, expr: up, labels: {'': b}", Refused),
    ("alert: a, expr: up, labels: {alertname: b}", Accepted),
    (
        "alert: a, expr: up, labels: {a-b: c}",
        Since3("names are any UTF-8"),
    ),
    (
        "alert: a, expr: up, labels: {1a: c}",
        Since3("names are any UTF-8"),
    ),
    (
        "alert: a, expr: up, annotations: {a-b: c}",
        Since3("names are any UTF-8"),
    ),
    ("alert: a, expr: up, annotations: {__name__: c}", Accepted),
    ("alert: a, expr: up, annotations: {a: {b: c}}", Refused),
    ("alert: a, expr: up, labels: {a: '{{ nosuch }}'}", Refused),
    ("record: r, expr: 'sum_over_time(up[5m])'", Accepted),
    ("record: r, expr: 'up offset -5m'", Accepted),
    ("record: r, expr: 'up @ end()'", Accepted),
    (
        "record: r, expr: '{\"a.b\"}'",
        Since3("names are any UTF-8"),
    ),
    (
        "record: r, expr: 'up[300]'",
        Since3("durations may be numbers"),
    ),
    (
        "record: r, expr: 'holt_winters(up[5m], 0.5, 0.5)'",
        Until3("it is called `double_exponential_smoothing`, and experimental"),
    ),
];

/// An annotation.
const ANNOTATIONS: &[(&str, Verdict)] = &[
    ("plain", Accepted),
    ("{{ $labels.instance }} {{ $value }}", Accepted),
    ("{{ $externalLabels.a }} {{ $externalURL }}", Accepted),
    ("{{ .Labels.a }} {{ .Value }} {{ .ExternalURL }}", Accepted),
    ("{{ humanize $value | toUpper }}", Accepted),
    (
        "{{ with query \"up\" }}{{ . | first | value }}{{ end }}",
        Accepted,
    ),
    (
        "{{ range query \"up\" }}{{ .Labels.a }}{{ else }}none{{ end }}",
        Accepted,
    ),
    (
        "{{ if gt $value 5.0 }}a{{ else if eq $value 1.0 }}b{{ end }}",
        Accepted,
    ),
    ("{{- $x := 1 -}} {{ $x }}", Accepted),
    (
        "{{ define \"t\" }}x{{ end }}{{ template \"t\" . }}",
        Accepted,
    ),
    ("{{ printf \"%.2f\" $value }}", Accepted),
    ("{{/* nothing */}}", Accepted),
    ("}}", Accepted),
    ("{{", Refused),
    ("{{ }}", Refused),
    ("{{ $nosuch }}", Refused),
    ("{{ nosuch }}", Refused),
    ("{{ humanize", Refused),
    ("{{ if $value }}", Refused),
    ("{{ end }}", Refused),
    ("{{ range }}x{{ end }}", Refused),
    ("{{ \"open }}", Refused),
    ("{{ .Labels.a | }}", Accepted),
    ("{{ tmpl \"x\" . }}", Refused),
    ("{{ now }}", Since3("templates have more functions")),
    (
        "{{ toDuration $value }}",
        Since3("templates have more functions"),
    ),
    (
        "{{ urlQueryEscape \"a b\" }}",
        Since3("templates have more functions"),
    ),
];

fn files() -> impl Iterator<Item = (String, Verdict)> {
    let whole = FILES
        .iter()
        .map(|(text, verdict)| ((*text).to_owned(), *verdict));
    let rules = RULES.iter().map(|(keys, verdict)| (rule(keys), *verdict));
    let notes = ANNOTATIONS
        .iter()
        .map(|(text, verdict)| (annotation(text), *verdict));
    whole.chain(rules).chain(notes)
}

#[test]
fn files_have_the_same_verdict_as_from_promtool() {
    let promtool = promtool("files_have_the_same_verdict_as_from_promtool");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rules.yml");
    let mut mistakes = Vec::new();
    for (text, verdict) in files() {
        let (_, problems) = RuleFile::read(&text, Path::new("/r.yml"), "r.yml");
        let ours = !problems.has_errors();
        if ours != matches!(verdict, Accepted | Since3(_)) {
            mistakes.push(format!("we: {ours}, not {verdict:?}\n{text}{problems}"));
        }
        let Some(promtool) = &promtool else { continue };
        std::fs::write(&path, &text).unwrap();
        let (theirs, said) = run(promtool, &["check", "rules"], &path);
        if theirs != matches!(verdict, Accepted | Until3(_) | Stricter(_)) {
            mistakes.push(format!("promtool: {theirs}, not {verdict:?}\n{text}{said}"));
        }
    }
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n---\n"));
}
