//! The loop around a driver: look, turn, act, wait.
//!
//! It wakes when something changed, when a command came, and every [`TICK`]. An action that fails
//! is told once and tried again with growing pauses; whether that may go on is decided by the
//! rollout's own deadlines. Where the journal cannot be written nothing is done, and it tries
//! again.

use super::turn::{Driver, DriverError, Proposal, Turn};
use futures_util::future::join_all;
use mainstay_journal::{Journal, JournalError, JournalHandle};
use mainstay_model::Timestamp;
use mainstay_rollout::world::{Action, Command, Event, World};
use mainstay_rollout::{Outcome, Summary};
use std::future::Future;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Between looks where nothing is heard of.
const TICK: Duration = Duration::from_millis(100);
/// The longest one action may take; then it counts as failed.
const ACTION_DEADLINE: Duration = Duration::from_secs(10);
/// The longest one look may take; then it is given up and taken again.
const OBSERVE_DEADLINE: Duration = Duration::from_secs(5);
/// First pause after a failed action or write; doubles up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Looks that are further apart were not slow: the machine slept, its clock was set, or the
/// journal could not be written. No deadline passes by that.
const GAP: Duration = Duration::from_secs(60);

/// The eyes and hands of a rollout.
pub trait Engine: Send + Sync {
    /// The whole world of the scope. What is absent from it must not exist, and must not come to
    /// be by an action that has returned or was dropped. `traffic` is `None` unless it is known
    /// that the proxy has applied the last `Route` that was tried: an answer that was lost must
    /// not be mistaken for one that came.
    fn observe(&self) -> impl Future<Output = World> + Send;

    /// Carries out one action; idempotent. Dropped when it takes too long.
    fn execute(&self, action: &Action) -> impl Future<Output = Result<(), String>> + Send;

    /// Returns when something may look different. May return for nothing.
    fn changed(&self) -> impl Future<Output = ()> + Send;
}

/// How the loop ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    Finished(Outcome),
    /// Told to stop. The rollout keeps its lease and is taken up again by [`Driver::recover`].
    Parked,
}

/// Drives one rollout to its end, or until `stop`.
pub async fn run<E: Engine>(
    driver: Driver,
    journal: JournalHandle,
    engine: &E,
    commands: mpsc::Receiver<Command>,
    summary: watch::Sender<Summary>,
    clock: fn() -> Timestamp,
    stop: CancellationToken,
) -> Result<Ended, DriverError> {
    let mut run = Run {
        driver,
        journal,
        engine,
        commands,
        summary,
        clock,
        last: clock(),
        unwritten: None,
        failing: Vec::new(),
        write_pause: PAUSE,
    };
    loop {
        let event = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(Ended::Parked),
            event = run.next_event() => event,
        };
        let Some(event) = event else { continue };
        if let Some(outcome) = run.take(event).await? {
            return Ok(Ended::Finished(outcome));
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(Ended::Parked),
            () = run.rest() => {}
        }
    }
}

struct Run<'a, E> {
    driver: Driver,
    journal: JournalHandle,
    engine: &'a E,
    commands: mpsc::Receiver<Command>,
    summary: watch::Sender<Summary>,
    clock: fn() -> Timestamp,
    /// When the last turn was taken.
    last: Timestamp,
    /// A command whose turn could not be written; comes first when it can.
    unwritten: Option<Command>,
    /// Actions that failed last time; no more than there are different ones.
    failing: Vec<Failing>,
    write_pause: Duration,
}

struct Failing {
    action: Action,
    error: String,
    pause: Duration,
    again: Instant,
}

impl<E: Engine> Run<'_, E> {
    /// A command that waits, else a look at the world.
    async fn next_event(&mut self) -> Option<Event> {
        if let Some(command) = self
            .unwritten
            .take()
            .or_else(|| self.commands.try_recv().ok())
        {
            return Some(Event::Command(command));
        }
        let looked = timeout(OBSERVE_DEADLINE, self.engine.observe()).await;
        if looked.is_err() {
            let id = self.driver.id();
            tracing::warn!(rollout = %id, "the world cannot be seen for 5 s; looking again");
        }
        looked.ok().map(Event::Observed)
    }

    /// Until something is worth a look.
    async fn rest(&mut self) {
        if !self.commands.is_empty() {
            return;
        }
        tokio::select! {
            () = self.engine.changed() => {}
            () = sleep(TICK) => {}
        }
    }

    /// One turn and its actions.
    async fn take(&mut self, event: Event) -> Result<Option<Outcome>, DriverError> {
        let now = (self.clock)();
        if now.since(self.last) > GAP {
            let (id, gap) = (self.driver.id(), now.since(self.last));
            tracing::warn!(rollout = %id, ?gap, "nobody looked for so long; deadlines count anew");
            self.driver.time_was_lost(now);
        }
        let proposal = self.driver.consider(&event, now);
        let Some(turn) = self.commit(proposal).await? else {
            if let Event::Command(command) = event {
                self.unwritten = Some(command);
            }
            return Ok(None);
        };
        self.last = now;
        self.summary.send_replace(self.driver.summary());
        self.act(turn.actions).await;
        Ok(turn.finished)
    }

    /// `None`: the journal could not be written; the turn was not taken.
    async fn commit(&mut self, proposal: Proposal) -> Result<Option<Turn>, DriverError> {
        if !proposal.needs_commit() {
            return Ok(Some(self.driver.accept(proposal)));
        }
        let mut driver = self.driver.clone();
        let write = move |journal: &mut Journal| {
            let turn = driver.commit(journal, proposal)?;
            Ok::<_, DriverError>((driver, turn))
        };
        match self.journal.write(write).await {
            Ok((driver, turn)) => {
                self.driver = driver;
                self.write_pause = PAUSE;
                Ok(Some(turn))
            }
            Err(error @ DriverError::Journal(JournalError::Closed)) => Err(error),
            Err(error) => {
                let id = self.driver.id();
                tracing::error!(rollout = %id, %error, "nothing is done while the journal cannot be written");
                sleep(self.write_pause).await;
                self.write_pause = (self.write_pause * 2).min(PAUSE_MAX);
                Ok(None)
            }
        }
    }

    /// Carries out what is due, all at once. What failed lately waits for its pause to end.
    async fn act(&mut self, actions: Vec<Action>) {
        self.failing
            .retain(|failing| actions.contains(&failing.action));
        let now = Instant::now();
        let resting = |action: &Action| {
            let mut failing = self.failing.iter();
            failing.any(|failing| failing.action == *action && failing.again > now)
        };
        let due: Vec<Action> = actions
            .into_iter()
            .filter(|action| !resting(action))
            .collect();
        let engine = self.engine;
        let executed = due.iter().map(|action| async move {
            let result = timeout(ACTION_DEADLINE, engine.execute(action)).await;
            result.unwrap_or_else(|_| Err("took longer than 10 s".to_owned()))
        });
        let results = join_all(executed).await;
        for (action, result) in due.into_iter().zip(results) {
            self.note(action, result).await;
        }
    }

    async fn note(&mut self, action: Action, result: Result<(), String>) {
        let known = self
            .failing
            .iter()
            .position(|failing| failing.action == action);
        let before = known.map(|at| self.failing.swap_remove(at));
        let Err(error) = result else { return };
        let again = before.as_ref().is_some_and(|before| before.error == error);
        if !again {
            self.tell(&action, &error).await;
        }
        let pause = before.map_or(PAUSE, |before| (before.pause * 2).min(PAUSE_MAX));
        self.failing.push(Failing {
            action,
            error,
            pause,
            again: Instant::now() + pause,
        });
    }

    async fn tell(&self, action: &Action, error: &str) {
        let id = self.driver.id();
        tracing::warn!(rollout = %id, ?action, %error, "an action failed and is tried again");
        let event = self.driver.action_failed(action, error, (self.clock)());
        let written = self
            .journal
            .write(move |journal| journal.append(&event))
            .await;
        if let Err(error) = written {
            tracing::error!(rollout = %id, %error, "cannot write an event");
        }
    }
}
