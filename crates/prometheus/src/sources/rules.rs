//! Rules and their alerts, as they are shown.

use std::collections::BTreeMap;
use std::time::Duration;

use mainstay_rules::{ActiveAlert, AlertState, Group, Health, RuleState};
use mainstay_series::Labels;

/// Rules that are evaluated together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RuleGroup {
    pub name: String,
    /// The path of its file.
    pub file: String,
    pub rules: Vec<RuleStatus>,
    pub interval: Duration,
    /// 0: none.
    pub limit: usize,
    /// How long the last evaluation took.
    pub evaluation_time: Duration,
    /// Milliseconds since the epoch; `None`: there was none yet.
    pub last_evaluation_ms: Option<i64>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RuleStatus {
    pub name: String,
    pub query: String,
    pub labels: Labels,
    pub health: Health,
    /// Empty: the last evaluation went well.
    pub last_error: String,
    pub evaluation_time: Duration,
    /// Milliseconds since the epoch; `None`: there was none yet.
    pub last_evaluation_ms: Option<i64>,
    /// `None`: it records.
    pub alerting: Option<AlertingStatus>,
}

/// What a rule that alerts has besides.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlertingStatus {
    pub state: AlertState,
    /// `for`
    pub hold: Duration,
    pub keep_firing: Duration,
    /// As they stand in the file.
    pub annotations: BTreeMap<String, String>,
    /// Those that are pending or firing.
    pub alerts: Vec<RuleAlert>,
}

/// An alert that is pending or firing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RuleAlert {
    pub labels: Labels,
    pub annotations: BTreeMap<String, String>,
    pub state: AlertState,
    /// Milliseconds since the epoch.
    pub active_at_ms: i64,
    /// It fires only because of `keep_firing_for`, since then.
    pub keep_firing_since_ms: Option<i64>,
    pub value: f64,
}

/// Where alerts are sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Alertmanagers {
    /// Addresses of their API.
    pub active: Vec<String>,
    pub dropped: Vec<String>,
}

/// What is evaluated. It is asked on blocking threads.
pub trait Rules: Send + Sync {
    /// All groups, in any order.
    fn groups(&self) -> Vec<RuleGroup>;
    fn alertmanagers(&self) -> Alertmanagers {
        Alertmanagers::default()
    }
}

/// A group as its engine knows it.
impl From<&Group> for RuleGroup {
    fn from(group: &Group) -> Self {
        let figures = group.figures();
        Self {
            name: group.name().to_owned(),
            file: group.file().to_owned(),
            rules: group.rules().iter().map(RuleStatus::from).collect(),
            interval: millis(group.interval_ms()),
            limit: group.limit(),
            evaluation_time: figures.last_duration,
            last_evaluation_ms: figures.last_evaluation_ms,
        }
    }
}

impl From<&RuleState> for RuleStatus {
    fn from(state: &RuleState) -> Self {
        let rule = state.rule();
        let alerting = rule.alerting().map(|alerting| AlertingStatus {
            state: state.state(),
            hold: millis(alerting.hold_ms),
            keep_firing: millis(alerting.keep_firing_ms),
            annotations: alerting.annotations.clone(),
            alerts: state.active_alerts().map(RuleAlert::from).collect(),
        });
        Self {
            name: rule.name.clone(),
            query: rule.query.to_string(),
            labels: rule.labels.clone(),
            health: state.health(),
            last_error: state.last_error().unwrap_or_default().to_owned(),
            evaluation_time: state.last_duration(),
            last_evaluation_ms: state.last_evaluation_ms(),
            alerting,
        }
    }
}

impl From<(&Labels, &ActiveAlert)> for RuleAlert {
    fn from((labels, alert): (&Labels, &ActiveAlert)) -> Self {
        Self {
            labels: labels.clone(),
            annotations: alert.annotations.clone(),
            state: alert.state,
            active_at_ms: alert.active_at_ms,
            keep_firing_since_ms: alert.keep_firing_since_ms,
            value: alert.value,
        }
    }
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
