//! From what runs and what shall run to a rollout's plan. Pure.
//!
//! A deploy, a rollback, a scale, a restart and a down are all one question — which instances go,
//! which come, which stay — asked with another wish.

use mainstay_model::{InstanceId, ReleaseNumber, ServiceName};
use mainstay_rollout::plan::{Plan, ServicePlan, Strategy};
use mainstay_stack::{DependencyCondition, Deploy, DeployPolicy, Service, Stack};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What ought to run in an environment; a row of the journal, the truth while no rollout runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Desired {
    pub release: Option<ReleaseNumber>,
    pub instances: BTreeMap<ServiceName, Vec<InstanceId>>,
}

/// What shall become of each service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    pub to: ReleaseNumber,
    /// Which release's definition each service runs; services not named are removed.
    pub generations: BTreeMap<ServiceName, ReleaseNumber>,
    /// Replaced although their definition did not change.
    pub renew: BTreeSet<ServiceName>,
    /// `false` where there is nothing to go back to.
    pub rollback: bool,
}

/// The plan that leads from `desired` to `wish`. `stack` is the one that the wish deploys, `order`
/// its services by dependency.
pub(crate) fn plan(desired: &Desired, stack: &Stack, order: &[ServiceName], wish: &Wish) -> Plan {
    let mut services: Vec<ServicePlan> = order
        .iter()
        .filter_map(|name| {
            let service = stack.services.get(name)?;
            let generation = *wish.generations.get(name)?;
            Some(service_plan(desired, stack, service, generation, wish))
        })
        .collect();
    let removed = desired
        .instances
        .iter()
        .filter(|(name, instances)| !wish.generations.contains_key(*name) && !instances.is_empty());
    let others: BTreeSet<ServiceName> = services.iter().map(|plan| plan.service.clone()).collect();
    for (name, instances) in removed {
        services.push(removal(name, instances, stack, others.clone()));
    }
    if desired.release.is_none() {
        services.iter_mut().for_each(first_time);
    }
    Plan {
        from: desired.release,
        to: wish.to,
        services,
        progress_deadline: stack.deploy.progress_deadline,
        gate_deadline: gate_deadline(&stack.deploy),
        // Where nothing ran before there is nothing to go back to, and so nothing to watch for.
        watch: desired
            .release
            .map_or(Duration::ZERO, |_| stack.deploy.watch),
        hook_before: !stack.deploy.hooks.before.is_empty(),
        hook_after: !stack.deploy.hooks.after.is_empty(),
        rollback: wish.rollback,
    }
}

/// All that may run before a gate, each for as long as it may: hooks, steps, a migration with a
/// look at the schema before and after.
fn gate_deadline(deploy: &Deploy) -> Duration {
    let hooks = deploy.hooks.before.len() + deploy.hooks.after.len();
    let steps: Duration = deploy.steps.values().map(|step| step.timeout).sum();
    let migration = deploy
        .migrations
        .as_ref()
        .map_or(Duration::ZERO, |rules| rules.timeout * 3);
    deploy.hooks.timeout * hooks as u32 + steps + migration
}

/// Everything ends, dependants first. `stack` is the one that runs.
pub(crate) fn down(desired: &Desired, stack: &Stack, order: &[ServiceName]) -> Plan {
    let services = order
        .iter()
        .rev()
        .filter_map(|name| {
            let instances = desired.instances.get(name)?;
            Some(removal(name, instances, stack, dependants(stack, name)))
        })
        .collect();
    Plan {
        from: desired.release,
        to: desired.release.unwrap_or_default(),
        services,
        progress_deadline: stack.deploy.progress_deadline,
        gate_deadline: Duration::ZERO,
        watch: Duration::ZERO,
        hook_before: false,
        hook_after: false,
        rollback: false,
    }
}

/// What runs once the plan has succeeded.
pub(crate) fn after(plan: &Plan) -> Desired {
    Desired {
        release: Some(plan.to),
        instances: plan
            .services
            .iter()
            .map(|service| {
                let mut instances = service.kept.clone();
                instances.extend(service.new.iter().cloned());
                (service.service.clone(), instances)
            })
            .filter(|(_, instances): &(_, Vec<_>)| !instances.is_empty())
            .collect(),
    }
}

/// Whether anything starts or ends.
pub(crate) fn changes_instances(plan: &Plan) -> bool {
    plan.services
        .iter()
        .any(|service| !service.new.is_empty() || !service.old.is_empty())
}

fn service_plan(
    desired: &Desired,
    stack: &Stack,
    service: &Service,
    generation: ReleaseNumber,
    wish: &Wish,
) -> ServicePlan {
    let current = desired
        .instances
        .get(&service.name)
        .cloned()
        .unwrap_or_default();
    let wanted = service.replicas as usize;
    let stays = |id: &InstanceId| id.release == generation && !wish.renew.contains(&service.name);
    let (mut kept, mut old): (Vec<_>, Vec<_>) = current.iter().cloned().partition(stays);
    kept.sort_by_key(|id| id.slot);
    old.extend(kept.split_off(kept.len().min(wanted)));
    let new = free_slots(&current, &service.name, generation, wanted - kept.len());
    ServicePlan {
        old,
        new,
        kept,
        ..service_rules(stack, service)
    }
}

/// Where nothing ran, nobody is served worse by a start all at once, and waiting to see whether
/// the healthy stay so would keep users from what is there.
fn first_time(service: &mut ServicePlan) {
    service.minimum_healthy_time = Duration::ZERO;
    if let Strategy::Rolling { surge, parallelism } = &mut service.strategy {
        let all = service.new.len().max(1) as u32;
        (*surge, *parallelism) = (all, all);
    }
}

/// The lowest slots of the generation that nothing runs in.
fn free_slots(
    current: &[InstanceId],
    service: &ServiceName,
    generation: ReleaseNumber,
    count: usize,
) -> Vec<InstanceId> {
    (1..)
        .map(|slot| InstanceId::new(service.clone(), generation, slot))
        .filter(|id| !current.contains(id))
        .take(count)
        .collect()
}

/// Those that depend on a service.
fn dependants(stack: &Stack, name: &ServiceName) -> BTreeSet<ServiceName> {
    stack
        .services
        .values()
        .filter(|other| other.depends_on.contains_key(name))
        .map(|other| other.name.clone())
        .collect()
}

fn removal(
    name: &ServiceName,
    instances: &[InstanceId],
    stack: &Stack,
    after: BTreeSet<ServiceName>,
) -> ServicePlan {
    let rules = stack.services.get(name).map_or_else(
        || ServicePlan {
            service: name.clone(),
            after: BTreeSet::new(),
            old: Vec::new(),
            new: Vec::new(),
            kept: Vec::new(),
            strategy: Strategy::StopFirst,
            routed: true,
            one_shot: false,
            healthy_deadline: stack.deploy.default.healthy_deadline,
            minimum_healthy_time: stack.deploy.default.minimum_healthy_time,
            drain: stack.deploy.default.drain,
            stop_grace: Duration::from_secs(30),
        },
        |service| service_rules(stack, service),
    );
    ServicePlan {
        after,
        old: instances.to_vec(),
        strategy: Strategy::StopFirst,
        ..rules
    }
}

fn service_rules(stack: &Stack, service: &Service) -> ServicePlan {
    let policy = policy(stack, &service.name);
    ServicePlan {
        service: service.name.clone(),
        after: service.depends_on.keys().cloned().collect(),
        old: Vec::new(),
        new: Vec::new(),
        kept: Vec::new(),
        strategy: strategy(service, policy),
        routed: has_port(stack, service),
        one_shot: is_one_shot(stack, &service.name),
        healthy_deadline: policy.healthy_deadline,
        minimum_healthy_time: policy.minimum_healthy_time,
        drain: policy.drain,
        stop_grace: service.stop_grace,
    }
}

pub(crate) fn policy<'a>(stack: &'a Stack, service: &ServiceName) -> &'a DeployPolicy {
    stack
        .deploy
        .services
        .get(service)
        .unwrap_or(&stack.deploy.default)
}

fn strategy(service: &Service, policy: &DeployPolicy) -> Strategy {
    if service.singleton {
        return Strategy::StopFirst;
    }
    match &policy.strategy {
        mainstay_stack::Strategy::Rolling { surge, parallelism } => Strategy::Rolling {
            surge: *surge,
            parallelism: *parallelism,
        },
        mainstay_stack::Strategy::BlueGreen { steps, pause } => Strategy::BlueGreen {
            steps: steps.clone(),
            pause: *pause,
        },
        mainstay_stack::Strategy::StopFirst => Strategy::StopFirst,
    }
}

/// Whether a service listens: it publishes or exposes a port, is routed to, or is probed on one.
pub(crate) fn has_port(stack: &Stack, service: &Service) -> bool {
    use mainstay_stack::Probe;
    !service.ports.is_empty()
        || stack
            .routes
            .iter()
            .any(|route| route.service == service.name)
        || service
            .health
            .as_ref()
            .is_some_and(|health| !matches!(health.probe, Probe::Command { .. }))
}

/// Whether another service waits for this one to complete.
pub(crate) fn is_one_shot(stack: &Stack, name: &ServiceName) -> bool {
    stack.services.values().any(|other| {
        other.depends_on.get(name).is_some_and(|dependency| {
            dependency.condition == DependencyCondition::ServiceCompletedSuccessfully
        })
    })
}

#[cfg(test)]
mod tests;
