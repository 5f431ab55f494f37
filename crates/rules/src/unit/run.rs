//! Runs tests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mainstay_model::Place;
use mainstay_promql::promqltest::MemoryStorage;
use mainstay_promql::{Engine, Options, Value, uninterrupted};
use mainstay_series::{Labels, Samples, format_duration, is_stale};

use super::{
    AlertTest, ExpressionTest, Failure, Firing, Report, Test, TestFile, TestReport, compare,
};
use crate::active::AlertState;
use crate::evaluation::{Evaluation, Watch};
use crate::file::RuleFile;
use crate::group::Group;
use crate::settings::Settings;
use crate::state::RuleState;

/// The most evaluations of one test.
const MAX_EVALUATIONS: i64 = 200_000;

/// The most samples that one expression of a test may hold in memory.
const MAX_SAMPLES: usize = 5_000_000;

impl Test {
    /// The last time since its start that something is asked for.
    fn last_ms(&self) -> i64 {
        let alerts = self.alerts.iter().map(|alert| alert.eval_time_ms);
        let expressions = self.expressions.iter().map(|test| test.eval_time_ms);
        alerts.chain(expressions).max().unwrap_or(0)
    }
}

impl TestFile {
    /// How often groups are evaluated in all tests together.
    pub fn evaluations(&self) -> i64 {
        let step_ms = self.evaluation_interval_ms.max(1);
        let counts = self.tests.iter().map(|test| test.last_ms() / step_ms + 1);
        counts.fold(0, i64::saturating_add)
    }

    /// Runs all tests over the rule files that they are for.
    pub fn run(&self, files: &[RuleFile]) -> Report {
        let tests = self.tests.iter().enumerate();
        Report {
            tests: tests
                .map(|(number, test)| {
                    let mut run = Run::new(self, test, files);
                    run.all();
                    TestReport {
                        name: test.name.clone().unwrap_or(format!("unnamed#{number}")),
                        place: test.place.clone(),
                        compared: run.compared,
                        failures: run.failures,
                    }
                })
                .collect(),
        }
    }
}

/// A test that runs.
struct Run<'a> {
    file: &'a TestFile,
    test: &'a Test,
    engine: Engine,
    groups: Vec<Group>,
    storage: MemoryStorage,
    /// Samples that are still to be loaded.
    ahead: Vec<(&'a Labels, &'a Samples, usize)>,
    compared: usize,
    failures: Vec<Failure>,
}

impl<'a> Run<'a> {
    fn new(file: &'a TestFile, test: &'a Test, files: &[RuleFile]) -> Self {
        let engine = Engine::new(Options {
            subquery_step_ms: file.evaluation_interval_ms,
            max_samples: MAX_SAMPLES,
            ..Options::default()
        });
        let settings = Arc::new(Settings {
            interval_ms: test.interval_ms,
            external_labels: test.external_labels.clone(),
            external_url: test.external_url.clone(),
            engine: engine.clone(),
            ..Settings::default()
        });
        Self {
            file,
            test,
            engine,
            groups: ordered(files, &file.group_order, &settings),
            storage: MemoryStorage::default(),
            ahead: test
                .series
                .iter()
                .map(|(labels, samples)| (labels, samples, 0))
                .collect(),
            compared: 0,
            failures: Vec::new(),
        }
    }

    fn all(&mut self) {
        for (place, message) in &self.test.unsupported {
            self.failures.push(Failure {
                place: place.clone(),
                what: "a series".to_owned(),
                difference: vec![message.clone()],
            });
        }
        if !self.failures.is_empty() || !self.evaluate() {
            return;
        }
        for expression in &self.test.expressions {
            self.compared += 1;
            let difference = self.expression(expression);
            let what = format!("`{}` at {}", expression.text, at(expression.eval_time_ms));
            self.judge(&expression.place, what, difference);
        }
    }

    fn judge(&mut self, place: &Place, what: String, difference: Vec<String>) {
        if !difference.is_empty() {
            self.failures.push(Failure {
                place: place.clone(),
                what,
                difference,
            });
        }
    }

    /// Evaluates all groups from the start to the last moment that is asked for; whether it got there.
    fn evaluate(&mut self) -> bool {
        let step_ms = self.file.evaluation_interval_ms.max(1);
        let last_ms = self.test.last_ms();
        if last_ms / step_ms >= MAX_EVALUATIONS {
            let what = format!("evaluating each {} up to {}", at(step_ms), at(last_ms));
            let place = self.test.place.clone();
            self.judge(
                &place,
                what,
                vec![format!("more than {MAX_EVALUATIONS} evaluations")],
            );
            return false;
        }
        let mut alerts: Vec<&AlertTest> = self.test.alerts.iter().collect();
        alerts.sort_by_key(|alert| alert.eval_time_ms);
        let mut alerts = alerts.into_iter().peekable();
        for since_ms in (0..=last_ms).step_by(usize::try_from(step_ms).unwrap_or(usize::MAX)) {
            self.load_until(self.test.start_ms + since_ms);
            if !self.evaluate_groups(since_ms) {
                return false;
            }
            // What is asked between two evaluations is answered by the former.
            while let Some(alert) = alerts.next_if(|alert| alert.eval_time_ms < since_ms + step_ms)
            {
                self.compared += 1;
                let difference = compare::alerts(alert.expected.clone(), self.firing(&alert.name));
                let what = format!("alert `{}` at {}", alert.name, at(alert.eval_time_ms));
                self.judge(&alert.place, what, difference);
            }
        }
        true
    }

    /// Loads what is not later than a time: an expression that looks ahead finds nothing there.
    fn load_until(&mut self, time_ms: i64) {
        for (labels, samples, next) in &mut self.ahead {
            let mut due = Samples::default();
            while let Some(&time) = samples.times.get(*next).filter(|time| **time <= time_ms) {
                due.push(time, samples.values[*next]);
                *next += 1;
            }
            if !due.is_empty() {
                self.storage.append(labels, &due);
            }
        }
    }

    /// Whether all rules went well.
    fn evaluate_groups(&mut self, since_ms: i64) -> bool {
        let time_ms = self.test.start_ms + since_ms;
        let mut errors = Vec::new();
        for group in &mut self.groups {
            let evaluation = group.evaluate(&self.storage, time_ms, &Watch::default());
            let refused = store(&evaluation, &self.test.series, &mut self.storage);
            for (rule, labels) in refused {
                group.refused(
                    rule,
                    &labels,
                    "duplicate sample for timestamp: it is an input series",
                );
            }
            for state in group.rules() {
                if let Some(error) = state.last_error() {
                    errors.push((
                        state.rule().place.clone(),
                        state.rule().name.clone(),
                        error.to_owned(),
                    ));
                }
            }
        }
        let went_well = errors.is_empty();
        for (place, name, error) in errors {
            let what = format!("rule `{name}` at {}", at(since_ms));
            self.judge(&place, what, vec![error]);
        }
        went_well
    }

    /// The alerts of a name that fire.
    fn firing(&self, name: &str) -> Vec<Firing> {
        let rules = self.groups.iter().flat_map(Group::rules);
        let rules =
            rules.filter(|state| state.rule().alerting().is_some() && state.rule().name == name);
        let alerts = rules.flat_map(RuleState::active_alerts);
        alerts
            .filter(|(_, alert)| alert.state == AlertState::Firing)
            .map(|(labels, alert)| Firing {
                labels: labels
                    .iter()
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect(),
                annotations: alert.annotations.clone(),
            })
            .collect()
    }

    fn expression(&self, test: &ExpressionTest) -> Vec<String> {
        let query = match &test.query {
            Ok(query) => query,
            Err(error) => return vec![error.clone()],
        };
        let time_ms = self.test.start_ms + test.eval_time_ms;
        let answer = self
            .engine
            .instant(&self.storage, query, time_ms, &uninterrupted);
        let found = match answer {
            Ok(answer) => match answer.value {
                Value::Vector { samples, .. } => samples,
                Value::Scalar { value, .. } => vec![(Labels::empty(), value)],
                Value::Matrix(_) | Value::String { .. } => {
                    return vec!["it gives neither a vector nor a scalar".to_owned()];
                }
            },
            Err(error) => return vec![error.to_string()],
        };
        compare::samples(&test.expected, &found, self.file.fuzzy)
    }
}

/// Stores what was evaluated; answers what cannot be, since an input series has another value then.
fn store(
    evaluation: &Evaluation,
    input: &BTreeMap<Labels, Samples>,
    storage: &mut MemoryStorage,
) -> Vec<(usize, Labels)> {
    let mut refused = Vec::new();
    let rules = evaluation.rules.iter();
    for (rule, new) in rules.flat_map(|rule| rule.samples.iter().map(|new| (rule.rule, new))) {
        let (time_ms, value) = (new.sample.time_ms, new.sample.value);
        let loaded = input.get(&new.labels).and_then(|loaded| {
            let at = loaded.times.binary_search(&time_ms).ok()?;
            loaded.values.get(at)
        });
        match loaded {
            Some(_) if is_stale(value) => {}
            Some(loaded) if loaded.to_bits() == value.to_bits() => {}
            Some(_) => refused.push((rule, new.labels.clone())),
            None => {
                let mut samples = Samples::default();
                samples.push(time_ms, value);
                storage.append(&new.labels, &samples);
            }
        }
    }
    refused
}

/// The groups of all files in the order they are to be evaluated in. What tells groups apart is
/// their file and their name.
fn ordered(files: &[RuleFile], order: &[String], settings: &Arc<Settings>) -> Vec<Group> {
    let mut groups: BTreeMap<(usize, &str, usize), Group> = BTreeMap::new();
    for (number, file) in files.iter().enumerate() {
        // A file that two patterns name is read once.
        if files.iter().position(|other| other.name == file.name) != Some(number) {
            continue;
        }
        for (at, spec) in file.groups.iter().enumerate() {
            let rank = order.iter().position(|name| *name == spec.name);
            let group = Group::without_past(&file.name, spec, settings);
            groups.insert((rank.unwrap_or(0), &file.name, at), group);
        }
    }
    groups.into_values().collect()
}

/// A time since the start, as the file writes it.
fn at(time_ms: i64) -> String {
    format_duration(Duration::from_millis(u64::try_from(time_ms).unwrap_or(0)))
}
