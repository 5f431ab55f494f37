//! From intent and world to actions: whatever is missing is asked for, again and again.

use crate::plan::ServicePlan;
use crate::route;
use crate::service::{ServiceState, Stage, Stand};
use crate::state::{Phase, State};
use crate::world::{Action, HookView, InstancePhase, InstanceView, World};
use mainstay_model::{InstanceId, Timestamp};

impl State {
    /// All that is missing now. Notes which routes were asked for.
    pub(crate) fn want(&mut self, world: &World, now: Timestamp) -> Vec<Action> {
        let mut actions = Vec::new();
        let back = self.phase == Phase::RollingBack;
        let finished = matches!(self.phase, Phase::Finished { .. });
        let forced = self.forced;
        for (plan, state) in self.plan.services.iter().zip(&mut self.services) {
            // Also where the service still waits: the routes are asked for as a whole.
            actions.extend(route_action(plan, state, world));
            if state.stage == Stage::Waiting && !back {
                continue;
            }
            for (id, stand) in &state.stands {
                let view = world.instances.get(id);
                let wanted = match *stand {
                    // What it left to its fate at the end is left as it is.
                    Stand::Starting { .. } if finished && view.is_some() => None,
                    Stand::Starting { asked, .. }
                        if forced || !plan.routed || !state.routed.contains(id) =>
                    {
                        // Coming again it must not find the requests of its earlier life: they
                        // would meet it before it is healthy.
                        start_action(id, view, asked, back)
                    }
                    Stand::Leaving {
                        released, served, ..
                    } => {
                        let free = forced
                            || !served
                            || !plan.routed
                            || released.is_some_and(|at| is_drained(plan, id, world, at, now));
                        end_action(plan, id, view, free)
                    }
                    _ => None,
                };
                actions.extend(wanted);
            }
        }
        actions.extend(self.hook_action(world));
        actions
    }

    fn hook_action(&self, world: &World) -> Option<Action> {
        match self.phase {
            _ if self.paused.is_some() => None,
            Phase::HookBefore if world.hook_before == HookView::NotRun => {
                Some(Action::RunHookBefore)
            }
            Phase::HookAfter if world.hook_after == HookView::NotRun => Some(Action::RunHookAfter),
            _ => None,
        }
    }
}

/// Asks for the routes when they are others than were asked for last, when the proxy shows others,
/// and when it shows nothing (an answer may have been lost).
fn route_action(plan: &ServicePlan, state: &mut ServiceState, world: &World) -> Option<Action> {
    if !plan.routed || plan.one_shot {
        return None;
    }
    let weights = route::wanted(plan, state, world);
    let asked = state.asked.as_ref() == Some(&weights);
    if asked && route::applied(plan, &weights, world) == Some(true) {
        return None;
    }
    let served = weights.iter().filter(|(_, weight)| **weight > 0);
    state.routed.extend(served.map(|(id, _)| id.clone()));
    state.asked = Some(weights.clone());
    let service = plan.service.clone();
    Some(Action::Route { service, weights })
}

/// Start what is absent; forget the trace of an earlier life first. Going back, a failed start is
/// tried again.
fn start_action(
    id: &InstanceId,
    view: Option<&InstanceView>,
    asked: Timestamp,
    back: bool,
) -> Option<Action> {
    let instance = id.clone();
    match view {
        None => Some(Action::Start { instance }),
        Some(view) if view.stale(asked) || (back && view.ended()) => {
            Some(Action::Remove { instance })
        }
        Some(_) => None,
    }
}

/// Nothing new comes in, and nothing is in flight or the time for it is over. While the proxy does
/// not answer nothing is concluded.
fn is_drained(
    plan: &ServicePlan,
    id: &InstanceId,
    world: &World,
    released: Timestamp,
    now: Timestamp,
) -> bool {
    match route::unrouted(id, world) {
        Some(Ok(in_flight)) => in_flight == 0 || now.since(released) >= plan.drain,
        Some(Err(())) | None => false,
    }
}

fn end_action(
    plan: &ServicePlan,
    id: &InstanceId,
    view: Option<&InstanceView>,
    free: bool,
) -> Option<Action> {
    let view = view?;
    let instance = id.clone();
    let grace = plan.stop_grace;
    if view.ended() {
        Some(Action::Remove { instance })
    } else if free && view.phase != InstancePhase::Stopping {
        Some(Action::Stop { instance, grace })
    } else {
        None
    }
}
