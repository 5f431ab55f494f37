//! What is scraped, and under which labels.
//!
//! [`Configuration::read`] reads a Prometheus configuration file as it is. A job's [`Discovery`]
//! leads to [`Group`]s of addresses (who looks them up is the scraper's affair);
//! [`targets`] relabels them to the [`Target`]s that are asked and those that are dropped, and
//! [`SampleLabels`] says what becomes of the labels of each scraped series.
//!
//! **Invariant:** no IO, no clock. Problems are collected with file, line and column; a key that is
//! not honoured is refused or warned about by name, never ignored.
//!
//! ```
//! use mainstay_targets::{Configuration, Discovery, targets};
//! use std::path::Path;
//!
//! let text = "scrape_configs:\n- job_name: api\n  static_configs:\n  - targets: ['127.0.0.1:9100']\n";
//! let (config, problems) = Configuration::read(text, Path::new("/etc/p/prometheus.yml"), "prometheus.yml");
//! assert!(problems.is_empty());
//! let Discovery::Static(groups) = &config.jobs[0].discovery[0] else { panic!() };
//! let found = targets(&config.jobs[0], groups);
//! assert_eq!(found.active[0].url, "http://127.0.0.1:9100/metrics");
//! assert_eq!(found.active[0].labels.to_string(), r#"{instance="127.0.0.1:9100", job="api"}"#);
//! ```

mod config;
mod group;
mod relabel;
mod samples;
mod target;

#[cfg(test)]
mod tests;

pub use config::{
    Alerting, Alertmanagers, Configuration, Discovery, DnsDiscovery, DnsRecord, DockerDiscovery,
    FileDiscovery, Global, HttpDiscovery, Job, QueueConfig, RemoteWrite, ScrapeLimits,
    ScrapeProtocol,
};
pub use group::{Group, GroupsError, read_groups};
pub use mainstay_series::{format_duration, parse_duration};
pub use relabel::{Action, Rule, RuleError, RuleParts, relabel};
pub use samples::SampleLabels;
pub use target::{Dropped, Found, Target, TargetError, targets};
