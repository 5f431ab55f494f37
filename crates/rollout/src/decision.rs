//! What the engine decided in a step, and why: one journal event each.

use crate::reason::{Failure, Hold, Outcome};
use mainstay_model::{InstanceId, ReleaseNumber, ServiceName};
use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    ServiceBegan {
        service: ServiceName,
    },
    /// The instance is to run.
    Started {
        instance: InstanceId,
    },
    /// The instance passed its gate; where it is routed, it gets requests from now on.
    Admitted {
        instance: InstanceId,
        healthy_ms: u64,
    },
    /// The instance gets no new requests and will be stopped.
    Retired {
        instance: InstanceId,
    },
    /// The instance ended and was forgotten.
    Gone {
        instance: InstanceId,
    },
    /// Share of the requests that goes to the new release.
    Shifted {
        service: ServiceName,
        percent: u8,
    },
    ServiceDone {
        service: ServiceName,
    },
    /// The new release has everything; it is judged for this long.
    WatchBegan {
        for_ms: u64,
    },
    /// The new release stays; what is left of the old one goes. No way back from here.
    Committed,
    RollbackBegan {
        to: Option<ReleaseNumber>,
        failure: Failure,
    },
    /// The deadline of what remained passed: it is finished without waiting for proof.
    Forced {
        waited_ms: u64,
        hold: Option<Hold>,
    },
    Held {
        hold: Hold,
    },
    Paused {
        by: String,
    },
    Resumed {
        by: String,
        paused_ms: u64,
    },
    /// A command that cannot be followed now.
    Refused {
        command: String,
        reason: String,
    },
    Finished {
        outcome: Outcome,
    },
}

impl Decision {
    /// Stable and greppable: the journal's event kind behind `rollout.`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ServiceBegan { .. } => "service-began",
            Self::Started { .. } => "started",
            Self::Admitted { .. } => "admitted",
            Self::Retired { .. } => "retired",
            Self::Gone { .. } => "gone",
            Self::Shifted { .. } => "shifted",
            Self::ServiceDone { .. } => "service-done",
            Self::WatchBegan { .. } => "watch-began",
            Self::Committed => "committed",
            Self::RollbackBegan { .. } => "rollback-began",
            Self::Forced { .. } => "forced",
            Self::Held { .. } => "held",
            Self::Paused { .. } => "paused",
            Self::Resumed { .. } => "resumed",
            Self::Refused { .. } => "refused",
            Self::Finished { .. } => "finished",
        }
    }

    /// What it is about: an instance or a service.
    pub fn subject(&self) -> Option<String> {
        match self {
            Self::Started { instance }
            | Self::Admitted { instance, .. }
            | Self::Retired { instance }
            | Self::Gone { instance } => Some(instance.to_string()),
            Self::ServiceBegan { service }
            | Self::Shifted { service, .. }
            | Self::ServiceDone { service } => Some(service.to_string()),
            Self::Held { hold } => hold.instance().map(ToString::to_string),
            _ => None,
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServiceBegan { service } => write!(f, "{service} begins"),
            Self::Started { instance } => write!(f, "{instance} is to run"),
            Self::Admitted {
                instance,
                healthy_ms,
            } => write!(f, "{instance} was healthy for {healthy_ms} ms and serves"),
            Self::Retired { instance } => {
                write!(f, "{instance} gets no new requests and will stop")
            }
            Self::Gone { instance } => write!(f, "{instance} has ended"),
            Self::Shifted { service, percent } => {
                write!(
                    f,
                    "{percent} % of the requests of {service} go to the new release"
                )
            }
            Self::ServiceDone { service } => write!(f, "{service} is through"),
            Self::WatchBegan { for_ms } => write!(f, "the new release is watched for {for_ms} ms"),
            Self::Committed => f.write_str("the new release stays"),
            Self::RollbackBegan {
                to: Some(to),
                failure,
            } => write!(f, "going back to {to}: {failure}"),
            Self::RollbackBegan { to: None, failure } => {
                write!(f, "taking away what was started: {failure}")
            }
            Self::Forced { waited_ms, hold } => {
                write!(f, "finishing without proof after {waited_ms} ms")?;
                hold.as_ref().map_or(Ok(()), |hold| write!(f, ": {hold}"))
            }
            Self::Held { hold } => write!(f, "{hold}"),
            Self::Paused { by } => write!(f, "paused by {by}"),
            Self::Resumed { by, paused_ms } => write!(f, "resumed by {by} after {paused_ms} ms"),
            Self::Refused { command, reason } => write!(f, "refused to {command}: {reason}"),
            Self::Finished { outcome } => write!(f, "{outcome}"),
        }
    }
}
