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

fn files() -> Vec<(String, Verdict)> {
    let file = |text: &str, verdict| (text.to_owned(), verdict);
    let one = |keys: &str, verdict| (rule(keys), verdict);
    let note = |text: &str, verdict| (annotation(text), verdict);
    vec![
        // Files and groups.
        file("", Accepted),
        file("# nothing\n", Accepted),
        file("groups:\n", Accepted),
        file("groups: []\n", Accepted),
        file("{}\n", Accepted),
        file("group: []\n", Refused),
        file("groups: {}\n", Refused),
        file("groups: text\n", Refused),
        file("text\n", Refused),
        file("- list\n", Refused),
        file("groups: [\n", Refused),
        file("groups:\n- name: g\n", Accepted),
        file("groups:\n- name: g\n  rules:\n", Accepted),
        file(
            "groups:\n- name: g\n  rules: []\n- name: h\n  rules: []\n",
            Accepted,
        ),
        file("groups:\n- name: g\n- name: g\n", Refused),
        file("groups:\n- rules: []\n", Refused),
        file("groups:\n- name: ''\n  rules: []\n", Refused),
        file("groups:\n- name: 5\n  rules: []\n", Accepted),
        file("groups:\n-\n", Accepted),
        file("groups:\n- name: g\n  interval: 30s\n", Accepted),
        file("groups:\n- name: g\n  interval: 1h30m\n", Accepted),
        file("groups:\n- name: g\n  interval: 0\n", Accepted),
        file("groups:\n- name: g\n  interval: 0s\n", Accepted),
        file("groups:\n- name: g\n  interval: 30\n", Refused),
        file("groups:\n- name: g\n  interval: 1.5m\n", Refused),
        file("groups:\n- name: g\n  interval: -1m\n", Refused),
        file("groups:\n- name: g\n  interval: 1m1h\n", Refused),
        file("groups:\n- name: g\n  interval: ''\n", Refused),
        file("groups:\n- name: g\n  interval: [1m]\n", Refused),
        file("groups:\n- name: g\n  interval: 300y\n", Refused),
        file("groups:\n- name: g\n  limit: 10\n", Accepted),
        file("groups:\n- name: g\n  limit: -1\n", Accepted),
        file("groups:\n- name: g\n  limit: ten\n", Refused),
        file("groups:\n- name: g\n  limit: '10'\n", Refused),
        file("groups:\n- name: g\n  limit:\n", Accepted),
        file(
            "groups:\n- name: g\n  partial_response_strategy: abort\n",
            Refused,
        ),
        file("groups:\n- name: g\n  source_tenants: [a]\n", Refused),
        file("groups:\n- name: g\n  evaluation_delay: 1m\n", Refused),
        file("groups:\n- name: g\n  intervall: 1m\n", Refused),
        file("groups:\n- name: g\n  name: h\n", Refused),
        file(
            "groups:\n- name: g\n  query_offset: 1m\n",
            Since3("groups have `query_offset`"),
        ),
        file(
            "groups:\n- name: g\n  labels: {a: b}\n",
            Since3("groups have `labels`"),
        ),
        file("groups:\n- name: g\n  labels: {__name__: b}\n", Refused),
        file("groups: []\n---\ngroups: []\n", Accepted),
        file("groups: []\n---\nother: []\n", Accepted),
        file("x-a: &a {alert: a, expr: up}\ngroups: []\n", Refused),
        file(
            "groups:\n- name: g\n  rules:\n  - &a {alert: a, expr: up}\n  - {<<: *a, alert: b}\n",
            Accepted,
        ),
        // Rules.
        one("record: r, expr: up", Accepted),
        one("alert: a, expr: up", Accepted),
        one("alert: a b c, expr: up", Accepted),
        one("alert: 'ü{}', expr: up", Accepted),
        one("alert: a, record: r, expr: up", Refused),
        one("expr: up", Refused),
        one("alert: '', expr: up", Refused),
        one("record: r", Refused),
        one("record: r, expr: ''", Refused),
        one("record: r, expr: ", Refused),
        one("record: r, expr: [up]", Refused),
        one("record: r, expr: 5", Accepted),
        one("record: r, expr: 'up['", Refused),
        one("record: r, expr: 'sum(up) by'", Refused),
        one("record: r, expr: 'nosuch(up)'", Refused),
        one("record: r, expr: 'rate(up)'", Refused),
        one("record: r, expr: 'up[5m]'", Accepted),
        one("record: r, expr: '\"text\"'", Accepted),
        one("record: r, expr: up, expr: up", Refused),
        one("record: r, expr: up, for: 1m", Refused),
        one("record: r, expr: up, for: 0s", Accepted),
        one("record: r, expr: up, keep_firing_for: 1m", Refused),
        one("record: r, expr: up, annotations: {a: b}", Refused),
        one("record: r, expr: up, annotations: {}", Accepted),
        one("record: r, expr: up, labels: {a: '{{ nosuch }}'}", Accepted),
        one("record: 'a:b:c', expr: up", Accepted),
        one("record: 'sum(up)', expr: up", Since3("names are any UTF-8")),
        one("record: 'a b', expr: up", Since3("names are any UTF-8")),
        one("record: 1a, expr: up", Since3("names are any UTF-8")),
        one("record: 'r{a=\"b\"}', expr: up", Refused),
        one("alert: a, expr: up, for: 1m", Accepted),
        one("alert: a, expr: up, for: 0", Accepted),
        one("alert: a, expr: up, for: 5", Refused),
        one("alert: a, expr: up, for: 1m30", Refused),
        one("alert: a, expr: up, for: -1m", Refused),
        one("alert: a, expr: up, for: 1y2w3d4h5m6s7ms", Accepted),
        one("alert: a, expr: up, keep_firing_for: 5m", Accepted),
        one("alert: a, expr: up, keep_firing: 5m", Refused),
        one("alert: a, expr: up, severity: page", Refused),
        one("alert: a, expr: up, labels: {a: b}", Accepted),
        one(
            "alert: a, expr: up, labels: {a: 1, b: true, c: , d: 1.5}",
            Accepted,
        ),
        one("alert: a, expr: up, labels: {a: [b]}", Refused),
        one("alert: a, expr: up, labels: [a]", Refused),
        one("alert: a, expr: up, labels: ", Accepted),
        one("alert: a, expr: up, labels: {__name__: b}", Refused),
        one("alert: a, expr: up, labels: {'': b}", Refused),
        one("alert: a, expr: up, labels: {alertname: b}", Accepted),
        one(
            "alert: a, expr: up, labels: {a-b: c}",
            Since3("names are any UTF-8"),
        ),
        one(
            "alert: a, expr: up, labels: {1a: c}",
            Since3("names are any UTF-8"),
        ),
        one(
            "alert: a, expr: up, annotations: {a-b: c}",
            Since3("names are any UTF-8"),
        ),
        one("alert: a, expr: up, annotations: {__name__: c}", Accepted),
        one("alert: a, expr: up, annotations: {a: {b: c}}", Refused),
        file("groups:\n- name: g\n  rules:\n  -\n", Accepted),
        file("groups:\n- name: g\n  rules: {}\n", Refused),
        file("groups:\n- name: g\n  rules: [text]\n", Refused),
        // Templates.
        note("plain", Accepted),
        note("{{ $labels.instance }} {{ $value }}", Accepted),
        note("{{ $externalLabels.a }} {{ $externalURL }}", Accepted),
        note("{{ .Labels.a }} {{ .Value }} {{ .ExternalURL }}", Accepted),
        note("{{ humanize $value | toUpper }}", Accepted),
        note(
            "{{ with query \"up\" }}{{ . | first | value }}{{ end }}",
            Accepted,
        ),
        note(
            "{{ range query \"up\" }}{{ .Labels.a }}{{ else }}none{{ end }}",
            Accepted,
        ),
        note(
            "{{ if gt $value 5.0 }}a{{ else if eq $value 1.0 }}b{{ end }}",
            Accepted,
        ),
        note("{{- $x := 1 -}} {{ $x }}", Accepted),
        note(
            "{{ define \"t\" }}x{{ end }}{{ template \"t\" . }}",
            Accepted,
        ),
        note("{{ printf \"%.2f\" $value }}", Accepted),
        note("{{/* nothing */}}", Accepted),
        note("}}", Accepted),
        note("{{", Refused),
        note("{{ }}", Refused),
        note("{{ $nosuch }}", Refused),
        note("{{ nosuch }}", Refused),
        note("{{ humanize", Refused),
        note("{{ if $value }}", Refused),
        note("{{ end }}", Refused),
        note("{{ range }}x{{ end }}", Refused),
        note("{{ \"open }}", Refused),
        note("{{ .Labels.a | }}", Stricter("nothing is behind the bar")),
        note("{{ tmpl \"x\" . }}", Refused),
        note("{{ now }}", Since3("templates have more functions")),
        note(
            "{{ toDuration $value }}",
            Since3("templates have more functions"),
        ),
        note(
            "{{ urlQueryEscape \"a b\" }}",
            Since3("templates have more functions"),
        ),
        one("alert: a, expr: up, labels: {a: '{{ nosuch }}'}", Refused),
        // Expressions that Prometheus 3 changed.
        one("record: r, expr: 'sum_over_time(up[5m])'", Accepted),
        one("record: r, expr: 'up offset -5m'", Accepted),
        one("record: r, expr: 'up @ end()'", Accepted),
        one(
            "record: r, expr: '{\"a.b\"}'",
            Since3("names are any UTF-8"),
        ),
        one(
            "record: r, expr: 'up[300]'",
            Since3("durations may be numbers"),
        ),
        one(
            "record: r, expr: 'holt_winters(up[5m], 0.5, 0.5)'",
            Until3("it is called `double_exponential_smoothing`, and experimental"),
        ),
        file(
            "groups:\n- name: g\n  limit: 1.0\n",
            Stricter("a limit is a whole number"),
        ),
    ]
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
