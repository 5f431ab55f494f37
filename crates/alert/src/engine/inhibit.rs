//! Which alerts keep others quiet.
//!
//! Sources are kept by the values of the labels that have to be equal, so that an alert is judged by a
//! look-up and not by a walk over all others.

use std::collections::{BTreeSet, HashMap};

use mainstay_model::Timestamp;
use mainstay_series::Labels;

use super::alert::Alert;
use crate::config::InhibitRule;
use crate::notification::Fingerprint;

#[derive(Debug, Default)]
pub(super) struct Inhibitor {
    rules: Vec<InhibitRule>,
    /// For each rule: the values of `equal` → the alerts that match its source.
    sources: Vec<HashMap<Vec<String>, BTreeSet<Fingerprint>>>,
}

impl Inhibitor {
    pub(super) fn new(rules: &[InhibitRule]) -> Self {
        Self {
            rules: rules.to_vec(),
            sources: rules.iter().map(|_| HashMap::new()).collect(),
        }
    }

    /// A label that is not there is an empty one.
    fn values(rule: &InhibitRule, labels: &Labels) -> Vec<String> {
        let value = |name: &String| labels.get(name).unwrap_or("").to_owned();
        rule.equal.iter().map(value).collect()
    }

    pub(super) fn insert(&mut self, alert: &Alert) {
        for (rule, sources) in self.rules.iter().zip(&mut self.sources) {
            if rule.source.matches(&alert.labels) {
                let values = Self::values(rule, &alert.labels);
                sources.entry(values).or_default().insert(alert.fingerprint);
            }
        }
    }

    pub(super) fn remove(&mut self, alert: &Alert) {
        for (rule, sources) in self.rules.iter().zip(&mut self.sources) {
            let values = Self::values(rule, &alert.labels);
            if let Some(found) = sources.get_mut(&values) {
                found.remove(&alert.fingerprint);
                if found.is_empty() {
                    sources.remove(&values);
                }
            }
        }
    }

    /// The rule and the alert that keep `labels` quiet, if any do. An alert that matches both sides of a
    /// rule is not kept quiet by one that does so too; above all not by itself.
    pub(super) fn inhibits<'a>(
        &self,
        labels: &Labels,
        now: Timestamp,
        alert: impl Fn(Fingerprint) -> Option<&'a Alert>,
    ) -> Option<(usize, Fingerprint)> {
        for (number, (rule, sources)) in self.rules.iter().zip(&self.sources).enumerate() {
            if !rule.target.matches(labels) {
                continue;
            }
            let two_sided = rule.source.matches(labels);
            let found = sources
                .get(&Self::values(rule, labels))
                .into_iter()
                .flatten();
            let source = found.copied().find(|fingerprint| {
                alert(*fingerprint).is_some_and(|source| {
                    let excluded = two_sided && rule.target.matches(&source.labels);
                    !source.is_resolved(now) && !excluded
                })
            });
            if let Some(source) = source {
                return Some((number, source));
            }
        }
        None
    }
}
