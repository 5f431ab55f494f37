//! A rule file, read as Prometheus 3 reads it.
//!
//! Source: <https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/>. All problems
//! are collected, each with its place: of an expression the place inside of the YAML value.

mod fields;
mod rule;
mod span;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use mainstay_model::{Problem, Problems};
use mainstay_series::Labels;
use mainstay_yaml::Limits;
use mainstay_yaml::source::Source;
use mainstay_yaml::tree::Node;

pub(crate) use fields::{Fate, Fields, Keys};
pub(crate) use span::inside;

use crate::file::{GroupSpec, Kind, Rule, RuleFile};
use Fate::{Read, Refused};

/// How much one file may say: packs of rules are generated, and long.
pub(crate) const LIMITS: Limits = Limits {
    file_bytes: 8 << 20,
    nodes: 400_000,
    text_bytes: 16 << 20,
};

const FILE: &Keys = &[("groups", Read)];

const GROUP: &Keys = &[
    ("name", Read),
    ("interval", Read),
    ("limit", Read),
    ("query_offset", Read),
    ("labels", Read),
    ("rules", Read),
    (
        "partial_response_strategy",
        Refused("it is Thanos's: take it out, every answer here is whole"),
    ),
    (
        "evaluation_delay",
        Refused("it is Mimir's: write `query_offset`"),
    ),
    (
        "source_tenants",
        Refused("it is Mimir's: take it out, there are no tenants here"),
    ),
    (
        "align_evaluation_time_on_interval",
        Refused("it is Mimir's: take it out, each group has a phase of its own"),
    ),
];

impl RuleFile {
    /// Reads the file at `path`, which is shown as `display`. What it says holds only where no
    /// problem is an error.
    pub fn read(text: &str, path: &Path, display: &str) -> (Self, Problems) {
        let mut problems = Problems::default();
        let source = Arc::new(Source::of_file(path, display));
        let mut documents =
            mainstay_yaml::parse_within(LIMITS, text, &source, &mut problems).into_iter();
        let mut file = Self {
            name: path.display().to_string(),
            path: path.to_owned(),
            groups: Vec::new(),
        };
        let tree = documents.next();
        if let Some(second) = documents.next() {
            let message = "only the first document of a rule file is read";
            let problem = Problem::warning("rules/documents", message).at(second.at.place());
            problems.push(problem.hint("write its groups to the first, or to another file"));
        }
        let mut reading = Reading {
            fields: Fields::new("rules", &mut problems),
            text,
        };
        if let Some(tree) = tree {
            file.groups = reading.groups(&tree);
        }
        problems.sort();
        (file, problems)
    }
}

/// What a file is read with.
pub(crate) struct Reading<'a> {
    pub(crate) fields: Fields<'a>,
    /// The file, for places inside of values.
    pub(crate) text: &'a str,
}

impl Reading<'_> {
    fn groups(&mut self, tree: &Node) -> Vec<GroupSpec> {
        if !self.fields.section(tree, "the file", FILE) {
            return Vec::new();
        }
        let mut groups: Vec<GroupSpec> = Vec::new();
        for node in self.fields.list(tree, "groups") {
            let Some(group) = self.group(node) else {
                continue;
            };
            if groups.iter().any(|other| other.name == group.name) {
                let name = node.get("name").unwrap_or(node);
                let message = format!("group `{}` stands here twice", group.name);
                self.fields.error(name, "duplicate-group", message);
            }
            groups.push(group);
        }
        self.warn_of_duplicates(&groups);
        groups
    }

    fn group(&mut self, node: &Node) -> Option<GroupSpec> {
        if !self.fields.section(node, "a group", GROUP) {
            self.warn_of_nothing(node, "group");
            return None;
        }
        let name = self.fields.text(node, "name").unwrap_or_default();
        if name.is_empty() {
            let at = node.get("name").unwrap_or(node);
            self.fields.error(at, "group-name", "a group has no name");
        }
        let interval_ms = self.fields.duration_ms(node, "interval");
        let query_offset_ms = self.fields.duration_ms(node, "query_offset");
        let limit = self.fields.whole_number(node, "limit").unwrap_or(0);
        let labels = self.labels(node, "labels");
        let mut rules = Vec::new();
        for item in self.fields.list(node, "rules") {
            rules.extend(self.rule(item, &labels).map(Arc::new));
        }
        Some(GroupSpec {
            name,
            // An interval of nothing is none.
            interval_ms: interval_ms.filter(|interval| *interval > 0),
            limit: usize::try_from(limit).unwrap_or(0),
            query_offset_ms,
            rules,
            place: node.at.place(),
        })
    }

    /// Prometheus leaves out what is empty in a list.
    fn warn_of_nothing(&mut self, node: &Node, what: &str) {
        if node.is_null() {
            let message = format!("there is nothing of a {what} here");
            let problem = Problem::warning("rules/nothing", message).at(node.at.place());
            self.fields.problems.push(problem.hint("take the line out"));
        }
    }

    /// Labels under `key`: names checked, values text.
    fn labels(&mut self, node: &Node, key: &str) -> BTreeMap<String, String> {
        let pairs = self.fields.pairs(node, key);
        for entry in node.get(key).map(Node::entries).unwrap_or_default() {
            self.label_name(entry, "label");
        }
        pairs
    }

    /// Two rules that give the same series or the same alerts: probably a mistake.
    fn warn_of_duplicates(&mut self, groups: &[GroupSpec]) {
        let mut seen: BTreeSet<(&str, &Labels, &[String])> = BTreeSet::new();
        let rules = groups.iter().flat_map(|group| &group.rules);
        for rule in rules {
            let rule: &Rule = rule;
            if seen.insert((&rule.name, &rule.labels, &rule.removed)) {
                continue;
            }
            let kind = match rule.kind {
                Kind::Recording => "records",
                Kind::Alerting(_) => "is named",
            };
            let message = format!(
                "another rule {kind} `{}` with the same labels {}",
                rule.name, rule.labels
            );
            let problem = Problem::warning("rules/duplicate-rule", message);
            let hint = "give one of them another name, or a label that tells them apart";
            self.fields
                .problems
                .push(problem.at(rule.place.clone()).hint(hint));
        }
    }
}
