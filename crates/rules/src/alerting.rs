//! Alerting rules: pending, firing, resolved.
//!
//! As Prometheus 3 does it (`rules/alerting.go`), its oddities among them, for they can be seen from
//! outside: a label whose template expands to nothing is missing in the alert, but stands
//! unexpanded in `ALERTS`; an alert that exceeds the group's limit takes all alerts of its rule along.

use std::collections::BTreeMap;

use mainstay_series::{Labels, METRIC_NAME, Sample};

use crate::active::{ActiveAlert, AlertState};
use crate::evaluation::{Alert, NewSample};
use crate::file::{Alerting, Rule};
use crate::settings::Settings;
use crate::template::{Ask, Asking, Scene, Template};

/// So long a resolved alert is remembered, and sent as resolved again and again.
const RESOLVED_RETENTION_MS: i64 = 15 * 60_000;

/// The name of an alert as a label.
pub(crate) const ALERT_NAME: &str = "alertname";

/// A rule's alerts by their labels.
pub(crate) type Active = BTreeMap<Labels, ActiveAlert>;

/// What an evaluation needs besides the alerts.
pub(crate) struct Round<'a> {
    pub(crate) rule: &'a Rule,
    pub(crate) alerting: &'a Alerting,
    pub(crate) settings: &'a Settings,
    pub(crate) at_ms: i64,
    /// What samples are stored at.
    pub(crate) sample_ms: i64,
    /// At most so many alerts; 0: no limit.
    pub(crate) limit: usize,
    /// What templates ask.
    pub(crate) query: Ask<'a>,
}

/// What an evaluation gave.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) samples: Vec<NewSample>,
    pub(crate) template_errors: Vec<String>,
}

impl Round<'_> {
    /// Takes in what the expression gave. `write`: with samples of the alerts.
    pub(crate) fn evaluate(
        &self,
        active: &mut Active,
        answer: Vec<(Labels, f64)>,
        write: bool,
    ) -> Result<Found, String> {
        let mut found = Found::default();
        let mut present: Active = BTreeMap::new();
        for (series, value) in answer {
            let (labels, annotations) = self.expanded(&series, value, &mut found.template_errors);
            let alert = ActiveAlert::pending(self.at_ms, value, annotations);
            if present.insert(labels, alert).is_some() {
                let message =
                    "vector contains metrics with the same labelset after applying alert labels";
                return Err(message.to_owned());
            }
        }
        for (labels, new) in &present {
            match active.get_mut(labels) {
                Some(alert) if alert.state != AlertState::Inactive => {
                    alert.value = new.value;
                    alert.annotations.clone_from(&new.annotations);
                }
                _ => {
                    active.insert(labels.clone(), new.clone());
                }
            }
        }
        let mut count = 0;
        active.retain(|labels, alert| {
            let fate = self.step(alert, present.contains_key(labels));
            if fate == Fate::Active {
                count += 1;
                if write {
                    found.samples.push(self.alerts_sample(labels, alert));
                    found.samples.push(self.for_state_sample(labels, alert));
                }
            }
            fate != Fate::Forgotten
        });
        if self.limit > 0 && count > self.limit {
            active.clear();
            let limit = self.limit;
            return Err(format!("exceeded limit of {limit} with {count} alerts"));
        }
        Ok(found)
    }

    /// Moves an alert on.
    fn step(&self, alert: &mut ActiveAlert, present: bool) -> Fate {
        let (at_ms, hold_ms) = (self.at_ms, self.alerting.hold_ms);
        if present {
            alert.keep_firing_since_ms = None;
        } else {
            let kept = alert.state == AlertState::Firing && self.alerting.keep_firing_ms > 0 && {
                let since = *alert.keep_firing_since_ms.get_or_insert(at_ms);
                at_ms - since < self.alerting.keep_firing_ms
            };
            let over = |at: i64| at_ms - at > RESOLVED_RETENTION_MS;
            if alert.state == AlertState::Pending || alert.resolved_at_ms.is_some_and(over) {
                return Fate::Forgotten;
            }
            if !kept {
                if alert.state != AlertState::Inactive {
                    alert.state = AlertState::Inactive;
                    alert.resolved_at_ms = Some(at_ms);
                }
                return Fate::Resolved;
            }
        }
        let held = at_ms - alert.active_at_ms >= hold_ms;
        match alert.state {
            AlertState::Pending if held => {
                alert.state = AlertState::Firing;
                alert.fired_at_ms = Some(at_ms);
            }
            // `for` is longer than it was.
            AlertState::Firing if !held => {
                alert.state = AlertState::Pending;
                alert.fired_at_ms = None;
                alert.last_sent_ms = None;
                alert.keep_firing_since_ms = None;
            }
            _ => {}
        }
        Fate::Active
    }

    /// Labels and annotations of the alert of one series.
    fn expanded(
        &self,
        series: &Labels,
        value: f64,
        errors: &mut Vec<String>,
    ) -> (Labels, BTreeMap<String, String>) {
        let query = Asking(self.query);
        let external = (&self.settings.external_labels, &*self.settings.external_url);
        let scene = Scene::new((series, value), external, self.at_ms, &query);
        let mut expand = |template: &Template| {
            template.expand(&scene).unwrap_or_else(|error| {
                let shown = format!("<error expanding template: {error}>");
                errors.push(error);
                shown
            })
        };
        let mut labels = series.to_builder();
        labels.delete(METRIC_NAME);
        for (name, template) in &self.alerting.label_templates {
            labels.set(name.as_str(), expand(template));
        }
        labels.set(ALERT_NAME, self.rule.name.as_str());
        let annotations = &self.alerting.annotation_templates;
        let annotations = annotations
            .iter()
            .map(|(name, template)| (name.clone(), expand(template)));
        let annotations = annotations.collect();
        (labels.build(), annotations)
    }

    fn alerts_sample(&self, labels: &Labels, alert: &ActiveAlert) -> NewSample {
        let state = [("alertstate", alert.state.as_str())];
        self.sample("ALERTS", labels, &state, 1.0)
    }

    /// Since when it is active, in seconds: what is read after a restart.
    fn for_state_sample(&self, labels: &Labels, alert: &ActiveAlert) -> NewSample {
        let seconds = alert.active_at_ms.div_euclid(1000) as f64;
        self.sample(FOR_STATE, labels, &[], seconds)
    }

    fn sample(&self, name: &str, labels: &Labels, more: &[(&str, &str)], value: f64) -> NewSample {
        NewSample {
            labels: series_of(self.rule, name, labels, more),
            sample: Sample {
                time_ms: self.sample_ms,
                value,
            },
        }
    }
}

/// The name of the series that say since when alerts are active.
pub(crate) const FOR_STATE: &str = "ALERTS_FOR_STATE";

/// The labels of a series about an alert.
pub(crate) fn series_of(
    rule: &Rule,
    metric: &str,
    alert: &Labels,
    more: &[(&str, &str)],
) -> Labels {
    let mut builder = rule.labels.to_builder();
    for (name, value) in alert {
        builder.set(name, value);
    }
    builder.set(METRIC_NAME, metric);
    builder.set(ALERT_NAME, rule.name.as_str());
    for (name, value) in more {
        builder.set(*name, *value);
    }
    builder.build()
}

/// What becomes of an alert in an evaluation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Pending or firing.
    Active,
    /// Remembered for a while.
    Resolved,
    Forgotten,
}

/// The alerts to send now; each is remembered as sent.
pub(crate) fn to_send(
    rule: &Rule,
    active: &mut Active,
    settings: &Settings,
    (at_ms, interval_ms): (i64, i64),
) -> Vec<Alert> {
    let resend_ms = settings.resend_delay_ms;
    // Two evaluations or two attempts to send may fail before it is taken for resolved.
    let valid_ms = at_ms.saturating_add(interval_ms.max(resend_ms).saturating_mul(4));
    let mut link = None;
    let mut alerts = Vec::new();
    for (labels, alert) in active {
        if !alert.is_to_be_sent(at_ms, resend_ms) {
            continue;
        }
        alert.last_sent_ms = Some(at_ms);
        let link = link.get_or_insert_with(|| {
            let expr = query_escaped(&rule.query.to_string());
            let base = settings.external_url.trim_end_matches('/');
            format!("{base}/graph?g0.expr={expr}&g0.tab=1")
        });
        alerts.push(Alert {
            labels: labels.clone(),
            annotations: alert.annotations.clone(),
            state: alert.state,
            starts_at_ms: alert.fired_at_ms.unwrap_or(alert.active_at_ms),
            ends_at_ms: alert.resolved_at_ms.unwrap_or(valid_ms),
            generator_url: link.clone(),
        });
    }
    alerts
}

/// As Go's `url.QueryEscape`.
fn query_escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            byte => {
                const HEX: &[u8; 16] = b"0123456789ABCDEF";
                out.push('%');
                out.push(char::from(HEX[usize::from(byte >> 4)]));
                out.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
    out
}
