//! What the schedules came to, so that a run which no longer reaches a corner is noticed.

use mainstay_rollout::{Failure, Outcome};
use std::collections::BTreeMap;
use std::fmt;
use std::iter::Sum;

#[derive(Debug, Default, Clone)]
pub(crate) struct Tally {
    pub schedules: u64,
    pub turns: u64,
    pub crashes: u64,
    pub faults: u64,
    pub events: u64,
    pub virtual_ms: u64,
    pub forced: u64,
    outcomes: BTreeMap<&'static str, u64>,
    failures: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub(crate) fn finished(&mut self, outcome: &Outcome) {
        self.schedules += 1;
        let (name, failure) = match outcome {
            Outcome::Succeeded => ("succeeded", None),
            Outcome::RolledBack { failure } => ("rolled back", Some(failure)),
            Outcome::Failed {
                failure,
                trouble: None,
            } => ("failed", Some(failure)),
            Outcome::Failed { failure, .. } => ("failed, with trouble", Some(failure)),
        };
        *self.outcomes.entry(name).or_default() += 1;
        if let Some(failure) = failure {
            *self.failures.entry(word(failure)).or_default() += 1;
        }
    }

    /// With enough schedules every kind of end has been seen.
    pub(crate) fn assert_covers(&self) {
        if self.schedules < 5000 {
            return;
        }
        assert_eq!(self.outcomes.len(), 4, "{self}");
        assert_eq!(self.failures.len(), 8, "{self}");
        assert!(
            self.crashes > 0 && self.faults > 0 && self.forced > 0,
            "{self}"
        );
    }
}

fn word(failure: &Failure) -> &'static str {
    match failure {
        Failure::HealthyDeadline { .. } => "healthy deadline",
        Failure::Exited { .. } => "exited",
        Failure::Crashed { .. } => "crashed",
        Failure::Vanished { .. } => "vanished",
        Failure::Unhealthy { .. } => "unhealthy",
        Failure::ProgressDeadline { .. } => "progress deadline",
        Failure::HookFailed { .. } => "hook failed",
        Failure::Aborted { .. } => "aborted",
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        let mut sum = Self::default();
        for one in all {
            sum.schedules += one.schedules;
            sum.turns += one.turns;
            sum.crashes += one.crashes;
            sum.faults += one.faults;
            sum.events += one.events;
            sum.virtual_ms += one.virtual_ms;
            sum.forced += one.forced;
            for (name, count) in one.outcomes {
                *sum.outcomes.entry(name).or_default() += count;
            }
            for (name, count) in one.failures {
                *sum.failures.entry(name).or_default() += count;
            }
        }
        sum
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} turns, {} crashes of the control plane, {} faulty actions, {} forced, {} journal events, {} h of virtual time",
            self.turns,
            self.crashes,
            self.faults,
            self.forced,
            self.events,
            self.virtual_ms / 3_600_000
        )?;
        for (name, count) in &self.outcomes {
            writeln!(f, "    {count:>7} {name}")?;
        }
        for (name, count) in &self.failures {
            writeln!(f, "            {count:>7} {name}")?;
        }
        Ok(())
    }
}
