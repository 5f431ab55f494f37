//! `route`: the tree that decides who is told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mainstay_series::Labels;
use mainstay_yaml::tree::Node;

use super::LIMIT_ROUTES;
use super::fields::Fields;
use super::receiver::Receiver;
use crate::interval::TimeInterval;
use crate::matcher::Matchers;

/// How alerts of a route are put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupBy {
    /// `...`: by every label, so each alert by itself.
    All,
    /// By these; none puts all alerts into one group.
    Labels(BTreeSet<String>),
}

/// One node; what it does not say it has from its parent.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Numbered through the tree as it is written; the root is 0.
    pub index: usize,
    /// The matchers from the root to here, as they stand in a group's key: `{}/{a="b"}`.
    pub key: String,
    pub receiver: String,
    pub group_by: GroupBy,
    pub matchers: Matchers,
    /// Whether the routes after this one are asked as well.
    pub goes_on: bool,
    pub group_wait: Duration,
    pub group_interval: Duration,
    pub repeat_interval: Duration,
    /// Names of intervals; not inherited.
    pub mute_time_intervals: Vec<String>,
    pub active_time_intervals: Vec<String>,
    pub routes: Vec<Route>,
}

impl Default for Route {
    /// What a root is where it says nothing.
    fn default() -> Self {
        Self {
            index: 0,
            key: "{}".to_owned(),
            receiver: String::new(),
            group_by: GroupBy::Labels(BTreeSet::new()),
            matchers: Matchers::default(),
            goes_on: false,
            group_wait: Duration::from_secs(30),
            group_interval: Duration::from_mins(5),
            repeat_interval: Duration::from_hours(4),
            mute_time_intervals: Vec::new(),
            active_time_intervals: Vec::new(),
            routes: Vec::new(),
        }
    }
}

impl Route {
    /// The routes that take an alert: the deepest that match, those after one only where it goes on.
    /// Empty where this one does not match.
    pub fn matching(&self, labels: &Labels) -> Vec<&Route> {
        if !self.matchers.matches(labels) {
            return Vec::new();
        }
        let mut all = Vec::new();
        for child in &self.routes {
            let found = child.matching(labels);
            let stop = !found.is_empty() && !child.goes_on;
            all.extend(found);
            if stop {
                break;
            }
        }
        if all.is_empty() {
            all.push(self);
        }
        all
    }

    /// The labels that name an alert's group.
    pub fn group_labels(&self, labels: &Labels) -> Labels {
        match &self.group_by {
            GroupBy::All => labels.clone(),
            GroupBy::Labels(names) => labels.retain(|name| names.contains(name)),
        }
    }

    /// This route and all below it, in the order of [`index`](Self::index).
    pub fn walk(&self) -> Vec<&Route> {
        let (mut all, mut stack) = (Vec::new(), vec![self]);
        while let Some(route) = stack.pop() {
            all.push(route);
            stack.extend(route.routes.iter().rev());
        }
        all
    }
}

const KEYS: &[&str] = &[
    "receiver",
    "group_by",
    "match",
    "match_re",
    "matchers",
    "mute_time_intervals",
    "active_time_intervals",
    "continue",
    "routes",
    "group_wait",
    "group_interval",
    "repeat_interval",
];

/// What a route may refer to.
struct Known<'a> {
    receivers: BTreeSet<&'a str>,
    intervals: &'a BTreeMap<String, Vec<TimeInterval>>,
    count: usize,
}

impl Fields<'_> {
    pub(super) fn root(
        &mut self,
        node: &Node,
        receivers: &[Receiver],
        intervals: &BTreeMap<String, Vec<TimeInterval>>,
    ) -> Option<Route> {
        let mut known = Known {
            receivers: receivers
                .iter()
                .map(|receiver| receiver.name.as_str())
                .collect(),
            intervals,
            count: 0,
        };
        let root = self.route(node, &Route::default(), &mut known)?;
        if root.receiver.is_empty() {
            let hint = "every alert that no other route takes goes to it";
            self.mend(node, "route", "the root route names no `receiver`", hint);
        }
        if !root.matchers.is_empty() {
            let hint = "every alert goes through it; write matchers in its `routes`";
            self.mend(node, "route", "the root route has no matchers", hint);
        }
        for key in ["mute_time_intervals", "active_time_intervals"] {
            if node.get(key).is_some_and(|list| !list.items().is_empty()) {
                self.error(node, "route", format!("the root route has no `{key}`"));
            }
        }
        if root.goes_on {
            self.error(node, "route", "the root route has no `continue`");
        }
        Some(root)
    }

    fn route(&mut self, node: &Node, parent: &Route, known: &mut Known<'_>) -> Option<Route> {
        if !self.section(node, "route", KEYS) {
            return None;
        }
        let index = known.count;
        known.count += 1;
        if index >= LIMIT_ROUTES {
            if index == LIMIT_ROUTES {
                self.error(node, "route", format!("more than {LIMIT_ROUTES} routes"));
            }
            return None;
        }
        let receiver = self.text(node, "receiver");
        if let (Some(name), Some(at)) = (&receiver, node.get("receiver"))
            && !known.receivers.contains(name.as_str())
        {
            self.error(
                at,
                "receiver",
                format!("receiver `{name}` is not among `receivers`"),
            );
        }
        let matchers = self.conditions(node, "match", "match_re", "matchers");
        let key = match index {
            0 => matchers.to_string(),
            _ => format!("{}/{matchers}", parent.key),
        };
        let mut route = Route {
            index,
            key,
            receiver: receiver.unwrap_or_else(|| parent.receiver.clone()),
            group_by: self
                .group_by(node)
                .unwrap_or_else(|| parent.group_by.clone()),
            matchers,
            goes_on: self.flag(node, "continue").unwrap_or(false),
            group_wait: self
                .duration(node, "group_wait")
                .unwrap_or(parent.group_wait),
            group_interval: self
                .not_zero(node, "group_interval")
                .unwrap_or(parent.group_interval),
            repeat_interval: self
                .not_zero(node, "repeat_interval")
                .unwrap_or(parent.repeat_interval),
            mute_time_intervals: self.named_intervals(node, "mute_time_intervals", known),
            active_time_intervals: self.named_intervals(node, "active_time_intervals", known),
            routes: Vec::new(),
        };
        for child in self.list(node, "routes") {
            route.routes.extend(self.route(child, &route, known));
        }
        Some(route)
    }

    fn group_by(&mut self, node: &Node) -> Option<GroupBy> {
        let (mut names, mut all) = (BTreeSet::new(), false);
        let texts = self.texts(node, "group_by");
        for (item, name) in &texts {
            if name == "..." {
                all = true;
                continue;
            }
            self.label_name(item, name);
            if !names.insert(name.clone()) {
                self.error(
                    item,
                    "group-by",
                    format!("`{name}` stands in `group_by` twice"),
                );
            }
        }
        if all && !names.is_empty() {
            let message = "`...` stands for every label and cannot be joined by others";
            self.error(node, "group-by", message);
        }
        if all {
            return Some(GroupBy::All);
        }
        (!names.is_empty()).then_some(GroupBy::Labels(names))
    }

    fn not_zero(&mut self, node: &Node, key: &str) -> Option<Duration> {
        let duration = self.duration(node, key)?;
        if duration.is_zero() {
            self.error(node, "value", format!("`{key}` is not zero"));
        }
        Some(duration)
    }

    fn named_intervals(&mut self, node: &Node, key: &str, known: &Known<'_>) -> Vec<String> {
        let mut names = Vec::new();
        for (item, name) in self.texts(node, key) {
            if !known.intervals.contains_key(&name) {
                let message = format!("time interval `{name}` is not among `time_intervals`");
                self.error(item, "time-interval", message);
            }
            names.push(name);
        }
        names
    }
}
