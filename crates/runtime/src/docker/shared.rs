//! What all supervisors of one target share, and what each of them shows.

use super::engine::Engine;
use super::files::Files;
use super::state::State;
use crate::process::state::{Outcome, Wanted};
use crate::status::{InstanceStatus, Phase};
use mainstay_model::Timestamp;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) files: Files,
    pub(crate) changes: watch::Sender<u64>,
    pub(crate) tasks: TaskTracker,
    pub(crate) cancel: CancellationToken,
    /// Held while a network or a volume is made: the engine allows two networks of one name.
    pub(crate) ground: tokio::sync::Mutex<()>,
    /// Held from the look whether a volume is free to the start of who wants it.
    pub(crate) volumes: tokio::sync::Mutex<()>,
}

impl Shared {
    pub(crate) fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }
}

/// What the target shows of an instance.
#[derive(Debug)]
pub(crate) struct Shown(Mutex<InstanceStatus>);

/// Said of an instance while the engine does not answer.
const STALE: &str = "last known state: ";

impl Shown {
    /// Before anybody has looked after it.
    pub(crate) fn from_disk(state: &State) -> Self {
        let (phase, since) = phase_on_disk(state);
        let runs = state.outcome.is_none() && state.run != state.ended_run;
        Self(Mutex::new(InstanceStatus {
            scope: state.scope.clone(),
            id: state.id.clone(),
            phase,
            since,
            started_at: state.started_at,
            address: state.address.filter(|_| runs),
            pid: state.pid.filter(|_| runs),
            restarts: state.restarts,
            last_exit: state.last_exit.clone(),
            last_probe: None,
            warnings: Vec::new(),
        }))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, InstanceStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn phase(&self, state: &State, phase: Phase, since: Timestamp) {
        let mut status = self.lock();
        if status.phase != phase {
            status.since = since;
        }
        let runs = matches!(
            phase,
            Phase::Starting | Phase::Healthy | Phase::Unhealthy | Phase::Stopping
        );
        if !runs {
            status.pid = None;
            // It is another's as soon as the container has ended.
            status.address = None;
        }
        status.phase = phase;
        status.started_at = state.started_at;
        status.restarts = state.restarts;
        status.last_exit.clone_from(&state.last_exit);
    }

    /// Says, or no longer says, that the engine does not answer; true where that is news.
    pub(crate) fn stale(&self, reason: Option<&str>) -> bool {
        let mut status = self.lock();
        let before = status.warnings.clone();
        status
            .warnings
            .retain(|warning| !warning.starts_with(STALE));
        status
            .warnings
            .extend(reason.map(|reason| format!("{STALE}{reason}")));
        status.warnings != before
    }
}

/// What is known without asking anybody.
pub(crate) fn phase_on_disk(state: &State) -> (Phase, Timestamp) {
    if let Some(outcome) = &state.outcome {
        let phase = match outcome.clone() {
            Outcome::Exited { exit, requested } => Phase::Exited { exit, requested },
            Outcome::CrashLoop { exit } => Phase::CrashLoop { exit },
            Outcome::NotStarted { reason } => Phase::NotStarted { reason },
        };
        return (phase, state.outcome_at.unwrap_or(state.created_at));
    }
    let began = state.started_at.unwrap_or(state.created_at);
    let at_rest = state.run.is_some() && state.run == state.ended_run;
    match (state.wanted, &state.last_exit, state.healthy_since) {
        (Wanted::Stop, _, _) => (Phase::Stopping, began),
        (Wanted::Run, Some(exit), _) if at_rest => {
            (Phase::Restarting { exit: exit.clone() }, began)
        }
        (Wanted::Run, _, Some(since)) => (Phase::Healthy, since),
        (Wanted::Run, _, None) => (Phase::Starting, began),
    }
}
