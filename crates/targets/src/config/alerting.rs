//! `alerting`: the Alertmanagers that get the alerts of rules.

use std::time::Duration;

use mainstay_model::HttpConfig;
use mainstay_yaml::tree::Node;

use super::client::CLIENT_KEYS;
use super::discovery::DISCOVERY_KEYS;
use super::fields::Fate::{Read, Refused};
use super::fields::{Fate, Fields, Keys};
use super::rules;
use crate::relabel::Rule;

/// The whole section.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Alerting {
    /// For every alert, before it is sent.
    pub relabel: Vec<Rule>,
    pub alertmanagers: Vec<Alertmanagers>,
}

/// One entry of `alertmanagers`: each of its addresses gets every alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Alertmanagers {
    /// Without the path of the API: `http://host:9093/prefix`.
    pub urls: Vec<String>,
    pub timeout: Duration,
    /// For the alerts that these get.
    pub relabel: Vec<Rule>,
    pub client: HttpConfig,
}

const ALERTING: &Keys = &[("alert_relabel_configs", Read), ("alertmanagers", Read)];

const STATIC: Fate = Refused("name the Alertmanagers in `static_configs`");
const ALERTMANAGER: &Keys = &[
    ("scheme", Read),
    ("path_prefix", Read),
    ("timeout", Read),
    ("api_version", Read),
    ("alert_relabel_configs", Read),
    ("relabel_configs", STATIC),
];

impl Fields<'_> {
    pub(super) fn alerting(&mut self, node: &Node) -> Option<Alerting> {
        if !self.section(node, "alerting", ALERTING) {
            return None;
        }
        let entries = self.list(node, "alertmanagers");
        Some(Alerting {
            relabel: rules::rules(self, node, "alert_relabel_configs"),
            alertmanagers: (0..)
                .zip(entries)
                .filter_map(|(number, node)| self.alertmanagers(node, number))
                .collect(),
        })
    }

    fn alertmanagers(&mut self, node: &Node, number: usize) -> Option<Alertmanagers> {
        // Of the ways to find targets, those that need somebody to look again and again are refused.
        let found = DISCOVERY_KEYS.map(|(key, _)| match key {
            "static_configs" => (key, Read),
            _ => (key, STATIC),
        });
        let keys = [ALERTMANAGER, &CLIENT_KEYS, &found].concat();
        if !self.section(node, "alertmanagers", &keys) {
            return None;
        }
        let scheme = self.parsed(node, "scheme", "`http` or `https`", |text| {
            matches!(text, "http" | "https").then(|| text.to_owned())
        });
        let scheme = scheme.unwrap_or_else(|| "http".to_owned());
        self.parsed(node, "api_version", "`v2`: there is no other", |text| {
            (text == "v2").then_some(())
        });
        let prefix = self.text(node, "path_prefix").unwrap_or_default();
        let prefix = prefix.trim_matches('/');
        let groups = self.list(node, "static_configs").iter().enumerate();
        let mut urls = Vec::new();
        for (index, item) in groups {
            let name = format!("alertmanagers-{number}");
            self.addresses(item);
            let Some(group) = self.static_group(item, &name, index) else {
                continue;
            };
            let addresses = group
                .targets
                .iter()
                .filter_map(|own| own.get("__address__"));
            urls.extend(addresses.map(|address| {
                let url = format!("{scheme}://{address}/{prefix}");
                url.trim_end_matches('/').to_owned()
            }));
        }
        Some(Alertmanagers {
            urls,
            timeout: self
                .duration(node, "timeout")
                .unwrap_or(Duration::from_secs(10)),
            relabel: rules::rules(self, node, "alert_relabel_configs"),
            client: self.client(node),
        })
    }
}
