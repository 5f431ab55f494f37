//! Alerts over random series: what happens here is written down as a unit test, which promtool must
//! pass.

use std::fmt::Write as _;

use mainstay_promql::promqltest::MemoryStorage;
use mainstay_promql::{Engine, Query, Value, uninterrupted};
use mainstay_rules::{AlertState, RuleState};

use crate::drive::{Drive, MINUTE};
use crate::peer::{promtool, run};

const RULES: &str = "
groups:
- name: g
  rules:
  - {record: r, expr: x + 1, labels: {kind: plus}}
  - {record: s, expr: sum by (job) (x)}
  - {alert: Now, expr: x == 0}
  - {alert: Held, expr: x == 0, for: 2m}
  - {alert: Kept, expr: x == 0, keep_firing_for: 3m}
  - {alert: Both, expr: x < 2, for: 1m, keep_firing_for: 2m}
  - {alert: Long, expr: x > 0, for: 4m, labels: {job: all, series: '{{ $labels.job }}'}}
  - alert: Value
    expr: r > 1
    for: 1m
    labels: {value: '{{ $value }}'}
    annotations: {all: '{{ range query \"s\" | sortByLabel \"job\" }}{{ .Labels.job }}={{ .Value }} {{ end }}'}
  - {alert: Alerts, expr: 'count by (alertname) (ALERTS{alertstate=\"firing\"}) > 1', labels: {of: '{{ $labels.alertname }}'}}
  - {alert: Away, expr: absent(s), for: 1m}
";
const ALERTS: [&str; 8] = [
    "Now", "Held", "Kept", "Both", "Long", "Value", "Alerts", "Away",
];
const EXPRESSIONS: [&str; 4] = ["r", "s", "ALERTS", "ALERTS_FOR_STATE"];
const MINUTES: i64 = 30;
const TESTS: u64 = 25;

/// xorshift64 (Marsaglia 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    /// Values that stay for a while, vanish, and come again: for less than five minutes, since to 2.42
    /// a sample of just that age is not old.
    fn values(&mut self) -> String {
        let mut values = Vec::new();
        while values.len() <= MINUTES as usize {
            let value = ["0", "0", "1", "2", "3", "_", "stale"][self.below(7) as usize];
            let gap = value == "_";
            if gap && values.last() == Some(&"_") {
                continue;
            }
            let times = 1 + self.below(if gap { 4 } else { 5 }) as usize;
            values.extend(std::iter::repeat_n(value, times));
        }
        values.join(" ")
    }
}

/// What an expression gives, as expected samples.
fn samples(storage: &MemoryStorage, expression: &str, at_ms: i64) -> String {
    let query = Query::parse(expression).unwrap();
    let answer = Engine::default().instant(storage, &query, at_ms, &uninterrupted);
    let Value::Vector { samples, .. } = answer.unwrap().value else {
        panic!("no vector");
    };
    let mut text = String::new();
    for (labels, value) in samples {
        let _ = writeln!(text, "    - {{labels: '{labels}', value: {value}}}");
    }
    text
}

/// The alerts of a name that fire, as expected alerts.
fn firing(drive: &Drive, name: &str) -> String {
    let rules = drive.group.rules().iter();
    let rules = rules.filter(|state| state.rule().name == name);
    let alerts = rules.flat_map(RuleState::active_alerts);
    let mut text = String::new();
    for (labels, alert) in alerts.filter(|(_, alert)| alert.state == AlertState::Firing) {
        let pairs = labels
            .iter()
            .map(|(name, value)| format!("{name}: '{value}'"));
        let labels = pairs.collect::<Vec<_>>().join(", ");
        let pairs = alert.annotations.iter();
        let pairs = pairs.map(|(name, value)| format!("{name}: '{value}'"));
        let annotations = pairs.collect::<Vec<_>>().join(", ");
        let _ = writeln!(
            text,
            "    - {{exp_labels: {{{labels}}}, exp_annotations: {{{annotations}}}}}"
        );
    }
    text
}

/// A test of what happens over random series, and how many alerts fire in it.
fn test(seed: u64) -> (String, usize) {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    for _ in 0..8 {
        random.below(2);
    }
    let (mut load, mut series) = ("load 1m\n".to_owned(), String::new());
    for job in ["a", "b", "c"] {
        let values = random.values();
        let _ = writeln!(load, "  x{{job=\"{job}\"}} {values}");
        let _ = writeln!(
            series,
            "  - {{series: 'x{{job=\"{job}\"}}', values: '{values}'}}"
        );
    }
    let mut drive = Drive::new(&load, RULES);
    let (mut alerts, mut expressions) = (String::new(), String::new());
    for minute in 0..=MINUTES {
        drive.at(minute * MINUTE);
        for name in ALERTS {
            let expected = firing(&drive, name);
            let _ = write!(
                alerts,
                "  - alertname: {name}\n    eval_time: {minute}m\n    exp_alerts:\n{expected}"
            );
        }
    }
    for minute in 0..=MINUTES {
        for expression in EXPRESSIONS {
            let expected = samples(&drive.storage, expression, minute * MINUTE);
            let _ = write!(
                expressions,
                "  - expr: {expression}\n    eval_time: {minute}m\n    exp_samples:\n{expected}"
            );
        }
    }
    let fired = alerts.matches("exp_labels").count();
    let text = format!(
        "- name: seed {seed}\n  interval: 1m\n  input_series:\n{series}  alert_rule_test:\n{alerts}  promql_expr_test:\n{expressions}"
    );
    (text, fired)
}

#[test]
fn promtool_sees_the_same_alerts_and_series() {
    let Some(promtool) = promtool("promtool_sees_the_same_alerts_and_series") else {
        return;
    };
    let tests: Vec<_> = (1..=TESTS).map(test).collect();
    let fired: usize = tests.iter().map(|(_, fired)| fired).sum();
    assert!(fired > 2000, "only {fired} alerts fire");
    let tests: String = tests.into_iter().map(|(text, _)| text).collect();
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("rules.yml"), RULES).unwrap();
    let path = directory.path().join("tests.yml");
    std::fs::write(
        &path,
        format!("rule_files: [rules.yml]\nevaluation_interval: 1m\ntests:\n{tests}"),
    )
    .unwrap();
    let (passes, said) = run(&promtool, &["test", "rules"], &path);
    let first: String = said.chars().take(3000).collect();
    assert!(passes, "{first}");
}
