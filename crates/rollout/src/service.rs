//! How far one service is: where each of its instances stands.
//!
//! One map serves both directions. Going forward the new instances arrive and the old ones leave;
//! going back it is the other way round. Nothing but this is remembered of a service.

use crate::plan::{ServicePlan, Strategy};
use crate::world::{InstancePhase, InstanceView};
use mainstay_model::{InstanceId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Where one instance stands, in the engine's intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stand", rename_all = "snake_case")]
pub(crate) enum Stand {
    /// To be there one day, and not asked for yet.
    Planned,
    /// Asked to run; not through its gate yet.
    Starting {
        asked: Timestamp,
        /// Where the healthy deadline counts from: later than `asked` after a restart of the
        /// control plane.
        counted: Timestamp,
    },
    /// Through its gate. Where the service is routed it gets its share of the requests.
    Serving,
    /// Not routed to any more, then stopped, then removed.
    Leaving {
        since: Timestamp,
        /// When the proxy was first seen to send it nothing new.
        released: Option<Timestamp>,
        /// Requests were sent to it: the proxy has to let go first.
        served: bool,
    },
    /// Does not exist any more.
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    Waiting,
    Moving,
    Through,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceState {
    pub stage: Stage,
    pub stands: BTreeMap<InstanceId, Stand>,
    /// Blue-green: index into the steps, once the new instances may get requests.
    pub step: Option<usize>,
    /// When the proxy was first seen to have applied that step.
    pub step_applied: Option<Timestamp>,
    /// The weights that were last asked for. `None`: to be asked for again.
    pub asked: Option<BTreeMap<InstanceId, u32>>,
    /// What the proxy may send requests to: asked for once, and not seen to be without since.
    pub routed: BTreeSet<InstanceId>,
}

impl ServiceState {
    pub(crate) fn of(plan: &ServicePlan) -> Self {
        let serving = plan.old.iter().chain(&plan.kept);
        let stands = serving
            .map(|id| (id.clone(), Stand::Serving))
            .chain(plan.new.iter().map(|id| (id.clone(), Stand::Planned)))
            .collect();
        Self {
            stage: Stage::Waiting,
            stands,
            step: None,
            step_applied: None,
            asked: None,
            routed: plan.old.iter().chain(&plan.kept).cloned().collect(),
        }
    }

    pub(crate) fn stand(&self, id: &InstanceId) -> Stand {
        self.stands.get(id).copied().unwrap_or(Stand::Gone)
    }

    pub(crate) fn count(&self, ids: &[InstanceId], which: impl Fn(Stand) -> bool) -> usize {
        ids.iter().filter(|id| which(self.stand(id))).count()
    }

    pub(crate) fn all(&self, ids: &[InstanceId], which: impl Fn(Stand) -> bool) -> bool {
        ids.iter().all(|id| which(self.stand(id)))
    }

    /// Going back: what was sent away is wanted again, what was coming is not.
    pub(crate) fn turn_back(&mut self, plan: &ServicePlan, now: Timestamp) {
        for id in &plan.old {
            if matches!(self.stand(id), Stand::Leaving { .. } | Stand::Gone) {
                self.stands.insert(id.clone(), Stand::Planned);
            }
        }
        for id in &plan.new {
            if matches!(self.stand(id), Stand::Starting { .. }) {
                self.stands.insert(id.clone(), leaving(now, false));
            }
        }
    }
}

pub(crate) fn leaving(now: Timestamp, served: bool) -> Stand {
    Stand::Leaving {
        since: now,
        released: None,
        served,
    }
}

impl Stand {
    pub(crate) fn is_serving(self) -> bool {
        self == Self::Serving
    }

    pub(crate) fn is_starting(self) -> bool {
        matches!(self, Self::Starting { .. })
    }

    /// Takes up a place on the machine, as far as the engine's intent goes.
    pub(crate) fn is_present(self) -> bool {
        matches!(
            self,
            Self::Starting { .. } | Self::Serving | Self::Leaving { .. }
        )
    }

    /// Not there, and not asked to be.
    pub(crate) fn is_away(self) -> bool {
        matches!(self, Self::Planned | Self::Gone)
    }
}

impl InstanceView {
    pub(crate) fn ended(&self) -> bool {
        matches!(
            self.phase,
            InstancePhase::Completed | InstancePhase::Failed | InstancePhase::Stopped
        )
    }

    pub(crate) fn healthy(&self) -> bool {
        self.phase == InstancePhase::Healthy
    }

    /// Seen to be unhealthy. What is starting is not: a restarted control plane sees everything so
    /// until its first probe.
    pub(crate) fn known_bad(&self) -> bool {
        matches!(
            self.phase,
            InstancePhase::Unhealthy | InstancePhase::Restarting
        )
    }

    /// Ended before it was asked for, or because it was asked to end: the trace of an earlier life.
    pub(crate) fn stale(&self, asked: Timestamp) -> bool {
        self.phase == InstancePhase::Stopped || (self.ended() && self.since < asked)
    }
}

impl ServicePlan {
    /// Percentages of a blue-green shift, ending at 100.
    pub(crate) fn percents(&self) -> Vec<u8> {
        let Strategy::BlueGreen { steps, .. } = &self.strategy else {
            return vec![100];
        };
        let mut percents: Vec<u8> = steps.iter().map(|step| (*step).min(100)).collect();
        if percents.last() != Some(&100) {
            percents.push(100);
        }
        percents
    }
}
