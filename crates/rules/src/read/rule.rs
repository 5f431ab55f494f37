//! One rule.

use std::collections::BTreeMap;

use mainstay_model::Problem;
use mainstay_promql::Query;
use mainstay_promql::ast::ValueType;
use mainstay_series::{METRIC_NAME, is_legacy_label_name, is_legacy_metric_name};
use mainstay_yaml::tree::{Entry, Node};

use super::Fate::{Read, Refused};
use super::{Keys, Reading, inside};
use crate::file::{Alerting, Kind, Rule};
use crate::template::Template;

const RULE: &Keys = &[
    ("record", Read),
    ("alert", Read),
    ("expr", Read),
    ("for", Read),
    ("keep_firing_for", Read),
    ("labels", Read),
    ("annotations", Read),
    (
        "partial_response_strategy",
        Refused("it is Thanos's: take it out, every answer here is whole"),
    ),
];

impl Reading<'_> {
    pub(super) fn rule(&mut self, node: &Node, group: &BTreeMap<String, String>) -> Option<Rule> {
        if !self.fields.section(node, "a rule", RULE) {
            self.warn_of_nothing(node, "rule");
            return None;
        }
        let record = self.fields.text(node, "record").unwrap_or_default();
        let alert = self.fields.text(node, "alert").unwrap_or_default();
        match (record.is_empty(), alert.is_empty()) {
            (false, false) => {
                let at = node.get("alert").unwrap_or(node);
                let message = format!(
                    "a rule is named by `record` or `alert`, not by both: `{record}`, `{alert}`"
                );
                self.fields.error(at, "rule-name", message);
            }
            (true, true) => self.nameless(node),
            _ => {}
        }
        let query = self.query(node);
        let mut labels = group.clone();
        labels.extend(self.labels(node, "labels"));
        let kind = if alert.is_empty() {
            self.recording(node, &record);
            Kind::Recording
        } else {
            Kind::Alerting(self.alerting(node, &alert, &labels))
        };
        let removed = labels.iter().filter(|(_, value)| value.is_empty());
        Some(Rule {
            name: if alert.is_empty() { record } else { alert },
            query: query?,
            removed: removed.map(|(name, _)| name.clone()).collect(),
            labels: mainstay_series::Labels::from_pairs(labels),
            kind,
            place: node.at.place(),
        })
    }

    fn nameless(&mut self, node: &Node) {
        let message = "a rule has neither `record` nor `alert`";
        self.fields.error(node, "rule-name", message);
    }

    fn query(&mut self, node: &Node) -> Option<Query> {
        let text = self.fields.text(node, "expr").unwrap_or_default();
        let Some(value) = node.get("expr").filter(|_| !text.is_empty()) else {
            self.fields.error(node, "no-expr", "a rule has no `expr`");
            return None;
        };
        match Query::parse(&text) {
            Ok(query) => {
                let kind = query.value_type();
                if !matches!(kind, ValueType::Vector | ValueType::Scalar) {
                    let message = format!(
                        "the expression is a {}, so that this rule fails at each evaluation",
                        kind.as_str()
                    );
                    let problem = Problem::warning("rules/expr-type", message);
                    let problem = problem.at(value.at.place());
                    let hint = "a rule needs an instant vector or a scalar";
                    self.fields.problems.push(problem.hint(hint));
                }
                Some(query)
            }
            Err(error) => {
                let place = inside(self.text, value, error.span.start);
                let message = format!("not PromQL: {}", error.message);
                let problem = Problem::error("rules/expr", message).at(place);
                self.fields.problems.push(problem);
                None
            }
        }
    }

    fn recording(&mut self, node: &Node, name: &str) {
        for key in ["for", "keep_firing_for"] {
            if self.fields.duration_ms(node, key).is_some_and(|ms| ms != 0) {
                self.only_in_alerts(node, key);
            }
        }
        if !self.fields.pairs(node, "annotations").is_empty() {
            self.only_in_alerts(node, "annotations");
        }
        let Some(value) = node.get("record").filter(|_| !name.is_empty()) else {
            return;
        };
        if name.contains(['{', '}']) {
            let message = format!("braces in the name of a series: `{name}`");
            let problem = Problem::error("rules/record-name", message).at(value.at.place());
            let hint = "a selector belongs into `expr`, labels into `labels`";
            self.fields.problems.push(problem.hint(hint));
        } else if !is_legacy_metric_name(name) {
            self.not_classic(value, "the series", name);
        }
    }

    fn only_in_alerts(&mut self, node: &Node, key: &str) {
        let at = node.entry(key).map_or(&node.at, |entry| &entry.at);
        let message = format!("a rule that records has no `{key}`");
        let problem = Problem::error("rules/alerts-only", message).at(at.place());
        self.fields.problems.push(problem);
    }

    /// A name that only Prometheus 3 takes.
    fn not_classic(&mut self, node: &Node, what: &str, name: &str) {
        let message = format!("the name of {what} is not of the classic form: `{name}`");
        let problem = Problem::warning("rules/utf8-name", message).at(node.at.place());
        let hint = "it must be quoted in every expression, and Prometheus 2 refuses it";
        self.fields.problems.push(problem.hint(hint));
    }

    pub(super) fn label_name(&mut self, entry: &Entry, what: &str) {
        let name = &entry.key;
        if name.is_empty() || (what == "label" && name == METRIC_NAME) {
            let message = format!("`{name}` cannot be the name of a {what}");
            let problem = Problem::error("rules/label-name", message);
            self.fields.problems.push(problem.at(entry.at.place()));
        } else if !is_legacy_label_name(name) {
            let at = Node::new(entry.at.clone(), mainstay_yaml::tree::Kind::Null);
            self.not_classic(&at, &format!("the {what}"), name);
        }
    }

    fn alerting(
        &mut self,
        node: &Node,
        alert: &str,
        labels: &BTreeMap<String, String>,
    ) -> Alerting {
        let annotations = self.fields.pairs(node, "annotations");
        for entry in node
            .get("annotations")
            .map(Node::entries)
            .unwrap_or_default()
        {
            self.label_name(entry, "annotation");
        }
        Alerting {
            hold_ms: self.fields.duration_ms(node, "for").unwrap_or(0),
            keep_firing_ms: self
                .fields
                .duration_ms(node, "keep_firing_for")
                .unwrap_or(0),
            label_templates: self.templates((node, "labels"), alert, labels),
            annotation_templates: self.templates((node, "annotations"), alert, &annotations),
            annotations,
        }
    }

    fn templates(
        &mut self,
        (node, key): (&Node, &str),
        alert: &str,
        texts: &BTreeMap<String, String>,
    ) -> Vec<(String, Template)> {
        let mut templates = Vec::new();
        for (name, text) in texts {
            match Template::parse(alert, text) {
                Ok(template) => templates.push((name.clone(), template)),
                Err(error) => {
                    let value = node.get(key).and_then(|map| map.get(name));
                    // A label of the group stands elsewhere.
                    let place = value.map_or_else(
                        || node.at.place(),
                        |value| inside(self.text, value, error.offset),
                    );
                    let message = format!("`{name}` is no template: {}", error.message);
                    let mut problem = Problem::error("rules/template", message).at(place);
                    problem.hint = error.hint;
                    self.fields.problems.push(problem);
                }
            }
        }
        templates
    }
}
