//! What a target sees of an instance.

use mainstay_model::{Bytes, InstanceId, Scope, Timestamp};
use mainstay_wire::shim::Exit;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// One instance as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceStatus {
    pub scope: Scope,
    pub id: InstanceId,
    pub phase: Phase,
    /// When `phase` was entered.
    pub since: Timestamp,
    pub started_at: Option<Timestamp>,
    /// Where it can be reached; known before it listens.
    pub address: Option<SocketAddr>,
    pub pid: Option<i32>,
    /// Starts after the first, since the instance was created.
    pub restarts: u32,
    /// How its last run ended, where it ran before.
    pub last_exit: Option<Exit>,
    /// The last failed probe in words: `GET /health: 503`.
    pub last_probe: Option<String>,
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// Started, and not healthy yet.
    Starting,
    /// Healthy; without a health check: running.
    Healthy,
    /// Was healthy or used up its retries.
    Unhealthy,
    /// Waits for its back-off to end.
    Restarting {
        exit: Exit,
    },
    Stopping,
    /// Ended for good: stopped, completed, or its policy says no more.
    Exited {
        exit: Exit,
        requested: bool,
    },
    /// Restarted too often; left down.
    CrashLoop {
        exit: Exit,
    },
    /// The program could not be started: not found, not allowed …
    NotStarted {
        reason: String,
    },
}

/// What an instance uses now, all its processes together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    /// User and kernel time since each of the processes started, with that of their ended and
    /// reaped children; of a container since its start.
    pub cpu_seconds: f64,
    /// Of these, what was not the kernel's.
    pub user_seconds: f64,
    /// Resident memory; what processes share counts for each. Of a container, what it is charged
    /// for without the page cache that can be taken back.
    pub rss: Bytes,
    pub processes: usize,
    pub threads: usize,
}
