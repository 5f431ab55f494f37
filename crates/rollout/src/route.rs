//! Which share of the requests each instance is to get, and what the proxy shows of it.

use crate::plan::{ServicePlan, Strategy};
use crate::service::ServiceState;
use crate::world::{InstanceView, World};
use mainstay_model::InstanceId;
use std::collections::BTreeMap;

pub(crate) type Weights = BTreeMap<InstanceId, u32>;

/// The weights the proxy should have for this service now: every serving instance that exists and
/// has not ended. With weight 0 stand there an old release that is kept warm, and what is known to
/// be unhealthy while there is something better.
pub(crate) fn wanted(plan: &ServicePlan, state: &ServiceState, world: &World) -> Weights {
    let stands = state.stands.iter().filter(|(_, stand)| stand.is_serving());
    let views = stands.filter_map(|(id, _)| Some((id, world.instances.get(id)?)));
    let serving: Vec<_> = views.filter(|(_, view)| !view.ended()).collect();
    let share_of = |spare_the_bad: bool| -> Weights {
        let share = |(id, view): &(&InstanceId, &InstanceView)| {
            let nothing = spare_the_bad && view.known_bad();
            let share = if nothing { 0 } else { share(plan, state, id) };
            ((*id).clone(), share)
        };
        serving.iter().map(share).collect()
    };
    let mut weights = share_of(true);
    if weights.values().all(|weight| *weight == 0) {
        weights = share_of(false);
    }
    normalised(weights)
}

/// Unreduced share of one instance. In a shift by *p* percent each instance moves on a straight
/// line from its even share of the release before to its even share of the one after.
fn share(plan: &ServicePlan, state: &ServiceState, id: &InstanceId) -> u32 {
    if !matches!(plan.strategy, Strategy::BlueGreen { .. }) {
        return 1;
    }
    let (old, new, kept) = (plan.old.len(), plan.new.len(), plan.kept.len());
    let before = (old + kept) as u32;
    let after = (new + kept) as u32;
    if before == 0 || after == 0 {
        return 1;
    }
    let percents = plan.percents();
    let percent = state.step.map_or(0, |step| {
        u32::from(percents.get(step).copied().unwrap_or(100))
    });
    let of_before = if plan.new.contains(id) {
        0
    } else {
        (100 - percent) * after
    };
    let of_after = if plan.old.contains(id) {
        0
    } else {
        percent * before
    };
    of_before + of_after
}

/// Smallest whole numbers in the same proportion. Where nobody would get anything, everybody gets
/// the same.
fn normalised(mut weights: Weights) -> Weights {
    let divisor = weights.values().copied().fold(0, gcd);
    for weight in weights.values_mut() {
        *weight = weight.checked_div(divisor).unwrap_or(1);
    }
    weights
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Whether the proxy shows these weights for the service; `None` where it did not answer. An
/// endpoint of weight 0 may also be missing.
pub(crate) fn applied(plan: &ServicePlan, wanted: &Weights, world: &World) -> Option<bool> {
    let traffic = world.traffic.as_ref()?;
    let shown = |id: &InstanceId| traffic.get(id).and_then(|view| view.weight).unwrap_or(0);
    let named = wanted.iter().all(|(id, weight)| shown(id) == *weight);
    let others = [&plan.old, &plan.new, &plan.kept];
    let mut others = others.into_iter().flatten();
    Some(named && others.all(|id| wanted.contains_key(id) || shown(id) == 0))
}

/// Whether the proxy sends nothing new to the instance; with what is still in flight there.
/// `None` where it did not answer.
pub(crate) fn unrouted(id: &InstanceId, world: &World) -> Option<Result<u64, ()>> {
    let traffic = world.traffic.as_ref()?;
    Some(match traffic.get(id) {
        None => Ok(0),
        Some(view) if view.weight.unwrap_or(0) > 0 => Err(()),
        Some(view) => Ok(view.in_flight),
    })
}
