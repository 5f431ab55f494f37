//! `pagerduty_configs`, of the Events API v2.

use std::collections::BTreeMap;

use mainstay_model::{HttpConfig, SecretSource};
use mainstay_yaml::tree::Node;

use crate::config::fields::Fields;
use crate::config::global::Global;

/// An event. All texts are templates.
#[derive(Debug, Clone, PartialEq)]
pub struct Pagerduty {
    pub routing_key: SecretSource,
    pub url: String,
    pub client: String,
    pub client_url: String,
    pub description: String,
    pub details: BTreeMap<String, String>,
    pub images: Vec<PagerdutyImage>,
    pub links: Vec<PagerdutyLink>,
    pub source: String,
    pub severity: String,
    pub class: String,
    pub component: String,
    pub group: String,
    pub http: HttpConfig,
}

/// `images`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PagerdutyImage {
    pub src: String,
    pub alt: String,
    pub href: String,
}

/// `links`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PagerdutyLink {
    pub href: String,
    pub text: String,
}

const KEYS: &[&str] = &[
    "send_resolved",
    "http_config",
    "service_key",
    "service_key_file",
    "routing_key",
    "routing_key_file",
    "url",
    "client",
    "client_url",
    "description",
    "details",
    "images",
    "links",
    "source",
    "severity",
    "class",
    "component",
    "group",
    "timeout",
];

const DETAILS: &[(&str, &str)] = &[
    (
        "firing",
        "{{ template \"pagerduty.default.instances\" .Alerts.Firing }}",
    ),
    (
        "resolved",
        "{{ template \"pagerduty.default.instances\" .Alerts.Resolved }}",
    ),
    ("num_firing", "{{ .Alerts.Firing | len }}"),
    ("num_resolved", "{{ .Alerts.Resolved | len }}"),
];

impl Fields<'_> {
    pub(in crate::config) fn pagerduty(
        &mut self,
        node: &Node,
        global: &Global,
    ) -> Option<Pagerduty> {
        if !self.section(node, "pagerduty_configs", KEYS) {
            return None;
        }
        let old = ["service_key", "service_key_file"];
        for key in old {
            let hint = "PagerDuty's Events API v1 is not spoken; add an integration \
                        `Events API V2` and give its key as `routing_key`";
            self.unsupported(node, key, hint);
        }
        self.unsupported(node, "timeout", "every request has the same time");
        let routing_key = self.secret(node, "routing_key");
        if routing_key.is_none() && old.iter().all(|key| node.get(key).is_none()) {
            self.error(
                node,
                "receiver",
                "PagerDuty needs `routing_key` or `routing_key_file`",
            );
        }
        let template = |name: &str| format!("{{{{ template \"pagerduty.default.{name}\" . }}}}");
        let client = self.text_or(node, "client", &template("client"));
        let mut details = self.pairs(node, "details");
        for (key, value) in DETAILS {
            details
                .entry((*key).to_owned())
                .or_insert_with(|| (*value).to_owned());
        }
        Some(Pagerduty {
            url: self
                .url(node, "url")
                .unwrap_or_else(|| global.pagerduty_url.clone()),
            client_url: self.text_or(node, "client_url", &template("clientURL")),
            description: self.text_or(node, "description", &template("description")),
            details,
            images: self.images(node),
            links: self.links(node),
            source: self.text(node, "source").unwrap_or_else(|| client.clone()),
            client,
            severity: self.text_or(node, "severity", ""),
            class: self.text_or(node, "class", ""),
            component: self.text_or(node, "component", ""),
            group: self.text_or(node, "group", ""),
            http: self.http(node, &global.http),
            routing_key: routing_key?,
        })
    }

    fn images(&mut self, node: &Node) -> Vec<PagerdutyImage> {
        let mut images = Vec::new();
        for node in self.list(node, "images") {
            if self.section(node, "images", &["src", "alt", "href"]) {
                images.push(PagerdutyImage {
                    src: self.text_or(node, "src", ""),
                    alt: self.text_or(node, "alt", ""),
                    href: self.text_or(node, "href", ""),
                });
            }
        }
        images
    }

    fn links(&mut self, node: &Node) -> Vec<PagerdutyLink> {
        let mut links = Vec::new();
        for node in self.list(node, "links") {
            if self.section(node, "links", &["href", "text"]) {
                links.push(PagerdutyLink {
                    href: self.text_or(node, "href", ""),
                    text: self.text_or(node, "text", ""),
                });
            }
        }
        links
    }
}
