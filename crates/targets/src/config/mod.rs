//! A Prometheus configuration file, as it is.
//!
//! Source: <https://prometheus.io/docs/prometheus/latest/configuration/configuration/>. What is read
//! stands in the tables of each section; what is not honoured is refused or warned about by name.

mod alerting;
mod client;
mod discovery;
mod fields;
mod job;
mod rules;
mod write;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mainstay_model::{Place, Problem, Problems};
use mainstay_yaml::source::{At, Source};
use mainstay_yaml::tree::Node;

pub use alerting::{Alerting, Alertmanagers};
pub use discovery::{
    Discovery, DnsDiscovery, DnsRecord, DockerDiscovery, FileDiscovery, HttpDiscovery,
};
use fields::Fate::{Read, Refused, Warned};
use fields::{Fields, Keys};
pub use job::{Job, ScrapeLimits, ScrapeProtocol};
pub use write::{QueueConfig, RemoteWrite};

/// The whole file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Configuration {
    pub global: Global,
    pub jobs: Vec<Job>,
    pub remote_write: Vec<RemoteWrite>,
    /// Patterns of rule files, made absolute, with where they stand; who evaluates rules reads them.
    pub rule_files: Vec<(String, Place)>,
    pub alerting: Option<Alerting>,
    /// As they stand in the file, for those who read them.
    pub remote_read: Vec<Node>,
}

/// `global`
#[derive(Debug, Clone, PartialEq)]
pub struct Global {
    pub interval: Duration,
    pub timeout: Duration,
    pub evaluation_interval: Duration,
    /// So far back rules look whose group says nothing else.
    pub rule_query_offset: Duration,
    pub external_labels: BTreeMap<String, String>,
    pub protocols: Vec<ScrapeProtocol>,
    pub limits: ScrapeLimits,
}

impl Default for Global {
    fn default() -> Self {
        Self {
            interval: Duration::from_mins(1),
            timeout: Duration::from_secs(10),
            evaluation_interval: Duration::from_mins(1),
            rule_query_offset: Duration::ZERO,
            external_labels: BTreeMap::new(),
            protocols: ScrapeProtocol::DEFAULT.to_vec(),
            limits: ScrapeLimits::default(),
        }
    }
}

const FILE: &Keys = &[
    ("global", Read),
    ("scrape_configs", Read),
    (
        "scrape_config_files",
        Refused("write the jobs to `scrape_configs`"),
    ),
    ("rule_files", Read),
    ("alerting", Read),
    ("remote_write", Read),
    ("remote_read", Read),
    ("storage", Warned("the store is set in `server.yaml`")),
    (
        "tracing",
        Warned("the server's own traces are set in `server.yaml`"),
    ),
    ("otlp", Refused("OTLP metrics are not received yet")),
    ("runtime", Warned("Go's garbage collector is not here")),
];

const GLOBAL: &Keys = &[
    ("scrape_interval", Read),
    ("scrape_timeout", Read),
    ("scrape_protocols", Read),
    ("evaluation_interval", Read),
    ("external_labels", Read),
    ("rule_query_offset", Read),
    (
        "query_log_file",
        Warned("queries stand in the server's own log"),
    ),
    (
        "scrape_failure_log_file",
        Warned("failures stand in the server's own log"),
    ),
    (
        "keep_dropped_targets",
        Warned("dropped targets are shown up to a fixed number"),
    ),
    ("runtime", Warned("Go's garbage collector is not here")),
    ("metric_name_validation_scheme", Read),
    ("metric_name_escaping_scheme", Read),
    (
        "scrape_native_histograms",
        Warned("native histograms are not taken"),
    ),
    (
        "always_scrape_classic_histograms",
        Warned("classic buckets are always taken"),
    ),
    (
        "convert_classic_histograms_to_nhcb",
        Warned("native histograms are not taken"),
    ),
    (
        "extra_scrape_metrics",
        Warned("`--extra-scrape-metrics` of the server decides"),
    ),
];

impl Configuration {
    /// Reads the file at `path`, which is shown as `display`; relative paths in it start in its own
    /// directory. What it says holds only where no problem is an error.
    pub fn read(text: &str, path: &Path, display: &str) -> (Self, Problems) {
        let mut problems = Problems::default();
        let source = Arc::new(Source::of_file(path, display));
        let mut documents = mainstay_yaml::parse(text, &source, &mut problems).into_iter();
        let tree = documents
            .next()
            .unwrap_or_else(|| Node::empty_map(At::whole(&source)));
        if let Some(second) = documents.next() {
            let problem = Problem::error("prometheus/documents", "the file is one document");
            problems.push(problem.at(second.at.place()));
        }
        let mut fields = Fields::new(&mut problems);
        let configuration = fields.configuration(&tree);
        problems.sort();
        (configuration, problems)
    }
}

impl Fields<'_> {
    fn configuration(&mut self, tree: &Node) -> Configuration {
        if !self.section(tree, "the file", FILE) {
            return Configuration::default();
        }
        let global = tree
            .get("global")
            .map(|node| self.global(node))
            .unwrap_or_default();
        let mut jobs: Vec<Job> = Vec::new();
        for node in self.list(tree, "scrape_configs") {
            let Some(job) = self.job(node, &global) else {
                continue;
            };
            if jobs.iter().any(|other| other.name == job.name) {
                let name = node.get("job_name").unwrap_or(node);
                self.error(name, "job", format!("job `{}` stands here twice", job.name));
            }
            jobs.push(job);
        }
        let remote_write = (0..)
            .zip(self.list(tree, "remote_write"))
            .filter_map(|(number, node)| self.remote_write(node, number))
            .collect();
        Configuration {
            global,
            jobs,
            remote_write,
            rule_files: self.paths(tree, "rule_files"),
            alerting: tree.get("alerting").and_then(|node| self.alerting(node)),
            remote_read: self.list(tree, "remote_read").to_vec(),
        }
    }

    fn paths(&mut self, tree: &Node, key: &str) -> Vec<(String, Place)> {
        let items = self.list(tree, key).iter();
        let texts = items.filter_map(|item| Some((item.as_text()?, &item.at)));
        texts
            .map(|(text, at)| (at.path(text).display().to_string(), at.place()))
            .collect()
    }

    fn global(&mut self, node: &Node) -> Global {
        let default = Global::default();
        if !self.section(node, "global", &[GLOBAL, job::LIMITS].concat()) {
            return default;
        }
        self.names(node);
        let interval = self
            .duration(node, "scrape_interval")
            .unwrap_or(default.interval);
        let timeout = self
            .duration(node, "scrape_timeout")
            .unwrap_or(default.timeout.min(interval));
        if interval.is_zero() || timeout.is_zero() {
            self.error(
                node,
                "global",
                "`scrape_interval` and `scrape_timeout` are not zero",
            );
        } else if timeout > interval {
            self.error(
                node,
                "global",
                "`scrape_timeout` is longer than `scrape_interval`",
            );
        }
        Global {
            interval,
            timeout,
            evaluation_interval: self
                .duration(node, "evaluation_interval")
                .unwrap_or(default.evaluation_interval),
            rule_query_offset: self
                .duration(node, "rule_query_offset")
                .unwrap_or(default.rule_query_offset),
            external_labels: self.pairs(node, "external_labels"),
            protocols: self.protocols(node).unwrap_or(default.protocols),
            limits: self.limits(node, ScrapeLimits::default()),
        }
    }
}
