//! `remote_write`: where samples are sent on to.

use std::time::Duration;

use mainstay_model::{HttpConfig, Problem, Secret, SecretSource};
use mainstay_yaml::tree::Node;

use super::client::CLIENT_KEYS;
use super::fields::Fate::{Read, Warned};
use super::fields::{Fields, Keys};
use super::rules;
use crate::relabel::Rule;

/// One receiver.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteWrite {
    /// Its own, or made of its URL.
    pub name: String,
    pub url: String,
    pub timeout: Duration,
    /// Whether version 2.0 of the protocol is spoken; else 1.0.
    pub v2: bool,
    pub rules: Vec<Rule>,
    pub queue: QueueConfig,
    pub client: HttpConfig,
}

/// `queue_config`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueConfig {
    /// Samples of one request.
    pub max_samples_per_send: usize,
    /// How long a request waits to be full.
    pub batch_deadline: Duration,
    pub min_backoff: Duration,
    pub max_backoff: Duration,
    /// Samples older than this are not sent; zero: any age.
    pub sample_age_limit: Duration,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            max_samples_per_send: 2000,
            batch_deadline: Duration::from_secs(5),
            min_backoff: Duration::from_millis(30),
            max_backoff: Duration::from_secs(5),
            sample_age_limit: Duration::ZERO,
        }
    }
}

const WRITE: &Keys = &[
    ("url", Read),
    ("name", Read),
    ("remote_timeout", Read),
    ("protobuf_message", Read),
    ("write_relabel_configs", Read),
    ("queue_config", Read),
    ("headers", Read),
    ("send_exemplars", Warned("exemplars are not sent on")),
    (
        "send_native_histograms",
        Warned("native histograms are not taken"),
    ),
    (
        "metadata_config",
        Warned("metadata is sent with version 2.0 of the protocol only"),
    ),
    (
        "round_robin_dns",
        Warned("each connection goes to the first address that answers"),
    ),
];

const ONE: &str = "one queue on disk sends in order, so that nothing is sent twice at once";
const QUEUE: &Keys = &[
    ("max_samples_per_send", Read),
    ("batch_send_deadline", Read),
    ("min_backoff", Read),
    ("max_backoff", Read),
    ("sample_age_limit", Read),
    ("capacity", Warned(ONE)),
    ("max_shards", Warned(ONE)),
    ("min_shards", Warned(ONE)),
    ("retry_on_http_429", Warned("429 is always tried again")),
];

impl Fields<'_> {
    /// One entry of `remote_write`.
    pub(super) fn remote_write(&mut self, node: &Node, number: usize) -> Option<RemoteWrite> {
        if !self.section(node, "remote_write", &[WRITE, &CLIENT_KEYS].concat()) {
            return None;
        }
        let url = self.text(node, "url").unwrap_or_default();
        if !url.starts_with("http://") && !url.starts_with("https://") {
            self.error(
                node,
                "remote-write",
                "`url` begins with `http://` or `https://`",
            );
            return None;
        }
        let messages = "`prometheus.WriteRequest` or `io.prometheus.write.v2.Request`";
        let v2 = self.parsed(node, "protobuf_message", messages, |text| match text {
            "prometheus.WriteRequest" => Some(false),
            "io.prometheus.write.v2.Request" => Some(true),
            _ => None,
        });
        let mut client = self.client(node);
        for (name, value) in self.pairs(node, "headers") {
            let value = SecretSource::Inline(Secret::new(value));
            client.headers.push((name, value));
        }
        Some(RemoteWrite {
            name: self
                .text(node, "name")
                .unwrap_or_else(|| format!("remote-{number}")),
            url,
            timeout: self
                .duration(node, "remote_timeout")
                .unwrap_or(Duration::from_secs(30)),
            v2: v2.unwrap_or(false),
            rules: rules::rules(self, node, "write_relabel_configs"),
            queue: node
                .get("queue_config")
                .map(|node| self.queue(node))
                .unwrap_or_default(),
            client,
        })
    }

    fn queue(&mut self, node: &Node) -> QueueConfig {
        let default = QueueConfig::default();
        if !self.section(node, "queue_config", QUEUE) {
            return default;
        }
        let most = self.number(node, "max_samples_per_send");
        if most == Some(0) {
            let problem =
                Problem::error("prometheus/value", "`max_samples_per_send` is at least 1");
            self.problems.push(problem.at(node.at.place()));
        }
        let min_backoff = self
            .duration(node, "min_backoff")
            .unwrap_or(default.min_backoff);
        let max_backoff = self
            .duration(node, "max_backoff")
            .unwrap_or(default.max_backoff);
        QueueConfig {
            max_samples_per_send: most.map_or(default.max_samples_per_send, |most| {
                most.clamp(1, 100_000) as usize
            }),
            batch_deadline: self
                .duration(node, "batch_send_deadline")
                .unwrap_or(default.batch_deadline),
            min_backoff: min_backoff.max(Duration::from_millis(1)),
            max_backoff: max_backoff.max(min_backoff),
            sample_age_limit: self
                .duration(node, "sample_age_limit")
                .unwrap_or(default.sample_age_limit),
        }
    }
}
