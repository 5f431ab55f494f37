//! When a rollout has failed: the gates of the new instances, the hooks and the deadlines.

use crate::plan::ServicePlan;
use crate::reason::{Failure, Hook};
use crate::service::{Stage, Stand};
use crate::state::{Phase, State};
use crate::world::{HookView, InstancePhase, InstanceView, World};
use mainstay_model::{InstanceId, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// Two bad observations of an instance decide when they are at least this far apart.
const SECOND_LOOK: Duration = Duration::from_secs(1);

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl State {
    /// The first failure that the world shows, on the way forward.
    pub(crate) fn judge(&mut self, world: &World, now: Timestamp) -> Option<Failure> {
        self.judge_hooks(world)
            .or_else(|| self.judge_instances(world, now))
    }

    fn judge_hooks(&self, world: &World) -> Option<Failure> {
        let (hook, view) = match self.phase {
            Phase::HookBefore => (Hook::Before, &world.hook_before),
            Phase::HookAfter => (Hook::After, &world.hook_after),
            _ => return None,
        };
        let HookView::Failed { reason } = view else {
            return None;
        };
        let reason = reason.clone();
        Some(Failure::HookFailed { hook, reason })
    }

    fn judge_instances(&mut self, world: &World, now: Timestamp) -> Option<Failure> {
        let Self {
            plan,
            services,
            suspects,
            ..
        } = self;
        for (plan, state) in plan.services.iter().zip(services) {
            if state.stage == Stage::Waiting {
                continue;
            }
            for id in &plan.new {
                let view = world.instances.get(id);
                let failure = match state.stand(id) {
                    Stand::Starting { asked, counted } => {
                        starting(plan, id, view, asked, counted, now)
                    }
                    Stand::Serving if !plan.one_shot => serving(suspects, id, view, now),
                    _ => None,
                };
                if failure.is_some() {
                    return failure;
                }
            }
        }
        None
    }

    /// Whether nothing went forward for longer than allowed; with the time. Waits that the plan
    /// asks for do not count.
    pub(crate) fn stuck(&self, world: &World, now: Timestamp) -> Option<u64> {
        let waited = now.since(self.progress.at);
        let allowed = self.plan.progress_deadline + self.leave_time() + self.gate_time(world);
        (self.paused.is_none() && waited > allowed && !self.waits_on_purpose(world, now))
            .then(|| millis(waited))
    }

    /// The longest time that something which is leaving may take by itself.
    fn leave_time(&self) -> Duration {
        let services = self.plan.services.iter().zip(&self.services);
        let leaving = services.filter(|(_, state)| {
            let mut stands = state.stands.values();
            stands.any(|stand| matches!(stand, Stand::Leaving { .. }))
        });
        let times = leaving.map(|(plan, _)| plan.drain + plan.stop_grace);
        times.max().unwrap_or(Duration::ZERO)
    }

    /// How long what runs before a gate may take.
    fn gate_time(&self, world: &World) -> Duration {
        let gate = match self.phase {
            Phase::HookBefore => &world.hook_before,
            Phase::HookAfter => &world.hook_after,
            _ => &HookView::NotRun,
        };
        if *gate == HookView::NotRun {
            Duration::ZERO
        } else {
            self.plan.gate_deadline
        }
    }

    fn waits_on_purpose(&self, world: &World, now: Timestamp) -> bool {
        if matches!(self.phase, Phase::Watching { .. }) {
            return true;
        }
        let services = self.plan.services.iter().zip(&self.services);
        let mut moving = services.filter(|(_, state)| state.stage == Stage::Moving);
        moving.any(|(plan, state)| {
            let pausing = self.phase == Phase::Services && state.step_applied.is_some();
            let ripening = state.stands.iter().any(|(id, stand)| {
                let view = world.instances.get(id).filter(|view| view.healthy());
                let young =
                    |view: &InstanceView| now.since(view.since) <= plan.minimum_healthy_time;
                stand.is_starting() && view.is_some_and(young)
            });
            pausing || ripening
        })
    }
}

/// An instance past its gate. `Starting` says nothing: a restarted control plane sees it so until
/// its first probe.
fn serving(
    suspects: &mut BTreeMap<InstanceId, Timestamp>,
    id: &InstanceId,
    view: Option<&InstanceView>,
    now: Timestamp,
) -> Option<Failure> {
    let instance = id.clone();
    let Some(view) = view else {
        return Some(Failure::Vanished { instance });
    };
    let detail = view.detail.clone();
    match view.phase {
        InstancePhase::Failed | InstancePhase::Completed => {
            Some(Failure::Exited { instance, detail })
        }
        _ if view.restarts > 0 => Some(crashed(instance, view)),
        InstancePhase::Healthy => {
            suspects.remove(id);
            None
        }
        InstancePhase::Starting => None,
        _ => {
            let first = *suspects.entry(instance.clone()).or_insert(now);
            let seen = now.since(first);
            let for_ms = millis(seen);
            (seen >= SECOND_LOOK).then_some(Failure::Unhealthy {
                instance,
                for_ms,
                detail,
            })
        }
    }
}

/// An instance on its way to its gate.
fn starting(
    plan: &ServicePlan,
    id: &InstanceId,
    view: Option<&InstanceView>,
    asked: Timestamp,
    counted: Timestamp,
    now: Timestamp,
) -> Option<Failure> {
    let instance = id.clone();
    let detail = view.and_then(|view| view.detail.clone());
    if let Some(view) = view.filter(|view| !view.stale(asked)) {
        let failed = view.phase == InstancePhase::Failed;
        let ended = view.phase == InstancePhase::Completed && !plan.one_shot;
        if failed || ended {
            return Some(Failure::Exited { instance, detail });
        }
        if view.restarts > 0 {
            return Some(crashed(instance, view));
        }
    }
    let good = view.is_some_and(|view| match view.phase {
        InstancePhase::Healthy => !plan.one_shot,
        InstancePhase::Completed => plan.one_shot && !view.stale(asked),
        _ => false,
    });
    let waited = now.since(counted);
    (waited > plan.healthy_deadline && !good).then(|| Failure::HealthyDeadline {
        instance,
        waited_ms: millis(waited),
        detail,
    })
}

fn crashed(instance: InstanceId, view: &InstanceView) -> Failure {
    Failure::Crashed {
        instance,
        restarts: view.restarts,
        detail: view.detail.clone(),
    }
}
