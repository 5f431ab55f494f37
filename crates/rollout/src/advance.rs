//! One service, one step further, by its strategy.
//!
//! The same moves serve both directions: instances *arrive* (are started, pass their gate, serve)
//! and *leave* (get no requests, drain, end, are removed). A strategy is an order of these moves.

use crate::decision::Decision;
use crate::plan::{ServicePlan, Strategy};
use crate::route;
use crate::service::{ServiceState, Stage, Stand, leaving};
use crate::world::{InstancePhase, InstanceView, World};
use mainstay_model::{InstanceId, Timestamp};
use std::time::Duration;

pub(crate) struct Advance<'a> {
    pub plan: &'a ServicePlan,
    pub state: &'a mut ServiceState,
    pub world: &'a World,
    pub now: Timestamp,
    pub back: bool,
    /// No more waiting for health or for the proxy.
    pub forced: bool,
    pub out: &'a mut Vec<Decision>,
}

impl<'a> Advance<'a> {
    fn arriving(&self) -> &'a [InstanceId] {
        if self.back {
            &self.plan.old
        } else {
            &self.plan.new
        }
    }

    fn leaving(&self) -> &'a [InstanceId] {
        if self.back {
            &self.plan.new
        } else {
            &self.plan.old
        }
    }

    fn view(&self, id: &InstanceId) -> Option<&'a InstanceView> {
        self.world.instances.get(id)
    }

    fn set(&mut self, id: &InstanceId, stand: Stand) {
        self.state.stands.insert(id.clone(), stand);
    }

    /// What the world shows of decisions already taken. Happens also while paused.
    pub(crate) fn settle(&mut self) {
        let (state, world) = (&mut *self.state, self.world);
        state.routed.retain(|id| {
            let asked = state.asked.as_ref().and_then(|asked| asked.get(id));
            let wanted = asked.copied().unwrap_or(0) > 0;
            wanted || state.asked.is_none() || !matches!(route::unrouted(id, world), Some(Ok(_)))
        });
        for id in self.leaving() {
            let there = self.view(id).is_some();
            match self.state.stand(id) {
                Stand::Leaving { .. } if !there => {
                    self.set(id, Stand::Gone);
                    self.out.push(Decision::Gone {
                        instance: id.clone(),
                    });
                }
                Stand::Leaving {
                    since,
                    released: None,
                    served: true,
                } if matches!(route::unrouted(id, self.world), Some(Ok(_))) => {
                    let released = Some(self.now);
                    self.set(
                        id,
                        Stand::Leaving {
                            since,
                            released,
                            served: true,
                        },
                    );
                }
                // A start that was thought lost came through after all.
                Stand::Planned | Stand::Gone if there => self.set(id, leaving(self.now, false)),
                _ => {}
            }
        }
    }

    /// Takes the next decisions of this service in the present direction.
    pub(crate) fn go(&mut self) {
        if self.back {
            self.restore();
        }
        match &self.plan.strategy {
            _ if self.plan.one_shot => self.run_once(),
            Strategy::Rolling { surge, parallelism } => self.rolling(*surge, *parallelism),
            Strategy::BlueGreen { pause, .. } => self.blue_green(*pause),
            Strategy::StopFirst => self.stop_first(),
        }
        if self.state.stage == Stage::Moving && !self.back && self.through() {
            self.state.stage = Stage::Through;
            let service = self.plan.service.clone();
            self.out.push(Decision::ServiceDone { service });
        }
    }

    /// The old instances of a one-shot service have run; what they did is not done again.
    fn run_once(&mut self) {
        if self.back {
            self.retire_all();
        } else {
            self.start_up_to(usize::MAX, usize::MAX);
            self.admit_each();
        }
    }

    fn rolling(&mut self, surge: u32, parallelism: u32) {
        let size = self.plan.old.len().max(self.plan.new.len());
        let room = size + surge.max(1) as usize;
        if self.forced {
            self.start_up_to(usize::MAX, usize::MAX);
        } else {
            self.start_up_to(room, parallelism.max(1) as usize);
        }
        self.admit_each();
        self.retire_replaced();
    }

    fn blue_green(&mut self, pause: Duration) {
        self.start_up_to(usize::MAX, usize::MAX);
        if self.back {
            self.admit_each();
            self.switch_back();
        } else {
            self.admit_together();
            self.shift(pause);
        }
    }

    fn stop_first(&mut self) {
        self.retire_all();
        let over = |id: &InstanceId| self.view(id).is_none_or(InstanceView::ended);
        if self.leaving().iter().all(over) {
            self.start_up_to(usize::MAX, usize::MAX);
        }
        self.admit_each();
    }

    /// Forward, the service has what it needs for the next one to begin.
    fn through(&self) -> bool {
        let arrived = self.all_serve_well();
        let left = self.state.all(self.leaving(), |stand| stand == Stand::Gone);
        let last = self.plan.percents().len() - 1;
        let shifted = match &self.plan.strategy {
            _ if self.plan.one_shot => true,
            Strategy::BlueGreen { .. } => self.plan.new.is_empty() || self.state.step == Some(last),
            _ => left,
        };
        arrived && shifted && self.route_applied()
    }

    pub(crate) fn route_applied(&self) -> bool {
        if !self.plan.routed || self.plan.one_shot {
            return true;
        }
        let wanted = route::wanted(self.plan, self.state, self.world);
        self.state.asked.as_ref() == Some(&wanted)
            && route::applied(self.plan, &wanted, self.world) == Some(true)
    }

    /// Going back: an old instance that was stopped on the way serves no more; it has to come
    /// again.
    fn restore(&mut self) {
        if self.plan.one_shot {
            return;
        }
        for id in self.arriving() {
            let stopped = |view: &InstanceView| view.phase == InstancePhase::Stopped;
            if self.state.stand(id).is_serving() && self.view(id).is_none_or(stopped) {
                self.set(id, Stand::Planned);
            }
        }
    }

    /// Starts what is planned, as long as no more than `room` instances are present and no more
    /// than `at_once` are on their way. What runs already is taken as it is.
    fn start_up_to(&mut self, room: usize, at_once: usize) {
        let ids = self.arriving();
        let (old, new) = (&self.plan.old, &self.plan.new);
        let mut present =
            self.state.count(old, Stand::is_present) + self.state.count(new, Stand::is_present);
        let mut starting = self.state.count(ids, Stand::is_starting);
        for id in ids {
            if self.state.stand(id) != Stand::Planned {
                continue;
            }
            let view = self.view(id);
            if view.is_some_and(|view| view.phase == InstancePhase::Stopping) {
                continue;
            }
            let runs = view.is_some_and(|view| !view.ended());
            if runs || (present < room && starting < at_once) {
                let (asked, counted) = (self.now, self.now);
                self.set(id, Stand::Starting { asked, counted });
                self.out.push(Decision::Started {
                    instance: id.clone(),
                });
                present += 1;
                starting += 1;
            }
        }
    }

    /// How long the instance has passed its gate's condition, where it has passed the gate.
    fn gate(&self, id: &InstanceId) -> Option<u64> {
        let Stand::Starting { asked, .. } = self.state.stand(id) else {
            return None;
        };
        let view = self.view(id)?;
        let healthy = self.now.since(view.since);
        let open = if self.plan.one_shot {
            view.phase == InstancePhase::Completed && !view.stale(asked)
        } else {
            view.healthy() && healthy >= self.plan.minimum_healthy_time
        };
        open.then(|| u64::try_from(healthy.as_millis()).unwrap_or(u64::MAX))
    }

    fn admit(&mut self, id: &InstanceId, healthy_ms: u64) {
        self.set(id, Stand::Serving);
        let instance = id.clone();
        self.out.push(Decision::Admitted {
            instance,
            healthy_ms,
        });
    }

    fn admit_each(&mut self) {
        for id in self.arriving() {
            if let Some(healthy_ms) = self.gate(id) {
                self.admit(id, healthy_ms);
            }
        }
    }

    /// All or none: a blue-green release gets its first request when the whole of it is ready.
    fn admit_together(&mut self) {
        let ids = self.arriving();
        let gates: Vec<_> = ids.iter().filter_map(|id| self.gate(id)).collect();
        if gates.len() == ids.len() {
            for (id, healthy_ms) in ids.iter().zip(gates) {
                self.admit(id, healthy_ms);
            }
        }
    }

    fn retire(&mut self, id: &InstanceId) {
        self.set(id, leaving(self.now, true));
        self.out.push(Decision::Retired {
            instance: id.clone(),
        });
    }

    pub(crate) fn retire_all(&mut self) {
        for id in self.leaving() {
            if self.state.stand(id).is_serving() {
                self.retire(id);
            }
        }
    }

    /// Arrived, and counted on. Going back, an old instance that never left counts as it is: what
    /// ails it is not this rollout's doing.
    fn ready(&self) -> usize {
        let ready = |id: &&InstanceId| {
            self.state.stand(id).is_serving()
                && (self.back || self.view(id).is_some_and(InstanceView::healthy))
        };
        self.arriving().iter().filter(ready).count()
    }

    /// Start-first: one goes when another has come. What is not healthy goes first.
    fn retire_replaced(&mut self) {
        let all_in = self.state.all(self.arriving(), Stand::is_serving);
        let ready = self.ready();
        let level = if self.back {
            self.plan.old.len().min(self.plan.new.len())
        } else {
            self.plan.old.len()
        };
        let mut staying: Vec<_> = self.leaving().iter().collect();
        staying.retain(|id| self.state.stand(id).is_serving());
        staying.sort_by_key(|id| !self.is_ill(id));
        let mut left = staying.len();
        for id in staying {
            let spare = self.back && ready > 0 && self.is_ill(id);
            if self.forced || all_in || spare || ready + left > level {
                self.retire(id);
                left -= 1;
            }
        }
    }

    /// Known to be of no use to anybody.
    fn is_ill(&self, id: &InstanceId) -> bool {
        self.view(id)
            .is_none_or(|view| view.ended() || view.known_bad())
    }

    /// Back from blue to green in one change of the routes, as soon as green can carry it.
    fn switch_back(&mut self) {
        let all_in = self.state.all(self.arriving(), Stand::is_serving);
        let enough = self.ready() >= self.plan.old.len().min(self.plan.new.len()).max(1);
        if self.forced || all_in || enough {
            self.retire_all();
        }
    }

    /// All that arrived are through their gate, and none is known to be ill since.
    fn all_serve_well(&self) -> bool {
        let well =
            |id| self.state.stand(id).is_serving() && (self.plan.one_shot || !self.is_ill(id));
        self.arriving().iter().all(well)
    }

    fn shift(&mut self, pause: Duration) {
        if self.plan.new.is_empty() || !self.all_serve_well() {
            return;
        }
        let percents = self.plan.percents();
        let last = percents.len() - 1;
        let next = match self.state.step {
            // Nothing serves yet: no one to share with.
            None if self.plan.old.len() + self.plan.kept.len() == 0 => last,
            None => 0,
            Some(step) if step < last && self.route_applied() => {
                let applied = *self.state.step_applied.get_or_insert(self.now);
                if self.now.since(applied) < pause {
                    return;
                }
                step + 1
            }
            Some(_) => return,
        };
        self.state.step = Some(next);
        self.state.step_applied = None;
        let service = self.plan.service.clone();
        let percent = percents[next];
        self.out.push(Decision::Shifted { service, percent });
    }

    /// Going back, the old instances are there and the new ones are not.
    pub(crate) fn is_restored(&self) -> bool {
        let arrived = |id: &InstanceId| match self.state.stand(id) {
            Stand::Serving => true,
            // Past the deadline it is enough that it runs, or that this was tried for long: then
            // it is left as it is.
            Stand::Starting { counted, .. } if self.forced => {
                let tried = self.now.since(counted);
                let deadline = self.plan.healthy_deadline;
                match self.view(id) {
                    Some(view) => !view.ended() || tried > deadline,
                    None => tried > deadline * 2,
                }
            }
            _ => false,
        };
        self.has_left() && (self.plan.one_shot || self.arriving().iter().all(arrived))
    }

    /// Nothing is there of what is to leave; going back, also traces of an earlier life are gone.
    pub(crate) fn has_left(&self) -> bool {
        self.state.all(self.leaving(), Stand::is_away)
    }

    /// Forward, nothing is left of the old release.
    pub(crate) fn is_retired(&self) -> bool {
        self.state.all(self.leaving(), |stand| stand == Stand::Gone)
            && (self.forced || self.route_applied())
    }
}
