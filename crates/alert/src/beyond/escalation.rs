//! Escalations: who is told next when nobody looks after an alert. And signs of life.

use std::time::Duration;

use mainstay_series::Labels;

use crate::matcher::Matchers;

/// Whom a step tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A receiver of the configuration.
    Receiver(String),
    /// Who is on call in the rota of this name, then.
    OnCall(String),
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscalationStep {
    /// Counted from when the alert first passed to its receiver.
    pub after: Duration,
    pub target: Target,
}

/// What happens to the alerts it matches, as long as they fire and nobody acknowledges them.
#[derive(Debug, Clone, PartialEq)]
pub struct EscalationPolicy {
    pub name: String,
    pub matchers: Matchers,
    /// In the order of their times.
    pub steps: Vec<EscalationStep>,
}

/// An alert that always fires and is sent at a fixed interval. Whoever receives it notices when it stays
/// away: then nobody here is left to say so.
#[derive(Debug, Clone, PartialEq)]
pub struct Heartbeat {
    pub name: String,
    pub receiver: String,
    pub every: Duration,
    pub labels: Labels,
}
