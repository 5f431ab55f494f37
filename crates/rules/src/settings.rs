//! What holds for all groups of a server. The defaults are Prometheus's.

use mainstay_promql::Engine;
use mainstay_series::Labels;

const MINUTE_MS: i64 = 60_000;

/// What holds for all groups.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `global.evaluation_interval`: of groups that name none.
    pub interval_ms: i64,
    /// `global.rule_query_offset`: of groups that name none.
    pub query_offset_ms: i64,
    /// For templates. Who sends alerts adds them to their labels, as Prometheus does on the way out.
    pub external_labels: Labels,
    /// Where people reach this server, without a slash at its end: for templates and links.
    pub external_url: String,
    /// An alert that goes on is sent again after so long.
    pub resend_delay_ms: i64,
    /// `for` is not restored over an outage longer than this.
    pub outage_tolerance_ms: i64,
    /// What was pending before a restart is so long pending after it, at least. A shorter `for` is
    /// not restored at all.
    pub grace_period_ms: i64,
    /// Evaluates, within its limits.
    pub engine: Engine,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interval_ms: MINUTE_MS,
            query_offset_ms: 0,
            external_labels: Labels::empty(),
            external_url: String::new(),
            resend_delay_ms: MINUTE_MS,
            outage_tolerance_ms: 60 * MINUTE_MS,
            grace_period_ms: 10 * MINUTE_MS,
            engine: Engine::default(),
        }
    }
}

impl Settings {
    /// Whether groups evaluate the same way under both.
    pub(crate) fn same(&self, other: &Self) -> bool {
        let numbers = |s: &Self| {
            (
                s.query_offset_ms,
                s.resend_delay_ms,
                s.outage_tolerance_ms,
                s.grace_period_ms,
            )
        };
        numbers(self) == numbers(other)
            && self.external_labels == other.external_labels
            && self.external_url == other.external_url
            && self.engine.options() == other.engine.options()
    }
}
