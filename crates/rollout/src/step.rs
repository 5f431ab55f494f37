//! One event in, decisions and actions out.

use crate::advance::Advance;
use crate::decision::Decision;
use crate::judge::millis;
use crate::plan::{ServicePlan, Strategy};
use crate::reason::{Failure, Outcome};
use crate::service::{Stage, Stand};
use crate::state::{Pause, Phase, Progress, Rollout, State};
use crate::world::{Action, Command, Event, HookView, World};
use mainstay_model::{ServiceName, Timestamp};
use std::collections::BTreeSet;

/// Transitions within one step; more would be a circle, and the next step goes on.
const PASSES_MAX: usize = 64;

/// What came of one event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Step {
    /// For the journal, in order.
    pub decisions: Vec<Decision>,
    /// To be carried out after the state was persisted, in any order: no two of one step are about
    /// the same instance or the same routes.
    pub actions: Vec<Action>,
}

impl Rollout {
    /// Takes one event. `now` is the time of the observation.
    pub fn step(&mut self, event: &Event, now: Timestamp) -> Step {
        let mut step = Step::default();
        if self.outcome().is_some() {
            return step;
        }
        match event {
            Event::Command(command) => self.state.command(command, now, &mut step.decisions),
            Event::Observed(world) => self.observed(world, now, &mut step),
        }
        step
    }

    fn observed(&mut self, world: &World, now: Timestamp, step: &mut Step) {
        let state = &mut self.state;
        for _ in 0..PASSES_MAX {
            let before = (step.decisions.len(), std::mem::discriminant(&state.phase));
            state.pass(world, now, &mut step.decisions);
            if before == (step.decisions.len(), std::mem::discriminant(&state.phase)) {
                break;
            }
        }
        state.note_progress(now);
        step.actions = state.want(world, now);
        let hold = self.state.holds(world, now);
        if let Some(hold) = hold.as_ref().filter(|hold| hold.is_notable())
            && !self.hold.as_ref().is_some_and(|last| last.same_wait(hold))
        {
            step.decisions.push(Decision::Held { hold: hold.clone() });
        }
        self.hold = hold;
    }
}

impl State {
    fn command(&mut self, command: &Command, now: Timestamp, out: &mut Vec<Decision>) {
        let open = self.can_turn();
        let refuse = |verb: &str, reason: &str| Decision::Refused {
            command: verb.to_owned(),
            reason: reason.to_owned(),
        };
        match command {
            Command::Pause { .. } if !open => out.push(refuse("pause", "it is past that point")),
            Command::Pause { .. } if self.paused.is_some() => {
                out.push(refuse("pause", "it is paused already"));
            }
            Command::Pause { by } => {
                let by = by.clone();
                out.push(Decision::Paused { by: by.clone() });
                self.paused = Some(Pause { by, since: now });
            }
            Command::Resume { by } => match self.paused.take() {
                None => out.push(refuse("resume", "it is not paused")),
                Some(pause) => self.resume(by, &pause, now, out),
            },
            Command::Abort { .. } if !open => out.push(refuse("abort", "it is past that point")),
            Command::Abort { by, reason } => {
                let (by, reason) = (by.clone(), reason.clone());
                self.turn_back(Failure::Aborted { by, reason }, now, out);
            }
        }
    }

    /// Paused time counts neither for the progress deadline nor for the waits of the plan.
    fn resume(&mut self, by: &str, pause: &Pause, now: Timestamp, out: &mut Vec<Decision>) {
        let paused = now.since(pause.since);
        self.progress.at = self.progress.at + paused;
        if let Phase::Watching { since } = &mut self.phase {
            *since = *since + paused;
        }
        for service in &mut self.services {
            service.step_applied = service.step_applied.map(|at| at + paused);
        }
        let (by, paused_ms) = (by.to_owned(), millis(paused));
        out.push(Decision::Resumed { by, paused_ms });
    }

    /// Before the watch is over, and not yet going back.
    pub(crate) fn can_turn(&self) -> bool {
        matches!(
            self.phase,
            Phase::HookBefore | Phase::Services | Phase::HookAfter | Phase::Watching { .. }
        )
    }

    fn turn_back(&mut self, failure: Failure, now: Timestamp, out: &mut Vec<Decision>) {
        let to = self.plan.from;
        out.push(Decision::RollbackBegan {
            to,
            failure: failure.clone(),
        });
        self.failure = Some(failure);
        self.phase = Phase::RollingBack;
        self.paused = None;
        self.suspects.clear();
        self.progress = Progress { best: 0, at: now };
        for (plan, service) in self.plan.services.iter().zip(&mut self.services) {
            service.turn_back(plan, now);
        }
    }

    /// Facts first, then the judgement, then the next decisions.
    fn pass(&mut self, world: &World, now: Timestamp, out: &mut Vec<Decision>) {
        self.settle(world, now, out);
        if self.can_turn() {
            let failure = self.judge(world, now).or_else(|| {
                let waited_ms = self.stuck(world, now)?;
                let hold = self.holds(world, now).map(Box::new);
                Some(Failure::ProgressDeadline { waited_ms, hold })
            });
            if let Some(failure) = failure {
                self.turn_back(failure, now, out);
                self.settle(world, now, out);
            }
        } else {
            self.force_when_stuck(world, now, out);
        }
        if self.paused.is_none() {
            self.decide(world, now, out);
        }
    }

    fn force_when_stuck(&mut self, world: &World, now: Timestamp, out: &mut Vec<Decision>) {
        if self.forced {
            return;
        }
        let Some(waited_ms) = self.stuck(world, now) else {
            return;
        };
        let hold = self.holds(world, now);
        self.forced = true;
        self.count_anew(now);
        if self.phase == Phase::RollingBack {
            let hold = hold.clone().map(Box::new);
            self.trouble = Some(Failure::ProgressDeadline { waited_ms, hold });
        }
        out.push(Decision::Forced { waited_ms, hold });
    }

    fn decide(&mut self, world: &World, now: Timestamp, out: &mut Vec<Decision>) {
        match self.phase {
            Phase::HookBefore => {
                if !self.plan.hook_before || world.hook_before == HookView::Passed {
                    self.phase = Phase::Services;
                }
            }
            Phase::Services => self.next_services(world, now, out),
            Phase::HookAfter => {
                if !self.plan.hook_after || world.hook_after == HookView::Passed {
                    self.phase = Phase::Watching { since: now };
                    if !self.plan.watch.is_zero() {
                        let for_ms = millis(self.plan.watch);
                        out.push(Decision::WatchBegan { for_ms });
                    }
                }
            }
            Phase::Watching { since } => {
                if now.since(since) >= self.plan.watch && self.suspects.is_empty() {
                    self.phase = Phase::Retiring;
                    let starts = |plan: &ServicePlan| !plan.new.is_empty();
                    if self.plan.services.iter().any(starts) {
                        out.push(Decision::Committed);
                    }
                }
            }
            Phase::Retiring => self.retire(world, now, out),
            Phase::RollingBack => self.go_back(world, now, out),
            Phase::Finished { .. } => {}
        }
    }

    /// Every service that has nothing to wait for goes on.
    fn next_services(&mut self, world: &World, now: Timestamp, out: &mut Vec<Decision>) {
        let waits = self.waiting_for_others();
        if self
            .services
            .iter()
            .all(|state| state.stage == Stage::Through)
        {
            self.phase = Phase::HookAfter;
            return;
        }
        for (at, waits) in waits.into_iter().enumerate() {
            let state = &mut self.services[at];
            if waits || state.stage == Stage::Through {
                continue;
            }
            if state.stage == Stage::Waiting {
                state.stage = Stage::Moving;
                let service = self.plan.services[at].service.clone();
                out.push(Decision::ServiceBegan { service });
            }
            self.service(at, world, now, out).go();
        }
    }

    /// For each service, whether one that it comes after is not through yet.
    fn waiting_for_others(&self) -> Vec<bool> {
        let services = self.plan.services.iter().zip(&self.services);
        let open: BTreeSet<&ServiceName> = services
            .filter(|(_, state)| state.stage != Stage::Through)
            .map(|(plan, _)| &plan.service)
            .collect();
        let plans = self.plan.services.iter();
        plans
            .map(|plan| plan.after.iter().any(|other| open.contains(other)))
            .collect()
    }

    fn retire(&mut self, world: &World, now: Timestamp, out: &mut Vec<Decision>) {
        let mut done = true;
        for at in 0..self.services.len() {
            let mut service = self.service(at, world, now, out);
            service.retire_all();
            done &= service.is_retired();
        }
        if done {
            self.finish(Outcome::Succeeded, out);
        }
    }

    /// Last service first, so that each state on the way back existed on the way there. A switch
    /// back is at once for all.
    fn go_back(&mut self, world: &World, now: Timestamp, out: &mut Vec<Decision>) {
        let (mut restored, mut routed) = (true, true);
        for at in (0..self.services.len()).rev() {
            if self.services[at].stage == Stage::Waiting {
                restored &= self.service(at, world, now, out).has_left();
                continue;
            }
            let plan = &self.plan.services[at];
            let at_once = matches!(plan.strategy, Strategy::BlueGreen { .. }) || plan.one_shot;
            if restored || at_once || self.forced {
                let mut service = self.service(at, world, now, out);
                service.go();
                restored &= service.is_restored();
                routed &= service.route_applied();
            }
        }
        if restored && (routed || self.forced) {
            let failure = self.failure.clone();
            let Some(failure) = failure else { return };
            let trouble = self.trouble.clone();
            let outcome = if self.plan.rollback && trouble.is_none() {
                Outcome::RolledBack { failure }
            } else {
                Outcome::Failed { failure, trouble }
            };
            self.finish(outcome, out);
        }
    }

    fn finish(&mut self, outcome: Outcome, out: &mut Vec<Decision>) {
        out.push(Decision::Finished {
            outcome: outcome.clone(),
        });
        self.phase = Phase::Finished { outcome };
    }

    pub(crate) fn service<'a>(
        &'a mut self,
        at: usize,
        world: &'a World,
        now: Timestamp,
        out: &'a mut Vec<Decision>,
    ) -> Advance<'a> {
        Advance {
            plan: &self.plan.services[at],
            state: &mut self.services[at],
            world,
            now,
            back: self.phase == Phase::RollingBack,
            forced: self.forced,
            out,
        }
    }

    fn settle(&mut self, world: &World, now: Timestamp, out: &mut Vec<Decision>) {
        let back = self.phase == Phase::RollingBack;
        for at in 0..self.services.len() {
            if back || self.services[at].stage != Stage::Waiting {
                self.service(at, world, now, out).settle();
            }
        }
    }

    /// Counts how far it is; a new best is progress.
    fn note_progress(&mut self, now: Timestamp) {
        let phase = match self.phase {
            Phase::HookBefore | Phase::RollingBack => 0,
            Phase::Services => 1,
            Phase::HookAfter => 2,
            Phase::Watching { .. } => 3,
            Phase::Retiring => 4,
            Phase::Finished { .. } => 5,
        };
        let mut score = phase * 1_000_000;
        for (plan, state) in self.plan.services.iter().zip(&self.services) {
            let back = self.phase == Phase::RollingBack;
            let (come, go) = if back {
                (&plan.old, &plan.new)
            } else {
                (&plan.new, &plan.old)
            };
            let coming = come.iter().map(|id| match state.stand(id) {
                Stand::Starting { .. } => 1,
                Stand::Serving => 2,
                _ => 0,
            });
            let going = go.iter().map(|id| match state.stand(id) {
                Stand::Leaving { released: None, .. } => 1,
                Stand::Leaving { .. } => 2,
                Stand::Gone | Stand::Planned => 3,
                _ => 0,
            });
            score += coming.chain(going).sum::<u64>();
            score += 10 * state.stage as u64;
            score += state.step.map_or(0, |step| step as u64 + 1);
        }
        if score > self.progress.best {
            self.progress = Progress {
                best: score,
                at: now,
            };
        }
    }
}
