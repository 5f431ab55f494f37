//! Alerts over time: pending, firing, resolved, sent.

use crate::drive::{Drive, MINUTE, samples, sent};

fn rule(more: &str) -> String {
    format!("groups:\n- name: g\n  rules:\n  - alert: Down\n    expr: up == 0\n{more}")
}

#[test]
fn an_alert_is_pending_then_fires_then_is_resolved() {
    // Down from minute 1 to 4.
    let load = "load 1m\n  up{job=\"a\"} 1 0 0 0 0 1x30";
    let mut drive = Drive::new(load, &rule("    for: 2m\n    labels: {severity: page}\n"));
    assert!(drive.at(0).alerts().next().is_none());
    let first = drive.at(MINUTE);
    assert_eq!(sent(&first), [""; 0]);
    assert_eq!(
        samples(&first),
        [
            r#"ALERTS{alertname="Down", alertstate="pending", job="a", severity="page"} 1 @60"#,
            r#"ALERTS_FOR_STATE{alertname="Down", job="a", severity="page"} 60 @60"#,
        ]
    );
    let labels = r#"{alertname="Down", job="a", severity="page"}"#;
    assert_eq!(drive.active(), [format!("pending {labels} 1m")]);
    assert_eq!(sent(&drive.at(2 * MINUTE)), [""; 0]);
    let fires = drive.at(3 * MINUTE);
    // Four times the interval, so that two evaluations may be lost.
    assert_eq!(sent(&fires), [format!("firing {labels} 180..420")]);
    assert_eq!(
        samples(&fires),
        [
            r#"ALERTS{alertname="Down", alertstate="firing", job="a", severity="page"} 1 @180"#,
            r#"ALERTS_FOR_STATE{alertname="Down", job="a", severity="page"} 60 @180"#,
            r#"ALERTS{alertname="Down", alertstate="pending", job="a", severity="page"} stale @180"#,
        ]
    );
    // Not again before the resend delay is over.
    assert_eq!(sent(&drive.at(4 * MINUTE)), [""; 0]);
    let resolved = drive.at(5 * MINUTE);
    assert_eq!(sent(&resolved), [format!("inactive {labels} 180..300")]);
    assert_eq!(
        samples(&resolved),
        [
            r#"ALERTS{alertname="Down", alertstate="firing", job="a", severity="page"} stale @300"#,
            r#"ALERTS_FOR_STATE{alertname="Down", job="a", severity="page"} stale @300"#,
        ]
    );
    assert_eq!(drive.active(), [""; 0]);
}

#[test]
fn a_resolved_alert_is_sent_for_fifteen_minutes() {
    let mut drive = Drive::new("load 1m\n  up 0 1x40", &rule(""));
    let labels = r#"{alertname="Down"}"#;
    assert_eq!(sent(&drive.at(0)), [format!("firing {labels} 0..240")]);
    let mut times = Vec::new();
    for minute in 1..30 {
        let evaluation = drive.at(minute * MINUTE);
        let all = sent(&evaluation);
        assert!(all.iter().all(|alert| alert.ends_with("0..60")), "{all:?}");
        times.extend(all.iter().map(|_| minute));
    }
    // Sent at once, then whenever more than the resend delay has gone by.
    assert_eq!(times, [1, 3, 5, 7, 9, 11, 13, 15]);
    assert_eq!(drive.group.rules()[0].alerts().count(), 0);
}

#[test]
fn one_that_was_only_pending_is_forgotten() {
    let load = "load 1m\n  up 0 1 0 0 0";
    let mut drive = Drive::new(load, &rule("    for: 2m\n"));
    drive.until(0, 1);
    assert_eq!(drive.group.rules()[0].alerts().count(), 0);
    drive.until(2, 2);
    assert_eq!(drive.active(), [r#"pending {alertname="Down"} 2m"#]);
}

#[test]
fn it_keeps_firing_where_it_shall() {
    // Away for minutes 2 and 3, then again, then for good.
    let load = "load 1m\n  up 0 0 1 1 0 1x20";
    let mut drive = Drive::new(load, &rule("    keep_firing_for: 3m\n"));
    let firing = |since: i64| vec![format!(r#"firing {{alertname="Down"}} {since}m"#)];
    drive.until(0, 7);
    assert_eq!(drive.active(), firing(0));
    let alert = drive.group.rules()[0].alerts().next().unwrap().1.clone();
    assert_eq!(alert.keep_firing_since_ms, Some(5 * MINUTE));
    let resolved = drive.at(8 * MINUTE);
    assert_eq!(sent(&resolved), [r#"inactive {alertname="Down"} 0..480"#]);
    assert_eq!(drive.active(), [""; 0]);
}

#[test]
fn one_that_fires_again_begins_anew() {
    let mut drive = Drive::new("load 1m\n  up 0 1 0 0", &rule(""));
    drive.until(0, 1);
    let again = drive.at(2 * MINUTE);
    assert_eq!(sent(&again), [r#"firing {alertname="Down"} 120..360"#]);
    assert_eq!(drive.active(), [r#"firing {alertname="Down"} 2m"#]);
}

#[test]
fn labels_of_the_rule_outweigh_those_of_the_series() {
    let load = "load 1m\n  up{severity=\"low\",alertname=\"x\",team=\"a\",gone=\"1\"} 0";
    let more = "    labels: {severity: high, gone: ''}\n";
    let group = "groups:\n- name: g\n  labels: {team: b, severity: none}\n";
    let yaml = rule(more).replace("groups:\n- name: g\n", group);
    let mut drive = Drive::new(load, &yaml);
    drive.at(0);
    assert_eq!(
        drive.active(),
        [r#"firing {alertname="Down", severity="high", team="b"} 0m"#]
    );
}

#[test]
fn two_series_that_become_one_alert_are_an_error() {
    let load = "load 1m\n  up{job=\"a\"} 0\n  up{job=\"b\"} 0";
    let mut drive = Drive::new(load, &rule("    labels: {job: c}\n"));
    let evaluation = drive.at(0);
    let error = "vector contains metrics with the same labelset after applying alert labels";
    assert_eq!(evaluation.rules[0].error.as_deref(), Some(error));
    assert_eq!(drive.group.rules()[0].last_error(), Some(error));
    assert_eq!(drive.group.figures().failures, 1);
    assert_eq!(drive.active(), [""; 0]);
}

#[test]
fn a_link_leads_to_the_expression() {
    let settings = mainstay_rules::Settings {
        external_url: "https://ops.example/prometheus/".to_owned(),
        ..mainstay_rules::Settings::default()
    };
    let yaml = rule("").replace("up == 0", "\"up{job='a'}==0\"");
    let mut drive = Drive::with("load 1m\n  up{job=\"a\"} 0", &yaml, &settings);
    let evaluation = drive.at(0);
    assert_eq!(
        evaluation.alerts().next().unwrap().generator_url,
        "https://ops.example/prometheus/graph?g0.expr=up%7Bjob%3D%22a%22%7D+%3D%3D+0&g0.tab=1"
    );
}

#[test]
fn templates_see_the_series_the_value_and_the_store() {
    let yaml = "
groups:
- name: g
  rules:
  - alert: Slow
    expr: latency > 1
    labels:
      where: '{{ $labels.job }}@{{ $externalLabels.site }}'
      nothing: '{{ $labels.absent }}'
    annotations:
      summary: '{{ $labels.__name__ }} is {{ humanizeDuration $value }}'
      others: '{{ range query \"sum(latency)\" }}{{ .Value }}{{ end }}'
      link: '{{ $externalURL }}'
      fails: '{{ query \"sum(\" }}'
      empty: '{{ $labels.absent }}'
";
    let settings = mainstay_rules::Settings {
        external_labels: mainstay_series::Labels::from_pairs([("site", "eu")]),
        external_url: "http://o".to_owned(),
        ..mainstay_rules::Settings::default()
    };
    let load = "load 1m\n  latency{job=\"a\"} 90\n  latency{job=\"b\"} 0.5";
    let mut drive = Drive::with(load, yaml, &settings);
    let evaluation = drive.at(0);
    let alert = evaluation.alerts().next().unwrap();
    assert_eq!(
        alert.labels.to_string(),
        r#"{alertname="Slow", job="a", where="a@eu"}"#
    );
    let annotation = |name: &str| alert.annotations[name].as_str();
    assert_eq!(annotation("summary"), "latency is 1m 30s");
    assert_eq!(annotation("others"), "90.5");
    assert_eq!(annotation("link"), "http://o");
    assert_eq!(annotation("empty"), "");
    let failed = annotation("fails");
    assert!(
        failed.starts_with("<error expanding template: "),
        "{failed}"
    );
    assert_eq!(evaluation.rules[0].template_errors.len(), 1);
    assert_eq!(drive.group.figures().template_failures, 1);
    // As in Prometheus, what expands to nothing stands unexpanded in the series about the alert.
    let series = samples(&evaluation);
    assert!(
        series[0].contains("nothing=\"{{ $labels.absent }}\""),
        "{series:?}"
    );
}
