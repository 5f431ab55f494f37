//! `metrics`: how a service's metrics are collected.

use super::health::unknown;
use crate::decode::{Found, duration, flag, number, text};
use crate::resolved::{Collect, MetricsRule};
use crate::tree::{Entry, Node};
use mainstay_model::{Problem, Problems, ServiceName};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Nobody needs it faster, and a scrape should be over before the next begins.
const SHORTEST: Duration = Duration::from_secs(1);
/// Beyond the lookback of queries a series would have holes.
const LONGEST: Duration = Duration::from_mins(2);

/// Puts the rules of the section into the services.
pub(crate) fn apply(
    tree: &Node,
    services: &mut BTreeMap<ServiceName, Found>,
    inactive: &BTreeSet<String>,
    problems: &mut Problems,
) {
    for entry in tree.get("metrics").map(Node::entries).unwrap_or_default() {
        if inactive.contains(&entry.key) {
            continue;
        }
        let Some(found) = services.get_mut(entry.key.as_str()) else {
            let names = services.keys().map(ServiceName::as_str);
            problems.push(unknown(&entry.key, names).at(entry.at.place()));
            continue;
        };
        found.service.metrics = rule(entry, problems);
    }
}

fn rule(entry: &Entry, problems: &mut Problems) -> MetricsRule {
    let node = &entry.value;
    let plain = MetricsRule::default();
    let mut wrong = |key: &str, message: String, hint: &str| {
        let at = node.get(key).map_or(&entry.at, |value| &value.at);
        let problem = Problem::error("mainstay/value", message).at(at.place());
        problems.push(problem.hint(hint));
    };
    let path = text(node, "path").unwrap_or(plain.path);
    if !path.starts_with('/') {
        let message = "`path` must be a path that begins with `/`".to_owned();
        wrong(
            "path",
            message,
            "such as `/metrics`: host and port are the instance's",
        );
    }
    let interval = duration(node, "interval");
    if let Some(interval) = interval.filter(|one| !(SHORTEST..=LONGEST).contains(one)) {
        let message = format!(
            "`interval` of {} s is not between 1 s and 2 m",
            interval.as_secs_f64()
        );
        wrong(
            "interval",
            message,
            "queries look five minutes back: longer ones leave holes",
        );
    }
    let port: Option<u16> = number(node, "port");
    if node.get("port").is_some() && port.is_none_or(|port| port == 0) {
        wrong("port", "`port` is none".to_owned(), "1 to 65535");
    }
    let collect = match flag(node, "enabled") {
        Some(false) => Collect::Never,
        _ => Collect::Always,
    };
    MetricsRule {
        collect,
        path,
        port,
        interval_ms: interval.map(|interval| interval.as_millis() as u64),
    }
}
