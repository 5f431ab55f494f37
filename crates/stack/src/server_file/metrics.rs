//! `metrics`: what the server collects, and how long it keeps it.

use crate::decode::{duration, flag, size, text};
use crate::tree::Node;
use mainstay_model::{Bytes, Problem, Problems};
use std::path::PathBuf;
use std::time::Duration;

const INTERVAL: Duration = Duration::from_secs(15);
/// As Prometheus.
const RETENTION: Duration = Duration::from_hours(15 * 24);
/// The head alone spans this.
const SHORTEST_RETENTION: Duration = Duration::from_hours(3);
/// Queries look five minutes back: a series scraped less often would have holes.
const INTERVALS: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_mins(2);

/// How metrics are collected and kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsSettings {
    pub enabled: bool,
    pub interval: Duration,
    pub retention: Duration,
    /// `None`: any.
    pub max_size: Option<Bytes>,
    /// Whether the machine's own figures are collected.
    pub host: bool,
    /// A configuration file of Prometheus, as an absolute path.
    pub prometheus: Option<PathBuf>,
    pub admin_api: bool,
}

impl Default for MetricsSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            interval: INTERVAL,
            retention: RETENTION,
            max_size: None,
            host: true,
            prometheus: None,
            admin_api: false,
        }
    }
}

pub(super) fn metrics(tree: &Node, problems: &mut Problems) -> MetricsSettings {
    let mut settings = MetricsSettings::default();
    let Some(node) = tree.get("metrics") else {
        return settings;
    };
    settings.enabled = flag(node, "enabled").unwrap_or(true);
    settings.host = flag(node, "host").unwrap_or(true);
    settings.admin_api = flag(node, "admin_api").unwrap_or(false);
    settings.interval = duration(node, "interval").unwrap_or(INTERVAL);
    settings.retention = duration(node, "retention").unwrap_or(RETENTION);
    settings.max_size = size(node, "max_size");
    let mut wrong = |key: &str, message: &str, hint: &str| {
        let at = node.get(key).map_or(&node.at, |value| &value.at);
        let problem = Problem::error("server/metrics", message).at(at.place());
        problems.push(problem.hint(hint));
    };
    if !INTERVALS.contains(&settings.interval) {
        let hint = "queries look five minutes back: longer ones leave holes";
        wrong("interval", "`interval` is not between 1 s and 2 m", hint);
    }
    if settings.retention < SHORTEST_RETENTION {
        let message = "samples are kept for three hours at least";
        wrong(
            "retention",
            message,
            "write `15d` for as long as Prometheus does",
        );
    }
    let base = &node.at.source.base;
    settings.prometheus = text(node, "prometheus").map(|path| base.join(path));
    settings
}
