//! `inhibit_rules`: which alerts keep others quiet.

use std::collections::BTreeSet;

use mainstay_series::{MatchOp, Matcher};
use mainstay_yaml::tree::{Kind, Node};

use super::fields::Fields;
use crate::matcher::{Matchers, parse_matchers};

/// One rule: while an alert of `source` fires, those of `target` with the same values of `equal` are
/// kept quiet.
#[derive(Debug, Clone, PartialEq)]
pub struct InhibitRule {
    /// Newer versions of Alertmanager let a rule be named.
    pub name: Option<String>,
    pub source: Matchers,
    pub target: Matchers,
    pub equal: BTreeSet<String>,
}

const KEYS: &[&str] = &[
    "name",
    "source_match",
    "source_match_re",
    "source_matchers",
    "target_match",
    "target_match_re",
    "target_matchers",
    "equal",
    "sources",
];

impl Fields<'_> {
    pub(super) fn inhibit_rule(&mut self, node: &Node) -> Option<InhibitRule> {
        if !self.section(node, "inhibit_rules", KEYS) {
            return None;
        }
        self.unsupported(node, "sources", "write a rule for each source");
        let equal = self.texts(node, "equal");
        for (item, name) in &equal {
            self.label_name(item, name);
        }
        Some(InhibitRule {
            name: self.text(node, "name"),
            source: self.conditions(node, "source_match", "source_match_re", "source_matchers"),
            target: self.conditions(node, "target_match", "target_match_re", "target_matchers"),
            equal: equal.into_iter().map(|(_, name)| name).collect(),
        })
    }

    /// Matchers in the three forms they are written in.
    pub(super) fn conditions(
        &mut self,
        node: &Node,
        equal: &str,
        regex: &str,
        list: &str,
    ) -> Matchers {
        let mut all: Vec<Matcher> = Vec::new();
        for (key, op) in [(equal, MatchOp::Equal), (regex, MatchOp::Regex)] {
            let Some(map) = node.get(key) else { continue };
            let pairs = self.pairs(node, key);
            for entry in map.entries() {
                self.label_name(&entry.value, &entry.key);
                if op == MatchOp::Regex && matches!(entry.value.kind, Kind::Null) {
                    self.error(
                        &entry.value,
                        "matcher",
                        format!("`{}` has no pattern", entry.key),
                    );
                }
            }
            for (name, value) in pairs {
                match Matcher::new(op, name, value) {
                    Ok(matcher) => all.push(matcher),
                    Err(error) => self.error(map, "matcher", error.to_string()),
                }
            }
        }
        for (item, text) in self.texts(node, list) {
            match parse_matchers(&text) {
                Ok(matchers) => all.extend(matchers),
                Err(error) => {
                    self.mend(item, "matcher", error.to_string(), "write `name=\"value\"`");
                }
            }
        }
        Matchers::new(all)
    }

    /// Any UTF-8 that is not empty, as Alertmanager since 0.27.
    pub(super) fn label_name(&mut self, node: &Node, name: &str) {
        if name.is_empty() {
            self.error(node, "label", "a label's name is not empty");
        }
    }
}
