//! When an instance counts as healthy, from the results of its probes. No clock, no sockets.
//!
//! Compose's semantics (the `healthcheck` of the Compose specification), with two deviations that
//! make a start quick without making it nervous: until the instance was healthy once it is probed
//! every `start_interval`; and until then a failure counts towards `retries` only once in each
//! `interval`, the first one `interval` after the end of the start period. So a service that binds
//! late is unhealthy no sooner than with Compose, and healthy at once when it does bind.

use crate::spec::HealthCheck;
use mainstay_model::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not healthy yet.
    Starting,
    Healthy,
    /// Used up its retries.
    Unhealthy,
}

/// The health of one run of an instance.
#[derive(Debug, Clone)]
pub struct Health {
    check: HealthCheck,
    verdict: Verdict,
    was_healthy: bool,
    passes: u32,
    failures: u32,
    /// From when on the next failure counts.
    counts_from: Timestamp,
    next_probe: Timestamp,
}

impl Health {
    /// For a run that started at `started_at`; `healthy` where it is known to have been healthy
    /// before (it was adopted).
    pub fn new(check: HealthCheck, started_at: Timestamp, healthy: bool, now: Timestamp) -> Self {
        Self {
            verdict: if healthy {
                Verdict::Healthy
            } else {
                Verdict::Starting
            },
            was_healthy: healthy,
            passes: 0,
            failures: 0,
            counts_from: started_at + check.start_period + check.interval,
            next_probe: now,
            check,
        }
    }

    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// When the next probe is due.
    pub fn next_probe(&self) -> Timestamp {
        self.next_probe
    }

    /// Takes the result of a probe that began at `began` and ended at `now`.
    pub fn probed(&mut self, passed: bool, began: Timestamp, now: Timestamp) -> Verdict {
        if passed {
            self.pass();
        } else {
            self.fail(now);
        }
        let interval = match self.verdict {
            // While passes are collected there is no reason to dawdle either.
            Verdict::Starting => self.check.start_interval,
            Verdict::Healthy | Verdict::Unhealthy => self.check.interval,
        };
        // A probe that takes longer than the interval delays the next one.
        self.next_probe = (began + interval).max(now);
        self.verdict
    }

    fn pass(&mut self) {
        self.failures = 0;
        self.passes = self.passes.saturating_add(1);
        if self.passes >= self.check.passes.max(1) {
            self.verdict = Verdict::Healthy;
            self.was_healthy = true;
        }
    }

    fn fail(&mut self, now: Timestamp) {
        self.passes = 0;
        if !self.was_healthy {
            if now < self.counts_from {
                return;
            }
            self.counts_from = now + self.check.interval;
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures >= self.check.retries.max(1) {
            self.verdict = Verdict::Unhealthy;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Probe;
    use std::time::Duration;

    fn check(start_period: u64) -> HealthCheck {
        HealthCheck {
            probe: Probe::Tcp,
            interval: Duration::from_secs(2),
            start_interval: Duration::from_millis(100),
            timeout: Duration::from_secs(2),
            start_period: Duration::from_secs(start_period),
            retries: 3,
            passes: 2,
        }
    }

    /// Probes as asked, each taking no time, with `passes(millis)` as the result; the changes of
    /// verdict until `end`.
    fn run(check: HealthCheck, end: i64, passes: impl Fn(i64) -> bool) -> Vec<(i64, Verdict)> {
        let start = Timestamp::from_millis(0);
        let mut health = Health::new(check, start, false, start);
        let mut changes = Vec::new();
        while health.next_probe().as_millis() <= end {
            let now = health.next_probe();
            let before = health.verdict();
            let after = health.probed(passes(now.as_millis()), now, now);
            if before != after {
                changes.push((now.as_millis(), after));
            }
        }
        changes
    }

    #[test]
    fn a_quick_start_is_seen_within_two_probes() {
        assert_eq!(run(check(0), 60_000, |_| true), [(100, Verdict::Healthy)]);
        assert_eq!(
            run(check(0), 60_000, |at| at >= 1500),
            [(1600, Verdict::Healthy)]
        );
    }

    #[test]
    fn who_never_passes_is_unhealthy_after_the_start_period_and_its_retries() {
        assert_eq!(
            run(check(0), 60_000, |_| false),
            [(6000, Verdict::Unhealthy)]
        );
        assert_eq!(
            run(check(10), 60_000, |_| false),
            [(16_000, Verdict::Unhealthy)]
        );
    }

    #[test]
    fn who_binds_late_becomes_healthy_after_all() {
        assert_eq!(
            run(check(0), 60_000, |at| at >= 20_000),
            [(6000, Verdict::Unhealthy), (22_000, Verdict::Healthy)]
        );
    }

    #[test]
    fn a_healthy_one_needs_its_retries_in_a_row_to_fall() {
        let one_failure = |at: i64| !(10_000..12_000).contains(&at);
        assert_eq!(
            run(check(0), 60_000, one_failure),
            [(100, Verdict::Healthy)]
        );
        let down = |at: i64| at < 10_000;
        assert_eq!(
            run(check(0), 60_000, down),
            [(100, Verdict::Healthy), (14_100, Verdict::Unhealthy)]
        );
    }

    #[test]
    fn a_success_in_the_start_period_ends_its_mercy() {
        let briefly = |at: i64| at < 1000;
        assert_eq!(
            run(check(600), 60_000, briefly),
            [(100, Verdict::Healthy), (6100, Verdict::Unhealthy)]
        );
    }

    #[test]
    fn a_slow_probe_delays_the_next() {
        let start = Timestamp::from_millis(0);
        let mut health = Health::new(check(0), start, true, start);
        health.probed(true, start, Timestamp::from_millis(3500));
        assert_eq!(health.next_probe(), Timestamp::from_millis(3500));
        assert_eq!(health.verdict(), Verdict::Healthy);
    }
}
