//! `for` over a restart: since when alerts were pending is read from `ALERTS_FOR_STATE`.

use std::collections::BTreeMap;

use mainstay_series::{
    Labels, METRIC_NAME, Matcher, Samples, Selection, Storage, Window, is_stale,
};

use crate::alerting::{ALERT_NAME, Active, FOR_STATE};
use crate::file::{Alerting, Rule};
use crate::settings::Settings;

/// Sets back since when a rule's alerts are active. An error leaves them as they are: they will
/// fire, only later.
pub(crate) fn restore(
    (rule, alerting): (&Rule, &Alerting),
    active: &mut Active,
    settings: &Settings,
    storage: &dyn Storage,
    now_ms: i64,
) -> Result<(), String> {
    // Waiting for the grace period would take longer than waiting anew.
    if active.is_empty() || alerting.hold_ms < settings.grace_period_ms {
        return Ok(());
    }
    let window = Window {
        start_ms: now_ms - settings.outage_tolerance_ms,
        end_ms: now_ms,
    };
    let stored = stored(rule, storage, window)?;
    for (labels, alert) in active {
        let Some(&(down_ms, active_at_ms)) = stored.get(labels) else {
            continue;
        };
        let remaining_ms = alerting.hold_ms - (down_ms - active_at_ms);
        alert.active_at_ms = if remaining_ms <= 0 {
            // It was firing: it will at the next evaluation, where its condition still holds.
            active_at_ms
        } else if remaining_ms < settings.grace_period_ms {
            now_ms + settings.grace_period_ms - alerting.hold_ms
        } else {
            // The time that nobody looked does not count.
            active_at_ms + (now_ms - down_ms)
        };
    }
    Ok(())
}

/// When each alert of the rule was written last and since when it was active then, by its labels;
/// not of those that had ended.
fn stored(
    rule: &Rule,
    storage: &dyn Storage,
    window: Window,
) -> Result<BTreeMap<Labels, (i64, i64)>, String> {
    let mut matchers = vec![
        Matcher::equal(METRIC_NAME, FOR_STATE),
        Matcher::equal(ALERT_NAME, &rule.name),
    ];
    for (name, value) in &rule.labels {
        // A template is expanded for each alert.
        if !value.contains("{{") && name != ALERT_NAME {
            matchers.push(Matcher::equal(name, value));
        }
    }
    let selection = Selection::new(&matchers, window);
    let series = storage.select(&selection);
    let mut found = BTreeMap::new();
    let mut samples = Samples::default();
    for series in series.map_err(|error| error.to_string())? {
        samples.clear();
        let read = series.read(window, &mut samples);
        read.map_err(|error| error.to_string())?;
        let last = samples.iter().last();
        if let Some(last) = last.filter(|last| !is_stale(last.value)) {
            let labels = series.labels().retain(|name| name != METRIC_NAME);
            // Whole seconds, as Prometheus keeps them.
            let down_ms = last.time_ms.div_euclid(1000) * 1000;
            found.insert(labels, (down_ms, (last.value as i64).saturating_mul(1000)));
        }
    }
    Ok(found)
}
