//! One group, once.

use super::Outlet;
use super::scoped::Scoped;
use crate::metrics::Metrics;
use mainstay_model::Scope;
use mainstay_promql::Interrupt;
use mainstay_rules::{Evaluation, Group, Watch};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long one rule may take; a query of the API has as much.
const PATIENCE: Duration = Duration::from_mins(2);

/// A group, and whose it is.
#[derive(Debug)]
pub(crate) struct Kept {
    scope: Option<Scope>,
    /// Held while it is evaluated: whoever asks what it knows waits for that.
    group: Mutex<Group>,
    busy: AtomicBool,
}

impl Kept {
    pub(super) fn new(group: Group, scope: Option<Scope>) -> Self {
        Self {
            scope,
            group: Mutex::new(group),
            busy: AtomicBool::new(false),
        }
    }

    pub(crate) fn group(&self) -> MutexGuard<'_, Group> {
        self.group.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None`: it is being evaluated.
    pub(super) fn try_group(&self) -> Option<MutexGuard<'_, Group>> {
        self.group.try_lock().ok()
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Acquire)
    }

    /// It is being evaluated, until the value is dropped: also where that ends in a panic.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        self.busy.store(true, Ordering::Release);
        Busy(Arc::clone(self))
    }

    /// Evaluates it, stores what it gives, and hands its alerts on. Takes as long as its queries: for a
    /// thread that may wait.
    pub(super) fn evaluate(
        &self,
        metrics: &Metrics,
        outlet: &dyn Outlet,
        at_ms: i64,
        stopping: &dyn Fn() -> bool,
    ) {
        let started = Instant::now();
        let check = || {
            if stopping() {
                return Err(Interrupt::Canceled);
            }
            Ok(())
        };
        let watch = Watch {
            check: &check,
            elapsed: &|| started.elapsed(),
            rule_limit: PATIENCE,
        };
        let mut group = self.group();
        let store = Scoped::new(metrics.storage(), self.scope.as_ref());
        let evaluation = group.evaluate(&store, at_ms, &watch);
        keep(&mut group, &evaluation, metrics);
        drop(group);
        let alerts: Vec<_> = evaluation.alerts().cloned().collect();
        if !alerts.is_empty() {
            outlet.take(alerts);
        }
    }
}

pub(super) struct Busy(Arc<Kept>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::Release);
    }
}

/// Stores the samples; a rule whose samples are not taken is told so.
fn keep(group: &mut Group, evaluation: &Evaluation, metrics: &Metrics) {
    for outcome in &evaluation.rules {
        let name = group
            .rules()
            .get(outcome.rule)
            .map(|rule| rule.rule().name.clone());
        if let Some(error) = &outcome.error {
            let (file, group) = (group.file(), group.name());
            tracing::warn!(file, group, rule = name, error, "a rule was not evaluated");
        }
    }
    let of_rule: Vec<(usize, &mainstay_series::Labels)> = evaluation
        .rules
        .iter()
        .flat_map(|outcome| {
            let samples = outcome.samples.iter();
            samples.map(|new| (outcome.rule, &new.labels))
        })
        .collect();
    match metrics.record(evaluation.samples()) {
        Ok(refused) => {
            for (row, reason) in refused {
                // What is beyond belongs to rules that are gone.
                if let Some((rule, labels)) = of_rule.get(row) {
                    group.refused(*rule, labels, &reason);
                }
            }
        }
        Err(error) => {
            for outcome in &evaluation.rules {
                group.lost(outcome.rule, &error);
            }
        }
    }
}
