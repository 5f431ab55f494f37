//! What the engine is told, and what it asks for.
//!
//! The engine is level-triggered: it is shown the whole world and asks for what is missing. A lost
//! or doubled outcome is then nothing special: the next look at the world shows what is true.

use mainstay_model::{InstanceId, ServiceName, Timestamp, duration_ms};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The world at one moment, as far as this rollout's scope goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct World {
    /// Everything the target knows in this scope; what is absent does not exist.
    pub instances: BTreeMap<InstanceId, InstanceView>,
    /// What the proxy has applied: weight of each endpoint, and what is in flight there, also for
    /// endpoints no longer routed to. `None`: the proxy did not answer; nothing is concluded.
    pub traffic: Option<BTreeMap<InstanceId, EndpointView>>,
    pub hook_before: HookView,
    pub hook_after: HookView,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceView {
    pub phase: InstancePhase,
    pub since: Timestamp,
    /// Restarts since it was created: a crash during a rollout shows here.
    pub restarts: u32,
    /// Words for people: `exit code 3`, `GET /health: 503`.
    pub detail: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstancePhase {
    Starting,
    Healthy,
    Unhealthy,
    Restarting,
    Stopping,
    Completed,
    /// Ended with a failure, in a crash loop, or never started.
    Failed,
    /// Ended because it was asked to.
    Stopped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointView {
    /// `None`: takes no new requests and is only finishing.
    pub weight: Option<u32>,
    pub in_flight: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(tag = "hook", rename_all = "snake_case")]
pub enum HookView {
    #[default]
    NotRun,
    Running,
    Passed,
    Failed {
        reason: String,
    },
}

/// What a person or the control plane wants of a running rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    Pause {
        by: String,
    },
    Resume {
        by: String,
    },
    /// Back to the old release.
    Abort {
        by: String,
        reason: Option<String>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    Observed(World),
    Command(Command),
}

/// What the engine asks for. Every action is idempotent and says the whole of what is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    Start {
        instance: InstanceId,
    },
    Stop {
        instance: InstanceId,
        #[serde(with = "duration_ms")]
        grace: Duration,
    },
    /// Forget an instance that has ended.
    Remove {
        instance: InstanceId,
    },
    /// All endpoints of the service with their weights; those not named take no new requests.
    Route {
        service: ServiceName,
        weights: BTreeMap<InstanceId, u32>,
    },
    RunHookBefore,
    RunHookAfter,
}
