//! What is known of one rule between two evaluations.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use mainstay_series::{Labels, STALE, Sample};

use crate::active::{ActiveAlert, AlertState};
use crate::alerting::Active;
use crate::evaluation::{Health, NewSample, RuleOutcome};
use crate::file::Rule;
use crate::overlay::Overlay;

/// A rule and what is known of it.
#[derive(Debug, Clone)]
pub struct RuleState {
    pub(crate) rule: Arc<Rule>,
    health: Health,
    last_error: Option<String>,
    pub(crate) last_duration: Duration,
    pub(crate) last_evaluation_ms: Option<i64>,
    pub(crate) active: Active,
    /// What the last evaluation gave, and what it was before.
    pub(crate) series: BTreeSet<Labels>,
    pub(crate) series_before: BTreeSet<Labels>,
}

/// A stale marker, unless the series has a sample at that moment, of another rule.
pub(crate) fn stale(labels: Labels, time_ms: i64, overlay: &mut Overlay<'_>) -> Option<NewSample> {
    let sample = Sample {
        time_ms,
        value: STALE,
    };
    overlay.append(&labels, sample).ok()?;
    Some(NewSample { labels, sample })
}

impl RuleState {
    pub(crate) fn new(rule: &Arc<Rule>) -> Self {
        Self {
            rule: Arc::clone(rule),
            health: Health::Unknown,
            last_error: None,
            last_duration: Duration::ZERO,
            last_evaluation_ms: None,
            active: Active::new(),
            series: BTreeSet::new(),
            series_before: BTreeSet::new(),
        }
    }

    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    pub fn health(&self) -> Health {
        self.health
    }

    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    pub fn last_duration(&self) -> Duration {
        self.last_duration
    }

    /// `None`: there was none yet.
    pub fn last_evaluation_ms(&self) -> Option<i64> {
        self.last_evaluation_ms
    }

    /// Every alert it holds, those resolved a short while ago among them.
    pub fn alerts(&self) -> impl Iterator<Item = (&Labels, &ActiveAlert)> {
        self.active.iter()
    }

    /// Those that are pending or firing.
    pub fn active_alerts(&self) -> impl Iterator<Item = (&Labels, &ActiveAlert)> {
        self.alerts()
            .filter(|(_, alert)| alert.resolved_at_ms.is_none())
    }

    /// The furthest that one of its alerts is.
    pub fn state(&self) -> AlertState {
        if self.last_evaluation_ms.is_none() {
            return AlertState::Unknown;
        }
        let states = self.active.values().map(|alert| alert.state);
        states.max().unwrap_or(AlertState::Inactive)
    }

    pub(crate) fn judge(&mut self, error: Option<&str>) {
        self.health = match error {
            Some(_) => Health::Bad,
            None => Health::Good,
        };
        self.last_error = error.map(str::to_owned);
    }

    /// Adds samples to what is answered, and stale markers of series that were there before.
    pub(crate) fn take(
        &mut self,
        samples: Vec<NewSample>,
        overlay: &mut Overlay<'_>,
        time_ms: i64,
        outcome: &mut RuleOutcome,
    ) {
        let mut series = BTreeSet::new();
        for new in samples {
            if overlay.append(&new.labels, new.sample).is_err() {
                let labels = &new.labels;
                let message = format!(
                    "duplicate sample for timestamp: another rule of the group gave {labels} too"
                );
                outcome.error = Some(message);
                continue;
            }
            series.insert(new.labels.clone());
            outcome.samples.push(new);
        }
        for gone in self.series.difference(&series) {
            let marker = stale(gone.clone(), time_ms, overlay);
            outcome.samples.extend(marker);
        }
        self.series_before = std::mem::replace(&mut self.series, series);
    }
}
