//! Escalations and signs of life: deliveries that belong to no group.
//!
//! An escalation is judged anew at each of its times: a step that is due and is not in the notification
//! log is told. So a crash between the step and its delivery repeats the step, and a step that could not
//! be delivered is tried again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mainstay_model::Timestamp;
use mainstay_series::Labels;
use serde::{Deserialize, Serialize};

use super::delivery::{AttemptId, Owner, Pending};
use super::log::{LogKey, Reason};
use super::{Alert, Engine, Station, Timer};
use crate::beyond::{EscalationPolicy, Extras, Heartbeat, Target};
use crate::config::Integration;
use crate::notification::{AlertStatus, Fingerprint, IntegrationKey, Notification, NotifiedAlert};

/// How often it is looked whether the alert is over, acknowledged or silenced.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// How long the delivery of a step is tried before it is begun anew.
const TRIED_FOR: Duration = Duration::from_mins(15);

/// By which the log keeps what was told: its longest.
const REPEAT: Duration = Duration::from_hours(60);

/// One alert on its way up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// When it first passed to its receiver.
    pub since: Timestamp,
    /// Who was told: they hear when it is over.
    pub told: BTreeSet<LogKey>,
}

impl Engine {
    /// What goes beyond Alertmanager, from now on. It is not among the records: after a restart it is given
    /// again, before the first step.
    pub fn set_extras(&mut self, extras: Extras, now: Timestamp) {
        self.timers
            .retain(|(_, timer)| !matches!(timer, Timer::Heartbeat(_)));
        for number in 0..extras.heartbeats.len() {
            self.timers.insert((now, Timer::Heartbeat(number)));
        }
        self.extras = extras;
    }

    pub fn extras(&self) -> &Extras {
        &self.extras
    }

    /// An alert that passes to its receiver begins its way up, where a policy has one for it.
    pub(super) fn begin_escalations(&mut self, passed: &[NotifiedAlert], now: Timestamp) {
        for alert in passed {
            if alert.status != AlertStatus::Firing
                || self.escalations.contains_key(&alert.fingerprint)
            {
                continue;
            }
            let Some(policy) = self.policy(&alert.labels) else {
                continue;
            };
            let first = policy.steps.first().map_or(LOOK_EVERY, |step| step.after);
            let due = now + first.min(LOOK_EVERY);
            let escalation = Escalation {
                since: now,
                told: BTreeSet::new(),
            };
            self.restore_escalation(alert.fingerprint, escalation, due);
            self.dirty.escalations.insert(alert.fingerprint);
        }
    }

    pub(super) fn restore_escalation(
        &mut self,
        alert: Fingerprint,
        escalation: Escalation,
        due: Timestamp,
    ) {
        self.escalations.insert(alert, escalation);
        self.timers.insert((due, Timer::Escalate(alert)));
    }

    fn policy(&self, labels: &Labels) -> Option<&EscalationPolicy> {
        let policies = self.extras.policies.iter();
        policies
            .into_iter()
            .find(|policy| policy.matchers.matches(labels))
    }

    /// Looks whether a step is due.
    pub(super) fn escalate(&mut self, fingerprint: Fingerprint, now: Timestamp) {
        let Some(escalation) = self.escalations.get(&fingerprint).cloned() else {
            return;
        };
        let alert = self
            .alerts
            .get(&fingerprint)
            .filter(|alert| !alert.is_resolved(now))
            .cloned();
        let policy = alert
            .as_ref()
            .and_then(|alert| self.policy(&alert.labels))
            .cloned();
        let (Some(alert), Some(policy)) = (alert, policy) else {
            return self.end_escalation(fingerprint, &escalation, now);
        };
        let mut due = now + LOOK_EVERY;
        let quiet = self.acknowledged.contains_key(&fingerprint) || !self.passes(&alert, now);
        for (number, step) in policy.steps.iter().enumerate() {
            let at = escalation.since + step.after;
            if at > now {
                due = due.min(at);
            } else if !quiet {
                let key = format!("escalation/{}/{}:{}", policy.name, number + 1, alert.labels);
                self.tell_step(&alert, &key, &step.target, now);
            }
        }
        self.timers.insert((due, Timer::Escalate(fingerprint)));
    }

    fn passes(&self, alert: &Alert, now: Timestamp) -> bool {
        let routes = self.config.route.matching(&alert.labels);
        routes
            .into_iter()
            .any(|route| self.station(route, alert, now) == Station::Passed)
    }

    fn tell_step(&mut self, alert: &Alert, group_key: &str, target: &Target, now: Timestamp) {
        let receiver = match target {
            Target::Receiver(name) => Some(name.clone()),
            Target::OnCall(rota) => {
                let rota = self.extras.rotas.iter().find(|known| known.name() == rota);
                rota.and_then(|rota| rota.who(now))
                    .map(|on_call| on_call.person.receiver)
            }
        };
        let Some(receiver) = receiver else { return };
        for integration in self.integrations(&receiver) {
            let key = LogKey {
                group_key: group_key.to_owned(),
                receiver: receiver.clone(),
                integration: IntegrationKey::of(&integration),
            };
            let entry = self.log.get(&key);
            if entry.is_some_and(|entry| entry.firing.contains(&alert.fingerprint)) {
                self.log.keep(&key, now);
                continue;
            }
            match self.alone.get(&key) {
                Some(deadline) if now < *deadline => continue,
                Some(_) => self.give_up_alone(&key, now),
                None => {}
            }
            if let Some(escalation) = self.escalations.get_mut(&alert.fingerprint) {
                escalation.told.insert(key.clone());
                self.dirty.escalations.insert(alert.fingerprint);
            }
            self.send_alone(
                key,
                alert.notified(now),
                Reason::Escalation,
                now + TRIED_FOR,
                now,
            );
        }
    }

    /// It is over (or no policy holds any more): who was told hears that.
    fn end_escalation(
        &mut self,
        fingerprint: Fingerprint,
        escalation: &Escalation,
        now: Timestamp,
    ) {
        let over = self
            .alerts
            .get(&fingerprint)
            .filter(|alert| alert.is_resolved(now));
        let over = over.map(|alert| alert.notified(now));
        for key in &escalation.told {
            self.give_up_alone(key, now);
            let knows = self
                .log
                .get(key)
                .is_some_and(|entry| !entry.firing.is_empty());
            let integrations = self.integrations(&key.receiver);
            let wants = integrations.iter().any(|integration| {
                integration.send_resolved && IntegrationKey::of(integration) == key.integration
            });
            if let (true, true, Some(alert)) = (knows, wants, &over) {
                let deadline = now + TRIED_FOR;
                self.send_alone(
                    key.clone(),
                    alert.clone(),
                    Reason::AllResolved,
                    deadline,
                    now,
                );
            }
        }
        self.escalations.remove(&fingerprint);
        self.dirty.escalations.insert(fingerprint);
    }

    /// A sign of life is due.
    pub(super) fn beat(&mut self, number: usize, now: Timestamp) {
        let Some(heartbeat) = self.extras.heartbeats.get(number).cloned() else {
            return;
        };
        let next = now + heartbeat.every.max(Duration::from_secs(1));
        self.timers.insert((next, Timer::Heartbeat(number)));
        for integration in self.integrations(&heartbeat.receiver) {
            let key = LogKey {
                group_key: format!("heartbeat/{}", heartbeat.name),
                receiver: heartbeat.receiver.clone(),
                integration: IntegrationKey::of(&integration),
            };
            self.give_up_alone(&key, now);
            self.send_alone(
                key,
                self.sign_of_life(&heartbeat),
                Reason::Heartbeat,
                next,
                now,
            );
        }
    }

    fn sign_of_life(&self, heartbeat: &Heartbeat) -> NotifiedAlert {
        let mut labels = heartbeat.labels.to_builder();
        if labels.get("alertname").is_none() {
            labels.set("alertname", "Heartbeat");
        }
        let labels = labels.build();
        let text = "always fires: when it stays away, nobody is left to alert".to_owned();
        NotifiedAlert {
            fingerprint: Fingerprint::of(&labels),
            labels,
            annotations: BTreeMap::from([("summary".to_owned(), text)]),
            starts_at: self.began,
            ends_at: None,
            generator_url: String::new(),
            status: AlertStatus::Firing,
        }
    }

    fn integrations(&self, receiver: &str) -> Vec<Integration> {
        let found = self.config.receiver(receiver);
        found
            .map(|receiver| receiver.integrations.clone())
            .unwrap_or_default()
    }

    fn send_alone(
        &mut self,
        key: LogKey,
        alert: NotifiedAlert,
        reason: Reason,
        deadline: Timestamp,
        now: Timestamp,
    ) {
        let set = BTreeSet::from([alert.fingerprint]);
        let firing = alert.status == AlertStatus::Firing;
        let (firing, resolved) = if firing {
            (set, BTreeSet::new())
        } else {
            (BTreeSet::new(), set)
        };
        let notification = Notification {
            receiver: key.receiver.clone(),
            integration: key.integration.clone(),
            group_key: key.group_key.clone(),
            group_labels: alert.labels.clone(),
            alerts: vec![alert],
        };
        self.alone.insert(key.clone(), deadline);
        self.send(
            Pending {
                owner: Owner::Alone,
                key,
                notification,
                firing,
                resolved,
                repeat: REPEAT,
                reason,
                number: 0,
                deadline,
                retry_at: None,
            },
            now,
        );
    }

    fn give_up_alone(&mut self, key: &LogKey, now: Timestamp) {
        if self.alone.remove(key).is_none() {
            return;
        }
        let mut pending = self.pending.iter();
        let found =
            pending.find(|(_, pending)| pending.owner == Owner::Alone && pending.key == *key);
        let found: Option<AttemptId> = found.map(|(attempt, _)| *attempt);
        if let Some(attempt) = found {
            self.give_up_attempt(attempt, now);
        }
    }
}
