//! `webhook_configs`

use std::time::Duration;

use mainstay_model::{HttpConfig, SecretSource};
use mainstay_yaml::tree::Node;

use crate::config::fields::Fields;
use crate::config::global::Global;

/// A request with the group as JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Webhook {
    pub url: SecretSource,
    /// The most alerts of one request; 0 is all.
    pub max_alerts: u64,
    /// The time one request has; none is the sender's own.
    pub timeout: Option<Duration>,
    pub http: HttpConfig,
}

const KEYS: &[&str] = &[
    "send_resolved",
    "http_config",
    "url",
    "url_file",
    "max_alerts",
    "timeout",
];

impl Fields<'_> {
    pub(in crate::config) fn webhook(&mut self, node: &Node, global: &Global) -> Option<Webhook> {
        if !self.section(node, "webhook_configs", KEYS) {
            return None;
        }
        let url = self.secret_url(node, "url");
        if url.is_none() && node.get("url").is_none() {
            self.error(node, "receiver", "a webhook needs `url` or `url_file`");
        }
        let timeout = self.parsed(node, "timeout", "a duration such as `10s`", |text| {
            mainstay_model::parse_duration(text).ok()
        });
        Some(Webhook {
            max_alerts: self.number(node, "max_alerts").unwrap_or(0),
            timeout: timeout.filter(|timeout| !timeout.is_zero()),
            http: self.http(node, &global.http),
            url: url?,
        })
    }
}
