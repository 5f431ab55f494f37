//! An obedient world: what is asked for happens, after a fixed time.

use crate::plan::{Plan, ServicePlan, Strategy};
use crate::world::{
    Action, Command, EndpointView, Event, HookView, InstancePhase, InstanceView, World,
};
use crate::{Decision, Outcome, Rollout};
use mainstay_model::{InstanceId, ReleaseNumber, ServiceName, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const TICK_MS: u64 = 100;

pub(super) fn ids(name: &str, release: u32, count: u32) -> Vec<InstanceId> {
    let service = ServiceName::new(name).unwrap();
    let id = |slot| InstanceId::new(service.clone(), ReleaseNumber(release), slot);
    (1..=count).map(id).collect()
}

pub(super) fn service(name: &str, old: u32, new: u32, strategy: Strategy) -> ServicePlan {
    ServicePlan {
        service: ServiceName::new(name).unwrap(),
        after: BTreeSet::new(),
        old: ids(name, 1, old),
        new: ids(name, 2, new),
        kept: vec![],
        strategy,
        routed: true,
        one_shot: false,
        healthy_deadline: Duration::from_secs(10),
        minimum_healthy_time: Duration::from_millis(500),
        drain: Duration::from_secs(5),
        stop_grace: Duration::from_secs(3),
    }
}

/// Each service after all those before it.
pub(super) fn plan(mut services: Vec<ServicePlan>) -> Plan {
    let names: Vec<_> = services.iter().map(|one| one.service.clone()).collect();
    for (at, service) in services.iter_mut().enumerate() {
        service.after = names[..at].iter().cloned().collect();
    }
    Plan {
        from: Some(ReleaseNumber(1)),
        to: ReleaseNumber(2),
        services,
        progress_deadline: Duration::from_secs(30),
        gate_deadline: Duration::ZERO,
        watch: Duration::from_secs(5),
        hook_before: false,
        hook_after: false,
        rollback: true,
    }
}

/// How an instance behaves once started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Good,
    NeverHealthy,
    Fails,
    Crashes,
    Completes,
}

pub(super) struct Toy {
    pub rollout: Rollout,
    pub world: World,
    pub now: Timestamp,
    pub fates: BTreeMap<InstanceId, Fate>,
    /// The proxy does not answer, and does not do what it is asked.
    pub proxy_down: bool,
    pub hook_fails: bool,
    /// Requests that never end, at each instance.
    pub in_flight: u64,
    pub routes_asked: u32,
    pub decisions: Vec<Decision>,
    pub serving_min: usize,
    pub alive_max: usize,
    /// Percentages of requests that went to release 2, in the order they were seen.
    pub shares: Vec<u32>,
    /// Instances that were ever sent requests.
    pub routed: BTreeSet<InstanceId>,
}

impl Toy {
    pub(super) fn new(plan: Plan) -> Self {
        let now = Timestamp::from_millis(1_000_000);
        let mut world = World {
            traffic: Some(BTreeMap::new()),
            ..World::default()
        };
        let mut routes = BTreeMap::new();
        for service in &plan.services {
            for id in service.old.iter().chain(&service.kept) {
                let view = view(InstancePhase::Healthy, Timestamp::from_millis(0));
                world.instances.insert(id.clone(), view);
                if service.routed {
                    routes.insert(id.clone(), endpoint(1));
                }
            }
        }
        world.traffic = Some(routes);
        let rollout = Rollout::begin(plan, now);
        let mut toy = Self {
            rollout,
            world,
            now,
            fates: BTreeMap::new(),
            proxy_down: false,
            hook_fails: false,
            in_flight: 0,
            routes_asked: 0,
            decisions: vec![],
            serving_min: usize::MAX,
            alive_max: 0,
            shares: vec![],
            routed: BTreeSet::new(),
        };
        toy.measure();
        toy
    }

    pub(super) fn fate(mut self, id: &str, fate: Fate) -> Self {
        self.fates.insert(id.parse().unwrap(), fate);
        self
    }

    /// To the end, within an hour of virtual time.
    pub(super) fn run(&mut self) -> Outcome {
        for _ in 0..36_000 {
            if let Some(outcome) = self.rollout.outcome() {
                return outcome.clone();
            }
            self.tick();
        }
        panic!("no end in sight: {:?}", self.rollout.summary());
    }

    pub(super) fn run_for(&mut self, ms: u64) {
        for _ in 0..ms / TICK_MS {
            self.tick();
        }
    }

    pub(super) fn command(&mut self, command: Command) {
        let step = self.rollout.step(&Event::Command(command), self.now);
        assert!(step.actions.is_empty());
        self.decisions.extend(step.decisions);
    }

    /// A restart of the control plane: the rollout as it was written.
    pub(super) fn restart(&mut self) {
        let json = self.rollout.encode().unwrap();
        self.rollout = Rollout::decode(&json).unwrap();
        self.rollout.recovered(self.now);
    }

    pub(super) fn tick(&mut self) {
        self.now = self.now + Duration::from_millis(TICK_MS);
        self.live();
        let mut seen = self.world.clone();
        if self.proxy_down {
            seen.traffic = None;
        }
        let step = self.rollout.step(&Event::Observed(seen), self.now);
        self.decisions.extend(step.decisions);
        for action in step.actions {
            self.act(action);
            self.measure();
        }
        self.measure();
    }

    fn live(&mut self) {
        let now = self.now;
        let fates = &self.fates;
        for (id, view) in &mut self.world.instances {
            let fate = fates.get(id).copied().unwrap_or(Fate::Good);
            let age = now.since(view.since).as_millis();
            let next = match (view.phase, fate) {
                (InstancePhase::Starting, Fate::Good) if age >= 300 => InstancePhase::Healthy,
                (InstancePhase::Starting, Fate::Fails) if age >= 300 => InstancePhase::Failed,
                (InstancePhase::Starting, Fate::Completes) if age >= 300 => {
                    InstancePhase::Completed
                }
                (InstancePhase::Starting, Fate::Crashes) if age >= 300 => {
                    view.restarts += 1;
                    InstancePhase::Restarting
                }
                (InstancePhase::Stopping, _) if age >= 200 => InstancePhase::Stopped,
                _ => continue,
            };
            if next == InstancePhase::Failed {
                view.detail = Some("exit code 3".to_owned());
            }
            view.phase = next;
            view.since = now;
        }
    }

    fn hook(&self) -> HookView {
        let reason = "exit code 1".to_owned();
        if self.hook_fails {
            HookView::Failed { reason }
        } else {
            HookView::Passed
        }
    }

    fn act(&mut self, action: Action) {
        let now = self.now;
        match action {
            Action::Start { instance } => {
                let fresh = view(InstancePhase::Starting, now);
                self.world.instances.entry(instance).or_insert(fresh);
            }
            Action::Stop { instance, .. } => {
                let view = self.world.instances.get_mut(&instance).unwrap();
                view.phase = InstancePhase::Stopping;
                view.since = now;
            }
            Action::Remove { instance } => {
                let view = self.world.instances.remove(&instance).unwrap();
                assert!(view.ended(), "{instance} runs");
            }
            Action::Route { service, weights } => self.route(&service, weights),
            Action::RunHookBefore => self.world.hook_before = self.hook(),
            Action::RunHookAfter => self.world.hook_after = self.hook(),
        }
    }

    fn route(&mut self, service: &ServiceName, weights: BTreeMap<InstanceId, u32>) {
        self.routes_asked += 1;
        if self.proxy_down {
            return;
        }
        let total: u32 = weights.values().sum();
        let new = weights.iter().filter(|(id, _)| id.release.0 == 2);
        let new: u32 = new.map(|(_, weight)| weight).sum();
        let share = (100 * new).checked_div(total).unwrap_or(0);
        if self.shares.last() != Some(&share) {
            self.shares.push(share);
        }
        let traffic = self.world.traffic.as_mut().unwrap();
        for (id, view) in traffic.iter_mut() {
            if id.service == *service {
                view.weight = None;
            }
        }
        for (id, weight) in weights {
            if weight > 0 {
                self.routed.insert(id.clone());
            }
            let in_flight = self.in_flight;
            let weight = Some(weight);
            traffic.insert(id, EndpointView { weight, in_flight });
        }
    }

    fn measure(&mut self) {
        let traffic = self.world.traffic.as_ref().unwrap();
        let serving = self.world.instances.iter().filter(|(id, view)| {
            view.healthy() && traffic.get(*id).is_some_and(|view| view.weight > Some(0))
        });
        self.serving_min = self.serving_min.min(serving.count());
        self.alive_max = self.alive_max.max(self.alive().len());
    }

    pub(super) fn run_until(&mut self, phase: &str) {
        self.run_while(|toy| toy.rollout.phase().name() != phase);
    }

    pub(super) fn run_until_percent(&mut self, percent: u8) {
        self.run_while(|toy| toy.rollout.summary().services[0].percent != Some(percent));
    }

    fn run_while(&mut self, condition: impl Fn(&Self) -> bool) {
        for _ in 0..3000 {
            if !condition(self) {
                return;
            }
            self.tick();
        }
        panic!("not reached: {:?}", self.rollout.summary());
    }

    fn become_phase(&mut self, id: &str, phase: InstancePhase) {
        let view = self.world.instances.get_mut(&id.parse().unwrap()).unwrap();
        view.phase = phase;
        view.since = self.now;
    }

    pub(super) fn fall_ill(&mut self, id: &str) {
        self.become_phase(id, InstancePhase::Unhealthy);
    }

    pub(super) fn recover(&mut self, id: &str) {
        self.become_phase(id, InstancePhase::Healthy);
    }

    /// When a decision was taken, in the order of all.
    pub(super) fn position(&self, decision: &Decision) -> usize {
        let mut decisions = self.decisions.iter();
        decisions.position(|other| other == decision).unwrap()
    }

    pub(super) fn weights_of_release(&self, release: u32) -> Vec<u32> {
        let traffic = self.world.traffic.as_ref().unwrap();
        let of_release = traffic.iter().filter(|(id, _)| id.release.0 == release);
        of_release.filter_map(|(_, view)| view.weight).collect()
    }

    pub(super) fn alive(&self) -> Vec<String> {
        let alive = self
            .world
            .instances
            .iter()
            .filter(|(_, view)| !view.ended());
        alive.map(|(id, _)| id.to_string()).collect()
    }

    /// Everything the target knows, also what has ended.
    pub(super) fn known(&self) -> Vec<String> {
        self.world
            .instances
            .keys()
            .map(ToString::to_string)
            .collect()
    }
}

fn view(phase: InstancePhase, since: Timestamp) -> InstanceView {
    InstanceView {
        phase,
        since,
        restarts: 0,
        detail: None,
    }
}

fn endpoint(weight: u32) -> EndpointView {
    EndpointView {
        weight: Some(weight),
        in_flight: 0,
    }
}
