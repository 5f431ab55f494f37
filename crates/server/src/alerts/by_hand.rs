//! What people do with alerts: ask why, acknowledge, mute, try a receiver.

use super::{Alerts, Ending, why};
use crate::api::types::{AlertQuestion, AlertWay, ReceiverTested};
use crate::control::now;
use crate::rules::Rules;
use mainstay_alert::beyond::{Recurring, RecurringError};
use mainstay_alert::engine::{Acknowledgement, Engine};
use mainstay_alert::{AlertStatus, Fingerprint, IntegrationKey, Notification, NotifiedAlert};
use mainstay_model::Timestamp;
use mainstay_notify::Sender;
use mainstay_series::{Labels, METRIC_NAME};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Alerts that one question is answered about.
const MOST: usize = 20;
/// What a receiver has to answer a test within.
const TEST: Duration = Duration::from_secs(10);

type LabelMap = BTreeMap<String, String>;

fn map(labels: &Labels) -> LabelMap {
    let pairs = labels.iter();
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn is_meant(question: &AlertQuestion, labels: &Labels) -> bool {
    labels.get("alertname") == Some(question.name.as_str())
        && question
            .labels
            .iter()
            .all(|(name, value)| labels.get(name) == Some(value.as_str()))
}

/// Alerts of the engine that are meant, firing or over.
fn kept(engine: &Engine, question: &AlertQuestion, now: Timestamp) -> Vec<Labels> {
    let views = engine.alerts(now).into_iter();
    let labels = views.map(|view| view.alert.labels);
    labels.filter(|labels| is_meant(question, labels)).collect()
}

impl Alerts {
    /// The way of each alert that is meant, the rule's part first.
    pub(crate) async fn why(
        &self,
        rules: Option<&Arc<Rules>>,
        question: AlertQuestion,
    ) -> Result<Vec<AlertWay>, Ending> {
        // Rules are asked elsewhere: one that is just evaluated is waited for.
        let rules = rules.cloned();
        let asked = question.clone();
        let of_rules = tokio::task::spawn_blocking(move || of_rules(rules.as_deref(), &asked));
        let of_rules = of_rules.await.unwrap_or_default();
        self.ask(move |turn| {
            let mut meant: BTreeSet<Labels> =
                of_rules.iter().map(|(labels, _)| labels.clone()).collect();
            meant.extend(kept(turn.engine, &question, turn.now));
            let until = question.until.unwrap_or(turn.now);
            let ways = meant.into_iter().take(MOST).map(|labels| {
                let trace = turn.engine.why(&labels, until, turn.now);
                let own = of_rules.iter().filter(|(of, _)| *of == labels);
                let mut steps: Vec<_> = own.map(|(_, step)| step.clone()).collect();
                if steps.is_empty() {
                    steps.push(why::no_rule());
                }
                steps.extend(why::way(&trace));
                AlertWay {
                    labels: map(&labels),
                    fingerprint: trace.alert.map(|alert| alert.fingerprint.to_string()),
                    steps,
                }
            });
            ways.collect()
        })
        .await
    }

    /// Says that somebody looks after the alerts that are meant, or keeps them quiet until they are over;
    /// those that it was said of.
    pub(crate) async fn touch(
        &self,
        question: AlertQuestion,
        touch: Touch,
        by: String,
        comment: String,
    ) -> Result<Vec<LabelMap>, Ending> {
        self.ask(move |turn| {
            let who = Acknowledgement {
                by,
                at: turn.now,
                comment,
            };
            let mut touched = Vec::new();
            for labels in kept(turn.engine, &question, turn.now) {
                let (alert, now) = (Fingerprint::of(&labels), turn.now);
                let done = match touch {
                    Touch::Acknowledge => turn.engine.acknowledge(alert, who.clone(), now),
                    Touch::Mute => turn.engine.mute_until_resolved(alert, who.clone(), now),
                    Touch::TakeBack => turn.engine.unacknowledge(alert),
                };
                if done {
                    touched.push(map(&labels));
                }
            }
            touched
        })
        .await
    }

    /// Tells a receiver of an alert that is none, each of its integrations by itself.
    pub(crate) async fn test(&self, receiver: &str, url: &str) -> Option<Vec<ReceiverTested>> {
        let in_force = self.in_force();
        let found = in_force.config.receiver(receiver)?;
        let sender = Sender::new(in_force.templates.clone(), url);
        let labels = Labels::from_pairs([("alertname", "ReceiverTest"), ("severity", "info")]);
        let text = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let alert = NotifiedAlert {
            fingerprint: Fingerprint::of(&labels),
            annotations: BTreeMap::from([
                text("summary", "this is only a test"),
                text(
                    "description",
                    "somebody tries whether this receiver is told",
                ),
            ]),
            starts_at: now(),
            ends_at: None,
            generator_url: url.to_owned(),
            status: AlertStatus::Firing,
            labels: labels.clone(),
        };
        let mut tested = Vec::new();
        for integration in &found.integrations {
            let key = IntegrationKey::of(integration);
            let notification = Notification {
                receiver: receiver.to_owned(),
                integration: key.clone(),
                group_key: "{}:{alertname=\"ReceiverTest\"}".to_owned(),
                group_labels: labels.retain(|name| name == "alertname"),
                alerts: vec![alert.clone()],
            };
            let sent = sender.send(integration, &notification, now(), TEST).await;
            tested.push(ReceiverTested {
                integration: key.to_string(),
                error: sent.err().map(|failure| failure.message),
            });
        }
        Some(tested)
    }
}

impl Alerts {
    /// Silences that come again every week.
    pub(crate) async fn recurring(&self) -> Result<Vec<Recurring>, Ending> {
        self.ask(|turn| turn.engine.recurring().cloned().collect())
            .await
    }

    pub(crate) async fn set_recurring(
        &self,
        recurring: Recurring,
    ) -> Result<Result<(), RecurringError>, Ending> {
        self.ask(move |turn| turn.engine.set_recurring(recurring))
            .await
    }

    /// Whether there was one.
    pub(crate) async fn remove_recurring(&self, id: String) -> Result<bool, Ending> {
        self.ask(move |turn| turn.engine.remove_recurring(&id))
            .await
    }
}

/// What is said of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Touch {
    Acknowledge,
    Mute,
    TakeBack,
}

/// What rules say of the alerts that are meant; a rule that gives none is said of as well.
fn of_rules(
    rules: Option<&Rules>,
    question: &AlertQuestion,
) -> Vec<(Labels, crate::api::types::AlertStep)> {
    let mut found = Vec::new();
    for kept in rules.map(Rules::groups).unwrap_or_default() {
        let group = kept.group();
        for state in group.rules() {
            if state.rule().name != question.name || state.rule().alerting().is_none() {
                continue;
            }
            let before = found.len();
            for (labels, alert) in state.alerts() {
                let mut labels = labels.to_builder();
                labels.delete(METRIC_NAME);
                let labels = labels.build();
                if is_meant(question, &labels) {
                    let step = why::rule(group.file(), group.name(), state, Some(alert));
                    found.push((labels, step));
                }
            }
            if found.len() == before {
                let mut labels = state.rule().labels.to_builder();
                labels.set("alertname", &question.name);
                let step = why::rule(group.file(), group.name(), state, None);
                found.push((labels.build(), step));
            }
        }
    }
    found
}
