//! A group of rules as a state machine.

use std::sync::Arc;

use mainstay_promql::{Check, Query, Value};
use mainstay_series::{Labels, Storage, is_stale};

use crate::alerting::{Round, to_send};
use crate::evaluation::{Evaluation, Figures, NewSample, RuleOutcome, Watch};
use crate::file::GroupSpec;
use crate::overlay::Overlay;
use crate::recording::record;
use crate::restore::restore;
use crate::schedule::{due, phase_ms, slot_ms};
use crate::settings::Settings;
use crate::state::{RuleState, stale};

/// After so many evaluations `for` is restored: at the first one targets may not have been scraped,
/// and rules that alerts look at have recorded nothing.
const ROUNDS_BEFORE_RESTORING: u32 = 2;

/// Rules that are evaluated one after the other, and what is known of them.
#[derive(Debug, Clone)]
pub struct Group {
    file: String,
    name: String,
    interval_ms: i64,
    limit: usize,
    query_offset_ms: i64,
    settings: Arc<Settings>,
    rules: Vec<RuleState>,
    /// Series of rules that were in it: to be marked stale at the next evaluation.
    departed: Vec<Labels>,
    figures: Figures,
    /// Evaluations still to be waited for before `for` is restored; `None`: it is.
    restoring: Option<u32>,
    /// When the next evaluation is due; `None`: not known yet.
    next_ms: Option<i64>,
}

/// What a group waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Wait {
        until_ms: i64,
    },
    /// Evaluate now, for this moment.
    Evaluate {
        at_ms: i64,
    },
}

impl Group {
    /// A group of a server that starts: `for` is restored after its second evaluation.
    pub fn new(file: &str, spec: &GroupSpec, settings: &Arc<Settings>) -> Self {
        Self {
            restoring: Some(ROUNDS_BEFORE_RESTORING),
            ..Self::without_past(file, spec, settings)
        }
    }

    /// A group that is new to a server that runs: there is nothing to restore.
    pub fn without_past(file: &str, spec: &GroupSpec, settings: &Arc<Settings>) -> Self {
        let offset_ms = spec.query_offset_ms;
        Self {
            file: file.to_owned(),
            name: spec.name.clone(),
            interval_ms: spec.interval_ms.unwrap_or(settings.interval_ms).max(1),
            limit: spec.limit,
            query_offset_ms: offset_ms.unwrap_or(settings.query_offset_ms),
            settings: Arc::clone(settings),
            rules: spec.rules.iter().map(RuleState::new).collect(),
            departed: Vec::new(),
            figures: Figures::default(),
            restoring: None,
            next_ms: None,
        }
    }

    pub fn file(&self) -> &str {
        &self.file
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn interval_ms(&self) -> i64 {
        self.interval_ms
    }

    /// 0: none.
    pub fn limit(&self) -> usize {
        self.limit
    }

    pub fn query_offset_ms(&self) -> i64 {
        self.query_offset_ms
    }

    pub fn rules(&self) -> &[RuleState] {
        &self.rules
    }

    pub fn figures(&self) -> Figures {
        self.figures
    }

    /// Whether it is time. The first evaluation is at the group's next moment; moments that went by are
    /// counted as missed and not made up for.
    pub fn turn(&mut self, now_ms: i64) -> Turn {
        let phase = phase_ms(&self.file, &self.name, self.interval_ms);
        let next = slot_ms(now_ms, phase, self.interval_ms) + self.interval_ms;
        // Further away than an interval: the clock was set back.
        let until_ms = match self.next_ms.filter(|known| *known <= next) {
            Some(known) => known,
            None => *self.next_ms.insert(next),
        };
        let Some(due) = due(until_ms - self.interval_ms, now_ms, self.interval_ms) else {
            return Turn::Wait { until_ms };
        };
        self.next_ms = Some(due.at_ms + self.interval_ms);
        self.figures.iterations += due.missed;
        self.figures.iterations_missed += due.missed;
        Turn::Evaluate { at_ms: due.at_ms }
    }

    /// Evaluates all rules for one moment. What it answers is to be stored and sent; what the store
    /// refuses, [`Group::refused`] or [`Group::lost`] is to be told.
    pub fn evaluate(&mut self, storage: &dyn Storage, at_ms: i64, watch: &Watch<'_>) -> Evaluation {
        let start = (watch.elapsed)();
        let mut overlay = Overlay::new(storage);
        let mut evaluation = Evaluation::default();
        for rule in 0..self.rules.len() {
            let outcome = self.evaluate_rule(rule, &mut overlay, at_ms, watch);
            evaluation.rules.push(outcome);
        }
        evaluation.departed = self.mark_departed(&mut overlay, at_ms);
        let figures = &mut self.figures;
        figures.iterations += 1;
        figures.last_duration = (watch.elapsed)().saturating_sub(start);
        figures.last_rule_duration_sum = self.rules.iter().map(|rule| rule.last_duration).sum();
        figures.last_evaluation_ms = Some(at_ms);
        let fresh = |outcome: &RuleOutcome| {
            let samples = outcome.samples.iter();
            samples.filter(|new| !is_stale(new.sample.value)).count()
        };
        figures.last_samples = evaluation.rules.iter().map(fresh).sum();
        self.restore_when_due(storage, at_ms);
        evaluation
    }

    fn evaluate_rule(
        &mut self,
        index: usize,
        overlay: &mut Overlay<'_>,
        at_ms: i64,
        watch: &Watch<'_>,
    ) -> RuleOutcome {
        let start = (watch.elapsed)();
        self.figures.evaluations += 1;
        let mut outcome = RuleOutcome {
            rule: index,
            ..RuleOutcome::default()
        };
        let sample_ms = at_ms - self.query_offset_ms;
        let check = || watch.goes_on(start);
        match self.run(index, overlay, (at_ms, &check), &mut outcome) {
            Ok(samples) => {
                self.rules[index].take(samples, overlay, sample_ms, &mut outcome);
            }
            Err(error) => {
                self.figures.failures += 1;
                outcome.error = Some(error);
            }
        }
        self.figures.template_failures += outcome.template_errors.len() as u64;
        let state = &mut self.rules[index];
        state.judge(outcome.error.as_deref());
        state.last_evaluation_ms = Some(at_ms);
        state.last_duration = (watch.elapsed)().saturating_sub(start);
        outcome
    }

    /// What one rule gives.
    fn run(
        &mut self,
        index: usize,
        overlay: &Overlay<'_>,
        (at_ms, check): (i64, Check<'_>),
        outcome: &mut RuleOutcome,
    ) -> Result<Vec<NewSample>, String> {
        let settings = Arc::clone(&self.settings);
        let ask = |query: &Query, time_ms: i64| {
            let answer = settings.engine.instant(overlay, query, time_ms, check);
            match answer.map_err(|error| error.to_string())?.value {
                Value::Vector { samples, .. } => Ok(samples),
                Value::Scalar { value, .. } => Ok(vec![(Labels::empty(), value)]),
                Value::Matrix(_) | Value::String { .. } => {
                    Err("rule result is not a vector or scalar".to_owned())
                }
            }
        };
        let state = &mut self.rules[index];
        let rule = Arc::clone(&state.rule);
        let sample_ms = at_ms - self.query_offset_ms;
        let answer = ask(&rule.query, sample_ms)?;
        let Some(alerting) = rule.alerting() else {
            return record(&rule, answer, sample_ms, self.limit);
        };
        let round = Round {
            rule: &rule,
            alerting,
            settings: &settings,
            at_ms,
            sample_ms,
            limit: self.limit,
            query: &|text| {
                let query = Query::parse(text).map_err(|error| error.to_string())?;
                ask(&query, at_ms)
            },
        };
        let write = self.restoring.is_none();
        let found = round.evaluate(&mut state.active, answer, write)?;
        outcome.template_errors = found.template_errors;
        let times = (at_ms, self.interval_ms);
        outcome.alerts = to_send(&rule, &mut state.active, &settings, times);
        Ok(found.samples)
    }

    fn mark_departed(&mut self, overlay: &mut Overlay<'_>, at_ms: i64) -> Vec<NewSample> {
        let time_ms = at_ms - self.query_offset_ms;
        let departed = std::mem::take(&mut self.departed).into_iter();
        departed
            .filter_map(|labels| stale(labels, time_ms, overlay))
            .collect()
    }

    fn restore_when_due(&mut self, storage: &dyn Storage, now_ms: i64) {
        let Some(rounds) = self.restoring else {
            return;
        };
        self.restoring = Some(rounds.saturating_sub(1)).filter(|rounds| *rounds > 0);
        if self.restoring.is_some() {
            return;
        }
        for state in &mut self.rules {
            let rule = Arc::clone(&state.rule);
            let Some(alerting) = rule.alerting() else {
                continue;
            };
            let rule = (&*rule, alerting);
            let restored = restore(rule, &mut state.active, &self.settings, storage, now_ms);
            if let Err(error) = restored {
                state.judge(Some(&format!("restoring `for`: {error}")));
            }
        }
    }

    /// The store refused a sample of a rule: it is too old, or there is another value.
    pub fn refused(&mut self, rule: usize, labels: &Labels, reason: &str) {
        if let Some(state) = self.rules.get_mut(rule) {
            state.series.remove(labels);
            state.judge(Some(reason));
        }
    }

    /// The store took nothing of what a rule gave.
    pub fn lost(&mut self, rule: usize, reason: &str) {
        if let Some(state) = self.rules.get_mut(rule) {
            state.series = std::mem::take(&mut state.series_before);
            state.judge(Some(reason));
            self.figures.failures += 1;
        }
    }

    /// Whether it is the same group as another, but for its state.
    pub(crate) fn same(&self, other: &Self) -> bool {
        let numbers = |group: &Self| (group.interval_ms, group.limit, group.query_offset_ms);
        let mut rules = self.rules.iter().zip(&other.rules);
        numbers(self) == numbers(other)
            && self.rules.len() == other.rules.len()
            && rules.all(|(a, b)| a.rule.same(&b.rule))
            && self.settings.same(&other.settings)
    }

    /// Takes over the state of the group that was in its place: of each rule that has the same name
    /// and labels, the first with the first. Series of the others are marked stale.
    pub(crate) fn take_state(&mut self, from: Self) {
        self.figures = from.figures;
        self.restoring = from.restoring;
        self.departed = from.departed;
        let mut old: Vec<Option<RuleState>> = from.rules.into_iter().map(Some).collect();
        for state in &mut self.rules {
            let alike = |old: &&mut Option<RuleState>| {
                let old = old.as_ref().map(|old| &old.rule);
                old.is_some_and(|old| {
                    old.name == state.rule.name && old.labels == state.rule.labels
                })
            };
            let Some(before) = old.iter_mut().find(alike).and_then(Option::take) else {
                continue;
            };
            state.series = before.series;
            if state.rule.alerting().is_some() && before.rule.alerting().is_some() {
                state.active = before.active;
            }
        }
        let gone = old.into_iter().flatten().flat_map(|state| state.series);
        self.departed.extend(gone);
    }

    /// Every series that it wrote last.
    pub(crate) fn into_series(self) -> impl Iterator<Item = Labels> {
        let series = self.rules.into_iter().flat_map(|state| state.series);
        series.chain(self.departed)
    }
}
