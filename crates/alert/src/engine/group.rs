//! Aggregation groups: which alerts of a route are told together, and when next.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mainstay_model::Timestamp;
use mainstay_series::{Labels, quote};
use serde::{Deserialize, Serialize};

use super::decision::Station;
use super::delivery::AttemptId;
use super::log::Quiet;
use crate::config::Route;
use crate::notification::{Fingerprint, IntegrationKey};

/// How long an empty group is kept, in case its alerts come back.
pub(super) const EMPTY_FOR: Duration = Duration::from_secs(30);

/// Which group: the route's number, and the labels that name the group in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct GroupId {
    pub(super) route: usize,
    pub(super) labels: Fingerprint,
}

/// One group.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) key: String,
    pub(super) labels: Labels,
    /// Each alert in it, and what became of it last.
    pub(super) members: BTreeMap<Fingerprint, Option<Station>>,
    pub(super) next: Timestamp,
    pub(super) flushed: bool,
    pub(super) empty_since: Option<Timestamp>,
    pub(super) round: Option<Round>,
    /// Why integrations were last not told, so that it is written down once.
    pub(super) quiet: BTreeMap<IntegrationKey, Quiet>,
}

/// What is under way since the last flush.
#[derive(Debug, Clone)]
pub(super) struct Round {
    pub(super) at: Timestamp,
    /// Each alert of the flush: its version then, and whether it was over.
    pub(super) alerts: Vec<(Fingerprint, u64, bool)>,
    /// Deliveries under way, or waiting to be tried again.
    pub(super) open: BTreeSet<AttemptId>,
    pub(super) failed: bool,
}

/// What is kept of a group over a restart: when it is flushed next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupMark {
    pub(super) group_key: String,
    pub(super) receiver: String,
    pub(super) route: usize,
    pub(super) labels: Fingerprint,
    pub(super) next: Timestamp,
    pub(super) flushed: bool,
}

impl GroupMark {
    pub(super) fn id(&self) -> GroupId {
        GroupId {
            route: self.route,
            labels: self.labels,
        }
    }
}

impl Group {
    pub(super) fn new(route: &Route, labels: Labels, next: Timestamp) -> Self {
        Self {
            key: group_key(route, &labels),
            labels,
            members: BTreeMap::new(),
            next,
            flushed: false,
            empty_since: None,
            round: None,
            quiet: BTreeMap::new(),
        }
    }

    /// As it is kept. While deliveries are under way, the flush that began them is due again: who
    /// starts anew does not know what became of them.
    pub(super) fn mark(&self, route: &Route, id: GroupId) -> GroupMark {
        let open = self.round.as_ref().filter(|round| !round.open.is_empty());
        GroupMark {
            group_key: self.key.clone(),
            receiver: route.receiver.clone(),
            route: id.route,
            labels: id.labels,
            next: open.map_or(self.next, |round| round.at),
            flushed: self.flushed,
        }
    }
}

/// `{}/{severity="critical"}:{alertname="Down", job="api"}`
pub(super) fn group_key(route: &Route, labels: &Labels) -> String {
    let labels: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}={}", quote(value)))
        .collect();
    format!("{}:{{{}}}", route.key, labels.join(", "))
}
