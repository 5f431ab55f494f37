//! The steps of one rollout, run and written down.
//!
//! The engine (`mainstay_pipeline`) decides; this persists what it decided, runs the part that it
//! asked for, and tells the rollout whether its gates are open. A part runs at a time, in a task of
//! its own, so that the rollout can be looked at, paused and aborted meanwhile.
//!
//! **Invariants:** the state is in the journal before a part runs, and its end before the next one
//! does; a record that has ended is never written over.

mod checks;
mod migrate;
mod plan;
mod report;
mod run;

pub(crate) use mainstay_pipeline::Outcome;
pub(crate) use migrate::Direction;
pub(crate) use plan::{Facts, plan};
pub(crate) use report::report;
pub(crate) use run::StepsOf;

use crate::control::{Control, now};
use crate::environment::{Environment, Schema};
use mainstay_journal::{Journal, JournalError, NewEvent, PipelineRow, Rows};
use mainstay_model::{ReleaseNumber, Scope, Timestamp};
pub(crate) use mainstay_pipeline::Event;
use mainstay_pipeline::{Action, Entry, Gate, Pipeline, State};
use mainstay_rollout::world::HookView;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Between tries to write, where the journal cannot be written.
const PAUSE: Duration = Duration::from_secs(1);

/// The steps of a rollout under way.
#[derive(Debug)]
pub(crate) struct Steps {
    control: Arc<Control>,
    environment: Arc<Environment>,
    of: StepsOf,
    pipeline: tokio::sync::Mutex<Pipeline>,
    /// Before, after.
    gates: Mutex<[HookView; 2]>,
    stop: CancellationToken,
    changed: Notify,
}

/// Ends the task with the rollout that it belongs to.
#[derive(Debug)]
pub(crate) struct Running(pub(crate) Arc<Steps>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.stop.cancel();
    }
}

impl Steps {
    pub(crate) fn running(
        control: Arc<Control>,
        environment: Arc<Environment>,
        of: StepsOf,
        pipeline: Pipeline,
    ) -> Running {
        Running(Arc::new(Self {
            control,
            environment,
            of,
            pipeline: tokio::sync::Mutex::new(pipeline),
            gates: Mutex::default(),
            stop: CancellationToken::new(),
            changed: Notify::new(),
        }))
    }

    /// What the rollout sees of a gate.
    pub(crate) fn view(&self, gate: Gate) -> HookView {
        let gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates[gate as usize].clone()
    }

    fn set(&self, gate: Gate, view: HookView) {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates[gate as usize] = view;
        drop(gates);
        self.changed.notify_one();
    }

    /// Returns when a gate has opened or shut.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Takes the steps before the gate, unless that was begun already.
    pub(crate) fn start(self: &Arc<Self>, gate: Gate) {
        {
            let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
            if gates[gate as usize] != HookView::NotRun {
                return;
            }
            gates[gate as usize] = HookView::Running;
        }
        let steps = Arc::clone(self);
        tokio::spawn(async move {
            tokio::select! {
                () = steps.stop.cancelled() => {}
                () = steps.pass(gate) => {}
            }
        });
    }

    async fn pass(&self, gate: Gate) {
        let mut event = Event::Wanted { gate };
        loop {
            let Some(action) = self.turn(event).await else {
                return;
            };
            match action {
                Action::Run { part } => {
                    let finish = self.run(part).await;
                    event = Event::Finished { part, finish };
                }
                Action::Open { gate } => return self.set(gate, HookView::Passed),
                Action::Shut { gate, reason } => {
                    return self.set(gate, HookView::Failed { reason });
                }
            }
        }
    }

    /// Decides, persists, and gives what is to be done. The engine asks for one thing at a time.
    async fn turn(&self, event: Event) -> Option<Action> {
        let mut pipeline = self.pipeline.lock().await;
        let mut next = pipeline.clone();
        let now = now();
        let actions = next.step(event, now);
        if next != *pipeline {
            self.persist(&pipeline, &next, now).await;
            *pipeline = next;
        }
        actions.into_iter().next()
    }

    /// Until it is written; nothing goes on before.
    async fn persist(&self, before: &Pipeline, after: &Pipeline, now: Timestamp) {
        let scope = &self.environment.scope;
        let (operation, release) = (self.of.operation, self.of.plan.to);
        let events = events(before, after, scope, operation, release, now);
        let schema = self.of.new_schema();
        let kept = schema.as_ref().map(|schema| {
            let mut kept = self.environment.inner().kept.clone();
            kept.schema = Some(schema.clone());
            kept
        });
        loop {
            let (row, events, scope) = (
                row(scope, operation, release, after, now),
                events.clone(),
                scope.clone(),
            );
            let (row, kept) = match (row, kept.as_ref().map(serde_json::to_value).transpose()) {
                (Ok(row), Ok(kept)) => (row, kept),
                (Err(error), _) | (_, Err(error)) => {
                    tracing::error!(%operation, %error, "the steps cannot be written down");
                    return;
                }
            };
            let change = self.of.schema_change();
            let write = move |journal: &mut Journal| {
                journal.write::<_, JournalError>(|writer| {
                    if ended(writer.rows(), operation)? {
                        return Ok(());
                    }
                    writer.put_pipeline(&row)?;
                    if let Some(kept) = &kept {
                        writer.put_environment(&scope, kept, now)?;
                    }
                    if let Some(change) = &change
                        && let Some(found) = writer.rows().release(&scope, release)?
                    {
                        let mut record = found.record;
                        if record.is_null() {
                            record = serde_json::json!({});
                        }
                        record["schema"] = serde_json::json!(change);
                        writer.set_release_record(&scope, release, &record)?;
                    }
                    events
                        .iter()
                        .try_for_each(|event| writer.append(event).map(|_| ()))
                })
            };
            match self.control.store.journal().write(write).await {
                Ok(()) => break,
                Err(error) => {
                    tracing::error!(%operation, %error, "no step begins while the journal cannot be written");
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        if let Some(schema) = schema {
            self.environment.inner().kept.schema = Some(schema);
        }
    }
}

/// The row that a pipeline stands in.
pub(crate) fn row(
    scope: &Scope,
    rollout: Uuid,
    release: ReleaseNumber,
    pipeline: &Pipeline,
    now: Timestamp,
) -> Result<PipelineRow, serde_json::Error> {
    Ok(PipelineRow {
        rollout,
        scope: scope.clone(),
        release,
        state: serde_json::to_string(pipeline)?,
        updated_at: now,
    })
}

/// Whether the record of a rollout is closed.
fn ended(rows: Rows<'_>, rollout: Uuid) -> Result<bool, JournalError> {
    let known = rows.pipeline(rollout)?;
    let pipeline = known.and_then(|row| serde_json::from_str::<Pipeline>(&row.state).ok());
    Ok(pipeline.is_some_and(|pipeline| pipeline.has_ended()))
}

/// Closes the record of a rollout that has ended, within the transaction that settles it.
pub(crate) fn close(
    writer: &mut mainstay_journal::Writer<'_>,
    rollout: Uuid,
    outcome: mainstay_pipeline::Outcome,
    now: Timestamp,
) -> Result<(), JournalError> {
    let Some(mut known) = writer.rows().pipeline(rollout)? else {
        return Ok(());
    };
    let Ok(before) = serde_json::from_str::<Pipeline>(&known.state) else {
        return Ok(());
    };
    let mut after = before.clone();
    after.step(Event::RolloutEnded { outcome }, now);
    if after == before {
        return Ok(());
    }
    for event in events(&before, &after, &known.scope, rollout, known.release, now) {
        writer.append(&event)?;
    }
    known.state = serde_json::to_string(&after).unwrap_or(known.state);
    known.updated_at = now;
    writer.put_pipeline(&known)
}

/// One event for each part that began or ended.
fn events(
    before: &Pipeline,
    after: &Pipeline,
    scope: &Scope,
    rollout: Uuid,
    release: ReleaseNumber,
    now: Timestamp,
) -> Vec<NewEvent> {
    let changed = after
        .entries()
        .iter()
        .zip(before.entries())
        .filter(|(after, before)| after.state != before.state);
    let event = |entry: &Entry| NewEvent {
        scope: Some(scope.clone()),
        rollout: Some(rollout),
        release: Some(release),
        subject: Some(entry.part.to_string()),
        data: serde_json::json!({ "evidence": entry.evidence }),
        ..NewEvent::new(
            now,
            format!("step.{}", kind(&entry.state)),
            format!("step {} {}", entry.part, entry.state),
        )
    };
    let told = changed.filter(|(after, _)| after.state != State::Waiting);
    told.map(|(after, _)| event(after)).collect()
}

fn kind(state: &State) -> &'static str {
    match state {
        State::Waiting => "waiting",
        State::Running => "began",
        State::Passed => "passed",
        State::Failed { .. } => "failed",
        State::NotDone { .. } => "not-done",
        State::Waived { .. } => "waived",
        State::Skipped { .. } => "skipped",
    }
}

/// The revision that a migration left, and by which release.
pub(crate) fn schema(revision: Option<String>, release: ReleaseNumber) -> Option<Schema> {
    revision.map(|revision| Schema { revision, release })
}
