//! `instance.json` of a container: what the engine cannot remember for us. Nothing in it is secret.
//!
//! Labels do not change once a container is there, so what happens to it — restarts, back-off, the
//! wish that it ends — stands here (`docs/formats/instance-directory.md`). Where the file is gone
//! it begins anew from the labels.

use super::labels::Kept;
use crate::process::state::{FORMAT, Outcome, Wanted, check_format, write_whole};
use mainstay_model::{InstanceId, Scope, Timestamp};
use mainstay_wire::shim::Exit;
use serde::{Deserialize, Serialize};
use std::io;
use std::net::SocketAddr;
use std::path::Path;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    format: String,
    pub(crate) scope: Scope,
    pub(crate) id: InstanceId,
    pub(crate) created_at: Timestamp,
    pub(crate) wanted: Wanted,
    /// Starts after the first.
    pub(crate) restarts: u32,
    /// When it was restarted, as far back as the restart policy asks.
    pub(crate) restart_times: Vec<Timestamp>,
    /// The back-off that is being waited for.
    pub(crate) restart_at: Option<Timestamp>,
    pub(crate) kept: Kept,
    /// Whether the health check was settled: an image may bring one.
    pub(crate) created: bool,
    /// The run that is watched, by the engine's time of its start.
    pub(crate) run: Option<String>,
    /// The last run whose end was taken note of.
    pub(crate) ended_run: Option<String>,
    pub(crate) started_at: Option<Timestamp>,
    /// Of `run`, as last seen: shown until the engine was asked again.
    pub(crate) address: Option<SocketAddr>,
    pub(crate) pid: Option<i32>,
    /// Since when `run` has been healthy.
    pub(crate) healthy_since: Option<Timestamp>,
    pub(crate) last_exit: Option<Exit>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) outcome_at: Option<Timestamp>,
    /// How many files in memory it has to see.
    pub(crate) files: usize,
}

impl State {
    pub(crate) fn new(scope: Scope, id: InstanceId, kept: Kept, now: Timestamp) -> Self {
        Self {
            format: FORMAT.to_owned(),
            scope,
            id,
            created_at: now,
            wanted: Wanted::Run,
            restarts: 0,
            restart_times: Vec::new(),
            restart_at: None,
            kept,
            created: false,
            run: None,
            ended_run: None,
            started_at: None,
            address: None,
            pid: None,
            healthy_since: None,
            last_exit: None,
            outcome: None,
            outcome_at: None,
            files: 0,
        }
    }

    pub(crate) fn read(directory: &Path) -> io::Result<Self> {
        let bytes = std::fs::read(directory.join("instance.json"))?;
        let state: Self = serde_json::from_slice(&bytes)?;
        check_format(&state.format)?;
        Ok(state)
    }

    /// On disk, whole, when this returns. The directory is made where it is missing.
    pub(crate) fn write(&self, directory: &Path) -> io::Result<()> {
        write_whole(directory, &serde_json::to_vec_pretty(self)?)
    }
}
