//! What has to hold at every moment, and at the end.

use crate::machine::{Instance, Machine};
use crate::scenario::Scenario;
use mainstay_model::InstanceId;
use mainstay_rollout::Outcome;
use mainstay_rollout::plan::{ServicePlan, Strategy};
use mainstay_rollout::world::Action;

/// A law that was broken, in words.
pub(crate) type Broken = String;

fn instances<'a>(
    machine: &'a Machine,
    ids: impl IntoIterator<Item = &'a InstanceId>,
) -> impl Iterator<Item = (&'a InstanceId, &'a Instance)> {
    let instance = |id| Some((id, machine.instances.get(id)?));
    ids.into_iter().filter_map(instance)
}

pub(crate) fn all(plan: &ServicePlan) -> impl Iterator<Item = &InstanceId> {
    plan.old.iter().chain(&plan.new).chain(&plan.kept)
}

/// Holds at every moment. `forced`: the rollout has given up waiting for proof.
pub(crate) fn always(scenario: &Scenario, machine: &Machine, forced: bool) -> Result<(), Broken> {
    for plan in &scenario.plan.services {
        never_two(plan, machine)?;
        if plan.routed && !forced {
            only_the_proven_get_requests(plan, machine)?;
        }
        if !forced {
            enough_serve(plan, machine)?;
        }
    }
    Ok(())
}

/// Stop-first: old and new are never alive at once.
fn never_two(plan: &ServicePlan, machine: &Machine) -> Result<(), Broken> {
    if plan.strategy != Strategy::StopFirst || plan.one_shot {
        return Ok(());
    }
    let alive = |ids| instances(machine, ids).find(|(_, instance)| instance.alive());
    match (alive(&plan.old), alive(&plan.new)) {
        (Some((old, _)), Some((new, _))) => Err(format!("{old} and {new} are alive at once")),
        _ => Ok(()),
    }
}

/// A request goes only to what was healthy for the minimum time in this life.
fn only_the_proven_get_requests(plan: &ServicePlan, machine: &Machine) -> Result<(), Broken> {
    let minimum = plan.minimum_healthy_time.as_millis() as i64;
    let routed = instances(machine, all(plan)).filter(|(id, _)| machine.proxy.weight(id) > 0);
    for (id, instance) in routed {
        if !instance.ever_healthy {
            return Err(format!("{id} gets requests and was never healthy"));
        }
        if instance.healthy_for(machine.now) < minimum {
            return Err(format!(
                "{id} gets requests before it was healthy for {minimum} ms"
            ));
        }
    }
    Ok(())
}

/// Start-first: as many serve as did before or will after, whichever is less, but for those that
/// fell ill or died by themselves.
fn enough_serve(plan: &ServicePlan, machine: &Machine) -> Result<(), Broken> {
    if plan.strategy == Strategy::StopFirst || plan.one_shot {
        return Ok(());
    }
    let (old, new, kept) = (plan.old.len(), plan.new.len(), plan.kept.len());
    let harmed = all(plan).filter(|id| machine.harmed.contains(*id));
    let wanted = (old.min(new) + kept).saturating_sub(harmed.count());
    let serves = |(id, instance): &(&InstanceId, &Instance)| {
        instance.healthy() && (!plan.routed || machine.proxy.weight(id) > 0)
    };
    let serving = instances(machine, all(plan)).filter(serves).count();
    if serving < wanted {
        let service = &plan.service;
        return Err(format!(
            "{serving} of {service} serve, and {wanted} have to"
        ));
    }
    Ok(())
}

/// What may be asked for.
pub(crate) fn may(
    scenario: &Scenario,
    machine: &Machine,
    action: &Action,
    forced: bool,
) -> Result<(), Broken> {
    let ours = |id: &InstanceId| {
        let known = scenario
            .service(id)
            .is_some_and(|plan| all(plan).any(|other| other == id));
        known
            .then_some(())
            .ok_or_else(|| format!("{id} is foreign: {action:?}"))
    };
    match action {
        Action::Start { instance } | Action::Remove { instance } => ours(instance),
        Action::Stop { instance, .. } => {
            ours(instance)?;
            if forced {
                Ok(())
            } else {
                may_stop(scenario, machine, instance)
            }
        }
        Action::Route { weights, .. } => weights.keys().try_for_each(ours),
        Action::RunHookBefore | Action::RunHookAfter => Ok(()),
    }
}

/// Nothing is stopped that gets requests, or that has some in flight within the drain time.
fn may_stop(scenario: &Scenario, machine: &Machine, id: &InstanceId) -> Result<(), Broken> {
    let plan = scenario.service(id).filter(|plan| plan.routed);
    let alive = machine.instances.get(id).is_some_and(Instance::alive);
    let Some(plan) = plan.filter(|_| alive) else {
        return Ok(());
    };
    if machine.proxy.weight(id) > 0 {
        return Err(format!("{id} is stopped while it gets requests"));
    }
    let drain = plan.drain.as_millis() as i64;
    let released = machine.proxy.released(id).unwrap_or(0);
    let in_flight = machine.proxy.in_flight(id, machine.now);
    if in_flight > 0 && machine.now < released + drain {
        return Err(format!(
            "{id} is stopped with {in_flight} requests in flight"
        ));
    }
    Ok(())
}

/// Exactly one release is left.
pub(crate) fn at_the_end(
    scenario: &Scenario,
    machine: &Machine,
    outcome: &Outcome,
    forced: bool,
) -> Result<(), Broken> {
    let succeeded = *outcome == Outcome::Succeeded;
    if succeeded && !scenario.plan.rollback && scenario.plan.services.is_empty() {
        return Ok(());
    }
    for plan in &scenario.plan.services {
        let (stay, go) = if succeeded {
            (&plan.new, &plan.old)
        } else {
            (&plan.old, &plan.new)
        };
        if let Some((id, instance)) = instances(machine, go).next() {
            return Err(format!("{id} is left over: {:?}", instance.phase));
        }
        // What others took away, and what was not there before, is not ours to bring back.
        let owed = |id: &&InstanceId| {
            !machine.instances.contains_key(*id) && !machine.harmed.contains(*id)
        };
        let missing = stay.iter().chain(&plan.kept).find(owed);
        if let Some(id) = missing {
            return Err(format!("{id} is missing"));
        }
        if plan.routed && !forced {
            routes_are(plan, stay, machine)?;
        }
    }
    let foreign = machine
        .instances
        .iter()
        .filter(|(id, _)| scenario.service(id).is_none());
    if foreign.clone().count() != 1 || foreign.clone().any(|(_, other)| !other.healthy()) {
        return Err("a foreign instance was touched".to_owned());
    }
    Ok(())
}

fn routes_are(plan: &ServicePlan, stay: &[InstanceId], machine: &Machine) -> Result<(), Broken> {
    let here = || stay.iter().chain(&plan.kept);
    if let Some(id) =
        all(plan).find(|id| machine.proxy.weight(id) > 0 && !here().any(|other| other == *id))
    {
        return Err(format!("{id} still gets requests"));
    }
    let forgotten = |(id, instance): &(&InstanceId, &Instance)| {
        instance.healthy() && !machine.harmed.contains(*id) && machine.proxy.weight(id) == 0
    };
    match instances(machine, here()).find(forgotten) {
        Some((id, _)) => Err(format!("{id} is healthy and gets no requests")),
        None => Ok(()),
    }
}
