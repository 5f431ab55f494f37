//! What the target shows of an instance, and how it follows from what is on disk.

use super::state::{Outcome, State, Wanted, read_record};
use crate::exec::Surroundings;
use crate::status::{InstanceStatus, Phase};
use mainstay_model::Timestamp;
use mainstay_wire::shim::Record;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) status: InstanceStatus,
    /// Known once the spec is.
    pub(crate) surroundings: Option<Arc<Surroundings>>,
    /// The run that was last seen.
    pub(crate) record: Option<Record>,
}

impl Shown {
    /// Before anybody has looked after it.
    pub(crate) fn from_disk(directory: &Path, state: &State) -> Self {
        let record = read_record(directory).ok().flatten();
        let current = record
            .as_ref()
            .filter(|record| record.attempt == state.attempt);
        let (phase, since) = phase_on_disk(state, current);
        let status = InstanceStatus {
            scope: state.scope.clone(),
            id: state.id.clone(),
            phase,
            since,
            started_at: record.as_ref().map(|record| record.started_at),
            address: address(state),
            pid: current
                .filter(|_| state.outcome.is_none())
                .and_then(|record| record.instance)
                .map(|process| process.pid),
            restarts: state.restarts(),
            last_exit: state.last_exit.clone(),
            last_probe: None,
            warnings: record
                .as_ref()
                .map(|record| record.warnings.clone())
                .unwrap_or_default(),
        };
        Self {
            status,
            surroundings: None,
            record,
        }
    }

    /// A run that was just found or started.
    pub(crate) fn run(&mut self, record: &Record) {
        self.status.started_at = Some(record.started_at);
        self.status.pid = record.instance.map(|process| process.pid);
        self.status.warnings.clone_from(&record.warnings);
        self.record = Some(record.clone());
    }

    pub(crate) fn phase(&mut self, state: &State, phase: Phase, since: Timestamp) {
        let status = &mut self.status;
        if status.phase != phase {
            status.since = since;
        }
        let runs = matches!(
            phase,
            Phase::Starting | Phase::Healthy | Phase::Unhealthy | Phase::Stopping
        );
        if !runs {
            status.pid = None;
        }
        status.phase = phase;
        status.restarts = state.restarts();
        status.last_exit.clone_from(&state.last_exit);
    }
}

pub(crate) fn address(state: &State) -> Option<SocketAddr> {
    let port = state.port?;
    Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

/// What is known without asking anybody; `record` is that of the current attempt.
pub(crate) fn phase_on_disk(state: &State, record: Option<&Record>) -> (Phase, Timestamp) {
    if let Some(outcome) = &state.outcome {
        let phase = match outcome.clone() {
            Outcome::Exited { exit, requested } => Phase::Exited { exit, requested },
            Outcome::CrashLoop { exit } => Phase::CrashLoop { exit },
            Outcome::NotStarted { reason } => Phase::NotStarted { reason },
        };
        return (phase, state.outcome_at.unwrap_or(state.created_at));
    }
    let began = record.map_or(state.created_at, |record| record.started_at);
    match (state.wanted, &state.last_exit, state.healthy_since) {
        (Wanted::Stop, _, _) => (Phase::Stopping, began),
        (Wanted::Run, Some(exit), _) if record.is_none() => {
            (Phase::Restarting { exit: exit.clone() }, began)
        }
        (Wanted::Run, _, Some(since)) => (Phase::Healthy, since),
        (Wanted::Run, _, None) => (Phase::Starting, began),
    }
}
