//! What a rollout is to do: which instances go, which come, and by which rules.

use mainstay_model::{InstanceId, ReleaseNumber, ServiceName, duration_ms};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// The whole plan, fixed when the rollout begins. A deploy, a rollback, a scale up or down and a
/// restart are all plans of this one form; they differ in what stands in `old` and `new`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub from: Option<ReleaseNumber>,
    pub to: ReleaseNumber,
    /// In dependency order: what a service has to come `after` stands before it.
    pub services: Vec<ServicePlan>,
    #[serde(with = "duration_ms")]
    pub progress_deadline: Duration,
    /// Added to it while something runs before a gate. That has deadlines of its own; this one
    /// stands behind them.
    #[serde(default, with = "duration_ms")]
    pub gate_deadline: Duration,
    #[serde(with = "duration_ms")]
    pub watch: Duration,
    pub hook_before: bool,
    pub hook_after: bool,
    /// `false`: there is nothing to go back to, as at the very first deploy. A failure then takes
    /// away what was started, and the outcome is *failed* rather than *rolled back*.
    pub rollback: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicePlan {
    pub service: ServiceName,
    /// Services of this plan that are through before this one begins. Names that the plan does not
    /// have do not count. Services that do not wait for each other move at the same time.
    #[serde(default)]
    pub after: BTreeSet<ServiceName>,
    /// Running before; each has ended when the rollout has succeeded.
    pub old: Vec<InstanceId>,
    /// To be running after. `old`, `new` and `kept` have no instance in common.
    pub new: Vec<InstanceId>,
    /// Running before and after, untouched.
    pub kept: Vec<InstanceId>,
    pub strategy: Strategy,
    /// The proxy sends it requests: weights and drain matter.
    pub routed: bool,
    /// Runs to its end (`service_completed_successfully`): exit code 0 is its health.
    pub one_shot: bool,
    #[serde(with = "duration_ms")]
    pub healthy_deadline: Duration,
    #[serde(with = "duration_ms")]
    pub minimum_healthy_time: Duration,
    #[serde(with = "duration_ms")]
    pub drain: Duration,
    #[serde(with = "duration_ms")]
    pub stop_grace: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "strategy", rename_all = "kebab-case")]
pub enum Strategy {
    Rolling {
        surge: u32,
        parallelism: u32,
    },
    /// `steps`: weight of the new instances in percent, ending at 100.
    BlueGreen {
        steps: Vec<u8>,
        #[serde(with = "duration_ms")]
        pause: Duration,
    },
    StopFirst,
}
