//! `instance.json`: what the target must remember of an instance. Nothing in it is secret.
//!
//! The layout of the directory is written down in `docs/formats/instance-directory.md`.

use super::directory::make;
use crate::spec::{InstanceSpec, ProcessRun, RestartPolicy};
use mainstay_model::{InstanceId, Scope, Timestamp};
use mainstay_wire::shim::{Exit, Record};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// major.minor; a newer major is refused.
pub(crate) const FORMAT: &str = "1.0";
const MAJOR: u32 = 1;

/// What is wanted of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wanted {
    Run,
    Stop,
}

/// How it ended for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(crate) enum Outcome {
    Exited { exit: Exit, requested: bool },
    CrashLoop { exit: Exit },
    NotStarted { reason: String },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    format: String,
    pub(crate) scope: Scope,
    pub(crate) id: InstanceId,
    pub(crate) created_at: Timestamp,
    pub(crate) wanted: Wanted,
    /// The start that runs or is to run next; counts from 1.
    pub(crate) attempt: u32,
    /// The boot of the machine in which it was last started: pids of another mean nothing.
    pub(crate) boot: String,
    /// When it was restarted, as far back as the restart policy asks.
    pub(crate) restart_times: Vec<Timestamp>,
    /// The back-off that is being waited for.
    pub(crate) restart_at: Option<Timestamp>,
    pub(crate) policy: RestartPolicy,
    pub(crate) port: Option<u16>,
    pub(crate) socket: PathBuf,
    /// Since when the run of `attempt` has been healthy.
    pub(crate) healthy_since: Option<Timestamp>,
    pub(crate) last_exit: Option<Exit>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) outcome_at: Option<Timestamp>,
}

impl State {
    pub(crate) fn new(
        spec: &InstanceSpec<ProcessRun>,
        port: Option<u16>,
        socket: PathBuf,
        now: Timestamp,
    ) -> Self {
        Self {
            format: FORMAT.to_owned(),
            scope: spec.scope.clone(),
            id: spec.id.clone(),
            created_at: now,
            wanted: Wanted::Run,
            attempt: 1,
            boot: this_boot(),
            restart_times: Vec::new(),
            restart_at: None,
            policy: spec.restart.clone(),
            port,
            socket,
            healthy_since: None,
            last_exit: None,
            outcome: None,
            outcome_at: None,
        }
    }

    pub(crate) fn read(directory: &Path) -> io::Result<Self> {
        let bytes = std::fs::read(directory.join("instance.json"))?;
        let state: Self = serde_json::from_slice(&bytes)?;
        check_format(&state.format)?;
        Ok(state)
    }

    /// Writes the first state, or gives back the one that is there.
    pub(crate) fn create(self, directory: &Path) -> io::Result<Self> {
        if directory.join("instance.json").exists() {
            return Self::read(directory);
        }
        self.write(directory)?;
        Ok(self)
    }

    /// On disk, whole, when this returns. The directory is made where it is missing.
    pub(crate) fn write(&self, directory: &Path) -> io::Result<()> {
        write_whole(directory, &serde_json::to_vec_pretty(self)?)
    }

    pub(crate) fn restarts(&self) -> u32 {
        self.attempt.saturating_sub(1)
    }
}

/// `instance.json` in `directory`, whole and on disk when this returns.
pub(crate) fn write_whole(directory: &Path, bytes: &[u8]) -> io::Result<()> {
    make(directory)?;
    let new = directory.join("instance.json.new");
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&new, directory.join("instance.json"))?;
    File::open(directory)?.sync_all()
}

/// Refuses what a newer program wrote.
pub(crate) fn check_format(format: &str) -> io::Result<()> {
    let major = format.split('.').next();
    let major = major.and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major > MAJOR) {
        return Err(io::Error::other(format!(
            "format {format} is newer than this program reads ({FORMAT}); hint: use the newer mainstay"
        )));
    }
    Ok(())
}

/// What the shim wrote; `None` where no shim ever did.
pub(crate) fn read_record(directory: &Path) -> io::Result<Option<Record>> {
    match std::fs::read(directory.join("shim.json")) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// See random(4), `boot_id`.
pub(crate) fn this_boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

/// Whether a shim holds the lock of this directory.
pub(crate) fn is_locked(directory: &Path) -> bool {
    use rustix::fs::{FlockOperation, flock};
    let Ok(file) = File::open(directory.join("lock")) else {
        return false;
    };
    // Let go again as `file` is closed.
    flock(&file, FlockOperation::NonBlockingLockExclusive).is_err()
}
