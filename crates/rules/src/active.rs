//! One alert over time.

use std::collections::BTreeMap;

/// How far an alert is. The later one outweighs the earlier in a rule with several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum AlertState {
    /// Not evaluated yet: of rules only, never of alerts.
    #[default]
    Unknown,
    /// Resolved.
    Inactive,
    /// Its condition holds, but not for long enough.
    Pending,
    Firing,
}

impl AlertState {
    /// As Prometheus calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
        }
    }
}

/// An alert that a rule holds: pending, firing, or resolved a short while ago. What tells it apart
/// within its rule are its labels. Times are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct ActiveAlert {
    pub state: AlertState,
    pub annotations: BTreeMap<String, String>,
    /// What the expression gave last.
    pub value: f64,
    /// Since when its condition holds.
    pub active_at_ms: i64,
    pub fired_at_ms: Option<i64>,
    pub resolved_at_ms: Option<i64>,
    pub last_sent_ms: Option<i64>,
    /// Since when it fires only because of `keep_firing_for`.
    pub keep_firing_since_ms: Option<i64>,
}

impl ActiveAlert {
    /// One whose condition was met for the first time.
    pub(crate) fn pending(at_ms: i64, value: f64, annotations: BTreeMap<String, String>) -> Self {
        Self {
            state: AlertState::Pending,
            annotations,
            value,
            active_at_ms: at_ms,
            fired_at_ms: None,
            resolved_at_ms: None,
            last_sent_ms: None,
            keep_firing_since_ms: None,
        }
    }

    /// Whether it is to be sent now: it fires or was resolved, and was not sent since, or long ago.
    pub(crate) fn is_to_be_sent(&self, at_ms: i64, resend_delay_ms: i64) -> bool {
        let Some(sent_ms) = self.last_sent_ms else {
            return self.state != AlertState::Pending;
        };
        self.state != AlertState::Pending
            && (self.resolved_at_ms.is_some_and(|at| at > sent_ms)
                || sent_ms.saturating_add(resend_delay_ms) < at_ms)
    }
}
