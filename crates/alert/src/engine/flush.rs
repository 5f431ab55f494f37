//! A flush: who of a group is told what, and what becomes of it.

use std::collections::BTreeSet;

use mainstay_model::Timestamp;

use super::counters::KindCounters;
use super::decision::{Outcome, Station, What};
use super::delivery::{AttemptId, Delivery, Owner, Pending};
use super::group::{EMPTY_FOR, GroupId, Round};
use super::log::{LogKey, Quiet, Reason, needs};
use super::{Action, Alert, Engine, Timer};
use crate::config::{Integration, Route};
use crate::notification::{AlertStatus, Fingerprint, IntegrationKey, Notification, NotifiedAlert};

impl Engine {
    /// A group's time has come.
    pub(super) fn flush(&mut self, id: GroupId, now: Timestamp) {
        let Some(route) = self.routes.get(id.route).cloned() else {
            return;
        };
        self.give_up(id, now);
        let Some(group) = self.groups.get_mut(&id) else {
            return;
        };
        group.flushed = true;
        group.next = now + route.group_interval;
        self.timers.insert((group.next, Timer::Flush(id)));
        self.dirty.groups.insert(id);
        let alerts = self.flushed_alerts(id);
        if alerts.is_empty() {
            return;
        }
        let Some(group) = self.groups.get_mut(&id) else {
            return;
        };
        group.round = Some(Round {
            at: now,
            alerts: (alerts.iter())
                .map(|alert| (alert.fingerprint, alert.version, alert.is_resolved(now)))
                .collect(),
            open: BTreeSet::new(),
            failed: false,
        });
        let passed = self.judge(id, &route, &alerts, now);
        if !passed.is_empty() {
            self.begin_escalations(&passed, now);
            self.fan_out(id, &route, &passed, now);
        }
        self.finish_round(id, now);
    }

    /// What is still under way when the group's next time comes is given up.
    fn give_up(&mut self, id: GroupId, now: Timestamp) {
        let round = self
            .groups
            .get_mut(&id)
            .and_then(|group| group.round.take());
        for attempt in round.into_iter().flat_map(|round| round.open) {
            self.give_up_attempt(attempt, now);
        }
    }

    pub(super) fn give_up_attempt(&mut self, attempt: AttemptId, now: Timestamp) {
        let Some(pending) = self.pending.remove(&attempt) else {
            return;
        };
        match pending.retry_at {
            Some(at) => {
                self.timers.remove(&(at, Timer::Retry(attempt)));
            }
            None => self.out.push(Action::Cancel(attempt)),
        }
        self.count(&pending).failed += 1;
        let outcome = Outcome::GivenUp {
            attempts: pending.number,
        };
        self.decide_delivery(&pending, outcome, now);
    }

    /// As Alertmanager sorts them: by `job`, by `instance`, then by all labels.
    fn flushed_alerts(&self, id: GroupId) -> Vec<Alert> {
        let members = self
            .groups
            .get(&id)
            .into_iter()
            .flat_map(|group| group.members.keys());
        let mut alerts: Vec<Alert> = members
            .filter_map(|fingerprint| self.alerts.get(fingerprint).cloned())
            .collect();
        alerts.sort_by_cached_key(Alert::order);
        alerts
    }

    /// Asks each station about each alert; returns those that pass, as they are told.
    fn judge(
        &mut self,
        id: GroupId,
        route: &Route,
        alerts: &[Alert],
        now: Timestamp,
    ) -> Vec<NotifiedAlert> {
        let mut passed = Vec::new();
        let mut news: Vec<(Fingerprint, Station)> = Vec::new();
        for alert in alerts {
            let station = self.station(route, alert, now);
            if station == Station::Passed {
                passed.push(alert.notified(now));
            }
            let group = self.groups.get_mut(&id);
            let last = group.and_then(|group| group.members.get_mut(&alert.fingerprint));
            if let Some(last) = last
                && last.as_ref() != Some(&station)
            {
                *last = Some(station.clone());
                news.push((alert.fingerprint, station));
            }
        }
        let key = self
            .groups
            .get(&id)
            .map(|group| group.key.clone())
            .unwrap_or_default();
        for (fingerprint, station) in news {
            self.decide(
                now,
                key.clone(),
                &route.receiver,
                [fingerprint],
                What::Station(station),
            );
        }
        passed
    }

    /// The first station that keeps an alert back.
    pub(super) fn station(&self, route: &Route, alert: &Alert, now: Timestamp) -> Station {
        let known = |fingerprint| self.alerts.get(&fingerprint);
        if let Some((rule, by)) = self.inhibitor.inhibits(&alert.labels, now, known) {
            return Station::Inhibited { rule, by };
        }
        let within = |name: &String| {
            let intervals = self.config.time_intervals.get(name).into_iter().flatten();
            intervals.into_iter().any(|interval| interval.contains(now))
        };
        let active = &route.active_time_intervals;
        if !active.is_empty() && !active.iter().any(within) {
            return Station::Inactive {
                intervals: active.clone(),
            };
        }
        if let Some(interval) = route.mute_time_intervals.iter().find(|name| within(name)) {
            return Station::Muted {
                interval: interval.clone(),
            };
        }
        let by = self.silences.silencing(&alert.labels, now);
        if !by.is_empty() {
            return Station::Silenced { by };
        }
        if let Some(window) = self.window(&alert.labels, now) {
            let name = window.name.clone();
            return Station::Window { name };
        }
        if let Some(muted) = self.muted.get(&alert.fingerprint)
            && !alert.is_resolved(now)
        {
            return Station::MutedUntilResolved {
                by: muted.by.clone(),
            };
        }
        Station::Passed
    }

    fn fan_out(&mut self, id: GroupId, route: &Route, alerts: &[NotifiedAlert], now: Timestamp) {
        let config = std::sync::Arc::clone(&self.config);
        let Some(receiver) = config.receiver(&route.receiver) else {
            return;
        };
        for integration in &receiver.integrations {
            self.tell(id, route, integration, alerts, now);
        }
    }

    /// Whether an integration has to be told already, by what it was told last.
    pub(super) fn wants(
        &self,
        key: &LogKey,
        integration: &Integration,
        route: &Route,
        alerts: &[NotifiedAlert],
        now: Timestamp,
    ) -> Result<Reason, Quiet> {
        let (firing, resolved) = split(alerts);
        let entry = self.log.get(key);
        let repeat = route.repeat_interval;
        let send_resolved = integration.send_resolved;
        let wanted = needs(entry, &firing, &resolved, send_resolved, repeat, now)?;
        let acknowledged = |fingerprint: &Fingerprint| self.acknowledged.contains_key(fingerprint);
        if wanted == Reason::Repeat && firing.iter().all(acknowledged) {
            return Err(Quiet::Acknowledged);
        }
        Ok(wanted)
    }

    fn tell(
        &mut self,
        id: GroupId,
        route: &Route,
        integration: &Integration,
        alerts: &[NotifiedAlert],
        now: Timestamp,
    ) {
        let Some(group) = self.groups.get(&id) else {
            return;
        };
        let (group_key, labels, deadline) = (group.key.clone(), group.labels.clone(), group.next);
        let name = IntegrationKey::of(integration);
        let key = LogKey {
            group_key: group_key.clone(),
            receiver: route.receiver.clone(),
            integration: name.clone(),
        };
        let wanted = self.wants(&key, integration, route, alerts, now);
        let reason = match wanted {
            Ok(reason) => reason,
            Err(quiet) => return self.stay_quiet(id, &key, alerts, quiet, now),
        };
        if let Some(group) = self.groups.get_mut(&id) {
            group.quiet.remove(&name);
        }
        let (firing, resolved) = split(alerts);
        let told: Vec<NotifiedAlert> = if integration.send_resolved {
            alerts.to_vec()
        } else {
            let firing = |alert: &&NotifiedAlert| alert.status == AlertStatus::Firing;
            alerts.iter().filter(firing).cloned().collect()
        };
        if told.is_empty() {
            let what = What::Notification {
                integration: name,
                outcome: Outcome::Noted,
            };
            let about = alerts.iter().map(|alert| alert.fingerprint);
            self.decide(now, group_key, &route.receiver, about, what);
            self.log
                .put(key, firing, resolved, route.repeat_interval, now);
            return;
        }
        let notification = Notification {
            receiver: route.receiver.clone(),
            integration: name,
            group_key,
            group_labels: labels,
            alerts: told,
        };
        self.send(
            Pending {
                owner: Owner::Group(id),
                key,
                notification,
                firing,
                resolved,
                repeat: route.repeat_interval,
                reason,
                number: 0,
                deadline,
                retry_at: None,
            },
            now,
        );
    }

    /// Not told: written down where it is for another reason than last time.
    fn stay_quiet(
        &mut self,
        id: GroupId,
        key: &LogKey,
        alerts: &[NotifiedAlert],
        quiet: Quiet,
        now: Timestamp,
    ) {
        if quiet == Quiet::Acknowledged {
            self.log.keep(key, now);
        }
        let Some(group) = self.groups.get_mut(&id) else {
            return;
        };
        if group.quiet.insert(key.integration.clone(), quiet) == Some(quiet) {
            return;
        }
        let what = What::Notification {
            integration: key.integration.clone(),
            outcome: Outcome::Quiet(quiet),
        };
        let about = alerts.iter().map(|alert| alert.fingerprint);
        self.decide(now, key.group_key.clone(), &key.receiver, about, what);
    }

    /// Hands out another try.
    pub(super) fn send(&mut self, mut pending: Pending, now: Timestamp) {
        self.attempts += 1;
        let attempt = AttemptId(self.attempts);
        pending.number += 1;
        pending.retry_at = None;
        let first = pending.number == 1;
        let counters = self.count(&pending);
        counters.requests += 1;
        counters.notifications += u64::from(first);
        let outcome = Outcome::Sent {
            reason: pending.reason,
            attempt: pending.number,
        };
        self.decide_delivery(&pending, outcome, now);
        self.out.push(Action::Deliver(Box::new(Delivery {
            attempt,
            notification: pending.notification.clone(),
            reason: pending.reason,
            number: pending.number,
            deadline: pending.deadline,
        })));
        if let Some(round) = self.round(pending.owner) {
            round.open.insert(attempt);
        }
        self.pending.insert(attempt, pending);
    }

    fn count(&mut self, pending: &Pending) -> &mut KindCounters {
        let kind = pending.key.integration.kind;
        self.counters.kinds.entry(kind).or_default()
    }

    fn round(&mut self, owner: Owner) -> Option<&mut Round> {
        let Owner::Group(id) = owner else { return None };
        self.groups.get_mut(&id)?.round.as_mut()
    }

    pub(super) fn retry(&mut self, attempt: AttemptId, now: Timestamp) {
        let Some(pending) = self.pending.remove(&attempt) else {
            return;
        };
        if let Some(round) = self.round(pending.owner) {
            round.open.remove(&attempt);
        }
        self.send(pending, now);
    }

    pub(super) fn delivered(&mut self, attempt: AttemptId, now: Timestamp) {
        // One that was given up is not waited for: it will be told again.
        let Some(pending) = self.pending.remove(&attempt) else {
            return;
        };
        self.decide_delivery(
            &pending,
            Outcome::Delivered {
                attempt: pending.number,
            },
            now,
        );
        let Pending {
            owner,
            key,
            firing,
            resolved,
            repeat,
            ..
        } = pending;
        let told = key.clone();
        self.log.put(key, firing, resolved, repeat, now);
        self.close(owner, &told, attempt, false, now);
    }

    pub(super) fn failed(
        &mut self,
        attempt: AttemptId,
        error: String,
        retryable: bool,
        now: Timestamp,
    ) {
        let Some(mut pending) = self.pending.remove(&attempt) else {
            return;
        };
        let next = if retryable {
            pending.next_try(now)
        } else {
            None
        };
        let counters = self.count(&pending);
        counters.requests_failed += 1;
        counters.failed += u64::from(next.is_none());
        let outcome = Outcome::Failed {
            attempt: pending.number,
            error,
            next,
        };
        self.decide_delivery(&pending, outcome, now);
        match next {
            Some(next) => {
                pending.retry_at = Some(next);
                self.timers.insert((next, Timer::Retry(attempt)));
                self.pending.insert(attempt, pending);
            }
            None => self.close(pending.owner, &pending.key, attempt, true, now),
        }
    }

    fn decide_delivery(&mut self, pending: &Pending, outcome: Outcome, now: Timestamp) {
        let notification = &pending.notification;
        let what = What::Notification {
            integration: notification.integration.clone(),
            outcome,
        };
        let about = notification.alerts.iter().map(|alert| alert.fingerprint);
        let key = notification.group_key.clone();
        self.decide(now, key, &notification.receiver, about, what);
    }

    fn close(
        &mut self,
        owner: Owner,
        key: &LogKey,
        attempt: AttemptId,
        failed: bool,
        now: Timestamp,
    ) {
        if owner == Owner::Alone {
            self.alone.remove(key);
        }
        if let Some(round) = self.round(owner) {
            round.open.remove(&attempt);
            round.failed |= failed;
        }
        if let Owner::Group(id) = owner {
            self.finish_round(id, now);
        }
    }

    /// Once every integration knows, what is over leaves the group, unless there was another word on it.
    fn finish_round(&mut self, id: GroupId, now: Timestamp) {
        let Some(group) = self.groups.get_mut(&id) else {
            return;
        };
        let Some(round) = group.round.take_if(|round| round.open.is_empty()) else {
            return;
        };
        self.dirty.groups.insert(id);
        if round.failed {
            return;
        }
        for (fingerprint, version, resolved) in round.alerts {
            let same = |alert: &Alert| alert.version == version;
            if resolved && self.alerts.get(&fingerprint).is_none_or(same) {
                group.members.remove(&fingerprint);
            }
        }
        if group.members.is_empty() && group.empty_since.is_none() {
            group.empty_since = Some(now);
            self.timers.insert((now + EMPTY_FOR, Timer::Empty(id)));
        }
    }
}

/// Those that fire, and those that are over.
fn split(alerts: &[NotifiedAlert]) -> (BTreeSet<Fingerprint>, BTreeSet<Fingerprint>) {
    let of = |status: AlertStatus| {
        let those = alerts.iter().filter(move |alert| alert.status == status);
        those.map(|alert| alert.fingerprint).collect()
    };
    (of(AlertStatus::Firing), of(AlertStatus::Resolved))
}
