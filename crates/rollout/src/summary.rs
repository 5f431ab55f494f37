//! Where a rollout is, for people and for the console; and what it waits for.

use crate::judge::millis;
use crate::plan::{ServicePlan, Strategy};
use crate::reason::{Failure, Hold, Hook, Outcome};
use crate::route;
use crate::service::{ServiceState, Stage, Stand};
use crate::state::{Phase, Rollout, State};
use crate::world::World;
use mainstay_model::{InstanceId, ReleaseNumber, ServiceName, Timestamp};
use serde::{Deserialize, Serialize};

/// One look at a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    pub from: Option<ReleaseNumber>,
    pub to: ReleaseNumber,
    pub began: Timestamp,
    pub phase: String,
    pub services: Vec<ServiceSummary>,
    pub paused_by: Option<String>,
    pub hold: Option<Hold>,
    /// Why it goes back, or went.
    pub failure: Option<Failure>,
    pub outcome: Option<Outcome>,
    /// Without progress until then it turns back; `None` where no such deadline runs.
    pub progress_deadline: Option<Timestamp>,
    pub watch_until: Option<Timestamp>,
}

/// Counts of instances of one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceSummary {
    pub service: ServiceName,
    /// `waiting`, `moving`, `through`
    pub stage: String,
    pub new: u32,
    pub new_starting: u32,
    pub new_serving: u32,
    pub old: u32,
    pub old_serving: u32,
    pub old_gone: u32,
    pub kept: u32,
    /// Share of the requests that goes to the new instances, where it is shifted in steps.
    pub percent: Option<u8>,
}

impl Rollout {
    pub fn summary(&self) -> Summary {
        let state = &self.state;
        let services = state.plan.services.iter().zip(&state.services);
        let watching = match state.phase {
            Phase::Watching { since } => Some(since + state.plan.watch),
            _ => None,
        };
        let counting = self.outcome().is_none() && state.paused.is_none() && watching.is_none();
        Summary {
            from: state.plan.from,
            to: state.plan.to,
            began: state.began,
            phase: state.phase.name().to_owned(),
            services: services.map(|(plan, state)| summary(plan, state)).collect(),
            paused_by: state.paused.as_ref().map(|pause| pause.by.clone()),
            hold: self.hold.clone(),
            failure: state.failure.clone(),
            outcome: self.outcome().cloned(),
            progress_deadline: counting.then(|| state.progress.at + state.plan.progress_deadline),
            watch_until: watching,
        }
    }
}

impl Phase {
    /// In words, as they stand in the API and the journal.
    pub fn name(&self) -> &'static str {
        match self {
            Self::HookBefore => "hook-before",
            Self::Services => "services",
            Self::HookAfter => "hook-after",
            Self::Watching { .. } => "watching",
            Self::Retiring => "retiring",
            Self::RollingBack => "rolling-back",
            Self::Finished { .. } => "finished",
        }
    }
}

fn summary(plan: &ServicePlan, state: &ServiceState) -> ServiceSummary {
    let stage = match state.stage {
        Stage::Waiting => "waiting",
        Stage::Moving => "moving",
        Stage::Through => "through",
    };
    let shifting = matches!(plan.strategy, Strategy::BlueGreen { .. });
    let percent = |step: usize| plan.percents().get(step).copied();
    ServiceSummary {
        service: plan.service.clone(),
        stage: stage.to_owned(),
        new: plan.new.len() as u32,
        new_starting: state.count(&plan.new, Stand::is_starting) as u32,
        new_serving: state.count(&plan.new, Stand::is_serving) as u32,
        old: plan.old.len() as u32,
        old_serving: state.count(&plan.old, Stand::is_serving) as u32,
        old_gone: state.count(&plan.old, |stand| stand == Stand::Gone) as u32,
        kept: plan.kept.len() as u32,
        percent: shifting.then(|| state.step.and_then(percent).unwrap_or(0)),
    }
}

impl Hold {
    /// Worth a line in the journal: something is not as it should be.
    pub(crate) fn is_notable(&self) -> bool {
        matches!(self, Self::ProxyUnreachable { .. } | Self::Suspect { .. })
    }
}

impl State {
    /// What the rollout waits for.
    pub(crate) fn holds(&self, world: &World, now: Timestamp) -> Option<Hold> {
        if let Some(pause) = &self.paused {
            let (by, for_ms) = (pause.by.clone(), millis(now.since(pause.since)));
            return Some(Hold::Paused { by, for_ms });
        }
        if let Some(id) = self.suspects.keys().next() {
            let detail = world.instances.get(id).and_then(|view| view.detail.clone());
            let instance = id.clone();
            return Some(Hold::Suspect { instance, detail });
        }
        match self.phase {
            Phase::HookBefore => Some(Hold::HookRunning { hook: Hook::Before }),
            Phase::HookAfter => Some(Hold::HookRunning { hook: Hook::After }),
            Phase::Watching { since } => {
                let left = self.plan.watch.saturating_sub(now.since(since));
                Some(Hold::Watching {
                    left_ms: millis(left),
                })
            }
            Phase::Finished { .. } => None,
            Phase::Services | Phase::Retiring | Phase::RollingBack => {
                let services = self.plan.services.iter().zip(&self.services);
                let mut begun = services.filter(|(_, state)| state.stage != Stage::Waiting);
                begun.find_map(|(plan, state)| {
                    Look {
                        plan,
                        state,
                        world,
                        now,
                    }
                    .hold()
                })
            }
        }
    }
}

/// One service, looked at for what it waits for.
struct Look<'a> {
    plan: &'a ServicePlan,
    state: &'a ServiceState,
    world: &'a World,
    now: Timestamp,
}

impl Look<'_> {
    fn hold(&self) -> Option<Hold> {
        let stands = &self.state.stands;
        let starting = stands.iter().filter(|(_, stand)| stand.is_starting());
        let mut starting = starting.filter_map(|(id, stand)| self.start_hold(id, *stand));
        starting
            .next()
            .or_else(|| {
                stands
                    .iter()
                    .find_map(|(id, stand)| self.leave_hold(id, *stand))
            })
            .or_else(|| self.route_hold())
            .or_else(|| self.pause_hold())
    }

    fn start_hold(&self, id: &InstanceId, stand: Stand) -> Option<Hold> {
        let Stand::Starting { asked, counted } = stand else {
            return None;
        };
        let instance = id.clone();
        let for_ms = millis(self.now.since(asked));
        let deadline = self.plan.healthy_deadline + counted.since(asked);
        let deadline_ms = millis(deadline);
        let Some(view) = self.world.instances.get(id) else {
            return Some(Hold::WaitingForStart { instance, for_ms });
        };
        Some(if self.plan.one_shot {
            Hold::WaitingForCompletion {
                instance,
                for_ms,
                deadline_ms,
            }
        } else if view.healthy() {
            let healthy_ms = millis(self.now.since(view.since));
            let required_ms = millis(self.plan.minimum_healthy_time);
            Hold::MinimumHealthyTime {
                instance,
                healthy_ms,
                required_ms,
            }
        } else {
            let detail = view.detail.clone();
            Hold::WaitingForHealthy {
                instance,
                for_ms,
                deadline_ms,
                detail,
            }
        })
    }

    fn leave_hold(&self, id: &InstanceId, stand: Stand) -> Option<Hold> {
        let Stand::Leaving {
            since,
            released,
            served,
        } = stand
        else {
            return None;
        };
        let instance = id.clone();
        let for_ms = millis(self.now.since(released.unwrap_or(since)));
        let service = self.plan.service.clone();
        let alive = self
            .world
            .instances
            .get(id)
            .is_some_and(|view| !view.ended());
        if served && self.plan.routed && alive {
            match route::unrouted(id, self.world) {
                None => return Some(Hold::ProxyUnreachable { service }),
                Some(Err(())) => return Some(Hold::WaitingForProxy { service }),
                Some(Ok(in_flight)) if in_flight > 0 => {
                    let deadline_ms = millis(self.plan.drain);
                    return Some(Hold::Draining {
                        instance,
                        in_flight,
                        for_ms,
                        deadline_ms,
                    });
                }
                Some(Ok(_)) => {}
            }
        }
        Some(Hold::WaitingForEnd { instance, for_ms })
    }

    fn route_hold(&self) -> Option<Hold> {
        if !self.plan.routed || self.plan.one_shot {
            return None;
        }
        let service = self.plan.service.clone();
        let wanted = route::wanted(self.plan, self.state, self.world);
        match route::applied(self.plan, &wanted, self.world) {
            None => Some(Hold::ProxyUnreachable { service }),
            Some(false) => Some(Hold::WaitingForProxy { service }),
            Some(true) => None,
        }
    }

    fn pause_hold(&self) -> Option<Hold> {
        let Strategy::BlueGreen { pause, .. } = &self.plan.strategy else {
            return None;
        };
        let percent = *self.plan.percents().get(self.state.step?)?;
        let left = pause.saturating_sub(self.now.since(self.state.step_applied?));
        let service = self.plan.service.clone();
        Some(Hold::StepPause {
            service,
            percent,
            left_ms: millis(left),
        })
    }
}
