//! A group in virtual time: what it answers is stored, as a server does.

use std::path::Path;
use std::sync::Arc;

use mainstay_promql::promqltest::MemoryStorage;
use mainstay_rules::{Alert, Evaluation, Group, RuleFile, Settings, Watch};
use mainstay_series::{Samples, is_stale};

pub(crate) const MINUTE: i64 = 60_000;

pub(crate) struct Drive {
    pub(crate) storage: MemoryStorage,
    pub(crate) group: Group,
}

/// The groups of a file without problems.
pub(crate) fn groups_of(yaml: &str, settings: &Settings) -> Vec<Group> {
    let (file, problems) = RuleFile::read(yaml, Path::new("/r.yml"), "r.yml");
    assert!(problems.is_empty(), "{problems}");
    let settings = Arc::new(settings.clone());
    let groups = file.groups.iter();
    groups
        .map(|spec| Group::without_past(&file.name, spec, &settings))
        .collect()
}

impl Drive {
    /// The first group of a file over what a script loads.
    pub(crate) fn new(load: &str, yaml: &str) -> Self {
        Self::with(load, yaml, &Settings::default())
    }

    pub(crate) fn with(load: &str, yaml: &str, settings: &Settings) -> Self {
        Self {
            storage: MemoryStorage::load(load).unwrap(),
            group: groups_of(yaml, settings).remove(0),
        }
    }

    /// Evaluates and stores.
    pub(crate) fn at(&mut self, at_ms: i64) -> Evaluation {
        let evaluation = self.group.evaluate(&self.storage, at_ms, &Watch::default());
        for new in evaluation.samples() {
            let mut samples = Samples::default();
            samples.push(new.sample.time_ms, new.sample.value);
            self.storage.append(&new.labels, &samples);
        }
        evaluation
    }

    /// Evaluates each minute up to and with one; the last one's answer.
    pub(crate) fn until(&mut self, from: i64, minute: i64) -> Evaluation {
        let mut last = Evaluation::default();
        for minute in from..=minute {
            last = self.at(minute * MINUTE);
        }
        last
    }

    /// The alerts that are active: `state labels since`.
    pub(crate) fn active(&self) -> Vec<String> {
        let rules = self.group.rules().iter();
        let alerts = rules.flat_map(mainstay_rules::RuleState::active_alerts);
        alerts
            .map(|(labels, alert)| {
                let since = alert.active_at_ms / MINUTE;
                format!("{} {labels} {since}m", alert.state.as_str())
            })
            .collect()
    }
}

/// Samples as text, stale markers as `stale`.
pub(crate) fn samples(evaluation: &Evaluation) -> Vec<String> {
    let samples = evaluation.samples();
    samples
        .map(|new| {
            let value = if is_stale(new.sample.value) {
                "stale".to_owned()
            } else {
                new.sample.value.to_string()
            };
            format!("{} {value} @{}", new.labels, new.sample.time_ms / 1000)
        })
        .collect()
}

/// Alerts as text: `state labels starts..ends`.
pub(crate) fn sent(evaluation: &Evaluation) -> Vec<String> {
    evaluation.alerts().map(shown).collect()
}

fn shown(alert: &Alert) -> String {
    format!(
        "{} {} {}..{}",
        alert.state.as_str(),
        alert.labels,
        alert.starts_at_ms / 1000,
        alert.ends_at_ms / 1000
    )
}
