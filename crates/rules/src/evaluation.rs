//! What an evaluation is told and what it answers.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use mainstay_promql::{Check, Interrupt, uninterrupted};
use mainstay_series::{Labels, Sample};

use crate::active::AlertState;

/// How an evaluation is watched from outside, which has a clock.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Asked now and then whether to go on; a rule that is interrupted fails.
    pub check: Check<'a>,
    /// How long ago something was, for durations: any moment is its zero.
    pub elapsed: &'a dyn Fn() -> Duration,
    /// A rule that takes longer fails, and the next one is evaluated.
    pub rule_limit: Duration,
}

impl Watch<'_> {
    /// Whether a rule may go on that began at a moment of [`Self::elapsed`].
    pub(crate) fn goes_on(&self, began: Duration) -> Result<(), Interrupt> {
        (self.check)()?;
        // Not asked where it does not matter: a query asks often.
        let is_over = self.rule_limit != Duration::MAX
            && (self.elapsed)().saturating_sub(began) > self.rule_limit;
        if is_over {
            Err(Interrupt::Timeout)
        } else {
            Ok(())
        }
    }
}

impl Default for Watch<'_> {
    /// Nothing interrupts, and nothing takes time.
    fn default() -> Self {
        Self {
            check: &uninterrupted,
            elapsed: &|| Duration::ZERO,
            rule_limit: Duration::MAX,
        }
    }
}

impl fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

/// How a rule's last evaluation went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    /// There was none yet.
    #[default]
    Unknown,
    Good,
    Bad,
}

impl Health {
    /// As Prometheus calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Good => "ok",
            Self::Bad => "err",
        }
    }
}

/// A sample to store.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSample {
    pub labels: Labels,
    pub sample: Sample,
}

/// An alert to send, as Alertmanager's API takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    pub labels: Labels,
    /// An annotation may be empty.
    pub annotations: BTreeMap<String, String>,
    /// Firing, or inactive: it is resolved.
    pub state: AlertState,
    /// When it began to fire.
    pub starts_at_ms: i64,
    /// When it was resolved; of one that fires, until when it shall be believed.
    pub ends_at_ms: i64,
    /// The external address, and the path of a graph of the rule's expression.
    pub generator_url: String,
}

/// What became of one rule.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RuleOutcome {
    /// Its place in the group, from 0.
    pub rule: usize,
    /// In this order: what was found, then stale markers of series that vanished.
    pub samples: Vec<NewSample>,
    /// Empty of a recording rule.
    pub alerts: Vec<Alert>,
    /// `None`: it went well. What it holds besides is to be stored and sent all the same.
    pub error: Option<String>,
    /// Templates that could not be expanded; the text says so in the alert as well.
    pub template_errors: Vec<String>,
}

/// What became of a group's rules.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evaluation {
    /// One for each rule, in the group's order.
    pub rules: Vec<RuleOutcome>,
    /// Stale markers of series whose rules are not in the group any more.
    pub departed: Vec<NewSample>,
}

impl Evaluation {
    /// All samples to store, in the order they are to be stored in.
    pub fn samples(&self) -> impl Iterator<Item = &NewSample> {
        let found = self.rules.iter().flat_map(|rule| &rule.samples);
        found.chain(&self.departed)
    }

    /// All alerts to send.
    pub fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.rules.iter().flat_map(|rule| &rule.alerts)
    }
}

/// A group in numbers, for the metrics named `prometheus_rule_*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// `prometheus_rule_evaluations_total`
    pub evaluations: u64,
    /// `prometheus_rule_evaluation_failures_total`
    pub failures: u64,
    /// `prometheus_rule_group_iterations_total`, those that were missed among them.
    pub iterations: u64,
    /// `prometheus_rule_group_iterations_missed_total`
    pub iterations_missed: u64,
    /// `prometheus_rule_group_last_duration_seconds`
    pub last_duration: Duration,
    /// `prometheus_rule_group_last_rule_duration_sum_seconds`
    pub last_rule_duration_sum: Duration,
    /// `prometheus_rule_group_last_evaluation_timestamp_seconds`, in milliseconds; `None`: not yet.
    pub last_evaluation_ms: Option<i64>,
    /// `prometheus_rule_group_last_evaluation_samples`
    pub last_samples: usize,
    /// `prometheus_template_text_expansion_failures_total`
    pub template_failures: u64,
}
