//! `relabel_configs` and their like.

use mainstay_yaml::tree::Node;

use super::fields::Fate::Read;
use super::fields::{Fields, Keys};
use crate::relabel::{Action, Rule, RuleParts};

const RULE: &Keys = &[
    ("source_labels", Read),
    ("separator", Read),
    ("regex", Read),
    ("modulus", Read),
    ("target_label", Read),
    ("replacement", Read),
    ("action", Read),
];

/// The rules under `key`.
pub(super) fn rules(fields: &mut Fields<'_>, node: &Node, key: &str) -> Vec<Rule> {
    let mut rules = Vec::new();
    for item in fields.list(node, key) {
        if !fields.section(item, key, RULE) {
            continue;
        }
        let default = RuleParts::default();
        let actions = "an action such as `replace`, `keep` or `labeldrop`";
        let action = fields.parsed(item, "action", actions, Action::parse);
        if item.get("action").is_some() && action.is_none() {
            continue;
        }
        let parts = RuleParts {
            source: fields.texts(item, "source_labels"),
            separator: fields.text(item, "separator").unwrap_or(default.separator),
            regex: fields.text(item, "regex").unwrap_or(default.regex),
            modulus: fields.number(item, "modulus").unwrap_or(0),
            target: fields.text(item, "target_label").unwrap_or_default(),
            replacement: fields
                .text(item, "replacement")
                .unwrap_or(default.replacement),
            action: action.unwrap_or(default.action),
        };
        match Rule::new(parts) {
            Ok(rule) => rules.push(rule),
            Err(error) => fields.error(item, "relabel", error.to_string()),
        }
    }
    rules
}
