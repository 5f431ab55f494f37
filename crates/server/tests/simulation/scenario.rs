//! What a schedule is about: the plan, the world it begins in, and how likely what goes wrong is.

use crate::machine::{Fate, Instance};
use crate::random::Random;
use mainstay_journal::RolloutKind;
use mainstay_model::{InstanceId, ReleaseNumber, ServiceName};
use mainstay_rollout::plan::{Plan, ServicePlan, Strategy};
use mainstay_rollout::world::{HookView, InstancePhase};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// How likely what is, per mille.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Odds {
    /// A new instance has a bad fate.
    pub bad_new: u64,
    /// An old instance that runs falls ill or dies by itself.
    pub ill_old: u64,
    /// An old instance that is started again has a bad fate.
    pub bad_again: u64,
    /// The control plane dies, at each of its steps.
    pub crash: u64,
    /// An action does not go as it should.
    pub fault: u64,
    /// The proxy goes away, at each look.
    pub proxy_down: u64,
    /// Somebody gives a command, at each look.
    pub command: u64,
    /// The journal cannot be written.
    pub write: u64,
    pub bad_hook: u64,
    /// An instance to be started has left a trace of an earlier life.
    pub traces: u64,
    /// Somebody stops or removes an instance behind our back, at each look.
    pub meddling: u64,
}

#[derive(Debug)]
pub(crate) struct Scenario {
    pub plan: Plan,
    pub kind: RolloutKind,
    pub odds: Odds,
    /// Slowest requests, in milliseconds.
    pub slowest: i64,
}

fn ms(random: &mut Random, low: i64, high: i64) -> Duration {
    Duration::from_millis(random.between(low, high) as u64)
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}, {:?}", self.kind, self.odds)?;
        let plan = &self.plan;
        writeln!(
            f,
            "progress {:?}, watch {:?}, hooks {} {}, rollback {}, slowest request {} ms",
            plan.progress_deadline,
            plan.watch,
            plan.hook_before,
            plan.hook_after,
            plan.rollback,
            self.slowest
        )?;
        for service in &plan.services {
            let names = |ids: &[InstanceId]| {
                let names: Vec<_> = ids.iter().map(ToString::to_string).collect();
                names.join(" ")
            };
            writeln!(
                f,
                "{} after {:?}: old [{}] new [{}] kept [{}] {:?}, routed {}, one-shot {}, healthy {:?} + {:?}, drain {:?}, grace {:?}",
                service.service,
                service.after,
                names(&service.old),
                names(&service.new),
                names(&service.kept),
                service.strategy,
                service.routed,
                service.one_shot,
                service.healthy_deadline,
                service.minimum_healthy_time,
                service.drain,
                service.stop_grace
            )?;
        }
        Ok(())
    }
}

impl Scenario {
    pub(crate) fn new(random: &mut Random) -> Self {
        let kinds = [
            RolloutKind::Deploy,
            RolloutKind::Deploy,
            RolloutKind::Deploy,
            RolloutKind::Rollback,
            RolloutKind::Scale,
            RolloutKind::Restart,
            RolloutKind::Down,
        ];
        let kind = kinds[random.below(kinds.len())];
        let first = kind == RolloutKind::Deploy && random.chance(120);
        let plan = plan(random, kind, first);
        Self {
            plan,
            kind,
            odds: odds(random),
            slowest: random.between(0, 2500),
        }
    }

    /// The instances that run, or ran, before.
    pub(crate) fn instances(&self, random: &mut Random) -> BTreeMap<InstanceId, Instance> {
        let mut instances = BTreeMap::new();
        for service in &self.plan.services {
            for id in service.old.iter().chain(&service.kept) {
                if let Some(instance) = self.old(service, random) {
                    instances.insert(id.clone(), instance);
                }
            }
            for id in &service.new {
                if random.chance(self.odds.traces) {
                    let phases = [InstancePhase::Failed, InstancePhase::Stopped];
                    let trace = Instance::settled(phases[random.below(2)], Fate::new());
                    instances.insert(id.clone(), trace);
                }
            }
        }
        let foreign = InstanceId::new(name("foreign"), ReleaseNumber(1), 1);
        let other = Instance::settled(InstancePhase::Healthy, Fate::new());
        instances.insert(foreign, other);
        instances
    }

    /// One that ought to run: it does, or will not for long, or has failed, or is not there at all.
    fn old(&self, service: &ServicePlan, random: &mut Random) -> Option<Instance> {
        let well = |phase| Some(Instance::settled(phase, Fate::new()));
        if service.one_shot {
            return well(InstancePhase::Completed);
        }
        if !random.chance(self.odds.ill_old) {
            return well(InstancePhase::Healthy);
        }
        match random.below(6) {
            0 => None,
            1 => well(InstancePhase::Failed),
            2 => well(InstancePhase::Unhealthy),
            _ => Some(Instance::settled(InstancePhase::Healthy, illness(random))),
        }
    }

    pub(crate) fn service(&self, id: &InstanceId) -> Option<&ServicePlan> {
        let mut services = self.plan.services.iter();
        services.find(|service| service.service == id.service)
    }

    /// What will become of an instance that is started now.
    pub(crate) fn fate(&self, id: &InstanceId, random: &mut Random) -> Fate {
        let service = self.service(id);
        let one_shot = service.is_some_and(|service| service.one_shot);
        let again = service.is_some_and(|service| service.old.contains(id));
        let bad = if again {
            self.odds.bad_again
        } else {
            self.odds.bad_new
        };
        let delay = random.between(20, 1500);
        match (random.chance(bad), one_shot) {
            (false, false) => Fate::from([(delay, InstancePhase::Healthy)]),
            (false, true) => Fate::from([(delay, InstancePhase::Completed)]),
            (true, true) => match random.below(2) {
                0 => Fate::from([(delay, InstancePhase::Failed)]),
                _ => Fate::new(),
            },
            (true, false) => bad_fate(delay, random),
        }
    }

    pub(crate) fn hook_end(&self, random: &mut Random) -> Option<(i64, HookView)> {
        let after = random.between(0, 2000);
        if !random.chance(self.odds.bad_hook) {
            return Some((after, HookView::Passed));
        }
        let reason = "exit code 1".to_owned();
        let hangs = random.chance(500);
        (!hangs).then_some((after, HookView::Failed { reason }))
    }
}

/// Falls ill after a while: for good, for a moment, or it dies.
fn illness(random: &mut Random) -> Fate {
    let at = random.between(0, 12_000);
    match random.below(3) {
        0 => Fate::from([(at, InstancePhase::Unhealthy)]),
        1 => Fate::from([
            (at, InstancePhase::Unhealthy),
            (random.between(50, 3000), InstancePhase::Healthy),
        ]),
        _ => Fate::from([(at, InstancePhase::Failed)]),
    }
}

fn bad_fate(delay: i64, random: &mut Random) -> Fate {
    match random.below(6) {
        // Exits at once, or cannot be started.
        0 => Fate::from([(delay, InstancePhase::Failed)]),
        // Hangs, or never binds its port.
        1 => Fate::new(),
        // Fails its health check.
        2 => Fate::from([(delay, InstancePhase::Unhealthy)]),
        // Crashes, is restarted, and is well then.
        3 => Fate::from([
            (delay, InstancePhase::Restarting),
            (random.between(50, 500), InstancePhase::Starting),
            (delay, InstancePhase::Healthy),
        ]),
        // Flickers before it is well.
        4 => Fate::from([
            (delay, InstancePhase::Healthy),
            (random.between(10, 900), InstancePhase::Unhealthy),
            (random.between(10, 900), InstancePhase::Healthy),
        ]),
        _ => {
            let mut fate = Fate::from([(delay, InstancePhase::Healthy)]);
            fate.extend(illness(random));
            fate
        }
    }
}

fn odds(random: &mut Random) -> Odds {
    let mut odds = |high: i64, often: u64| {
        if random.chance(often) {
            random.between(0, high) as u64
        } else {
            0
        }
    };
    Odds {
        bad_new: odds(600, 400),
        ill_old: odds(300, 150),
        bad_again: odds(400, 200),
        crash: odds(60, 700),
        fault: odds(300, 600),
        proxy_down: odds(40, 300),
        command: odds(30, 350),
        write: odds(60, 200),
        bad_hook: odds(500, 300),
        traces: odds(300, 150),
        meddling: odds(40, 100),
    }
}

fn plan(random: &mut Random, kind: RolloutKind, first: bool) -> Plan {
    let (from, to) = match kind {
        RolloutKind::Deploy => (1, 2),
        RolloutKind::Rollback => (2, 1),
        _ => (1, 1),
    };
    let count = 1 + random.below(3);
    let names = ["db", "app", "web"];
    let services = names[..count].iter();
    let services = services.map(|service| service_plan(random, service, kind, first));
    let mut services: Vec<ServicePlan> = services.collect();
    order(random, &mut services);
    let hooks = matches!(kind, RolloutKind::Deploy | RolloutKind::Rollback);
    Plan {
        from: (!first).then_some(ReleaseNumber(from)),
        to: ReleaseNumber(to),
        services,
        progress_deadline: ms(random, 6000, 12_000),
        gate_deadline: Duration::ZERO,
        watch: if hooks {
            ms(random, 0, 4000)
        } else {
            Duration::ZERO
        },
        hook_before: hooks && random.chance(250),
        hook_after: hooks && random.chance(250),
        rollback: !first && kind != RolloutKind::Down,
    }
}

/// One after the other, all at once, or something between.
fn order(random: &mut Random, services: &mut [ServicePlan]) {
    let often = [1000, 0, 500][random.below(3)];
    for at in 1..services.len() {
        let (before, own) = services.split_at_mut(at);
        let waits = before.iter().filter(|_| random.chance(often));
        own[0].after = waits.map(|other| other.service.clone()).collect();
    }
}

fn name(text: &str) -> ServiceName {
    ServiceName::new(text).unwrap()
}

fn ids(service: &str, release: u32, from: u32, count: i64) -> Vec<InstanceId> {
    let slots = from..from + count as u32;
    let id = |slot| InstanceId::new(name(service), ReleaseNumber(release), slot);
    slots.map(id).collect()
}

fn service_plan(random: &mut Random, service: &str, kind: RolloutKind, first: bool) -> ServicePlan {
    let size = random.between(1, 3);
    let mut old = ids(service, 1, 1, size);
    let (mut new, mut kept) = (vec![], vec![]);
    let mut strategy = strategy(random);
    let mut one_shot = false;
    match kind {
        RolloutKind::Deploy | RolloutKind::Rollback => {
            let count = if random.chance(150) {
                random.between(0, 3)
            } else {
                size
            };
            new = ids(service, 2, 1, count);
            one_shot = random.chance(80);
            if random.chance(100) {
                // Unchanged by this release.
                (kept, old, new) = (old, vec![], vec![]);
            }
        }
        RolloutKind::Restart => new = ids(service, 1, 11, size),
        RolloutKind::Scale if random.chance(500) => {
            kept = old.split_off(random.below(old.len() + 1));
        }
        RolloutKind::Scale => {
            kept = std::mem::take(&mut old);
            let count = random.between(0, 3);
            new = ids(service, 1, 21, count);
        }
        RolloutKind::Down => strategy = Strategy::StopFirst,
    }
    if first {
        old.clear();
    }
    ServicePlan {
        service: name(service),
        after: BTreeSet::new(),
        old,
        new,
        kept,
        strategy,
        routed: !one_shot && random.chance(800),
        one_shot,
        healthy_deadline: ms(random, 3000, 6000),
        minimum_healthy_time: ms(random, 0, 800),
        drain: ms(random, 300, 3000),
        stop_grace: ms(random, 300, 1500),
    }
}

fn strategy(random: &mut Random) -> Strategy {
    match random.below(5) {
        0 | 1 => Strategy::Rolling {
            surge: random.between(0, 2) as u32,
            parallelism: random.between(0, 2) as u32,
        },
        2 | 3 => {
            let steps = [vec![], vec![100], vec![10, 50, 100], vec![50], vec![0, 30]];
            Strategy::BlueGreen {
                steps: steps[random.below(steps.len())].clone(),
                pause: ms(random, 0, 1200),
            }
        }
        _ => Strategy::StopFirst,
    }
}
