//! `metrics`: how a service's metrics are collected.

use super::health::unknown;
use crate::decode::{Found, duration, flag, number, text};
use crate::resolved::{Collect, Exporter, ExporterRule, MetricsRule};
use crate::secrets::Definitions;
use crate::tree::{Entry, Node};
use mainstay_model::{Problem, Problems, ServiceName};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Nobody needs it faster, and a scrape should be over before the next begins.
const SHORTEST: Duration = Duration::from_secs(1);
/// Beyond the lookback of queries a series would have holes.
const LONGEST: Duration = Duration::from_mins(2);

/// Puts the rules of the section into the services, and what goes without saying.
pub(crate) fn apply(
    tree: &Node,
    services: &mut BTreeMap<ServiceName, Found>,
    inactive: &BTreeSet<String>,
    definitions: &Definitions,
    problems: &mut Problems,
) {
    for found in services.values_mut() {
        found.service.metrics.exporter = found.exporter.map(ExporterRule::new);
    }
    for entry in tree.get("metrics").map(Node::entries).unwrap_or_default() {
        if inactive.contains(&entry.key) {
            continue;
        }
        let Some(found) = services.get_mut(entry.key.as_str()) else {
            let names = services.keys().map(ServiceName::as_str);
            problems.push(unknown(&entry.key, names).at(entry.at.place()));
            continue;
        };
        found.service.metrics = rule(entry, found.exporter, definitions, problems);
    }
}

fn rule(
    entry: &Entry,
    found: Option<Exporter>,
    definitions: &Definitions,
    problems: &mut Problems,
) -> MetricsRule {
    let node = &entry.value;
    let exporter = exporter(entry, found, definitions, problems);
    let interval = interval(entry, problems);
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
    let port: Option<u16> = number(node, "port");
    if node.get("port").is_some() && port.is_none_or(|port| port == 0) {
        wrong("port", "`port` is none".to_owned(), "1 to 65535");
    }
    let says = |key: &str| node.get(key).is_some();
    let collect = match flag(node, "enabled") {
        Some(false) => Collect::Never,
        // Who is asked in a language of its own does not understand HTTP.
        _ if exporter.is_some() => Collect::Never,
        None if says("exporter") && !says("path") && !says("port") => Collect::Found,
        _ => Collect::Always,
    };
    MetricsRule {
        collect,
        path,
        port,
        interval_ms: interval.map(|interval| interval.as_millis() as u64),
        exporter,
    }
}

/// `interval` of an entry.
pub(super) fn interval(entry: &Entry, problems: &mut Problems) -> Option<Duration> {
    let node = &entry.value;
    let interval = duration(node, "interval");
    if let Some(interval) = interval.filter(|one| !(SHORTEST..=LONGEST).contains(one)) {
        let at = node.get("interval").map_or(&entry.at, |value| &value.at);
        let message = format!(
            "`interval` of {} s is not between 1 s and 2 m",
            interval.as_secs_f64()
        );
        let problem = Problem::error("mainstay/value", message).at(at.place());
        problems.push(problem.hint("queries look five minutes back: longer ones leave holes"));
    }
    interval
}

/// Who is asked in a language of its own: as the entry says, or as the image does.
fn exporter(
    entry: &Entry,
    found: Option<Exporter>,
    definitions: &Definitions,
    problems: &mut Problems,
) -> Option<ExporterRule> {
    let node = &entry.value;
    let mut wrong = |key: &str, message: &str, hint: &str| {
        let at = node.get(key).map_or(&entry.at, |value| &value.at);
        let problem = Problem::error("mainstay/value", message).at(at.place());
        problems.push(problem.hint(hint));
    };
    let word = text(node, "exporter");
    let kind = match word.as_deref() {
        Some("postgres") => Some(Exporter::Postgres),
        Some("redis") => Some(Exporter::Redis),
        Some(_) => None,
        // Somebody knows better where its metrics are.
        None if node.get("path").is_some() => None,
        None => found,
    };
    if kind.is_some() && node.get("path").is_some() {
        let hint = "take one out: an exporter asks the server itself, `path` is asked over HTTP";
        wrong("path", "`path` stands beside `exporter`", hint);
    }
    let enabled = flag(node, "enabled").unwrap_or(true);
    let Some(kind) = kind.filter(|_| enabled) else {
        for key in ["user", "database", "secret"] {
            if node.get(key).is_some() {
                let message = format!("`{key}` is for an exporter, and the service has none");
                wrong(
                    key,
                    &message,
                    "write `exporter: postgres` or `exporter: redis`",
                );
            }
        }
        return None;
    };
    if kind == Exporter::Redis && node.get("database").is_some() {
        let hint = "take it out: all databases of a Redis are told";
        wrong("database", "`database` is PostgreSQL's", hint);
    }
    let secret = text(node, "secret");
    if let (Some(name), Some(node)) = (&secret, node.get("secret"))
        && let Some(problem) = definitions.undefined(name)
    {
        problems.push(problem.at(node.at.place()));
    }
    Some(ExporterRule {
        kind,
        user: text(node, "user"),
        database: text(node, "database"),
        secret,
    })
}
