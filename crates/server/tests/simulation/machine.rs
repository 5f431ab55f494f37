//! The fake machine: instances with a fate each, hooks, and time.

use crate::proxy::{Fault, Proxy, Weights};
use crate::random::Random;
use mainstay_model::{InstanceId, ServiceName, Timestamp};
use mainstay_rollout::world::{HookView, InstancePhase, InstanceView, World};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What becomes of an instance: phases, each so many milliseconds after the one before.
pub(crate) type Fate = VecDeque<(i64, InstancePhase)>;

#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub phase: InstancePhase,
    pub since: i64,
    pub restarts: u32,
    fate: Fate,
    /// It has been healthy for so long in one piece.
    pub healthy_longest: i64,
    pub ever_healthy: bool,
    /// A restarted control plane sees it as starting until then.
    blind_until: i64,
}

impl Instance {
    pub(crate) fn new(now: i64, fate: Fate) -> Self {
        Self {
            phase: InstancePhase::Starting,
            since: now,
            restarts: 0,
            fate,
            healthy_longest: 0,
            ever_healthy: false,
            blind_until: i64::MIN,
        }
    }

    /// Has been running well for a long time.
    pub(crate) fn settled(phase: InstancePhase, fate: Fate) -> Self {
        Self {
            phase,
            healthy_longest: i64::MAX,
            ever_healthy: true,
            ..Self::new(0, fate)
        }
    }

    pub(crate) fn alive(&self) -> bool {
        !matches!(
            self.phase,
            InstancePhase::Completed | InstancePhase::Failed | InstancePhase::Stopped
        )
    }

    pub(crate) fn healthy(&self) -> bool {
        self.phase == InstancePhase::Healthy
    }

    /// When its next phase begins.
    fn due(&self) -> Option<i64> {
        self.fate.front().map(|(after, _)| self.since + after)
    }

    fn enter(&mut self, phase: InstancePhase, now: i64) {
        if self.healthy() {
            self.healthy_longest = self.healthy_longest.max(now - self.since);
        }
        if phase == InstancePhase::Restarting {
            self.restarts += 1;
        }
        self.ever_healthy |= phase == InstancePhase::Healthy;
        self.phase = phase;
        self.since = now;
    }

    /// How long it has been healthy in one piece at best.
    pub(crate) fn healthy_for(&self, now: i64) -> i64 {
        let present = if self.healthy() { now - self.since } else { 0 };
        self.healthy_longest.max(present)
    }

    fn view(&self, now: i64) -> InstanceView {
        let blind = self.alive() && now < self.blind_until;
        let adopted = self.alive() && self.blind_until > self.since;
        let phase = match self.phase {
            InstancePhase::Healthy | InstancePhase::Unhealthy if blind => InstancePhase::Starting,
            phase => phase,
        };
        let since = if adopted && !blind {
            self.blind_until
        } else {
            self.since
        };
        InstanceView {
            phase,
            since: Timestamp::from_millis(since),
            restarts: self.restarts,
            detail: None,
        }
    }
}

/// One hook: how often it ran, and how the run under way will end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hook {
    pub view: HookView,
    ends: Option<(i64, HookView)>,
}

#[derive(Debug)]
pub(crate) struct Machine {
    pub now: i64,
    pub instances: BTreeMap<InstanceId, Instance>,
    /// Fell ill or died by themselves after they had been healthy.
    pub harmed: BTreeSet<InstanceId>,
    /// Counts everything that happens here; nothing has to be checked twice.
    pub changes: u64,
    pub proxy: Proxy,
    pub before: Hook,
    pub after: Hook,
}

impl Machine {
    /// Lets the next thing happen that is due up to `until`, and moves the time there. `false`:
    /// nothing was due, it is `until` now.
    pub(crate) fn next(&mut self, until: i64) -> bool {
        let instance = self
            .instances
            .iter()
            .filter_map(|(id, instance)| Some((instance.due()?, id)))
            .min()
            .map(|(at, id)| (at, id.clone()));
        let proxy = self.proxy.due();
        let instance_at = instance.as_ref().map_or(i64::MAX, |(at, _)| *at);
        let proxy_at = proxy.unwrap_or(i64::MAX);
        self.end_hooks(until);
        if instance_at.min(proxy_at) > until {
            self.now = self.now.max(until);
            return false;
        }
        self.now = self.now.max(instance_at.min(proxy_at));
        self.changes += 1;
        if proxy_at < instance_at {
            self.proxy.apply_late(self.now);
        } else if let Some((_, id)) = instance {
            let instance = self.instances.get_mut(&id).unwrap();
            let (_, phase) = instance.fate.pop_front().unwrap();
            let harmed = instance.healthy();
            instance.enter(phase, self.now);
            if harmed {
                self.harmed.insert(id);
            }
        }
        true
    }

    fn end_hooks(&mut self, until: i64) {
        for hook in [&mut self.before, &mut self.after] {
            if let Some((at, view)) = hook.ends.take() {
                if at <= until {
                    hook.view = view;
                } else {
                    hook.ends = Some((at, view));
                }
            }
        }
    }

    pub(crate) fn start(&mut self, id: &InstanceId, fate: Fate) {
        self.changes += 1;
        let fresh = || Instance::new(self.now, fate);
        self.instances.entry(id.clone()).or_insert_with(fresh);
    }

    pub(crate) fn is_alive(&self, id: &InstanceId) -> bool {
        self.instances.get(id).is_some_and(Instance::alive)
    }

    /// Asks it to end; it takes `takes` milliseconds.
    pub(crate) fn stop(&mut self, id: &InstanceId, takes: i64) {
        let now = self.now;
        self.changes += 1;
        if let Some(instance) = self.instances.get_mut(id)
            && instance.alive()
            && instance.phase != InstancePhase::Stopping
        {
            instance.enter(InstancePhase::Stopping, now);
            instance.fate = Fate::from([(takes, InstancePhase::Stopped)]);
        }
    }

    /// Somebody ends it behind our back, and perhaps clears it away as well.
    pub(crate) fn meddle(&mut self, id: &InstanceId, remove: bool) {
        self.stop(id, 0);
        self.harmed.insert(id.clone());
        if remove {
            self.instances.remove(id);
        }
    }

    pub(crate) fn remove(&mut self, id: &InstanceId) -> Result<(), String> {
        if self.instances.get(id).is_some_and(Instance::alive) {
            return Err(format!("{id} runs"));
        }
        self.changes += 1;
        self.instances.remove(id);
        Ok(())
    }

    pub(crate) fn route(&mut self, service: &ServiceName, weights: &Weights, fault: Fault) {
        self.changes += 1;
        // An error is the answer to the control plane; the driver looks at the world instead.
        let _ = self.proxy.route(service, weights, fault, self.now);
    }

    pub(crate) fn run_hook(&mut self, before: bool, ends: Option<(i64, HookView)>) {
        let now = self.now;
        let hook = if before {
            &mut self.before
        } else {
            &mut self.after
        };
        if hook.view == HookView::NotRun {
            hook.view = HookView::Running;
            hook.ends = ends.map(|(after, view)| (now + after, view));
        }
    }

    /// The control plane died: what only it knew is gone.
    pub(crate) fn lose_control(&mut self, back_at: i64, random: &mut Random) {
        self.before = Hook::default();
        self.after = Hook::default();
        self.proxy.known = false;
        for instance in self.instances.values_mut() {
            instance.blind_until = back_at + random.between(0, 400);
        }
    }

    pub(crate) fn world(&self) -> World {
        let views = self.instances.iter();
        World {
            instances: views
                .map(|(id, instance)| (id.clone(), instance.view(self.now)))
                .collect(),
            traffic: self.proxy.view(self.now),
            hook_before: self.before.view.clone(),
            hook_after: self.after.view.clone(),
        }
    }
}
