//! Why a rollout waits, fails or ends: closed enums with numbers, the same in CLI, journal and
//! console.
//!
//! `Display` gives words for people; serde gives the journal's form.

use mainstay_model::{InstanceId, ServiceName, format_duration};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// What the rollout waits for at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "hold", rename_all = "snake_case")]
pub enum Hold {
    Paused {
        by: String,
        for_ms: u64,
    },
    HookRunning {
        hook: Hook,
    },
    /// Asked for, and not seen yet.
    WaitingForStart {
        instance: InstanceId,
        for_ms: u64,
    },
    WaitingForHealthy {
        instance: InstanceId,
        for_ms: u64,
        deadline_ms: u64,
        detail: Option<String>,
    },
    /// A one-shot service that has not run to its end yet.
    WaitingForCompletion {
        instance: InstanceId,
        for_ms: u64,
        deadline_ms: u64,
    },
    MinimumHealthyTime {
        instance: InstanceId,
        healthy_ms: u64,
        required_ms: u64,
    },
    /// The proxy answered, and does not show yet what it was asked for.
    WaitingForProxy {
        service: ServiceName,
    },
    ProxyUnreachable {
        service: ServiceName,
    },
    Draining {
        instance: InstanceId,
        in_flight: u64,
        for_ms: u64,
        deadline_ms: u64,
    },
    /// Has to end and be forgotten before the rollout goes on.
    WaitingForEnd {
        instance: InstanceId,
        for_ms: u64,
    },
    /// One bad observation of a new instance; the next one decides.
    Suspect {
        instance: InstanceId,
        detail: Option<String>,
    },
    StepPause {
        service: ServiceName,
        percent: u8,
        left_ms: u64,
    },
    Watching {
        left_ms: u64,
    },
}

impl Hold {
    /// The same wait, leaving aside how long it has lasted.
    pub fn same_wait(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
            && self.instance() == other.instance()
    }

    /// The instance that is waited for, where it is one.
    pub fn instance(&self) -> Option<&InstanceId> {
        match self {
            Self::WaitingForStart { instance, .. }
            | Self::WaitingForHealthy { instance, .. }
            | Self::WaitingForCompletion { instance, .. }
            | Self::MinimumHealthyTime { instance, .. }
            | Self::Draining { instance, .. }
            | Self::WaitingForEnd { instance, .. }
            | Self::Suspect { instance, .. } => Some(instance),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hook {
    Before,
    After,
}

/// What made a rollout turn back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "failure", rename_all = "snake_case")]
pub enum Failure {
    /// Not healthy (or, one-shot: not completed) in time.
    HealthyDeadline {
        instance: InstanceId,
        waited_ms: u64,
        detail: Option<String>,
    },
    /// Ended with a failure, in a crash loop, or could not be started at all.
    Exited {
        instance: InstanceId,
        detail: Option<String>,
    },
    /// Was restarted during the rollout: it crashed.
    Crashed {
        instance: InstanceId,
        restarts: u32,
        detail: Option<String>,
    },
    /// Served, and does not exist any more.
    Vanished {
        instance: InstanceId,
    },
    /// Two bad observations in a row after it had been healthy.
    Unhealthy {
        instance: InstanceId,
        for_ms: u64,
        detail: Option<String>,
    },
    /// Nothing went forward for too long.
    ProgressDeadline {
        waited_ms: u64,
        hold: Option<Box<Hold>>,
    },
    HookFailed {
        hook: Hook,
        reason: String,
    },
    Aborted {
        by: String,
        reason: Option<String>,
    },
}

/// How a rollout ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The new release runs, alone.
    Succeeded,
    /// The old release runs as before, alone.
    RolledBack { failure: Failure },
    /// What was started is gone. `trouble` is set where the old release could not be brought back
    /// to health: it is asked for, and a person has to look.
    Failed {
        failure: Failure,
        trouble: Option<Failure>,
    },
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Before => "a step before the rollout",
            Self::After => "a step after the rollout",
        })
    }
}

/// Milliseconds in words: `1m30s`; from ten seconds on nobody asks for their parts.
fn time(ms: u64) -> String {
    let parts = if ms < 10_000 { 0 } else { ms % 1000 };
    format_duration(Duration::from_millis(ms - parts))
}

/// ` (GET /health: 503)`, or nothing.
fn bracketed(detail: Option<&String>) -> String {
    detail.map_or_else(String::new, |detail| format!(" ({detail})"))
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Paused { by, for_ms } => write!(f, "paused by {by} for {}", time(*for_ms)),
            Self::HookRunning { hook } => write!(f, "waiting for {hook} to end"),
            Self::WaitingForProxy { service } => {
                write!(f, "waiting for the proxy to apply the routes of {service}")
            }
            Self::ProxyUnreachable { service } => write!(
                f,
                "the proxy does not answer; nothing is concluded about the requests of {service}"
            ),
            Self::StepPause {
                service,
                percent,
                left_ms,
            } => write!(
                f,
                "{percent} % of the requests of {service} go to the new release; next step in {}",
                time(*left_ms)
            ),
            Self::Watching { left_ms } => {
                write!(f, "watching the new release for another {}", time(*left_ms))
            }
            of_an_instance => of_an_instance.write_instance(f),
        }
    }
}

impl Hold {
    /// The waits for one instance.
    fn write_instance(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_most = |for_ms: &u64, deadline_ms: &u64| {
            format!("for {} of at most {}", time(*for_ms), time(*deadline_ms))
        };
        match self {
            Self::WaitingForStart { instance, for_ms } => {
                write!(f, "waiting for {instance} to start, for {}", time(*for_ms))
            }
            Self::WaitingForHealthy {
                instance,
                for_ms,
                deadline_ms,
                detail,
            } => {
                let waited = of_most(for_ms, deadline_ms);
                let detail = bracketed(detail.as_ref());
                write!(
                    f,
                    "waiting for {instance} to become healthy, {waited}{detail}"
                )
            }
            Self::WaitingForCompletion {
                instance,
                for_ms,
                deadline_ms,
            } => {
                let waited = of_most(for_ms, deadline_ms);
                write!(f, "waiting for {instance} to complete, {waited}")
            }
            Self::MinimumHealthyTime {
                instance,
                healthy_ms,
                required_ms,
            } => {
                let (healthy, required) = (time(*healthy_ms), time(*required_ms));
                write!(f, "{instance} is healthy for {healthy} of {required}")
            }
            Self::Draining {
                instance,
                in_flight,
                for_ms,
                deadline_ms,
            } => {
                let waited = of_most(for_ms, deadline_ms);
                write!(f, "{instance} finishes {in_flight} requests, {waited}")
            }
            Self::WaitingForEnd { instance, for_ms } => {
                write!(f, "waiting for {instance} to end, for {}", time(*for_ms))
            }
            Self::Suspect { instance, detail } => {
                let detail = bracketed(detail.as_ref());
                write!(
                    f,
                    "{instance} looks unhealthy{detail}; the next look decides"
                )
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HealthyDeadline {
                instance,
                waited_ms,
                detail,
            } => write!(
                f,
                "{instance} did not become healthy within {}{}",
                time(*waited_ms),
                bracketed(detail.as_ref())
            ),
            Self::Exited { instance, detail } => {
                write!(f, "{instance} failed{}", bracketed(detail.as_ref()))
            }
            Self::Crashed {
                instance,
                restarts,
                detail,
            } => write!(
                f,
                "{instance} crashed during the rollout, restarts: {restarts}{}",
                bracketed(detail.as_ref())
            ),
            Self::Vanished { instance } => write!(f, "{instance} does not exist any more"),
            Self::Unhealthy {
                instance,
                for_ms,
                detail,
            } => write!(
                f,
                "{instance} became unhealthy and stayed so for {}{}",
                time(*for_ms),
                bracketed(detail.as_ref())
            ),
            Self::ProgressDeadline { waited_ms, hold } => {
                write!(f, "no progress for {}", time(*waited_ms))?;
                hold.as_ref().map_or(Ok(()), |hold| write!(f, ": {hold}"))
            }
            Self::HookFailed { hook, reason } => write!(f, "{hook} failed: {reason}"),
            Self::Aborted { by, reason } => {
                write!(f, "aborted by {by}{}", bracketed(reason.as_ref()))
            }
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeded => f.write_str("succeeded"),
            Self::RolledBack { failure } => write!(f, "rolled back: {failure}"),
            Self::Failed {
                failure,
                trouble: None,
            } => write!(f, "failed: {failure}"),
            Self::Failed {
                failure,
                trouble: Some(trouble),
            } => write!(
                f,
                "failed: {failure}; and the old release did not come back: {trouble}"
            ),
        }
    }
}
