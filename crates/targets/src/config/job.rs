//! `scrape_configs`: one job.

use std::collections::BTreeMap;
use std::time::Duration;

use mainstay_model::HttpConfig;
use mainstay_yaml::tree::Node;

use super::client::CLIENT_KEYS;
use super::discovery::{DISCOVERY_KEYS, Discovery};
use super::fields::Fate::{Read, Warned};
use super::fields::{Fields, Keys};
use super::{Global, rules};
use crate::relabel::Rule;

/// A format that a target may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScrapeProtocol {
    Protobuf,
    OpenMetrics1,
    OpenMetrics0,
    Text1,
    Text0,
}

impl ScrapeProtocol {
    pub(super) fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "PrometheusProto" => Self::Protobuf,
            "OpenMetricsText1.0.0" => Self::OpenMetrics1,
            "OpenMetricsText0.0.1" => Self::OpenMetrics0,
            "PrometheusText1.0.0" => Self::Text1,
            "PrometheusText0.0.4" => Self::Text0,
            _ => return None,
        })
    }

    /// As Prometheus asks where nothing is said.
    pub const DEFAULT: [Self; 4] = [
        Self::OpenMetrics1,
        Self::OpenMetrics0,
        Self::Text1,
        Self::Text0,
    ];
}

/// What a scrape may bring; 0: any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScrapeLimits {
    pub body_bytes: u64,
    pub samples: u64,
    pub labels: u64,
    pub label_name_bytes: u64,
    pub label_value_bytes: u64,
    pub targets: u64,
}

/// One job, all defaults filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    pub name: String,
    pub interval: Duration,
    pub timeout: Duration,
    pub protocols: Vec<ScrapeProtocol>,
    /// For targets that do not say what their answer is.
    pub fallback: Option<ScrapeProtocol>,
    pub metrics_path: String,
    pub scheme: String,
    pub params: BTreeMap<String, Vec<String>>,
    pub honor_labels: bool,
    pub honor_timestamps: bool,
    pub track_timestamps_staleness: bool,
    pub compression: bool,
    pub relabel: Vec<Rule>,
    pub metric_relabel: Vec<Rule>,
    pub limits: ScrapeLimits,
    pub client: HttpConfig,
    pub discovery: Vec<Discovery>,
}

/// Dropped targets are shown up to a bound of our own.
const DROPPED: &str = "dropped targets are shown up to a fixed number";

const JOB: &Keys = &[
    ("job_name", Read),
    ("scrape_interval", Read),
    ("scrape_timeout", Read),
    ("scrape_protocols", Read),
    ("fallback_scrape_protocol", Read),
    ("metrics_path", Read),
    ("scheme", Read),
    ("params", Read),
    ("honor_labels", Read),
    ("honor_timestamps", Read),
    ("track_timestamps_staleness", Read),
    ("enable_compression", Read),
    ("relabel_configs", Read),
    ("metric_relabel_configs", Read),
    ("keep_dropped_targets", Warned(DROPPED)),
    (
        "scrape_failure_log_file",
        Warned("failures stand in the server's own log"),
    ),
    ("scrape_native_histograms", Read),
    (
        "scrape_classic_histograms",
        Warned("classic buckets are always taken"),
    ),
    (
        "always_scrape_classic_histograms",
        Warned("classic buckets are always taken"),
    ),
    ("convert_classic_histograms_to_nhcb", Read),
    (
        "native_histogram_bucket_limit",
        Warned("native histograms are not taken"),
    ),
    (
        "native_histogram_min_bucket_factor",
        Warned("native histograms are not taken"),
    ),
    ("metric_name_validation_scheme", Read),
    ("metric_name_escaping_scheme", Read),
];

/// Keys for limits, in `global` and in jobs.
pub(super) const LIMITS: &Keys = &[
    ("body_size_limit", Read),
    ("sample_limit", Read),
    ("label_limit", Read),
    ("label_name_length_limit", Read),
    ("label_value_length_limit", Read),
    ("target_limit", Read),
];

impl Fields<'_> {
    /// One entry of `scrape_configs`.
    pub(super) fn job(&mut self, node: &Node, global: &Global) -> Option<Job> {
        let keys = [JOB, LIMITS, &CLIENT_KEYS, &DISCOVERY_KEYS].concat();
        if !self.section(node, "scrape_configs", &keys) {
            return None;
        }
        let name = self.text(node, "job_name").unwrap_or_default();
        if name.is_empty() {
            self.error(node, "job", "a job needs a `job_name`");
            return None;
        }
        let (interval, timeout) = self.pace(node, global);
        self.only_classic(node);
        let scheme = self.parsed(node, "scheme", "`http` or `https`", |text| {
            matches!(text, "http" | "https").then(|| text.to_owned())
        });
        let protocols = self
            .protocols(node)
            .unwrap_or_else(|| global.protocols.clone());
        let fallback = self.parsed(
            node,
            "fallback_scrape_protocol",
            PROTOCOLS,
            ScrapeProtocol::parse,
        );
        Some(Job {
            interval,
            timeout,
            protocols,
            fallback,
            metrics_path: self
                .text(node, "metrics_path")
                .unwrap_or_else(|| "/metrics".to_owned()),
            scheme: scheme.unwrap_or_else(|| "http".to_owned()),
            params: self.params(node),
            honor_labels: self.flag(node, "honor_labels").unwrap_or(false),
            honor_timestamps: self.flag(node, "honor_timestamps").unwrap_or(true),
            track_timestamps_staleness: self
                .flag(node, "track_timestamps_staleness")
                .unwrap_or(false),
            compression: self.flag(node, "enable_compression").unwrap_or(true),
            relabel: rules::rules(self, node, "relabel_configs"),
            metric_relabel: rules::rules(self, node, "metric_relabel_configs"),
            limits: self.limits(node, global.limits),
            client: self.client(node),
            discovery: self.discovery(node, &name),
            name,
        })
    }

    /// Interval and timeout.
    fn pace(&mut self, node: &Node, global: &Global) -> (Duration, Duration) {
        let interval = self
            .duration(node, "scrape_interval")
            .unwrap_or(global.interval);
        let given = self.duration(node, "scrape_timeout");
        let timeout = given.unwrap_or(global.timeout.min(interval));
        if interval.is_zero() || timeout.is_zero() {
            self.error(
                node,
                "job",
                "`scrape_interval` and `scrape_timeout` are not zero",
            );
        } else if timeout > interval {
            self.error(
                node,
                "job",
                "`scrape_timeout` is longer than `scrape_interval`",
            );
        }
        (interval, timeout)
    }

    /// What asks for native histograms is refused where it asks.
    fn only_classic(&mut self, node: &Node) {
        for key in [
            "scrape_native_histograms",
            "convert_classic_histograms_to_nhcb",
        ] {
            if self.flag(node, key) == Some(true)
                && let Some(value) = node.get(key)
            {
                let message = format!("`{key}: true`: native histograms are not supported yet");
                self.error(value, "not-supported", message);
            }
        }
        self.names(node);
    }

    /// Names are UTF-8, as is Prometheus 3's default.
    pub(super) fn names(&mut self, node: &Node) {
        for (key, wanted) in [
            ("metric_name_validation_scheme", "utf8"),
            ("metric_name_escaping_scheme", "allow-utf-8"),
        ] {
            let fits = |text: &str| (text == wanted).then_some(());
            self.parsed(
                node,
                key,
                &format!("`{wanted}`: nothing else is supported yet"),
                fits,
            );
        }
    }

    pub(super) fn protocols(&mut self, node: &Node) -> Option<Vec<ScrapeProtocol>> {
        node.get("scrape_protocols")?;
        let mut protocols = Vec::new();
        for item in self.list(node, "scrape_protocols") {
            match item.as_text().and_then(ScrapeProtocol::parse) {
                Some(protocol) => protocols.push(protocol),
                None => self.error(item, "value", format!("a scrape protocol is {PROTOCOLS}")),
            }
        }
        Some(protocols).filter(|protocols| !protocols.is_empty())
    }

    fn params(&mut self, node: &Node) -> BTreeMap<String, Vec<String>> {
        let Some(params) = node.get("params") else {
            return BTreeMap::new();
        };
        let entries = params.entries().iter();
        entries
            .map(|entry| (entry.key.clone(), self.texts(params, &entry.key)))
            .collect()
    }

    pub(super) fn limits(&mut self, node: &Node, global: ScrapeLimits) -> ScrapeLimits {
        ScrapeLimits {
            body_bytes: self
                .size(node, "body_size_limit")
                .unwrap_or(global.body_bytes),
            samples: self.number(node, "sample_limit").unwrap_or(global.samples),
            labels: self.number(node, "label_limit").unwrap_or(global.labels),
            label_name_bytes: self
                .number(node, "label_name_length_limit")
                .unwrap_or(global.label_name_bytes),
            label_value_bytes: self
                .number(node, "label_value_length_limit")
                .unwrap_or(global.label_value_bytes),
            targets: self.number(node, "target_limit").unwrap_or(global.targets),
        }
    }
}

const PROTOCOLS: &str = "`PrometheusProto`, `OpenMetricsText1.0.0`, `OpenMetricsText0.0.1`, \
`PrometheusText1.0.0` or `PrometheusText0.0.4`";
