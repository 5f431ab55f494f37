//! One rollout, one turn at a time: decide, persist, hand out actions.

use super::rows::RolloutRows;
use mainstay_journal::{
    FinishRollout, JournalError, NewEvent, NewRollout, RolloutKind, RolloutOutcome, RolloutRow,
};
use mainstay_model::{Scope, Timestamp};
use mainstay_rollout::plan::Plan;
use mainstay_rollout::world::{Action, Command, Event};
use mainstay_rollout::{Decision, Outcome, Rollout, Summary};
use serde_json::Value;
use uuid::Uuid;

/// Why a turn was not taken. The rollout then is where it was before.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("the state of rollout {id} cannot be read: {source}")]
    State { id: Uuid, source: serde_json::Error },
}

/// What is fixed when a rollout begins, beside its plan.
#[derive(Debug, Clone)]
pub struct Begin {
    pub id: Uuid,
    pub scope: Scope,
    pub kind: RolloutKind,
    pub by: String,
    /// The server's own; comes back with the row.
    pub data: Value,
}

/// A rollout that has the lease of its scope.
#[derive(Debug, Clone)]
pub struct Driver {
    id: Uuid,
    scope: Scope,
    rollout: Rollout,
}

/// What a turn would come to; nothing of it has happened.
#[derive(Debug, Clone)]
pub struct Proposal {
    rollout: Rollout,
    changed: bool,
    now: Timestamp,
    actor: Option<String>,
    decisions: Vec<Decision>,
    actions: Vec<Action>,
}

/// What a turn came to. It is in the journal; now the actions are to be carried out, in any order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Turn {
    pub actions: Vec<Action>,
    pub decisions: Vec<Decision>,
    /// The rollout has ended, once these last actions are done.
    pub finished: Option<Outcome>,
}

impl Driver {
    /// Takes the lease and writes the first state. Nothing happens until the first turn.
    pub fn begin(
        rows: &mut impl RolloutRows,
        begin: Begin,
        plan: Plan,
        now: Timestamp,
    ) -> Result<Self, DriverError> {
        let Begin {
            id,
            scope,
            kind,
            by,
            data,
        } = begin;
        let new = NewRollout {
            id,
            scope,
            kind,
            from: plan.from,
            to: plan.to,
            started_at: now,
            by,
            data,
        };
        let driver = Self {
            id,
            scope: new.scope.clone(),
            rollout: Rollout::begin(plan, now),
        };
        let mut event = driver.event(now, "began", began(&new));
        event.actor = Some(new.by.clone());
        rows.begin(&new, &driver.state()?, &[event])?;
        Ok(driver)
    }

    /// The running rollout of a scope, after a restart of the control plane.
    pub fn recover(
        rows: &mut impl RolloutRows,
        scope: &Scope,
        now: Timestamp,
    ) -> Result<Option<Self>, DriverError> {
        let Some(row) = rows.running(scope)? else {
            return Ok(None);
        };
        let mut driver = Self::read(row)?;
        driver.rollout.recovered(now);
        let message = "the control plane started again and goes on".to_owned();
        let event = driver.event(now, "resumed-after-restart", message);
        rows.save(driver.id, &driver.state()?, &[event])?;
        Ok(Some(driver))
    }

    fn read(row: RolloutRow) -> Result<Self, DriverError> {
        let (id, scope) = (row.id, row.scope);
        let rollout = Rollout::decode(&row.state);
        let rollout = rollout.map_err(|source| DriverError::State { id, source })?;
        Ok(Self { id, scope, rollout })
    }

    /// Gives every wait its full deadline, as after a restart; kept with the next turn.
    pub(crate) fn time_was_lost(&mut self, now: Timestamp) {
        self.rollout.recovered(now);
    }

    pub fn id(&self) -> Uuid {
        self.id
    }

    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    pub fn plan(&self) -> &Plan {
        self.rollout.plan()
    }

    pub fn outcome(&self) -> Option<&Outcome> {
        self.rollout.outcome()
    }

    pub fn summary(&self) -> Summary {
        self.rollout.summary()
    }

    /// Decides, persists, and hands out the actions.
    pub fn turn(
        &mut self,
        rows: &mut impl RolloutRows,
        event: &Event,
        now: Timestamp,
    ) -> Result<Turn, DriverError> {
        let proposal = self.consider(event, now);
        self.commit(rows, proposal)
    }

    /// Decides. Where the answer needs no [`commit`](Proposal::needs_commit) it can be
    /// [taken as it is](Driver::accept).
    pub fn consider(&self, event: &Event, now: Timestamp) -> Proposal {
        let mut rollout = self.rollout.clone();
        let step = rollout.step(event, now);
        let actor = match event {
            Event::Command(
                Command::Pause { by } | Command::Resume { by } | Command::Abort { by, .. },
            ) => Some(by.clone()),
            Event::Observed(_) => None,
        };
        Proposal {
            changed: rollout.changed_from(&self.rollout),
            rollout,
            now,
            actor,
            decisions: step.decisions,
            actions: step.actions,
        }
    }

    /// Persists a proposal in one transaction where there is something to persist, then hands out
    /// its actions. After an error everything is as it was before the proposal.
    pub fn commit(
        &mut self,
        rows: &mut impl RolloutRows,
        proposal: Proposal,
    ) -> Result<Turn, DriverError> {
        if proposal.needs_commit() {
            self.persist(rows, &proposal)?;
        }
        Ok(self.accept(proposal))
    }

    /// Takes a proposal that is persisted, or that has nothing to persist.
    pub fn accept(&mut self, proposal: Proposal) -> Turn {
        self.rollout = proposal.rollout;
        Turn {
            finished: self.rollout.outcome().cloned(),
            actions: proposal.actions,
            decisions: proposal.decisions,
        }
    }

    fn persist(&self, rows: &mut impl RolloutRows, proposal: &Proposal) -> Result<(), DriverError> {
        let events: Vec<NewEvent> = proposal
            .decisions
            .iter()
            .map(|decision| self.decision_event(decision, proposal))
            .collect();
        let state = state(self.id, &proposal.rollout)?;
        match proposal.rollout.outcome() {
            None => rows.save(self.id, &state, &events)?,
            Some(outcome) => {
                let finish = FinishRollout {
                    finished_at: proposal.now,
                    outcome: kind(outcome),
                    reason: outcome.to_string(),
                };
                rows.finish(self.id, &state, &finish, &events)?;
            }
        }
        Ok(())
    }

    fn state(&self) -> Result<String, DriverError> {
        state(self.id, &self.rollout)
    }

    fn event(&self, now: Timestamp, kind: &str, message: String) -> NewEvent {
        NewEvent {
            scope: Some(self.scope.clone()),
            rollout: Some(self.id),
            release: Some(self.plan().to),
            ..NewEvent::new(now, format!("rollout.{kind}"), message)
        }
    }

    fn decision_event(&self, decision: &Decision, proposal: &Proposal) -> NewEvent {
        NewEvent {
            subject: decision.subject(),
            data: serde_json::to_value(decision).unwrap_or(Value::Null),
            actor: proposal.actor.clone(),
            ..self.event(proposal.now, decision.kind(), decision.to_string())
        }
    }

    /// An action that did not work: told, and tried again.
    pub(crate) fn action_failed(&self, action: &Action, error: &str, now: Timestamp) -> NewEvent {
        NewEvent {
            data: serde_json::to_value(action).unwrap_or(Value::Null),
            ..self.event(now, "action-failed", error.to_owned())
        }
    }
}

impl Proposal {
    /// Whether there is something to persist before the actions.
    pub fn needs_commit(&self) -> bool {
        self.changed || !self.decisions.is_empty()
    }
}

fn state(id: Uuid, rollout: &Rollout) -> Result<String, DriverError> {
    rollout
        .encode()
        .map_err(|source| DriverError::State { id, source })
}

fn kind(outcome: &Outcome) -> RolloutOutcome {
    match outcome {
        Outcome::Succeeded => RolloutOutcome::Succeeded,
        Outcome::RolledBack { .. } => RolloutOutcome::RolledBack,
        Outcome::Failed { .. } => RolloutOutcome::Failed,
    }
}

fn began(new: &NewRollout) -> String {
    let verb = match new.kind {
        RolloutKind::Deploy => "deploy",
        RolloutKind::Rollback => "rollback",
        RolloutKind::Scale => "scale",
        RolloutKind::Restart => "restart",
        RolloutKind::Down => "down",
    };
    match new.from {
        Some(from) if from != new.to => format!("{verb} from {from} to {} began", new.to),
        _ => format!("{verb} of {} began", new.to),
    }
}
