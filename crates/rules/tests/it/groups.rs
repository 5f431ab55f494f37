//! Groups: order, limits, offsets, stale markers, figures, turns.

use std::cell::Cell;
use std::time::Duration;

use mainstay_promql::{Engine, Interrupt, Options};
use mainstay_rules::{Health, Settings, Turn, Watch};

use crate::drive::{Drive, MINUTE, groups_of, samples, sent};

#[test]
fn a_rule_sees_what_an_earlier_one_recorded() {
    let yaml = "
groups:
- name: g
  labels: {team: a}
  rules:
  - record: job:up:sum
    expr: sum by (job) (up)
    labels: {kind: sum}
  - record: all
    expr: sum(job:up:sum) * 10
  - alert: Few
    expr: all < 100
";
    let load =
        "load 1m\n  up{job=\"a\",n=\"1\"} 1 2\n  up{job=\"a\",n=\"2\"} 1 1\n  up{job=\"b\"} 1 1";
    let mut drive = Drive::new(load, yaml);
    let first = drive.at(0);
    assert_eq!(
        samples(&first)[..3],
        [
            r#"job:up:sum{job="a", kind="sum", team="a"} 2 @0"#,
            r#"job:up:sum{job="b", kind="sum", team="a"} 1 @0"#,
            r#"all{team="a"} 30 @0"#,
        ]
    );
    assert_eq!(sent(&first).len(), 1);
    // The next moment it is not its own old sample that is seen.
    assert!(samples(&drive.at(MINUTE)).contains(&r#"all{team="a"} 40 @60"#.to_owned()));
    assert_eq!(drive.group.figures().last_samples, 5);
    assert_eq!(drive.group.figures().evaluations, 6);
}

#[test]
fn series_that_vanish_end_with_a_stale_marker_and_failures_end_nothing() {
    let yaml = "
groups:
- name: g
  limit: 2
  rules:
  - {record: r, expr: up}
";
    // Two series, one, three, one.
    let load =
        "load 1m\n  up{n=\"1\"} 1 1 1 1\n  up{n=\"2\"} 1 stale 1 stale\n  up{n=\"3\"} _ _ 1 stale";
    let mut drive = Drive::new(load, yaml);
    assert_eq!(drive.at(0).samples().count(), 2);
    let second = drive.at(MINUTE);
    assert_eq!(
        samples(&second),
        [r#"r{n="1"} 1 @60"#, r#"r{n="2"} stale @60"#]
    );
    let third = drive.at(2 * MINUTE);
    assert_eq!(
        third.rules[0].error.as_deref(),
        Some("exceeded limit of 2 with 3 series")
    );
    assert_eq!(third.samples().count(), 0);
    assert_eq!(drive.group.rules()[0].health(), Health::Bad);
    let fourth = drive.at(3 * MINUTE);
    assert_eq!(samples(&fourth), [r#"r{n="1"} 1 @180"#]);
    assert_eq!(drive.group.rules()[0].health(), Health::Good);
    assert_eq!(drive.group.figures().failures, 1);
}

#[test]
fn too_many_alerts_are_none() {
    let yaml = "groups:\n- name: g\n  limit: 1\n  rules:\n  - {alert: Down, expr: up == 0}\n";
    let load = "load 1m\n  up{n=\"1\"} 0 0 0\n  up{n=\"2\"} 1 0 1";
    let mut drive = Drive::new(load, yaml);
    assert_eq!(drive.at(0).alerts().count(), 1);
    let over = drive.at(MINUTE);
    assert_eq!(
        over.rules[0].error.as_deref(),
        Some("exceeded limit of 1 with 2 alerts")
    );
    assert_eq!(drive.active(), [""; 0]);
    drive.at(2 * MINUTE);
    assert_eq!(drive.active(), [r#"firing {alertname="Down", n="1"} 2m"#]);
}

#[test]
fn an_offset_looks_back_and_writes_back() {
    let yaml = "
groups:
- name: g
  query_offset: 1m
  rules:
  - {record: r, expr: x}
  - {alert: A, expr: x > 1}
";
    let mut drive = Drive::new("load 1m\n  x 1 2 3", yaml);
    let evaluation = drive.at(2 * MINUTE);
    assert_eq!(
        samples(&evaluation),
        [
            "r 2 @60",
            r#"ALERTS{alertname="A", alertstate="firing"} 1 @60"#,
            r#"ALERTS_FOR_STATE{alertname="A"} 120 @60"#
        ]
    );
    assert_eq!(sent(&evaluation), [r#"firing {alertname="A"} 120..360"#]);
}

#[test]
fn two_rules_cannot_give_one_series_two_values() {
    let yaml = "
groups:
- name: g
  rules:
  - {record: r, expr: x}
  - {record: r, expr: x + 0, labels: {}}
  - {record: r, expr: x + 1, labels: {a: ''}}
";
    let mut drive = Drive::new(
        "load 1m\n  x 1 1 1",
        &yaml.replace(", labels: {}", ", labels: {b: ''}"),
    );
    let evaluation = drive.at(0);
    assert_eq!(evaluation.rules[1].error, None);
    let error = evaluation.rules[2].error.clone().unwrap();
    assert!(
        error.starts_with("duplicate sample for timestamp"),
        "{error}"
    );
    assert_eq!(samples(&evaluation), ["r 1 @0", "r 1 @0"]);
}

#[test]
fn two_series_that_become_one_are_an_error() {
    let yaml = "groups:\n- name: g\n  rules:\n  - {record: r, expr: up, labels: {job: c}}\n";
    let mut drive = Drive::new("load 1m\n  up{job=\"a\"} 0\n  up{job=\"b\"} 0", yaml);
    let error = "vector contains metrics with the same labelset after applying rule labels";
    assert_eq!(drive.at(0).rules[0].error.as_deref(), Some(error));
}

#[test]
fn a_rule_that_explodes_is_stopped_and_costs_only_itself() {
    let yaml = "
groups:
- name: g
  rules:
  - {record: big, expr: 'sum_over_time(x[1h:1s])'}
  - {record: range, expr: 'time()'}
  - {record: small, expr: x}
";
    let settings = Settings {
        engine: Engine::new(Options {
            max_samples: 1000,
            ..Options::default()
        }),
        ..Settings::default()
    };
    let mut drive = Drive::with("load 1m\n  x 1x100", yaml, &settings);
    let evaluation = drive.at(60 * MINUTE);
    let error = evaluation.rules[0].error.as_deref().unwrap();
    assert!(error.contains("too many samples"), "{error}");
    assert_eq!(samples(&evaluation), ["range 3600 @3600", "small 1 @3600"]);
    assert_eq!(drive.group.figures().failures, 1);
    let state = drive.group.rules()[0].clone();
    assert_eq!(
        (state.health(), state.last_error()),
        (Health::Bad, Some(error))
    );
}

#[test]
fn time_and_interruption_come_from_outside() {
    let yaml = "groups:\n- name: g\n  rules:\n  - {record: r, expr: x}\n  - {record: s, expr: x}\n";
    let mut drive = Drive::new("load 1m\n  x 1x100", yaml);
    let ticks = Cell::new(0);
    let elapsed = || {
        ticks.set(ticks.get() + 1);
        Duration::from_secs(ticks.get())
    };
    let watch = Watch {
        check: &|| Err(Interrupt::Timeout),
        elapsed: &elapsed,
        ..Watch::default()
    };
    let evaluation = drive.group.evaluate(&drive.storage, 0, &watch);
    let error = evaluation.rules[1].error.as_deref().unwrap();
    assert!(error.contains("timed out"), "{error}");
    let figures = drive.group.figures();
    assert_eq!(figures.last_duration, Duration::from_secs(5));
    assert_eq!(figures.last_rule_duration_sum, Duration::from_secs(2));
    assert_eq!(figures.failures, 2);
}

#[test]
fn what_the_store_refuses_is_told_and_not_ended() {
    let yaml = "groups:\n- name: g\n  rules:\n  - {record: r, expr: x}\n";
    let mut drive = Drive::new(
        "load 1m\n  x{n=\"1\"} 1 1 stale\n  x{n=\"2\"} 1 1 stale\n  x{n=\"3\"} _ 1 stale",
        yaml,
    );
    drive.at(0);
    let second = drive.at(MINUTE);
    let refused = second.samples().next().unwrap().labels.clone();
    drive.group.refused(0, &refused, "out of order sample");
    let state = drive.group.rules()[0].clone();
    assert_eq!(
        (state.health(), state.last_error()),
        (Health::Bad, Some("out of order sample"))
    );
    let third = drive
        .group
        .clone()
        .evaluate(&drive.storage, 2 * MINUTE, &Watch::default());
    assert_eq!(
        samples(&third),
        [r#"r{n="2"} stale @120"#, r#"r{n="3"} stale @120"#]
    );
    // Where nothing was stored, what was there before ends.
    drive.group.lost(0, "disk full");
    let third = drive
        .group
        .evaluate(&drive.storage, 2 * MINUTE, &Watch::default());
    assert_eq!(
        samples(&third),
        [r#"r{n="1"} stale @120"#, r#"r{n="2"} stale @120"#]
    );
    assert_eq!(drive.group.figures().failures, 1);
}

#[test]
fn turns_come_each_interval_and_missed_ones_are_counted() {
    let yaml = "groups:\n- name: g\n  interval: 30s\n  rules: []\n";
    let mut group = groups_of(yaml, &Settings::default()).remove(0);
    let now = 1_700_000_000_000;
    let Turn::Wait { until_ms } = group.turn(now) else {
        panic!("at once");
    };
    assert!((now + 1..=now + 30_000).contains(&until_ms));
    assert_eq!(group.turn(until_ms - 1), Turn::Wait { until_ms });
    assert_eq!(group.turn(until_ms + 5), Turn::Evaluate { at_ms: until_ms });
    assert_eq!(
        group.turn(until_ms + 6),
        Turn::Wait {
            until_ms: until_ms + 30_000
        }
    );
    // Two go by.
    let at_ms = until_ms + 90_000;
    assert_eq!(group.turn(at_ms + 29_999), Turn::Evaluate { at_ms });
    assert_eq!(group.figures().iterations_missed, 2);
    // The clock is set back by an hour: it does not wait for an hour.
    let Turn::Wait { until_ms } = group.turn(now - 3_600_000) else {
        panic!("in the past");
    };
    assert!(until_ms <= now - 3_600_000 + 30_000);
}

#[test]
fn a_rule_that_takes_too_long_costs_only_itself() {
    let yaml = "
groups:
- name: g
  rules:
  - {record: long, expr: 'x + x + x + x + x + x + x + x'}
  - {record: short, expr: x}
";
    let mut drive = Drive::new("load 1m\n  x 1x100", yaml);
    // Each look at the clock takes a second.
    let ticks = Cell::new(0);
    let elapsed = || {
        ticks.set(ticks.get() + 1);
        Duration::from_secs(ticks.get())
    };
    let watch = Watch {
        elapsed: &elapsed,
        rule_limit: Duration::from_secs(3),
        ..Watch::default()
    };
    let evaluation = drive.group.evaluate(&drive.storage, 60 * MINUTE, &watch);
    let error = evaluation.rules[0].error.as_deref().unwrap();
    assert!(error.contains("timed out"), "{error}");
    assert_eq!(samples(&evaluation), ["short 1 @3600"]);
}
