//! `opsgenie_configs`

use std::collections::BTreeMap;

use mainstay_model::{HttpConfig, SecretSource};
use mainstay_yaml::tree::Node;

use crate::config::fields::Fields;
use crate::config::global::Global;

/// An alert of Opsgenie. All texts are templates.
#[derive(Debug, Clone, PartialEq)]
pub struct Opsgenie {
    pub api_key: SecretSource,
    /// Ends with a slash.
    pub api_url: String,
    pub message: String,
    pub description: String,
    pub source: String,
    pub details: BTreeMap<String, String>,
    pub entity: String,
    pub responders: Vec<OpsgenieResponder>,
    pub actions: String,
    pub tags: String,
    pub note: String,
    pub priority: String,
    pub update_alerts: bool,
    pub http: HttpConfig,
}

/// `responders`: at least one of the first three is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpsgenieResponder {
    pub id: String,
    pub name: String,
    pub username: String,
    pub kind: String,
}

const KEYS: &[&str] = &[
    "send_resolved",
    "http_config",
    "api_key",
    "api_key_file",
    "api_url",
    "message",
    "description",
    "source",
    "details",
    "entity",
    "responders",
    "actions",
    "tags",
    "note",
    "priority",
    "update_alerts",
];

impl Fields<'_> {
    pub(in crate::config) fn opsgenie(&mut self, node: &Node, global: &Global) -> Option<Opsgenie> {
        if node.is_null() || !self.section(node, "opsgenie_configs", KEYS) {
            return None;
        }
        let own = self.secret(node, "api_key");
        let api_key = own.or_else(|| global.opsgenie_api_key.clone());
        if api_key.is_none() {
            let hint = "give `api_key` here, or `opsgenie_api_key` in `global`";
            self.mend(node, "receiver", "Opsgenie has no key", hint);
        }
        let url = self.url(node, "api_url");
        let mut api_url = url.unwrap_or_else(|| global.opsgenie_api_url.clone());
        if !api_url.ends_with('/') {
            api_url.push('/');
        }
        let template = |name: &str| format!("{{{{ template \"opsgenie.default.{name}\" . }}}}");
        let responders = self.list(node, "responders").iter();
        let responders = responders.filter_map(|node| self.responder(node)).collect();
        Some(Opsgenie {
            api_url,
            message: self.text_or(node, "message", &template("message")),
            description: self.text_or(node, "description", &template("description")),
            source: self.text_or(node, "source", &template("source")),
            details: self.pairs(node, "details"),
            entity: self.text_or(node, "entity", ""),
            responders,
            actions: self.text_or(node, "actions", ""),
            tags: self.text_or(node, "tags", ""),
            note: self.text_or(node, "note", ""),
            priority: self.text_or(node, "priority", ""),
            update_alerts: self.flag(node, "update_alerts").unwrap_or(false),
            http: self.http(node, &global.http),
            api_key: api_key?,
        })
    }

    fn responder(&mut self, node: &Node) -> Option<OpsgenieResponder> {
        if !self.section(node, "responders", &["id", "name", "username", "type"]) {
            return None;
        }
        let mut responder = OpsgenieResponder {
            id: self.text_or(node, "id", ""),
            name: self.text_or(node, "name", ""),
            username: self.text_or(node, "username", ""),
            kind: self.text_or(node, "type", ""),
        };
        if [&responder.id, &responder.name, &responder.username]
            .iter()
            .all(|text| text.is_empty())
        {
            self.error(
                node,
                "receiver",
                "a responder needs one of `id`, `name` and `username`",
            );
        }
        if !responder.kind.contains("{{") {
            responder.kind = responder.kind.to_lowercase();
            let kinds = ["team", "teams", "user", "escalation", "schedule"];
            if !kinds.contains(&responder.kind.as_str()) {
                let at = node.get("type").unwrap_or(node);
                let expected = "`team`, `teams`, `user`, `escalation`, `schedule`, or a template";
                self.expected(at, "type", expected);
            }
        }
        Some(responder)
    }
}
