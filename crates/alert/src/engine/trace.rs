//! Why an alert was or was not told: its whole way, station by station.

use mainstay_model::Timestamp;
use mainstay_series::Labels;
use serde::Serialize;

use super::group::GroupId;
use super::log::{LogKey, Quiet, Reason};
use super::{Acknowledgement, Alert, Decision, Engine, Station, of_group};
use crate::config::Route;
use crate::matcher::show_matcher;
use crate::notification::{Fingerprint, IntegrationKey};

/// One route that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RouteVisit {
    pub key: String,
    pub receiver: String,
    /// The matcher that does not hold; none where all do.
    pub failing: Option<String>,
    /// Whether the alert ends here: it matches, and none below it does.
    pub takes: bool,
}

/// What an integration was told, and what it would be told now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IntegrationTrace {
    pub integration: IntegrationKey,
    pub last_told: Option<Timestamp>,
    pub now: Result<Reason, Quiet>,
    /// One that is under way: tries so far, and when it is tried again.
    pub pending: Option<(u32, Option<Timestamp>)>,
}

/// One group it is in.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupTrace {
    pub key: String,
    pub receiver: String,
    pub next_flush: Timestamp,
    pub station: Station,
    pub integrations: Vec<IntegrationTrace>,
}

/// The way of one alert.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trace {
    pub fingerprint: Fingerprint,
    /// None where no such alert is kept: then the routes say where it would go.
    pub alert: Option<Alert>,
    pub routes: Vec<RouteVisit>,
    pub groups: Vec<GroupTrace>,
    pub acknowledged: Option<Acknowledgement>,
    /// What was decided about it, oldest first, as far back as is remembered.
    pub decisions: Vec<Decision>,
}

impl Engine {
    /// The way of the alert of these labels: its stations as they are now, and what was decided about it
    /// up to `until`.
    pub fn why(&self, labels: &Labels, until: Timestamp, now: Timestamp) -> Trace {
        let fingerprint = Fingerprint::of(labels);
        let alert = self.alerts.get(&fingerprint).cloned();
        let groups = alert.as_ref().map(|alert| self.group_traces(alert, now));
        let mut routes = Vec::new();
        visit(&self.config.route, labels, &mut routes);
        Trace {
            fingerprint,
            alert,
            routes,
            groups: groups.unwrap_or_default(),
            acknowledged: self.acknowledged.get(&fingerprint).cloned(),
            decisions: self
                .history
                .about(fingerprint, until)
                .into_iter()
                .cloned()
                .collect(),
        }
    }

    fn group_traces(&self, alert: &Alert, now: Timestamp) -> Vec<GroupTrace> {
        let mut traces = Vec::new();
        for (id, group) in &self.groups {
            let Some(route) = self.routes.get(id.route) else {
                continue;
            };
            if !group.members.contains_key(&alert.fingerprint) {
                continue;
            }
            traces.push(GroupTrace {
                key: group.key.clone(),
                receiver: route.receiver.clone(),
                next_flush: group.next,
                station: self.station(route, alert, now),
                integrations: self.integration_traces(*id, route, now),
            });
        }
        traces
    }

    fn integration_traces(
        &self,
        id: GroupId,
        route: &Route,
        now: Timestamp,
    ) -> Vec<IntegrationTrace> {
        let Some(group) = self.groups.get(&id) else {
            return Vec::new();
        };
        let members = group
            .members
            .keys()
            .filter_map(|member| self.alerts.get(member));
        let passing = members.filter(|alert| self.station(route, alert, now) == Station::Passed);
        let alerts: Vec<_> = passing.map(|alert| alert.notified(now)).collect();
        let receiver = self.config.receiver(&route.receiver);
        let integrations = receiver
            .into_iter()
            .flat_map(|receiver| &receiver.integrations);
        let trace = |integration| {
            let name = IntegrationKey::of(integration);
            let key = LogKey {
                group_key: group.key.clone(),
                receiver: route.receiver.clone(),
                integration: name.clone(),
            };
            let mut pending = self.pending.values();
            let pending = pending.find(|pending| of_group(pending, id) && pending.key == key);
            IntegrationTrace {
                last_told: self.log.get(&key).map(|entry| entry.at),
                now: self.wants(&key, integration, route, &alerts, now),
                pending: pending.map(|pending| (pending.number, pending.retry_at)),
                integration: name,
            }
        };
        integrations.map(trace).collect()
    }
}

/// Asks the routes as the dispatcher does; whether one took it.
fn visit(route: &Route, labels: &Labels, visits: &mut Vec<RouteVisit>) -> bool {
    let failing = route.matchers.failing(labels).map(show_matcher);
    let matches = failing.is_none();
    let index = visits.len();
    visits.push(RouteVisit {
        key: route.key.clone(),
        receiver: route.receiver.clone(),
        failing,
        takes: false,
    });
    if !matches {
        return false;
    }
    let mut below = false;
    for child in &route.routes {
        let took = visit(child, labels, visits);
        below |= took;
        if took && !child.goes_on {
            break;
        }
    }
    visits[index].takes = !below;
    true
}
