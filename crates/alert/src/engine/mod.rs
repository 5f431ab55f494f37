//! The engine: alerts in, deliveries out, in virtual time.
//!
//! [`Engine::step`] takes an [`Event`] and a time and answers [`Action`]s; it is woken again at
//! [`Engine::next_deadline`]. Whoever runs it writes [`Engine::take_changes`] down *before* doing what the
//! actions say: so a restart from those records ([`Engine::restore`]) loses nothing, and tells a receiver
//! twice only what it was told without our knowing.
//!
//! The order in which a group is judged is Alertmanager's: inhibition, active and mute intervals,
//! silences (and ours: windows, muted until resolved), then for each integration the notification log.
//!
//! **Invariant:** no clock: `now` never comes from anywhere but the caller. All that is kept has a limit.

mod alert;
mod counters;
mod decision;
mod delivery;
mod escalate;
mod flush;
mod group;
mod inhibit;
mod intake;
mod labels_as_map;
mod log;
mod people;
mod records;
mod recurring;
mod reload;
mod silence;
mod trace;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mainstay_model::Timestamp;

use crate::beyond::{Extras, Recurring, Window};
use crate::config::{Configuration, Route};
use crate::notification::Fingerprint;

pub use alert::{Alert, AlertError, PostedAlert};
pub use counters::{Counters, KindCounters};
pub use decision::{Decision, Outcome, Station, What};
pub use delivery::{AttemptId, Delivery};
pub use escalate::Escalation;
pub use group::GroupMark;
pub use log::{LogEntry, LogKey, Quiet, Reason};
pub use records::{Acknowledgement, Change, Record};
pub use recurring::LIMIT_RECURRING;
pub use silence::{
    LIMIT_SILENCE_MATCHERS, SILENCE_RETENTION, Silence, SilenceDraft, SilenceError, SilenceMatcher,
    SilenceState,
};
pub use trace::{GroupTrace, IntegrationTrace, RouteVisit, Trace};
pub use view::{AlertState, AlertView, GroupView};

use decision::History;
use delivery::{Owner, Pending};
use group::{EMPTY_FOR, Group, GroupId};
use inhibit::Inhibitor;
use log::NotificationLog;
use records::Dirty;
use reload::flat;
use silence::Silences;

/// The most alerts that are kept.
pub const LIMIT_ALERTS: usize = 100_000;
/// The most groups that are kept.
pub const LIMIT_GROUPS: usize = 50_000;
/// The most silences that are kept, those that ended within the retention among them.
pub const LIMIT_SILENCES: usize = 10_000;
/// The most decisions that are remembered.
pub const LIMIT_HISTORY: usize = 50_000;
/// The most alerts that all remembered decisions name together.
pub const LIMIT_MENTIONS: usize = 2_000_000;
/// The most bytes that the labels, annotations and address of one alert take.
pub const LIMIT_ALERT_BYTES: usize = 64 << 10;

/// How often what is over is dropped.
const SWEEP_EVERY: Duration = Duration::from_mins(15);

/// What happens.
#[derive(Debug)]
pub enum Event {
    /// Somebody says that alerts fire or are over.
    Alerts(Vec<PostedAlert>),
    /// A delivery succeeded.
    Delivered(AttemptId),
    /// A delivery did not.
    Failed {
        attempt: AttemptId,
        error: String,
        /// Whether trying again may help.
        retryable: bool,
    },
    /// Another configuration holds from now on.
    Reload(Arc<Configuration>),
    /// Time has passed.
    Tick,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Deliver(Box<Delivery>),
    /// Nobody waits for this delivery any more.
    Cancel(AttemptId),
    /// An alert was not taken.
    Refused(AlertError),
    /// To be shown and kept.
    Decided(Decision),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Flush(GroupId),
    /// Drop the group if it is still empty.
    Empty(GroupId),
    Retry(AttemptId),
    Escalate(Fingerprint),
    /// By its number among the extras.
    Heartbeat(usize),
    Sweep,
}

/// All state.
#[derive(Debug)]
pub struct Engine {
    config: Arc<Configuration>,
    /// By their numbers, without those below them.
    routes: Vec<Route>,
    alerts: BTreeMap<Fingerprint, Alert>,
    inhibitor: Inhibitor,
    silences: Silences,
    groups: BTreeMap<GroupId, Group>,
    log: NotificationLog,
    pending: BTreeMap<AttemptId, Pending>,
    acknowledged: BTreeMap<Fingerprint, Acknowledgement>,
    muted: BTreeMap<Fingerprint, Acknowledgement>,
    timers: BTreeSet<(Timestamp, Timer)>,
    history: History,
    dirty: Dirty,
    out: Vec<Action>,
    extras: Extras,
    recurring: BTreeMap<String, (Recurring, Window)>,
    escalations: BTreeMap<Fingerprint, Escalation>,
    /// Deliveries under way that belong to no group, and when each is given up.
    alone: BTreeMap<LogKey, Timestamp>,
    began: Timestamp,
    words: u64,
    attempts: u64,
    counters: Counters,
}

impl Engine {
    /// One that knows of nothing yet.
    pub fn new(config: Arc<Configuration>, now: Timestamp) -> Self {
        let inhibitor = Inhibitor::new(&config.inhibit_rules);
        Self {
            routes: flat(&config),
            config,
            alerts: BTreeMap::new(),
            inhibitor,
            silences: Silences::default(),
            groups: BTreeMap::new(),
            log: NotificationLog::default(),
            pending: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            muted: BTreeMap::new(),
            timers: BTreeSet::from([(now + SWEEP_EVERY, Timer::Sweep)]),
            history: History::default(),
            dirty: Dirty::default(),
            out: Vec::new(),
            extras: Extras::default(),
            recurring: BTreeMap::new(),
            escalations: BTreeMap::new(),
            alone: BTreeMap::new(),
            began: now,
            words: 0,
            attempts: 0,
            counters: Counters::default(),
        }
    }

    pub fn config(&self) -> &Arc<Configuration> {
        &self.config
    }

    /// Takes an event, and does what is due.
    pub fn step(&mut self, event: Event, now: Timestamp) -> Vec<Action> {
        match event {
            Event::Alerts(posted) => {
                for alert in posted {
                    if let Err(error) = self.take(alert, now) {
                        self.counters.invalid += 1;
                        self.out.push(Action::Refused(error));
                    }
                }
            }
            Event::Delivered(attempt) => self.delivered(attempt, now),
            Event::Failed {
                attempt,
                error,
                retryable,
            } => {
                self.failed(attempt, error, retryable, now);
            }
            Event::Reload(config) => self.reload(config, now),
            Event::Tick => {}
        }
        self.run_timers(now);
        std::mem::take(&mut self.out)
    }

    /// When it wants to be asked again.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    fn run_timers(&mut self, now: Timestamp) {
        // What a timer sets is in the future: `group_interval` and the waits are not zero.
        while let Some((at, timer)) = self.timers.first().copied() {
            if at > now {
                return;
            }
            self.timers.pop_first();
            match timer {
                Timer::Flush(id) => self.flush(id, now),
                Timer::Empty(id) => {
                    if self
                        .groups
                        .get(&id)
                        .is_some_and(|group| group.members.is_empty())
                    {
                        self.drop_group(id, now);
                    }
                }
                Timer::Retry(attempt) => self.retry(attempt, now),
                Timer::Escalate(alert) => self.escalate(alert, now),
                Timer::Heartbeat(number) => self.beat(number, now),
                Timer::Sweep => self.sweep(now),
            }
        }
    }

    fn decide(
        &mut self,
        at: Timestamp,
        group_key: String,
        receiver: &str,
        alerts: impl IntoIterator<Item = Fingerprint>,
        what: What,
    ) {
        let decision = Decision {
            at,
            group_key,
            receiver: receiver.to_owned(),
            alerts: alerts.into_iter().collect(),
            what,
        };
        self.history.push(decision.clone());
        self.out.push(Action::Decided(decision));
    }

    fn drop_group(&mut self, id: GroupId, now: Timestamp) {
        let Some(group) = self.groups.get(&id) else {
            return;
        };
        if group
            .empty_since
            .is_none_or(|since| since + EMPTY_FOR > now)
        {
            return;
        }
        self.timers.remove(&(group.next, Timer::Flush(id)));
        self.groups.remove(&id);
        self.dirty.groups.insert(id);
    }

    /// Drops what is over and nobody waits for.
    fn sweep(&mut self, now: Timestamp) {
        self.timers.insert((now + SWEEP_EVERY, Timer::Sweep));
        self.silences.sweep(now);
        self.log.sweep(now);
        self.sweep_recurring(now);
        self.drop_resolved(now);
    }
}

/// Whether an owner is this group.
fn of_group(pending: &Pending, id: GroupId) -> bool {
    pending.owner == Owner::Group(id)
}
