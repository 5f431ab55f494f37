//! promtool's unit tests: the same verdict from both.

use std::path::Path;

use mainstay_rules::RuleFile;
use mainstay_rules::unit::TestFile;

use crate::peer::{promtool, run};

/// What every test is about, unless it brings rules of its own.
const RULES: &str = r"
groups:
- name: first
  rules:
  - record: job:requests:rate5m
    expr: sum by (job) (rate(requests_total[5m]))
    labels: {kind: rate}
  - record: instance:up
    expr: up
- name: second
  rules:
  - alert: Down
    expr: up == 0
    for: 2m
    labels: {severity: page}
    annotations:
      summary: '{{ $labels.instance }} of {{ $labels.job }} is down'
      value: '{{ $value }}'
  - alert: Slow
    expr: job:requests:rate5m < 0.5
    labels: {rate: '{{ humanize $value }}', site: '{{ $externalLabels.site }}'}
    annotations: {link: '{{ $externalURL }}'}
";

/// A file of tests and what becomes of it.
struct Case {
    what: &'static str,
    /// Instead of [`RULES`].
    rules: Option<&'static str>,
    tests: &'static str,
    passes: bool,
    /// promtool 2.42 judges otherwise, for this reason.
    differs: Option<&'static str>,
}

const fn case(what: &'static str, passes: bool, tests: &'static str) -> Case {
    Case {
        what,
        rules: None,
        tests,
        passes,
        differs: None,
    }
}

const DOWN: &str = r#"
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
- interval: 1m
  input_series:
  - series: 'up{job="web", instance="a"}'
    values: '1 0 0 0 0 1x5'
  - series: 'up{job="web", instance="b"}'
    values: '1x10'
  alert_rule_test:
  - eval_time: 2m
    alertname: Down
  - eval_time: 3m
    alertname: Down
    exp_alerts:
    - exp_labels: {severity: page, job: web, instance: a}
      exp_annotations:
        summary: a of web is down
        value: '0'
  - eval_time: 4m30s
    alertname: Down
    exp_alerts:
    - exp_labels: {severity: page, job: web, instance: a}
      exp_annotations:
        summary: a of web is down
        value: '0'
  - eval_time: 5m
    alertname: Down
    exp_alerts: []
"#;

const EXPRESSIONS: &str = r#"
rule_files: [rules.yml]
evaluation_interval: 30s
tests:
- interval: 30s
  input_series:
  - {series: 'requests_total{job="web"}', values: '0+30x40'}
  - {series: 'up{job="web"}', values: '1 1 _ 1 stale'}
  promql_expr_test:
  - expr: instance:up
    eval_time: 30s
    exp_samples:
    - {labels: 'instance:up{job="web"}', value: 1}
  - expr: 'ALERTS{alertname="Slow"}'
    eval_time: 10m
  - expr: count(up)
    eval_time: 1m30s
    exp_samples: [{labels: '{}', value: 1}]
  - expr: count(up)
    eval_time: 2m
  - expr: 1 + 1
    exp_samples: [{labels: '', value: 2}]
  - expr: 'label_replace(vector(0.5e1), "a", "b", "", "")'
    exp_samples: [{labels: '{a="b"}', value: 0x5}]
"#;

const TEMPLATES: &str = r#"
rule_files: [rules.yml]
tests:
- name: labels from outside
  interval: 1m
  external_labels: {site: eu}
  external_url: http://ops
  input_series:
  - {series: 'job:requests:rate5m{job="web"}', values: '0.25x10'}
  alert_rule_test:
  - eval_time: 1m
    alertname: Slow
    exp_alerts:
    - exp_labels: {job: web, rate: 250m, site: eu}
      exp_annotations: {link: 'http://ops'}
  promql_expr_test:
  - expr: 'count(ALERTS{alertstate="firing"})'
    eval_time: 3m
    exp_samples: [{labels: '{}', value: 1}]
  - expr: 'ALERTS_FOR_STATE'
    eval_time: 2m
    exp_samples: [{labels: 'ALERTS_FOR_STATE{alertname="Slow", job="web", rate="250m", site="eu"}', value: 0}]
"#;

/// A later group that looks at an earlier one, in the other order.
const ORDERED: &str = r"
groups:
- name: b
  rules: [{record: second, expr: first + 1}]
- name: a
  rules: [{record: first, expr: x}]
";

const IN_ORDER: &str = "
rule_files: [rules.yml]
group_eval_order: [a, b]
tests:
- interval: 1m
  input_series: [{series: x, values: '1 2 3'}]
  promql_expr_test:
  - {expr: second, eval_time: 1m, exp_samples: [{labels: second, value: 3}]}
";

const OUT_OF_ORDER: &str = "
rule_files: [rules.yml]
group_eval_order: [b, a]
tests:
- interval: 1m
  input_series: [{series: x, values: '1 2 3'}]
  promql_expr_test:
  - {expr: second, eval_time: 1m, exp_samples: [{labels: second, value: 2}]}
";

const CASES: &[Case] = &[
    case("an alert", true, DOWN),
    case("expressions", true, EXPRESSIONS),
    case("templates", true, TEMPLATES),
    Case {
        rules: Some(ORDERED),
        ..case("groups in order", true, IN_ORDER)
    },
    Case {
        rules: Some(ORDERED),
        ..case("groups in another order", true, OUT_OF_ORDER)
    },
    case("nothing", true, "rule_files: [rules.yml]\n"),
    case("an empty file", true, ""),
    case(
        "no rule files",
        true,
        "tests: [{interval: 1m, promql_expr_test: [{expr: '1', exp_samples: [{labels: '{}', value: 1}]}]}]",
    ),
    case(
        "rule files that are not there",
        true,
        "rule_files: [none*.yml]\ntests: []\n",
    ),
    // What is wrong.
    case(
        "an unknown key",
        false,
        "rule_files: [rules.yml]\ntest: []\n",
    ),
    case(
        "an unknown key of a test",
        false,
        "rule_files: [rules.yml]\ntests: [{interval: 1m, input: []}]\n",
    ),
    case(
        "a group twice",
        false,
        "rule_files: [rules.yml]\ngroup_eval_order: [a, a]\n",
    ),
    case(
        "an alert without a name",
        false,
        "rule_files: [rules.yml]\ntests: [{interval: 1m, alert_rule_test: [{eval_time: 1m}]}]\n",
    ),
    case(
        "a bad duration",
        false,
        "rule_files: [rules.yml]\nevaluation_interval: 60\n",
    ),
    case(
        "bad values",
        false,
        "rule_files: [rules.yml]\ntests: [{interval: 1m, input_series: [{series: up, values: '1 two'}]}]\n",
    ),
    case(
        "a bad series",
        false,
        "rule_files: [rules.yml]\ntests: [{interval: 1m, input_series: [{series: 'up{', values: '1'}]}]\n",
    ),
    case(
        "a series that matches",
        false,
        "rule_files: [rules.yml]\ntests: [{interval: 1m, input_series: [{series: 'up{a=~\"b\"}', values: '1'}]}]\n",
    ),
    case(
        "a bad expression",
        false,
        "rule_files: [rules.yml]\ntests: [{interval: 1m, promql_expr_test: [{expr: 'up['}]}]\n",
    ),
    case(
        "a bad sample",
        false,
        "rule_files: [rules.yml]\ntests: [{interval: 1m, promql_expr_test: [{expr: '1', exp_samples: [{labels: 'a{', value: 1}]}]}]\n",
    ),
    case(
        "a value in quotes",
        false,
        "rule_files: [rules.yml]\ntests: [{interval: 1m, promql_expr_test: [{expr: '1', exp_samples: [{labels: '{}', value: '1'}]}]}]\n",
    ),
    case(
        "a range",
        false,
        "rule_files: [rules.yml]\ntests: [{interval: 1m, promql_expr_test: [{expr: 'up[5m]'}]}]\n",
    ),
    case(
        "another value",
        false,
        "rule_files: [rules.yml]\ntests: [{interval: 1m, promql_expr_test: [{expr: '1', exp_samples: [{labels: '{}', value: 2}]}]}]\n",
    ),
    case(
        "a value nearby",
        false,
        "rule_files: [rules.yml]\ntests: [{interval: 1m, promql_expr_test: [{expr: '0.1+0.2', exp_samples: [{labels: '{}', value: 0.3}]}]}]\n",
    ),
    case(
        "not a number",
        false,
        "rule_files: [rules.yml]\ntests: [{interval: 1m, promql_expr_test: [{expr: 'NaN', exp_samples: [{labels: '{}', value: .nan}]}]}]\n",
    ),
    case(
        "infinity",
        true,
        "rule_files: [rules.yml]\ntests: [{interval: 1m, promql_expr_test: [{expr: '-Inf', exp_samples: [{labels: '{}', value: -.inf}]}]}]\n",
    ),
    case(
        "one sample too many",
        false,
        "rule_files: [rules.yml]\ntests: [{interval: 1m, promql_expr_test: [{expr: 'vector(1)', exp_samples: []}]}]\n",
    ),
    case(
        "one sample too few",
        false,
        "rule_files: [rules.yml]\ntests: [{interval: 1m, promql_expr_test: [{expr: 'nosuch', exp_samples: [{labels: '{}', value: 1}]}]}]\n",
    ),
    case(
        "alerts that nobody raised",
        false,
        "rule_files: [rules.yml]\ntests: [{interval: 1m, alert_rule_test: [{eval_time: 1m, alertname: Down, exp_alerts: [{}]}]}]\n",
    ),
    case(
        "no alert of that name",
        true,
        "rule_files: [rules.yml]\ntests: [{interval: 1m, alert_rule_test: [{eval_time: 1m, alertname: NoSuch}]}]\n",
    ),
    case(
        "an alert that was not expected",
        false,
        "rule_files: [rules.yml]\ntests: [{interval: 1m, input_series: [{series: up, values: '0x10'}], alert_rule_test: [{eval_time: 5m, alertname: Down}]}]\n",
    ),
    case(
        "other annotations",
        false,
        "rule_files: [rules.yml]\ntests: [{interval: 1m, input_series: [{series: up, values: '0x10'}], alert_rule_test: [{eval_time: 5m, alertname: Down, exp_alerts: [{exp_labels: {severity: page}}]}]}]\n",
    ),
    case(
        "an expected label without a value",
        false,
        "rule_files: [rules.yml]\ntests: [{interval: 1m, input_series: [{series: up, values: '0x10'}], alert_rule_test: [{eval_time: 5m, alertname: Down, exp_alerts: [{exp_labels: {severity: page, x: ''}, exp_annotations: {summary: ' of  is down', value: '0'}}]}]}]\n",
    ),
    case(
        "empty parts of an annotation",
        true,
        "rule_files: [rules.yml]\ntests: [{interval: 1m, input_series: [{series: up, values: '0x10'}], alert_rule_test: [{eval_time: 5m, alertname: Down, exp_alerts: [{exp_labels: {severity: page}, exp_annotations: {summary: ' of  is down', value: '0'}}]}]}]\n",
    ),
    case(
        "looking ahead",
        true,
        "rule_files: [rules.yml]\ntests: [{interval: 1m, input_series: [{series: x, values: '1 2 3'}], promql_expr_test: [{expr: 'x offset -1m', eval_time: 1m, exp_samples: [{labels: x, value: 2}]}]}]\n",
    ),
    Case {
        rules: Some("groups: [{name: g, rules: [{record: r, expr: '{__name__=~\"a|b\"}'}]}]"),
        ..case(
            "a rule that fails",
            false,
            "rule_files: [rules.yml]\ntests: [{interval: 1m, input_series: [{series: a, values: '1x5'}, {series: b, values: '1x5'}], promql_expr_test: [{expr: '1', eval_time: 2m, exp_samples: [{labels: '{}', value: 1}]}]}]\n",
        )
    },
    Case {
        rules: Some("groups: [{name: g, rules: [{record: x, expr: y}]}]"),
        ..case(
            "a rule that writes an input series",
            false,
            "rule_files: [rules.yml]\ntests: [{interval: 1m, input_series: [{series: x, values: '1x5'}, {series: y, values: '2x5'}], promql_expr_test: [{expr: '1', eval_time: 2m, exp_samples: [{labels: '{}', value: 1}]}]}]\n",
        )
    },
    Case {
        rules: Some("groups: [{name: g, limit: 1, rules: [{alert: A, expr: x}]}]"),
        ..case(
            "a limit",
            false,
            "rule_files: [rules.yml]\ntests: [{interval: 1m, input_series: [{series: 'x{a=\"1\"}', values: '1x5'}, {series: 'x{a=\"2\"}', values: '2x5'}], alert_rule_test: [{eval_time: 2m, alertname: A}]}]\n",
        )
    },
    Case {
        rules: Some("groups: [{name: g, rules: [{alert: A, expr: x == 0, keep_firing_for: 3m}]}]"),
        ..case(
            "firing on",
            true,
            "rule_files: [rules.yml]\ntests: [{interval: 1m, input_series: [{series: x, values: '0 0 1x10'}], alert_rule_test: [{eval_time: 4m, alertname: A, exp_alerts: [{}]}, {eval_time: 5m, alertname: A}]}]\n",
        )
    },
    Case {
        rules: Some("groups: [{name: g, rules: [{record: r, expr: x}]}]"),
        ..case(
            "series that end",
            true,
            "rule_files: [rules.yml]\ntests: [{interval: 1m, input_series: [{series: x, values: '1 1 stale'}], promql_expr_test: [{expr: r, eval_time: 1m, exp_samples: [{labels: r, value: 1}]}, {expr: r, eval_time: 2m}]}]\n",
        )
    },
    Case {
        differs: Some("Prometheus 3 has `fuzzy_compare`"),
        ..case(
            "a value nearby, taken for equal",
            true,
            "rule_files: [rules.yml]\nfuzzy_compare: true\ntests: [{interval: 1m, promql_expr_test: [{expr: '0.1+0.2', exp_samples: [{labels: '{}', value: 0.3}]}]}]\n",
        )
    },
    Case {
        differs: Some("Prometheus 3 has `start_timestamp`"),
        ..case(
            "a start",
            true,
            "rule_files: [rules.yml]\ntests: [{interval: 1m, start_timestamp: 2020-01-01T00:00:00Z, input_series: [{series: x, values: '1 2 3'}], promql_expr_test: [{expr: 'x + time()', eval_time: 1m, exp_samples: [{labels: '{}', value: 1577836862}]}]}]\n",
        )
    },
    Case {
        differs: Some("since Prometheus 3 a range does not hold its beginning"),
        ..case(
            "a range",
            true,
            "rule_files: [rules.yml]\ntests: [{interval: 1m, input_series: [{series: x, values: '1x10'}], promql_expr_test: [{expr: 'count_over_time(x[2m])', eval_time: 5m, exp_samples: [{labels: '{}', value: 2}]}]}]\n",
        )
    },
    case(
        "native histograms",
        false,
        "rule_files: [rules.yml]\ntests: [{interval: 1m, input_series: [{series: x, values: '{{schema:0 sum:5 count:4 buckets:[1 2 1]}}x5'}]}]\n",
    ),
];

/// Whether the tests of a file pass, and what is said.
fn ours(rules: &str, tests: &str) -> (bool, String) {
    let (rules, problems) = RuleFile::read(rules, Path::new("/r/rules.yml"), "rules.yml");
    assert!(!problems.has_errors(), "{problems}");
    let (tests, problems) = TestFile::read(tests, Path::new("/r/tests.yml"), "tests.yml");
    if problems.has_errors() {
        return (false, problems.to_string());
    }
    let report = tests.run(&[rules]);
    (report.passed(), format!("{report:#?}"))
}

#[test]
fn tests_have_the_same_verdict_as_from_promtool() {
    let promtool = promtool("tests_have_the_same_verdict_as_from_promtool");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tests.yml");
    let mut mistakes = Vec::new();
    for case in CASES {
        let rules = case.rules.unwrap_or(RULES);
        let (passes, said) = ours(rules, case.tests);
        if passes != case.passes {
            mistakes.push(format!("{}: we say {passes}\n{said}", case.what));
        }
        let Some(promtool) = &promtool else { continue };
        std::fs::write(directory.path().join("rules.yml"), rules).unwrap();
        std::fs::write(&path, case.tests).unwrap();
        let (passes, said) = run(promtool, &["test", "rules"], &path);
        if passes != (case.passes ^ case.differs.is_some()) {
            mistakes.push(format!("{}: promtool says {passes}\n{said}", case.what));
        }
    }
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n---\n"));
}

/// What is different, as text.
fn differences(tests: &str) -> String {
    let (rules, _) = RuleFile::read(RULES, Path::new("/r/rules.yml"), "rules.yml");
    let (tests, problems) = TestFile::read(tests, Path::new("/r/tests.yml"), "tests.yml");
    assert!(problems.is_empty(), "{problems}");
    let mut lines = Vec::new();
    for test in tests.run(&[rules]).tests {
        for failure in test.failures {
            lines.push(format!(
                "{} {}: {}\n",
                test.name, failure.place, failure.what
            ));
            let difference = failure.difference.iter();
            lines.extend(difference.map(|line| format!("  {line}\n")));
        }
    }
    lines.concat()
}

#[test]
fn what_is_different_is_shown() {
    let tests = r#"
rule_files: [rules.yml]
tests:
- input_series:
  - {series: 'up{job="web", instance="a"}', values: '0x9'}
  - {series: 'up{job="web", instance="b"}', values: '0x9'}
  alert_rule_test:
  - eval_time: 5m
    alertname: Down
    exp_alerts:
    - exp_labels: {severity: page, job: web, instance: a}
      exp_annotations: {summary: a is down, value: '0'}
    - exp_labels: {severity: page, job: web, instance: c}
  promql_expr_test:
  - expr: up
    eval_time: 1m
    exp_samples:
    - {labels: 'up{job="web", instance="a"}', value: 0}
    - {labels: 'up{job="web", instance="b"}', value: 1}
    - {labels: 'up{job="db"}', value: 1}
"#;
    let expected = r#"unnamed#0 tests.yml:8:5: alert `Down` at 5m
    {alertname="Down", instance="a", job="web", severity="page"}
  -   summary: "a is down"
  +   summary: "a of web is down"
  - {alertname="Down", instance="c", job="web", severity="page"}
  + {alertname="Down", instance="b", job="web", severity="page"}
  +   summary: "b of web is down"
  +   value: "0"
unnamed#0 tests.yml:15:5: `up` at 1m
  - up{instance="b", job="web"} 1
  + up{instance="b", job="web"} 0
  - up{job="db"} 1
"#;
    assert_eq!(differences(tests), expected);
}

#[test]
fn a_test_without_end_is_refused() {
    let tests =
        "evaluation_interval: 1s\ntests: [{promql_expr_test: [{expr: '1', eval_time: 1y}]}]";
    let said = differences(tests);
    assert!(said.contains("more than 200000 evaluations"), "{said}");
}
