//! What alerting remembers over a restart: rows in the journal, and its events.

use mainstay_alert::config::Configuration;
use mainstay_alert::engine::{Action, Change, Decision, Engine, Outcome, Record, What};
use mainstay_journal::{JournalError, JournalHandle, NewEvent, Writer};
use mainstay_model::{Scope, Timestamp};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Events that wait while the journal cannot be written; the oldest go first.
const MOST_EVENTS: usize = 10_000;

/// What is still to be written.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    rows: BTreeMap<String, Option<Record>>,
    events: Vec<NewEvent>,
}

impl Unwritten {
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.events.is_empty()
    }

    pub(super) fn add(&mut self, changes: Vec<Change>, actions: &[Action], engine: &Engine) {
        self.rows.extend(
            changes
                .into_iter()
                .map(|change| (change.key, change.record)),
        );
        for action in actions {
            if let Action::Decided(decision) = action {
                self.events.extend(event(decision, engine));
            }
        }
        let beyond = self.events.len().saturating_sub(MOST_EVENTS);
        self.events.drain(..beyond);
    }
}

/// What was sent where, for the journal; nothing of the stations before.
fn event(decision: &Decision, engine: &Engine) -> Option<NewEvent> {
    let What::Notification {
        integration,
        outcome,
    } = &decision.what
    else {
        return None;
    };
    let about = About::of(decision, engine);
    let (alerts, receiver) = (about.words, &decision.receiver);
    let (kind, message) = match outcome {
        Outcome::Delivered { .. } => (
            "alert.delivered",
            format!("{alerts} told to {receiver} by {integration}"),
        ),
        Outcome::GivenUp { attempts } => (
            "alert.given-up",
            format!("{receiver} was not told of {alerts} by {integration}, {attempts} times tried"),
        ),
        Outcome::Failed {
            error, next: None, ..
        } => (
            "alert.refused",
            format!("{receiver} was not told of {alerts} by {integration}: {error}"),
        ),
        _ => return None,
    };
    let fingerprints: Vec<String> = decision.alerts.iter().map(ToString::to_string).collect();
    Some(NewEvent {
        scope: about.scope,
        subject: Some(receiver.clone()),
        data: json!({"group": decision.group_key, "alerts": fingerprints}),
        ..NewEvent::new(decision.at, kind, message)
    })
}

/// Alerts that one event names; the others are counted.
const NAMED: usize = 5;

/// What a decision is about: its alerts by name, and the environment where they have one in common.
struct About {
    words: String,
    scope: Option<Scope>,
}

impl About {
    fn of(decision: &Decision, engine: &Engine) -> Self {
        let mut names = BTreeSet::new();
        let mut scopes = BTreeSet::new();
        for fingerprint in &decision.alerts {
            let Some(view) = engine.alert(*fingerprint, decision.at) else {
                continue;
            };
            let label = |name: &str| view.alert.labels.get(name).unwrap_or_default().to_owned();
            names.insert(label("alertname"));
            scopes.insert((label("stack"), label("environment")));
        }
        let more = names.len().saturating_sub(NAMED);
        let mut words = names.into_iter().take(NAMED).collect::<Vec<_>>().join(", ");
        if more > 0 {
            words = format!("{words} and {more} others");
        }
        let count = decision.alerts.len();
        if count > 1 {
            words = format!("{words} ({count} alerts)");
        }
        let scope = scopes.pop_first().filter(|_| scopes.is_empty());
        let scope = scope.and_then(|(stack, environment)| {
            Some(Scope {
                stack: stack.parse().ok()?,
                environment: environment.parse().ok()?,
            })
        });
        Self { words, scope }
    }
}

/// All of it or nothing.
pub(super) async fn write(
    journal: &JournalHandle,
    unwritten: &Unwritten,
) -> Result<(), JournalError> {
    let mut rows = Vec::with_capacity(unwritten.rows.len());
    for (key, record) in &unwritten.rows {
        let value = record.as_ref().map(serde_json::to_value).transpose();
        match value {
            Ok(value) => rows.push((key.clone(), value)),
            Err(error) => tracing::error!(%error, key, "a row of alerting cannot be written"),
        }
    }
    let events = unwritten.events.clone();
    let write = move |writer: &mut Writer<'_>| {
        for (key, value) in &rows {
            writer.put_alerting(key, value.as_ref())?;
        }
        for event in &events {
            writer.append(event)?;
        }
        Ok(())
    };
    journal
        .write::<_, JournalError>(move |journal| journal.write(write))
        .await
}

/// The engine as the last server left it. Rows that do not read are said, and left out.
pub(super) async fn restore(
    journal: &JournalHandle,
    config: Arc<Configuration>,
    now: Timestamp,
) -> Result<Engine, JournalError> {
    let rows = journal
        .read::<_, JournalError>(|rows| rows.alerting())
        .await?;
    let records = rows.into_iter().filter_map(|(key, value)| {
        let read = serde_json::from_value::<Record>(value);
        read.inspect_err(|error| tracing::error!(%error, key, "a row of alerting does not read"))
            .ok()
    });
    Ok(Engine::restore(config, records, now))
}
