//! Rule files: what is read, and what is said of what is not.

use std::path::Path;

use mainstay_rules::RuleFile;

/// The problems of a file, each on a line of its own, hints left out.
fn problems(yaml: &str) -> Vec<String> {
    let (_, problems) = RuleFile::read(yaml, Path::new("/r.yml"), "r.yml");
    let lines = problems.iter().map(ToString::to_string);
    let first = |text: String| text.lines().next().unwrap_or_default().to_owned();
    lines.map(first).collect()
}

#[test]
fn everything_that_prometheus_knows_is_read() {
    let yaml = "
groups:
- name: g
  interval: 30s
  limit: 10
  query_offset: 1m
  labels: {team: a, severity: none}
  rules:
  - record: job:up:sum
    expr: sum by (job) (up)
    labels: {kind: sum}
  - alert: Down
    expr: |
      up == 0
        and on () vector(1)
    for: 5m
    keep_firing_for: 1h
    labels: {severity: page, empty: }
    annotations: {summary: it is down, number: 5}
- name: empty
";
    let (file, problems) = RuleFile::read(yaml, Path::new("/etc/r.yml"), "r.yml");
    assert!(problems.is_empty(), "{problems}");
    assert_eq!(file.name, "/etc/r.yml");
    let group = &file.groups[0];
    assert_eq!(
        (group.interval_ms, group.limit, group.query_offset_ms),
        (Some(30_000), 10, Some(60_000))
    );
    let (sum, down) = (&group.rules[0], &group.rules[1]);
    assert_eq!(
        sum.labels.to_string(),
        r#"{kind="sum", severity="none", team="a"}"#
    );
    assert_eq!(down.labels.to_string(), r#"{severity="page", team="a"}"#);
    assert_eq!(down.removed, ["empty"]);
    let alerting = down.alerting().unwrap();
    assert_eq!(
        (alerting.hold_ms, alerting.keep_firing_ms),
        (300_000, 3_600_000)
    );
    assert_eq!(alerting.annotations["number"], "5");
    assert_eq!((down.place.line, down.place.column), (12, 5));
}

#[test]
fn all_problems_are_said_with_their_places() {
    let yaml = "
groups:
- name: g
  intervall: 30s
  partial_response_strategy: abort
  rules:
  - record: a
    alert: b
    expr: up
  - expr: up
  - record: c
  - record: d
    expr: >-
      sum(up)
      by by (x)
    for: 1m
    annotations: {a: b}
  - record: 'e{x=\"y\"}'
    expr: up
  - alert: F
    expr: up[5m]
    labels: {__name__: x}
    for: 5
- name: g
- rules: []
";
    assert_eq!(
        problems(yaml),
        [
            "error: r.yml:4:3: unknown key `intervall` in a group",
            "error: r.yml:5:3: `partial_response_strategy` in a group is not supported",
            "error: r.yml:8:12: a rule is named by `record` or `alert`, not by both: `a`, `b`",
            "error: r.yml:10:5: a rule has neither `record` nor `alert`",
            "error: r.yml:11:5: a rule has no `expr`",
            "error: r.yml:15:10: not PromQL: unexpected <by> in grouping opts, expected \"(\"",
            "error: r.yml:16:5: a rule that records has no `for`",
            "error: r.yml:17:5: a rule that records has no `annotations`",
            "error: r.yml:18:13: braces in the name of a series: `e{x=\"y\"}`",
            "warning: r.yml:21:11: the expression is a matrix, so that this rule fails at each evaluation",
            "error: r.yml:22:14: `__name__` cannot be the name of a label",
            "error: r.yml:23:10: `for` must be a duration such as `1m30s`, found `5`",
            "error: r.yml:24:9: group `g` stands here twice",
            "error: r.yml:25:3: a group has no name",
        ]
    );
}

#[test]
fn typing_mistakes_are_guessed() {
    let (_, problems) = RuleFile::read("group:\n- name: a\n", Path::new("/r"), "r");
    assert_eq!(
        problems.to_string(),
        "error: r:1:1: unknown key `group` in the file\n  hint: did you mean `groups`?"
    );
}

#[test]
fn rules_that_give_the_same_are_warned_about() {
    let yaml = "
groups:
- name: a
  labels: {x: y}
  rules:
  - {record: r, expr: up}
- name: b
  rules:
  - {record: r, expr: up, labels: {x: y}}
  - {record: r, expr: up}
  - {alert: r, expr: up}
";
    assert_eq!(
        problems(yaml),
        [
            "warning: r.yml:9:5: another rule records `r` with the same labels {x=\"y\"}",
            "warning: r.yml:11:5: another rule is named `r` with the same labels {}"
        ]
    );
}

#[test]
fn files_without_rules_are_files() {
    for yaml in [
        "",
        "groups:\n",
        "groups: []\n",
        "{}",
        "# nothing\n",
        "---\ngroups: []\n",
    ] {
        assert_eq!(problems(yaml), [""; 0], "{yaml}");
    }
    assert_eq!(problems("groups: []\n---\nx: y\n").len(), 1);
    assert_eq!(problems("groups: {}\n").len(), 1);
    assert_eq!(problems("just text\n").len(), 1);
}

#[test]
fn templates_are_parsed_with_their_places() {
    let yaml = "
groups:
- name: a
  rules:
  - alert: A
    expr: up
    labels: {a: '{{ $labels.x }}', b: '{{ .Labels.x | nosuch }}'}
    annotations:
      c: |
        first
        {{ if }}
";
    let found = problems(yaml);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("error: r.yml:7:"), "{found:?}");
    assert!(found[0].contains("nosuch"), "{found:?}");
    assert!(found[1].starts_with("error: r.yml:11:"), "{found:?}");
}
