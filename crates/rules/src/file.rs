//! What stands in a rule file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use mainstay_model::Place;
use mainstay_promql::Query;
use mainstay_series::Labels;

use crate::template::Template;

/// A rule file that was read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RuleFile {
    /// Its path: what Prometheus's API calls `file`, and half of what tells groups apart.
    pub name: String,
    pub path: PathBuf,
    pub groups: Vec<GroupSpec>,
}

impl RuleFile {
    /// Puts labels on whatever its rules give, unless they name those labels themselves. So the rules of
    /// somebody who shares a store are told from those of others.
    pub fn add_labels(&mut self, labels: &Labels) {
        for group in &mut self.groups {
            for rule in &mut group.rules {
                Arc::make_mut(rule).add_labels(labels);
            }
        }
    }
}

/// Rules that are evaluated together, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupSpec {
    pub name: String,
    /// `None`: the server's.
    pub interval_ms: Option<i64>,
    /// The most series or alerts that one of its rules may give; 0: no limit.
    pub limit: usize,
    /// `None`: the server's.
    pub query_offset_ms: Option<i64>,
    pub rules: Vec<Arc<Rule>>,
    pub place: Place,
}

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Of the alert, or of the series that is recorded.
    pub name: String,
    pub query: Query,
    /// The group's labels and the rule's own, which win. Of an alerting rule they are templates.
    pub labels: Labels,
    /// Labels that it gives no value: taken away from what is found.
    pub removed: Vec<String>,
    pub kind: Kind,
    /// Where it stands.
    pub place: Place,
}

/// What a rule makes of its expression's answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Series under the rule's name.
    Recording,
    /// Alerts.
    Alerting(Alerting),
}

/// What only alerting rules have.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Alerting {
    /// `for`: so long it is pending before it fires.
    pub hold_ms: i64,
    /// So long it goes on firing after the expression gives nothing.
    pub keep_firing_ms: i64,
    /// Templates, as they were written.
    pub annotations: BTreeMap<String, String>,
    pub(crate) label_templates: Vec<(String, Template)>,
    pub(crate) annotation_templates: Vec<(String, Template)>,
}

impl Rule {
    fn add_labels(&mut self, more: &Labels) {
        let mut labels = self.labels.to_builder();
        for (name, value) in more {
            if self.labels.get(name).is_some() {
                continue;
            }
            labels.set(name, value);
            self.removed.retain(|removed| removed != name);
            if let Kind::Alerting(alerting) = &mut self.kind {
                let template = Template::plain(value);
                alerting.label_templates.push((name.to_owned(), template));
            }
        }
        self.labels = labels.build();
    }

    /// What an alerting rule has besides.
    pub fn alerting(&self) -> Option<&Alerting> {
        match &self.kind {
            Kind::Alerting(alerting) => Some(alerting),
            Kind::Recording => None,
        }
    }

    /// Whether it is the same rule as another, wherever the two stand.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.labels == other.labels
            && self.removed == other.removed
            && self.kind == other.kind
            && self.query.to_string() == other.query.to_string()
    }
}
