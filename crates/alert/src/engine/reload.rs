//! Another configuration takes the place of the one before.

use std::collections::BTreeMap;
use std::sync::Arc;

use mainstay_model::Timestamp;

use super::delivery::{AttemptId, Owner, Pending};
use super::group::{Group, GroupId, GroupMark};
use super::inhibit::Inhibitor;
use super::{Action, Engine, Timer};
use crate::config::{Configuration, Route};

impl Engine {
    /// All groups anew, as the new configuration has them; those that stay the same keep their time.
    pub(super) fn reload(&mut self, config: Arc<Configuration>, now: Timestamp) {
        let marks = self.marks();
        let alone = |_: &AttemptId, pending: &mut Pending| pending.owner != Owner::Alone;
        for (attempt, pending) in self.pending.extract_if(.., alone) {
            if let Some(at) = pending.retry_at {
                self.timers.remove(&(at, Timer::Retry(attempt)));
            } else {
                self.out.push(Action::Cancel(attempt));
            }
        }
        self.dirty.groups.extend(self.groups.keys().copied());
        self.groups.clear();
        self.timers
            .retain(|(_, timer)| !matches!(timer, Timer::Flush(_) | Timer::Empty(_)));
        self.inhibitor = Inhibitor::new(&config.inhibit_rules);
        self.routes = flat(&config);
        self.config = config;
        let alerts = std::mem::take(&mut self.alerts);
        for alert in alerts.into_values() {
            if let Err(error) = self.keep(alert, now) {
                self.out.push(Action::Refused(error));
            }
        }
        self.apply_marks(&marks, now);
    }

    pub(super) fn marks(&self) -> Vec<GroupMark> {
        let of =
            |(id, group): (&GroupId, &Group)| Some(group.mark(self.routes.get(id.route)?, *id));
        self.groups.iter().filter_map(of).collect()
    }

    pub(super) fn apply_marks(&mut self, marks: &[GroupMark], now: Timestamp) {
        let marks: BTreeMap<_, _> = marks
            .iter()
            .map(|mark| ((mark.route, mark.group_key.as_str()), mark))
            .collect();
        for (id, group) in &mut self.groups {
            let Some(mark) = marks.get(&(id.route, group.key.as_str())) else {
                continue;
            };
            if self
                .routes
                .get(id.route)
                .is_none_or(|route| route.receiver != mark.receiver)
            {
                continue;
            }
            self.timers.remove(&(group.next, Timer::Flush(*id)));
            (group.next, group.flushed) = (mark.next.max(now), mark.flushed);
            self.timers.insert((group.next, Timer::Flush(*id)));
        }
    }
}

/// All routes by their numbers, each without those below it.
pub(super) fn flat(config: &Configuration) -> Vec<Route> {
    let alone = |route: &Route| Route {
        routes: Vec::new(),
        ..route.clone()
    };
    config.route.walk().into_iter().map(alone).collect()
}
