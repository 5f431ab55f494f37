//! One schedule: the control plane around the production driver, and everything that befalls it.

use crate::law::{self, Broken};
use crate::machine::{Hook, Instance, Machine};
use crate::proxy::{Config, Fault, Proxy};
use crate::random::Random;
use crate::scenario::Scenario;
use crate::tally::Tally;
use mainstay_journal::{Journal, RolloutPhase};
use mainstay_model::{EnvironmentName, InstanceId, Scope, StackName, Timestamp};
use mainstay_rollout::world::{Action, Command, Event};
use mainstay_rollout::{Decision, Outcome};
use mainstay_server::driver::{Begin, Driver, Turn};
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Where virtual time begins; instances that run already are far older.
const BEGIN_MS: i64 = 1_000_000;
/// Nothing may take longer than that.
const END_MS: i64 = BEGIN_MS + 30 * 60 * 1000;

/// The control plane died.
#[derive(Debug)]
struct Died;

struct Play<'a> {
    seed: u64,
    random: Random,
    scenario: Scenario,
    machine: Machine,
    journal: Journal,
    scope: Scope,
    id: Uuid,
    forced: bool,
    /// Changes of the machine that were checked.
    checked: u64,
    broken: Option<Broken>,
    /// When a paused rollout is resumed, so that it comes to an end.
    resume_at: Option<i64>,
    idle_ms: i64,
    trace: bool,
    tally: &'a mut Tally,
}

/// Plays one schedule; gives the journal back, or the law that was broken.
pub(crate) fn play(
    seed: u64,
    journal: Journal,
    trace: bool,
    tally: &mut Tally,
) -> Result<Journal, Broken> {
    let mut play = Play::new(seed, journal, trace, tally);
    let outcome = play.run();
    match play.broken {
        Some(broken) => Err(broken),
        None => outcome.map(|()| play.journal),
    }
}

impl<'a> Play<'a> {
    fn new(seed: u64, journal: Journal, trace: bool, tally: &'a mut Tally) -> Self {
        let mut random = Random::new(seed);
        let scenario = Scenario::new(&mut random);
        let instances = scenario.instances(&mut random);
        let services = &scenario.plan.services;
        let ought = services
            .iter()
            .flat_map(|plan| plan.old.iter().chain(&plan.kept));
        let ill = |id: &&InstanceId| {
            let instance: Option<&Instance> = instances.get(*id);
            instance.is_none_or(|instance| !instance.healthy())
        };
        let harmed = ought.filter(ill).cloned().collect();
        let mut config = Config::new();
        for service in scenario
            .plan
            .services
            .iter()
            .filter(|service| service.routed)
        {
            let ids = service.old.iter().chain(&service.kept);
            let weights: BTreeMap<_, _> = ids.map(|id| (id.clone(), 1)).collect();
            config.insert(service.service.clone(), weights);
        }
        let machine = Machine {
            now: BEGIN_MS,
            instances,
            harmed,
            changes: 1,
            proxy: Proxy::new(config, scenario.slowest),
            before: Hook::default(),
            after: Hook::default(),
        };
        Self {
            seed,
            random,
            scenario,
            machine,
            journal,
            scope: Scope {
                stack: StackName::new(format!("s{seed}")).unwrap(),
                environment: EnvironmentName::new("sim").unwrap(),
            },
            id: Uuid::from_u128(u128::from(seed)),
            forced: false,
            checked: 0,
            broken: None,
            resume_at: None,
            idle_ms: 100,
            trace,
            tally,
        }
    }

    fn say(&self, text: impl FnOnce() -> String) {
        if self.trace {
            println!("{:>8} ms  {}", self.machine.now - BEGIN_MS, text());
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.machine.now)
    }

    /// Time passes; every change of the world is checked.
    fn pass(&mut self, ms: i64) {
        let until = self.machine.now + ms;
        while self.machine.next(until) {
            self.check();
        }
        self.check();
    }

    fn check(&mut self) {
        if self.checked == self.machine.changes {
            return;
        }
        self.checked = self.machine.changes;
        let checked = law::always(&self.scenario, &self.machine, self.forced);
        self.note(checked);
    }

    fn note(&mut self, checked: Result<(), Broken>) {
        if let Err(broken) = checked
            && self.broken.is_none()
        {
            self.say(|| format!("BROKEN: {broken}"));
            self.broken = Some(broken);
        }
    }

    fn run(&mut self) -> Result<(), Broken> {
        self.say(|| self.scenario.to_string());
        let mut driver = Some(self.begin());
        let mut outcome = None;
        while self.broken.is_none() && outcome.is_none() {
            if self.machine.now > END_MS {
                let summary = driver.map(|driver| driver.summary());
                return Err(format!("no end after 30 min: {summary:#?}"));
            }
            driver = match driver {
                None => self.recover(&mut outcome),
                Some(driver) => match self.turn(driver) {
                    Ok(driver) => {
                        outcome = driver.outcome().cloned();
                        Some(driver)
                    }
                    Err(Died) => None,
                },
            };
        }
        let Some(outcome) = outcome else {
            return Ok(());
        };
        self.end(&outcome)
    }

    fn begin(&mut self) -> Driver {
        let begin = Begin {
            id: self.id,
            scope: self.scope.clone(),
            kind: self.scenario.kind,
            by: "sim".to_owned(),
            data: Value::Null,
        };
        let now = self.now();
        let plan = self.scenario.plan.clone();
        Driver::begin(&mut self.journal, begin, plan, now).unwrap()
    }

    /// The control plane starts again. A rollout that is over in the journal is over.
    fn recover(&mut self, outcome: &mut Option<Outcome>) -> Option<Driver> {
        let down = if self.random.chance(100) {
            self.random.between(0, 20_000)
        } else {
            self.random.between(0, 1500)
        };
        let back_at = self.machine.now + down;
        self.machine.lose_control(back_at, &mut self.random);
        self.pass(down);
        self.machine.proxy.control_plane_is_back();
        let now = self.now();
        let driver = Driver::recover(&mut self.journal, &self.scope, now).unwrap();
        self.say(|| "the control plane is back".to_owned());
        if driver.is_none() {
            let row = self.journal.rows().rollout(self.id).unwrap().unwrap();
            let state: Value = serde_json::from_str(&row.state).unwrap();
            let ended = state["phase"]["outcome"].clone();
            *outcome = Some(serde_json::from_value(ended).unwrap());
        }
        driver
    }

    /// One look, one turn, its actions. The control plane may die before, between and after.
    fn turn(&mut self, mut driver: Driver) -> Result<Driver, Died> {
        self.tally.turns += 1;
        self.befall();
        let event = self.next_event(&driver);
        self.die("before the decision")?;
        let proposal = driver.consider(&event, self.now());
        if proposal.needs_commit() {
            self.die("before it was persisted")?;
            if self.random.chance(self.scenario.odds.write) {
                self.say(|| "the journal cannot be written".to_owned());
                self.pass(100);
                return Ok(driver);
            }
        }
        let turn = driver.commit(&mut self.journal, proposal).unwrap();
        self.hear(&turn);
        let quiet = turn.actions.is_empty() && turn.decisions.is_empty();
        self.idle_ms = if quiet {
            (self.idle_ms * 2).min(1000)
        } else {
            100
        };
        self.die("after it was persisted")?;
        self.act(turn.actions)?;
        let ms = self.random.between(1, self.idle_ms);
        self.pass(ms);
        Ok(driver)
    }

    fn hear(&mut self, turn: &Turn) {
        for decision in &turn.decisions {
            self.say(|| format!("{decision}"));
            if matches!(decision, Decision::Forced { .. }) {
                self.forced = true;
                self.tally.forced += 1;
            }
        }
    }

    fn die(&mut self, when: &str) -> Result<(), Died> {
        if !self.random.chance(self.scenario.odds.crash) {
            return Ok(());
        }
        self.tally.crashes += 1;
        self.say(|| format!("the control plane dies {when}"));
        Err(Died)
    }

    /// The proxy goes away at times; mostly shortly, sometimes for longer than is waited for.
    fn befall(&mut self) {
        if self.random.chance(self.scenario.odds.proxy_down) {
            let long = self.random.chance(100);
            let ms = self.random.between(100, if long { 40_000 } else { 4000 });
            self.say(|| format!("the proxy is away for {ms} ms"));
            self.machine.proxy.down_until = self.machine.now + ms;
        }
        if self.random.chance(self.scenario.odds.meddling) {
            self.meddle();
        }
    }

    fn meddle(&mut self) {
        let services = &self.scenario.plan.services;
        let ids = services.iter().flat_map(law::all);
        let ids: Vec<_> = ids.filter(|id| self.machine.is_alive(id)).collect();
        if ids.is_empty() {
            return;
        }
        let id = ids[self.random.below(ids.len())].clone();
        let remove = self.random.chance(300);
        self.say(|| format!("somebody ends {id} (and removes it: {remove})"));
        self.machine.meddle(&id, remove);
        self.check();
    }

    fn next_event(&mut self, driver: &Driver) -> Event {
        match self.command(driver) {
            Some(command) => {
                self.say(|| format!("{command:?}"));
                Event::Command(command)
            }
            None => Event::Observed(self.machine.world()),
        }
    }

    fn command(&mut self, driver: &Driver) -> Option<Command> {
        let by = || "somebody".to_owned();
        if self.resume_at.is_some_and(|at| self.machine.now >= at) {
            // Asked again until it is heard: a command is lost with the control plane.
            let paused = driver.summary().paused_by.is_some();
            self.resume_at = paused.then_some(self.machine.now + 1000);
            return paused.then(|| Command::Resume { by: by() });
        }
        if !self.random.chance(self.scenario.odds.command) {
            return None;
        }
        Some(match self.random.below(4) {
            0 | 1 => {
                let after = self.random.between(0, 15_000);
                self.resume_at = Some(self.machine.now + after);
                Command::Pause { by: by() }
            }
            2 => Command::Resume { by: by() },
            _ => {
                let reason = None;
                Command::Abort { by: by(), reason }
            }
        })
    }

    fn act(&mut self, mut actions: Vec<Action>) -> Result<(), Died> {
        self.random.shuffle(&mut actions);
        for action in actions {
            self.die("before an action")?;
            if self.random.chance(150) {
                let ms = self.random.between(0, 60);
                self.pass(ms);
            }
            self.execute(&action)?;
            self.check();
        }
        Ok(())
    }

    /// An action goes well, or is lost, done twice, slow, or done with its answer lost. For the
    /// driver the last is the same as done: it looks at the world, not at answers.
    fn execute(&mut self, action: &Action) -> Result<(), Died> {
        let faulty = self.random.chance(self.scenario.odds.fault);
        let fault = if faulty {
            self.random.below(4)
        } else {
            usize::MAX
        };
        self.tally.faults += u64::from(faulty);
        self.say(|| match fault {
            0 => format!("lost: {}", words(action)),
            1 => format!("twice: {}", words(action)),
            2 => format!("slow: {}", words(action)),
            3 => format!("answer lost: {}", words(action)),
            _ => words(action),
        });
        match fault {
            0 => self.effect(action, Fault::Lost),
            1 => {
                self.effect(action, Fault::None);
                let ms = self.random.between(0, 500);
                self.pass(ms);
                self.effect(action, Fault::None);
            }
            2 => {
                let ms = self.random.between(0, 2000);
                self.pass(ms);
                self.die("while an action was under way")?;
                self.effect(action, Fault::None);
            }
            3 => {
                let after = self.random.between(0, 3000);
                self.effect(action, Fault::Late(after));
            }
            _ => self.effect(action, Fault::None),
        }
        Ok(())
    }

    fn effect(&mut self, action: &Action, fault: Fault) {
        let allowed = law::may(&self.scenario, &self.machine, action, self.forced);
        self.note(allowed);
        if fault == Fault::Lost && !matches!(action, Action::Route { .. }) {
            return;
        }
        let machine = &mut self.machine;
        let random = &mut self.random;
        match action {
            Action::Start { instance } => {
                let fate = self.scenario.fate(instance, random);
                machine.start(instance, fate);
            }
            Action::Stop { instance, grace } => {
                let takes = random.between(0, grace.as_millis() as i64);
                machine.stop(instance, takes);
            }
            Action::Remove { instance } => {
                // Refused while it runs; the driver sees that it is still there.
                let _ = machine.remove(instance);
            }
            Action::Route { service, weights } => machine.route(service, weights, fault),
            Action::RunHookBefore => machine.run_hook(true, self.scenario.hook_end(random)),
            Action::RunHookAfter => machine.run_hook(false, self.scenario.hook_end(random)),
        }
        self.check();
    }

    fn end(&mut self, outcome: &Outcome) -> Result<(), Broken> {
        self.say(|| format!("ended: {outcome}"));
        self.tally.virtual_ms += (self.machine.now - BEGIN_MS) as u64;
        // Nothing that was begun may still come.
        self.pass(10_000);
        law::at_the_end(&self.scenario, &self.machine, outcome, self.forced)?;
        let rows = self.journal.rows();
        let row = rows.rollout(self.id).unwrap().unwrap();
        if row.phase != RolloutPhase::Finished
            || rows.running_rollout(&self.scope).unwrap().is_some()
        {
            return Err(format!("the lease of {} is still held", self.scope));
        }
        if row.reason.as_deref() != Some(&outcome.to_string()) {
            return Err(format!("the journal says {:?}, not {outcome}", row.reason));
        }
        self.tally.finished(outcome);
        self.say(|| format!("schedule {} is through", self.seed));
        Ok(())
    }
}

/// An action in short.
fn words(action: &Action) -> String {
    match action {
        Action::Start { instance } => format!("start {instance}"),
        Action::Stop { instance, .. } => format!("stop {instance}"),
        Action::Remove { instance } => format!("remove {instance}"),
        Action::Route { service, weights } => {
            let weights = weights.iter().map(|(id, weight)| format!(" {id}:{weight}"));
            format!("route {service}:{}", weights.collect::<String>())
        }
        Action::RunHookBefore => "run the hook before".to_owned(),
        Action::RunHookAfter => "run the hook after".to_owned(),
    }
}
