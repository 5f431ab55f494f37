//! Control plane ↔ shim: one JSON object a line over a unix socket.
//!
//! The control plane writes one [`Launch`] to the shim's standard input and closes it: nothing
//! secret stands in an argument list or on disk. From then on it speaks [`Request`] and hears
//! [`Response`] on the shim's socket. What the shim must not forget it writes into its instance
//! directory: [`Record`] as `shim.json`, rewritten (fsync, rename) at each change.

use mainstay_model::{Bytes, Content, InstanceId, Scope, Secret, Timestamp, duration_ms};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Version of these messages.
pub const PROTOCOL: u32 = 1;

/// Everything a shim needs to run its instance once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Launch {
    pub protocol: u32,
    pub scope: Scope,
    pub id: InstanceId,
    /// Counts the starts of this instance from 1; a restart is a new shim with the next attempt.
    pub attempt: u32,
    /// Directory of this instance (0700): `shim.json`, `log/`.
    pub directory: PathBuf,
    /// Where the shim listens; below 108 bytes.
    pub socket: PathBuf,
    /// Program and arguments; the program is looked up in the `PATH` of `environment`.
    pub command: Vec<String>,
    /// The whole environment: nothing is inherited.
    pub environment: BTreeMap<String, Secret<String>>,
    pub working_directory: PathBuf,
    /// Name or number; only root can change it.
    pub user: Option<String>,
    pub group: Option<String>,
    pub limits: Limits,
    pub stop: StopPolicy,
    pub log: LogPolicy,
    /// Its secret files.
    #[serde(default)]
    pub files: Option<Files>,
}

/// Files that only the user of the instance can read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// On a file system in memory; the shim makes it, and removes it when the instance has ended.
    /// Its parent is there.
    pub directory: PathBuf,
    /// By name within it.
    pub files: BTreeMap<String, Secret<Content>>,
}

/// What an instance may use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Limits {
    pub memory: Option<Bytes>,
    /// Cores: 0.5 is half of one.
    pub cpus: Option<f64>,
    pub processes: Option<u64>,
    pub open_files: Option<u64>,
}

/// How an instance is asked to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopPolicy {
    /// `SIGTERM`, or another signal's name.
    pub signal: String,
    /// From the signal to SIGKILL.
    #[serde(with = "duration_ms")]
    pub grace: Duration,
}

/// How the log of an instance is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPolicy {
    /// A file is rotated before it grows beyond this.
    pub max_size: Bytes,
    /// Rotated files kept beside the current one.
    pub max_files: u32,
    /// Rotated files older than this are removed.
    #[serde(with = "duration_ms")]
    pub max_age: Duration,
}

impl Default for LogPolicy {
    fn default() -> Self {
        Self {
            max_size: Bytes(10 << 20),
            max_files: 3,
            max_age: Duration::from_hours(7 * 24),
        }
    }
}

/// What the control plane asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Request {
    /// Answers at once with the record.
    Status,
    /// Holds the connection open and answers with the record when the instance has ended.
    Wait,
    /// Signal, grace, SIGKILL to everything below the shim; answers at once, and a second time
    /// asked changes nothing but may shorten the grace.
    Stop {
        #[serde(with = "duration_ms")]
        grace: Duration,
    },
    /// One signal to the instance's process group, by name.
    Signal { signal: String },
    /// After the instance has ended: the shim goes. Before, it is refused.
    Dismiss,
}

/// What the shim answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Response {
    Record(Record),
    Refused { reason: String },
}

/// What is known of one run of an instance; `shim.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub protocol: u32,
    pub scope: Scope,
    pub id: InstanceId,
    pub attempt: u32,
    pub shim: Process,
    /// `None` until the program was started, and where it could not be.
    pub instance: Option<Process>,
    pub started_at: Timestamp,
    pub phase: Phase,
    /// What could not be set up as asked and was left out, for people.
    pub warnings: Vec<String>,
}

/// A process that cannot be taken for another: a pid is used again, its start time is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Process {
    pub pid: i32,
    /// Clock ticks since boot: field 22 of `/proc/PID/stat` (proc(5)).
    pub start_ticks: u64,
}

/// Where one run of an instance stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    Running,
    /// A stop was asked for and has not ended yet.
    Stopping {
        since: Timestamp,
    },
    Exited {
        at: Timestamp,
        exit: Exit,
        requested: bool,
    },
    /// The program could not be started at all.
    NotStarted {
        at: Timestamp,
        reason: String,
    },
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    Code(i32),
    Signal(String),
    /// The machine or the shim went down with it.
    Lost,
}

impl Exit {
    pub fn is_success(&self) -> bool {
        *self == Self::Code(0)
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "killed by {signal}"),
            Self::Lost => f.write_str("lost with its shim"),
        }
    }
}
