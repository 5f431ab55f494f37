//! `for` over a restart.

use std::path::Path;
use std::sync::Arc;

use mainstay_promql::promqltest::MemoryStorage;
use mainstay_rules::{AlertState, Group, RuleFile, Settings, Watch};

use crate::drive::MINUTE;

/// Evaluates a group that starts at minutes `down` + 1 and following ones, and says since when its
/// alert is active then.
fn active_since(hold: &str, load: &str, at: [i64; 2]) -> Option<(AlertState, i64)> {
    let yaml = format!(
        "groups:\n- name: g\n  rules:\n  - {{alert: A, expr: x == 0, for: {hold}, labels: {{l: v, t: '{{{{ $value }}}}'}}}}\n"
    );
    let yaml = yaml.replace(", t: '{{ $value }}'", "");
    let (file, problems) = RuleFile::read(&yaml, Path::new("/r.yml"), "r.yml");
    assert!(problems.is_empty(), "{problems}");
    let mut group = Group::new(&file.name, &file.groups[0], &Arc::new(Settings::default()));
    let storage = MemoryStorage::load(load).unwrap();
    for minute in at {
        let evaluation = group.evaluate(&storage, minute * MINUTE, &Watch::default());
        // Nothing is written before it is restored, or what is to be read would be overwritten.
        assert_eq!(evaluation.samples().count(), 0);
    }
    let evaluation = group.evaluate(&storage, (at[1] + 1) * MINUTE, &Watch::default());
    assert!(evaluation.samples().count() > 0);
    let alert = group.rules()[0].alerts().next()?.1.clone();
    Some((alert.state, alert.active_at_ms / MINUTE))
}

#[test]
fn time_pending_counts_and_time_down_does_not() {
    let alert = "ALERTS_FOR_STATE{alertname=\"A\",l=\"v\"}";
    // Active since minute 0, seen last at minute 10.
    let load = format!("load 1m\n  x 0x100\n  {alert} 0x10");
    // Down for 20 minutes (restored at minute 30): 30 minutes of `for`, 20 of them to go.
    assert_eq!(
        active_since("30m", &load, [29, 30]),
        Some((AlertState::Pending, 20))
    );
    // 15 minutes of `for`, 5 to go: at least the grace period of 10 minutes.
    assert_eq!(
        active_since("15m", &load, [29, 30]),
        Some((AlertState::Pending, 25))
    );
    // It was firing: it fires.
    assert_eq!(
        active_since("10m", &load, [29, 30]),
        Some((AlertState::Firing, 0))
    );
    // Shorter than the grace period: it begins anew.
    assert_eq!(
        active_since("9m", &load, [29, 30]),
        Some((AlertState::Pending, 29))
    );
    // Down for longer than an hour.
    assert_eq!(
        active_since("30m", &load, [80, 81]),
        Some((AlertState::Pending, 80))
    );
}

#[test]
fn only_what_was_pending_is_restored() {
    let alert = "ALERTS_FOR_STATE{alertname=\"A\",l=\"v\"}";
    // It had ended before the restart.
    let ended = format!("load 1m\n  x 0x100\n  {alert} 0x9 stale");
    assert_eq!(
        active_since("30m", &ended, [29, 30]),
        Some((AlertState::Pending, 29))
    );
    // Another alert's.
    let other = "load 1m\n  x 0x100\n  ALERTS_FOR_STATE{alertname=\"A\",l=\"other\"} 0x10\n  ALERTS_FOR_STATE{alertname=\"B\",l=\"v\"} 0x10";
    assert_eq!(
        active_since("30m", other, [29, 30]),
        Some((AlertState::Pending, 29))
    );
}
