//! The one task that owns the engine.
//!
//! Work comes in over a bounded channel and is done in batches: each batch is one step of time, one
//! transaction in the journal, and only then answers are given and deliveries begun. So what was
//! answered is on disk, and a receiver is told nothing that a restart would not know of.
//!
//! **When the journal cannot be written**, people are told all the same, and what was to be written is
//! tried again: a message that comes twice is better than one that never comes.

use super::kept::{self, Unwritten};
use crate::control::now;
use mainstay_alert::config::{Configuration, Integration};
use mainstay_alert::engine::{
    Action, AlertError, AttemptId, Delivery, Engine, Event, Outcome, PostedAlert, What,
};
use mainstay_alert::{IntegrationKey, Notification};
use mainstay_journal::JournalHandle;
use mainstay_model::Timestamp;
use mainstay_notify::{Failure, FailureKind, Sender};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// Work that waits; whoever brings more waits with it.
pub(super) const QUEUE: usize = 1_024;
/// Work that is written together.
const BATCH: usize = 256;
/// Deliveries under way at once.
const PARALLEL: usize = 16;
/// No sleep is longer, so that a clock that is set is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// After the journal could not be written.
const AGAIN: Duration = Duration::from_secs(5);
/// How long deliveries that are under way may take at the end.
const END: Duration = Duration::from_secs(5);

/// Given once what was done is on disk.
pub(super) type Answer = Box<dyn FnOnce() + Send>;

/// Something to be done with the engine.
pub(super) type Work = Box<dyn FnOnce(&mut Turn<'_>) -> Answer + Send>;

/// One batch while it is done.
pub(crate) struct Turn<'a> {
    pub(crate) engine: &'a mut Engine,
    pub(crate) now: Timestamp,
    pub(super) actions: Vec<Action>,
    /// By what deliveries are made, where it is to be another.
    pub(super) sender: Option<Arc<Sender>>,
}

impl Turn<'_> {
    pub(super) fn step(&mut self, event: Event) {
        let actions = self.engine.step(event, self.now);
        self.actions.extend(actions);
    }

    /// Takes alerts; those that are not taken, with the reason.
    pub(super) fn post(&mut self, alerts: Vec<PostedAlert>) -> Vec<AlertError> {
        let mut refused = Vec::new();
        for action in self.engine.step(Event::Alerts(alerts), self.now) {
            match action {
                Action::Refused(error) => refused.push(error),
                other => self.actions.push(other),
            }
        }
        refused
    }
}

pub(super) struct Actor {
    engine: Engine,
    sender: Arc<Sender>,
    journal: JournalHandle,
    work: mpsc::Receiver<Work>,
    deliveries: JoinSet<(AttemptId, Result<(), Failure>)>,
    under_way: BTreeMap<AttemptId, AbortHandle>,
    room: Arc<Semaphore>,
    unwritten: Unwritten,
    /// When writing is tried again after it has failed.
    write_again: Option<tokio::time::Instant>,
}

impl Actor {
    pub(super) fn new(
        engine: Engine,
        sender: Arc<Sender>,
        journal: JournalHandle,
        work: mpsc::Receiver<Work>,
    ) -> Self {
        Self {
            engine,
            sender,
            journal,
            work,
            deliveries: JoinSet::new(),
            under_way: BTreeMap::new(),
            room: Arc::new(Semaphore::new(PARALLEL)),
            unwritten: Unwritten::default(),
            write_again: None,
        }
    }

    /// Until it is told to stop.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        loop {
            let mut batch = Vec::new();
            let pause = self.pause();
            tokio::select! {
                () = stop.cancelled() => break,
                received = self.work.recv_many(&mut batch, BATCH) => {
                    if received == 0 {
                        break;
                    }
                }
                Some(done) = self.deliveries.join_next() => self.ended(done.ok(), &mut batch),
                () = tokio::time::sleep(pause) => {}
            }
            while let Some(done) = self.deliveries.try_join_next() {
                self.ended(done.ok(), &mut batch);
            }
            self.turn(batch).await;
        }
        self.end().await;
    }

    fn pause(&self) -> Duration {
        let next = self.engine.next_deadline().unwrap_or_else(now);
        let left = next.as_millis() - now().as_millis();
        let left = Duration::from_millis(left.max(0).unsigned_abs());
        let again = self.write_again.map_or(LONGEST_SLEEP, |at| {
            at.saturating_duration_since(tokio::time::Instant::now())
        });
        left.min(again).min(LONGEST_SLEEP)
    }

    /// What became of a delivery. One that was cancelled or has panicked says nothing: the engine waits
    /// for none that it cancelled, and gives up the others at their deadline.
    fn ended(&mut self, done: Option<(AttemptId, Result<(), Failure>)>, batch: &mut Vec<Work>) {
        let Some((attempt, result)) = done else {
            return;
        };
        self.under_way.remove(&attempt);
        batch.push(Box::new(move |turn| {
            turn.step(match result {
                Ok(()) => Event::Delivered(attempt),
                Err(failure) => Event::Failed {
                    attempt,
                    error: failure.message,
                    retryable: failure.retry,
                },
            });
            Box::new(|| {})
        }));
    }

    /// One batch: done, written, answered, acted on.
    async fn turn(&mut self, batch: Vec<Work>) {
        let mut turn = Turn {
            engine: &mut self.engine,
            now: now(),
            actions: Vec::new(),
            sender: None,
        };
        let answers: Vec<Answer> = batch.into_iter().map(|work| work(&mut turn)).collect();
        turn.step(Event::Tick);
        let Turn {
            actions, sender, ..
        } = turn;
        if let Some(sender) = sender {
            self.sender = sender;
        }
        let changes = self.engine.take_changes();
        self.unwritten.add(changes, &actions, &self.engine);
        self.write().await;
        for answer in answers {
            answer();
        }
        for action in actions {
            self.act(action);
        }
    }

    async fn write(&mut self) {
        let waits = self
            .write_again
            .is_some_and(|at| at > tokio::time::Instant::now());
        if self.unwritten.is_empty() || waits {
            return;
        }
        match kept::write(&self.journal, &self.unwritten).await {
            Ok(()) => {
                self.unwritten = Unwritten::default();
                self.write_again = None;
            }
            Err(error) => {
                tracing::error!(%error, "what alerting has to remember is not written; people are told all the same");
                self.write_again = Some(tokio::time::Instant::now() + AGAIN);
            }
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Deliver(delivery) => self.deliver(*delivery),
            Action::Cancel(attempt) => {
                if let Some(task) = self.under_way.remove(&attempt) {
                    task.abort();
                }
            }
            Action::Refused(error) => tracing::warn!(%error, "an alert was not taken"),
            Action::Decided(decision) => {
                if let What::Notification {
                    integration,
                    outcome: Outcome::Failed { error, next, .. },
                } = decision.what
                {
                    let again = next.map(|next| next.to_string());
                    tracing::warn!(receiver = decision.receiver, %integration, error, again, "a receiver was not told");
                }
            }
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        let attempt = delivery.attempt;
        let config: Arc<Configuration> = Arc::clone(self.engine.config());
        let (sender, room) = (Arc::clone(&self.sender), Arc::clone(&self.room));
        let task = self.deliveries.spawn(async move {
            let within = move || {
                let left = delivery.deadline.as_millis() - now().as_millis();
                Duration::from_millis(left.max(1).unsigned_abs())
            };
            let sent = async {
                // Never closed.
                let _room = room.acquire().await;
                let notification = &delivery.notification;
                match integration(&config, notification) {
                    Some(found) => sender.send(found, notification, now(), within()).await,
                    None => Err(gone(notification)),
                }
            };
            (attempt, sent.await)
        });
        self.under_way.insert(attempt, task);
    }

    /// What is under way may end; what did is written.
    async fn end(&mut self) {
        let mut batch = Vec::new();
        let deadline = tokio::time::Instant::now() + END;
        while let Ok(Some(done)) =
            tokio::time::timeout_at(deadline, self.deliveries.join_next()).await
        {
            self.ended(done.ok(), &mut batch);
        }
        self.deliveries.abort_all();
        self.turn(batch).await;
        self.deliveries.abort_all();
    }
}

fn integration<'a>(config: &'a Configuration, to: &Notification) -> Option<&'a Integration> {
    let receiver = config.receiver(&to.receiver)?;
    let mut all = receiver.integrations.iter();
    all.find(|integration| IntegrationKey::of(integration) == to.integration)
}

/// The configuration has changed between the decision and the delivery.
fn gone(to: &Notification) -> Failure {
    Failure {
        retry: false,
        kind: FailureKind::Configuration,
        message: format!(
            "there is no {} of `{}` any more",
            to.integration, to.receiver
        ),
    }
}
