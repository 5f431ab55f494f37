//! Alerts come in, enter the groups of the routes that match them, and are dropped when they are over and
//! nobody waits for them.

use std::collections::BTreeSet;
use std::sync::Arc;

use mainstay_model::Timestamp;
use mainstay_series::Labels;

use super::group::{Group, GroupId};
use super::{Alert, AlertError, Engine, LIMIT_ALERTS, LIMIT_GROUPS, PostedAlert, Timer, What};
use crate::config::Route;
use crate::notification::Fingerprint;

impl Engine {
    pub(super) fn take(&mut self, posted: PostedAlert, now: Timestamp) -> Result<(), AlertError> {
        let mut alert = Alert::posted(posted, now, self.config.global.resolve_timeout)?;
        let fingerprint = alert.fingerprint;
        if let Some(old) = self.alerts.get(&fingerprint) {
            let was_over = old.is_resolved(now);
            alert = old.followed_by(alert, now);
            if was_over && !alert.is_resolved(now) {
                self.forget_words(fingerprint);
            }
        } else {
            if self.alerts.len() >= LIMIT_ALERTS {
                self.drop_resolved(now);
            }
            if self.alerts.len() >= LIMIT_ALERTS {
                return Err(AlertError::Full {
                    labels: alert.labels,
                    limit: LIMIT_ALERTS,
                });
            }
        }
        if alert.is_resolved(now) {
            self.counters.resolved += 1;
            // Whoever was called hears at once that it is over.
            if self.escalations.contains_key(&fingerprint) {
                self.timers.insert((now, Timer::Escalate(fingerprint)));
            }
        } else {
            self.counters.firing += 1;
        }
        self.words += 1;
        alert.version = self.words;
        self.keep(alert, now)
    }

    /// Keeps an alert and brings it into its groups.
    pub(super) fn keep(&mut self, alert: Alert, now: Timestamp) -> Result<(), AlertError> {
        let fingerprint = alert.fingerprint;
        self.inhibitor.insert(&alert);
        self.dirty.alerts.insert(fingerprint);
        let config = Arc::clone(&self.config);
        let (labels, starts_at) = (alert.labels.clone(), alert.starts_at);
        self.alerts.insert(fingerprint, alert);
        for route in config.route.matching(&labels) {
            self.enter(route, fingerprint, &labels, starts_at, now)?;
        }
        Ok(())
    }

    fn enter(
        &mut self,
        route: &Route,
        fingerprint: Fingerprint,
        labels: &Labels,
        starts_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), AlertError> {
        let group_labels = route.group_labels(labels);
        let id = GroupId {
            route: route.index,
            labels: Fingerprint::of(&group_labels),
        };
        if !self.groups.contains_key(&id) {
            if self.groups.len() >= LIMIT_GROUPS {
                let labels = labels.clone();
                return Err(AlertError::Groups {
                    labels,
                    limit: LIMIT_GROUPS,
                });
            }
            let next = now + route.group_wait;
            self.timers.insert((next, Timer::Flush(id)));
            self.groups
                .insert(id, Group::new(route, group_labels, next));
            self.dirty.groups.insert(id);
        }
        let Some(group) = self.groups.get_mut(&id) else {
            return Ok(());
        };
        group.empty_since = None;
        // An alert that has waited long enough elsewhere does not wait again.
        if !group.flushed && starts_at + route.group_wait < now && group.next > now {
            self.timers.remove(&(group.next, Timer::Flush(id)));
            group.next = now;
            self.timers.insert((now, Timer::Flush(id)));
        }
        if group.members.insert(fingerprint, None).is_none() {
            let key = group.key.clone();
            self.decide(now, key, &route.receiver, [fingerprint], What::Grouped);
        }
        Ok(())
    }

    pub(super) fn drop_resolved(&mut self, now: Timestamp) {
        let held: BTreeSet<Fingerprint> = self
            .groups
            .values()
            .flat_map(|group| group.members.keys().copied())
            .collect();
        let over = |alert: &&Alert| alert.is_resolved(now) && !held.contains(&alert.fingerprint);
        let gone: Vec<Fingerprint> = self
            .alerts
            .values()
            .filter(over)
            .map(|alert| alert.fingerprint)
            .collect();
        for fingerprint in gone {
            if let Some(alert) = self.alerts.remove(&fingerprint) {
                self.inhibitor.remove(&alert);
            }
            self.forget_words(fingerprint);
        }
    }
}
