//! Asks a worker. Each question starts a process of its own, which ends with the answer, or when the question is
//! dropped.

mod talk;

use crate::worker::job::{Job, Order};
use crate::{
    Checked, Copied, Entry, Failure, FailureKind, KeyRow, Loaded, Location, NewSnapshot, Opened,
    Progress, Pruned, ReadData, Row, Saved, Tree, Watch,
};
use mainstay_model::Secret;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;
use talk::Talk;
use tokio::io::{AsyncRead, AsyncWrite};

/// How long a pack that nobody needs any more stays: longer than whatever reads beside a prune.
const GRACE: Duration = Duration::from_secs(23 * 3600);

/// A worker says something every five seconds.
const SILENCE: Duration = Duration::from_secs(120);

/// Where workers come from. Cheap to clone; used from many tasks at once.
#[derive(Debug, Clone)]
pub struct Client {
    program: Vec<OsString>,
    locks: PathBuf,
    grace: Duration,
    silence: Duration,
}

fn ignore(_: Progress) {}

impl Client {
    /// `program` is a command that ends in [`crate::worker`]; in `locks` lie the locks of repositories that are not
    /// on this machine.
    pub fn new(program: Vec<OsString>, locks: PathBuf) -> Self {
        Self {
            program,
            locks,
            grace: GRACE,
            silence: SILENCE,
        }
    }

    /// How long what a prune marks stays before a later one removes it; 23 hours unless said otherwise. Shorter than
    /// the longest save or load, it breaks that.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How long a worker may say nothing before it is ended; 2 minutes unless said otherwise. One that is well speaks
    /// every five seconds.
    pub fn silence(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }

    fn order(&self, at: &Location, job: Job) -> Order {
        Order {
            at: at.clone(),
            locks: self.locks.clone(),
            job,
        }
    }

    async fn ask<R>(&self, at: &Location, job: Job, watch: Watch<'_>) -> Result<R, Failure>
    where
        R: DeserializeOwned,
    {
        let talk = Talk::start(&self.program, self.silence)?;
        let order = self.order(at, job);
        understood(talk.ask(&order, watch, tokio::io::sink()).await?)
    }

    /// Opens a repository, or makes one where none is and `create` is set.
    pub async fn open(&self, at: &Location, create: bool) -> Result<Opened, Failure> {
        self.ask(at, Job::Open { create }, &ignore).await
    }

    /// Saves one file from a stream. `whole` runs beside it and says what its end was worth: with an error, as with
    /// one of `data`, no snapshot is made.
    pub async fn save_stream<T>(
        &self,
        at: &Location,
        new: &NewSnapshot,
        data: impl AsyncRead + Send + Unpin,
        whole: impl Future<Output = Result<T, String>> + Send,
        watch: Watch<'_>,
    ) -> Result<(Saved, T), Failure> {
        let talk = Talk::start(&self.program, self.silence)?;
        let new = new.clone();
        let order = self.order(at, Job::SaveStream { new });
        let (value, end) = talk.feed(&order, watch, data, whole).await?;
        Ok((understood(value)?, end))
    }

    /// Saves a directory with everything below it.
    pub async fn save_tree(
        &self,
        at: &Location,
        new: &NewSnapshot,
        tree: &Tree,
        watch: Watch<'_>,
    ) -> Result<Saved, Failure> {
        let (new, tree) = (new.clone(), tree.clone());
        self.ask(at, Job::SaveTree { new, tree }, watch).await
    }

    /// Writes a file of a snapshot on. What was written before a failure is no whole file.
    pub async fn load_file(
        &self,
        at: &Location,
        snapshot: &str,
        path: &str,
        into: impl AsyncWrite + Send + Unpin,
        watch: Watch<'_>,
    ) -> Result<Loaded, Failure> {
        let talk = Talk::start(&self.program, self.silence)?;
        let (snapshot, path) = (snapshot.to_owned(), path.to_owned());
        let order = self.order(at, Job::LoadFile { snapshot, path });
        understood(talk.ask(&order, watch, into).await?)
    }

    /// Writes a directory of a snapshot into `into`, which must be empty or not there yet. All of it is there, or
    /// nothing.
    pub async fn load_tree(
        &self,
        at: &Location,
        snapshot: &str,
        path: &str,
        into: &Path,
        watch: Watch<'_>,
    ) -> Result<Loaded, Failure> {
        let (snapshot, path) = (snapshot.to_owned(), path.to_owned());
        let into = into.to_path_buf();
        let job = Job::LoadTree {
            snapshot,
            path,
            into,
        };
        self.ask(at, job, watch).await
    }

    /// Every snapshot, the oldest first.
    pub async fn list(&self, at: &Location) -> Result<Vec<Row>, Failure> {
        self.ask(at, Job::List, &ignore).await
    }

    /// What lies directly below a path of a snapshot; a file itself.
    pub async fn entries(
        &self,
        at: &Location,
        snapshot: &str,
        path: &str,
    ) -> Result<Vec<Entry>, Failure> {
        let (snapshot, path) = (snapshot.to_owned(), path.to_owned());
        self.ask(at, Job::Entries { snapshot, path }, &ignore).await
    }

    /// Reads a repository through. Damage is told in the answer; a failure means that it could not be checked.
    pub async fn check(
        &self,
        at: &Location,
        read: ReadData,
        watch: Watch<'_>,
    ) -> Result<Checked, Failure> {
        self.ask(at, Job::Check { read }, watch).await
    }

    /// Removes snapshots; their data goes with a later [`Client::prune`].
    pub async fn forget(&self, at: &Location, snapshots: &[String]) -> Result<(), Failure> {
        let snapshots = snapshots.to_vec();
        self.ask(at, Job::Forget { snapshots }, &ignore).await
    }

    /// Marks what no snapshot needs, and removes what was marked by a prune longer ago than the grace.
    pub async fn prune(&self, at: &Location, watch: Watch<'_>) -> Result<Pruned, Failure> {
        let grace_seconds = self.grace.as_secs();
        self.ask(at, Job::Prune { grace_seconds }, watch).await
    }

    /// Copies snapshots into another repository, which must be there. Those that it has already stay one.
    pub async fn copy(
        &self,
        from: &Location,
        to: &Location,
        snapshots: &[String],
        watch: Watch<'_>,
    ) -> Result<Copied, Failure> {
        let (to, snapshots) = (to.clone(), snapshots.to_vec());
        self.ask(from, Job::Copy { to, snapshots }, watch).await
    }

    /// The keys that open a repository.
    pub async fn keys(&self, at: &Location) -> Result<Vec<KeyRow>, Failure> {
        self.ask(at, Job::Keys, &ignore).await
    }

    /// Lets one more key open it, and answers the name of that key.
    pub async fn add_key(&self, at: &Location, key: &Secret<String>) -> Result<String, Failure> {
        let key = key.clone();
        self.ask(at, Job::AddKey { key }, &ignore).await
    }

    /// Takes a key away, but not the one that it was opened with. Whoever kept the repository's files and that key
    /// can still read those.
    pub async fn remove_key(&self, at: &Location, id: &str) -> Result<(), Failure> {
        let id = id.to_owned();
        self.ask(at, Job::RemoveKey { id }, &ignore).await
    }
}

fn understood<R: DeserializeOwned>(value: Value) -> Result<R, Failure> {
    serde_json::from_value(value).map_err(|error| {
        let message = format!("the answer of the backup worker cannot be understood: {error}");
        Failure::new(FailureKind::Other, message)
    })
}
