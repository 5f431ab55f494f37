//! What is shown: alerts with what keeps them quiet, groups, silences.

use mainstay_model::Timestamp;
use mainstay_series::Labels;
use serde::{Deserialize, Serialize};

use super::{Acknowledgement, Alert, Counters, Engine, Silence, Station};
use crate::notification::Fingerprint;

/// Whether an alert is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    Unprocessed,
    Active,
    Suppressed,
}

/// One alert, as the API shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertView {
    pub alert: Alert,
    pub state: AlertState,
    pub silenced_by: Vec<String>,
    pub inhibited_by: Vec<Fingerprint>,
    /// Names of intervals, and who muted it until it is over.
    pub muted_by: Vec<String>,
    pub receivers: Vec<String>,
    pub acknowledged: Option<Acknowledgement>,
}

/// One group of a route.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupView {
    pub receiver: String,
    pub labels: Labels,
    pub key: String,
    pub next_flush: Timestamp,
    pub alerts: Vec<AlertView>,
}

impl Engine {
    /// The alerts that fire, by their fingerprints.
    pub fn alerts(&self, now: Timestamp) -> Vec<AlertView> {
        let firing = self.alerts.values().filter(|alert| !alert.is_resolved(now));
        firing.map(|alert| self.alert_view(alert, now)).collect()
    }

    /// One alert, firing or not.
    pub fn alert(&self, fingerprint: Fingerprint, now: Timestamp) -> Option<AlertView> {
        self.alerts
            .get(&fingerprint)
            .map(|alert| self.alert_view(alert, now))
    }

    /// The groups that have alerts that fire, by their labels and receivers.
    pub fn groups(&self, now: Timestamp) -> Vec<GroupView> {
        let mut groups = Vec::new();
        for (id, group) in &self.groups {
            let Some(route) = self.routes.get(id.route) else {
                continue;
            };
            let alerts = group
                .members
                .keys()
                .filter_map(|member| self.alerts.get(member));
            let firing = alerts.filter(|alert| !alert.is_resolved(now));
            let mut alerts: Vec<&Alert> = firing.collect();
            alerts.sort_by_cached_key(|alert| alert.order());
            let alerts = alerts.into_iter();
            let alerts: Vec<AlertView> = alerts.map(|alert| self.alert_view(alert, now)).collect();
            if !alerts.is_empty() {
                groups.push(GroupView {
                    receiver: route.receiver.clone(),
                    labels: group.labels.clone(),
                    key: group.key.clone(),
                    next_flush: group.next,
                    alerts,
                });
            }
        }
        groups.sort_by(|a, b| (&a.labels, &a.receiver).cmp(&(&b.labels, &b.receiver)));
        groups
    }

    /// Active ones first, those that end next first; then pending ones by their start; then those that
    /// are over, the newest first.
    pub fn silences(&self, now: Timestamp) -> Vec<&Silence> {
        let mut silences: Vec<&Silence> = self.silences.iter().collect();
        silences.sort_by_key(|silence| {
            let state = silence.state(now);
            let key = match state {
                super::SilenceState::Active => silence.ends_at.as_millis(),
                super::SilenceState::Pending => silence.starts_at.as_millis(),
                super::SilenceState::Expired => silence.ends_at.as_millis().saturating_neg(),
            };
            (state, key)
        });
        silences
    }

    pub fn silence(&self, id: &str) -> Option<&Silence> {
        self.silences.get(id)
    }

    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How many groups there are.
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }

    fn alert_view(&self, alert: &Alert, now: Timestamp) -> AlertView {
        let known = |fingerprint| self.alerts.get(&fingerprint);
        let inhibited = self.inhibitor.inhibits(&alert.labels, now, known);
        let silenced_by = self.silences.silencing(&alert.labels, now);
        let routes = self.config.route.matching(&alert.labels);
        let mut muted_by: Vec<String> = Vec::new();
        for route in &routes {
            match self.station(route, alert, now) {
                Station::Muted { interval } => muted_by.push(interval),
                Station::Inactive { intervals } => muted_by.extend(intervals),
                Station::MutedUntilResolved { by } => muted_by.push(by),
                Station::Window { name } => muted_by.push(name),
                _ => {}
            }
        }
        muted_by.sort();
        muted_by.dedup();
        let suppressed = inhibited.is_some() || !silenced_by.is_empty() || !muted_by.is_empty();
        AlertView {
            alert: alert.clone(),
            state: if suppressed {
                AlertState::Suppressed
            } else {
                AlertState::Active
            },
            silenced_by,
            inhibited_by: inhibited.map(|(_, by)| by).into_iter().collect(),
            muted_by,
            receivers: routes.iter().map(|route| route.receiver.clone()).collect(),
            acknowledged: self.acknowledged.get(&alert.fingerprint).cloned(),
        }
    }
}
