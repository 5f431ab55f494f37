//! The whole of what a rollout remembers; persisted between a step and its actions.

use crate::plan::Plan;
use crate::reason::{Failure, Hold, Outcome};
use crate::service::{ServiceState, Stand};
use mainstay_model::{InstanceId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where the rollout as a whole is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    HookBefore,
    /// The services, one after the other.
    Services,
    HookAfter,
    /// The new release has all the traffic and is judged.
    Watching {
        since: Timestamp,
    },
    /// The new release stays; what is left of the old one is taken away.
    Retiring,
    RollingBack,
    Finished {
        outcome: Outcome,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pause {
    pub by: String,
    pub since: Timestamp,
}

/// How far it ever got in the present direction, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub best: u64,
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    pub plan: Plan,
    pub began: Timestamp,
    pub phase: Phase,
    /// As in the plan, one for one.
    pub services: Vec<ServiceState>,
    pub paused: Option<Pause>,
    /// New instances seen unhealthy after their gate, and when first.
    pub suspects: BTreeMap<InstanceId, Timestamp>,
    pub progress: Progress,
    /// Why it went back.
    pub failure: Option<Failure>,
    /// Why going back did not end well.
    pub trouble: Option<Failure>,
    /// The deadline of the last stretch passed: no more waiting for proof.
    pub forced: bool,
}

/// One rollout. Serialise it after each [`Rollout::step`] that [changed](Rollout::changed_from)
/// it, before the step's actions are carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rollout {
    pub(crate) state: State,
    /// What it waits for, as of the last step. Told, never decided upon; not persisted.
    #[serde(skip)]
    pub(crate) hold: Option<Hold>,
}

impl Rollout {
    /// A rollout at its beginning. Nothing happens until the first [`Rollout::step`].
    pub fn begin(plan: Plan, now: Timestamp) -> Self {
        let services = plan.services.iter().map(ServiceState::of).collect();
        let state = State {
            plan,
            began: now,
            phase: Phase::HookBefore,
            services,
            paused: None,
            suspects: BTreeMap::new(),
            progress: Progress { best: 0, at: now },
            failure: None,
            trouble: None,
            forced: false,
        };
        Self { state, hold: None }
    }

    /// The state as it is kept in the journal.
    pub fn encode(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Reads what [`Rollout::encode`] gave; an error where it is something else.
    pub fn decode(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// To be called on a rollout read back after a restart of the control plane: routes are asked
    /// for again, and every wait gets its full deadline, as nobody was there to see it end.
    pub fn recovered(&mut self, now: Timestamp) {
        self.state.progress.at = now;
        self.state.suspects.clear();
        for service in &mut self.state.services {
            service.asked = None;
        }
        self.state.count_anew(now);
    }

    pub fn plan(&self) -> &Plan {
        &self.state.plan
    }

    pub fn phase(&self) -> &Phase {
        &self.state.phase
    }

    pub fn hold(&self) -> Option<&Hold> {
        self.hold.as_ref()
    }

    /// How it ended; `None` while it runs.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.state.phase {
            Phase::Finished { outcome } => Some(outcome),
            _ => None,
        }
    }

    /// Whether there is something new to persist.
    pub fn changed_from(&self, before: &Self) -> bool {
        self.state != before.state
    }
}

impl State {
    /// Gives everything that starts its full deadline from now on.
    pub(crate) fn count_anew(&mut self, now: Timestamp) {
        let stands = self
            .services
            .iter_mut()
            .flat_map(|service| service.stands.values_mut());
        for stand in stands {
            if let Stand::Starting { counted, .. } = stand {
                *counted = now;
            }
        }
    }
}
