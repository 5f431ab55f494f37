//! The task that looks after one instance: starts its shims, hears their end, restarts.
//!
//! It holds no truth of its own. What is wanted and what has happened stands in `instance.json`
//! and `shim.json`; a supervisor that begins reads them and goes on from there, also in the middle
//! of a stop or a back-off. Decisions are `restart`'s and `health`'s; a run that lasts is `watch`'s.

mod watch;

pub(crate) use watch::implied_check;

use super::client;
use super::memory;
use super::remains;
use super::shared::Shared;
use super::shown::{self, Shown};
use super::state::{self, Outcome, State, Wanted};
use crate::exec::Surroundings;
use crate::restart::{self, Decision};
use crate::spec::{InstanceSpec, ProcessRun};
use crate::status::Phase;
use mainstay_model::{Secret, Timestamp};
use mainstay_wire::shim::{Exit, Files, Launch, PROTOCOL, Phase as RunPhase, Record, Response};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// How long a shim that holds the lock may take to write its record.
const RECORD: Duration = Duration::from_secs(15);

/// How long the shim of the last run may take to go.
const GOING: Duration = Duration::from_secs(5);

/// Between looks at something that announces nothing.
const LOOK: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(crate) enum Command {
    /// The whole of what is to run, where it was not known yet.
    Spec(Box<InstanceSpec<ProcessRun>>),
    /// Answered when the wish is on disk.
    Stop {
        grace: Duration,
        done: oneshot::Sender<io::Result<()>>,
    },
}

/// Where a supervisor goes next.
#[derive(Debug)]
enum Next {
    Launch,
    Watch(Box<Record>),
    /// The back-off ends then.
    Pause(Timestamp),
    /// Nothing happens by itself any more.
    Rest,
    Gone,
}

pub(crate) struct Supervisor {
    shared: Arc<Shared>,
    shown: Arc<Mutex<Shown>>,
    directory: PathBuf,
    state: State,
    spec: Option<Box<InstanceSpec<ProcessRun>>>,
    commands: mpsc::Receiver<Command>,
}

impl Supervisor {
    pub(crate) fn new(
        shared: Arc<Shared>,
        shown: Arc<Mutex<Shown>>,
        directory: PathBuf,
        state: State,
        commands: mpsc::Receiver<Command>,
    ) -> Self {
        Self {
            shared,
            shown,
            directory,
            state,
            spec: None,
            commands,
        }
    }

    /// Until the instance is removed or the target goes; the instance runs on in that case.
    pub(crate) async fn run(mut self) {
        let cancel = self.shared.cancel.clone();
        let work = async {
            let mut next = self.resume().await;
            loop {
                next = match next {
                    Next::Launch => self.launch().await,
                    Next::Watch(record) => self.watch(*record).await,
                    Next::Pause(until) => self.pause(until).await,
                    Next::Rest => self.rest().await,
                    Next::Gone => return,
                }
            }
        };
        tokio::select! {
            () = cancel.cancelled() => {}
            () = work => {}
        }
    }

    /// From what is on disk to where it left off.
    async fn resume(&mut self) -> Next {
        if self.state.outcome.is_some() {
            return Next::Rest;
        }
        match self.current_record().await {
            Some(record) if is_running(&record) && !state::is_locked(&self.directory) => {
                self.lost(&record).await
            }
            Some(record) if is_running(&record) => Next::Watch(Box::new(record)),
            Some(record) => self.ended(record).await,
            None if self.state.wanted == Wanted::Stop => {
                let exit = self.state.last_exit.clone().unwrap_or(Exit::Lost);
                self.conclude(Outcome::Exited {
                    exit,
                    requested: true,
                })
                .await
            }
            None => self.state.restart_at.map_or(Next::Launch, Next::Pause),
        }
    }

    /// The record of the attempt that is to run. A shim that holds the lock may still be writing it.
    async fn current_record(&mut self) -> Option<Record> {
        let deadline = Instant::now() + RECORD;
        loop {
            // Asked first: a shim that goes between the two looks has written its record.
            let locked = state::is_locked(&self.directory);
            let record = state::read_record(&self.directory).ok().flatten();
            match record.filter(|record| record.attempt >= self.state.attempt) {
                Some(record) => {
                    // Higher where the disk was too full to note the restart.
                    self.state.attempt = record.attempt;
                    return Some(record);
                }
                None if !locked || Instant::now() > deadline => return None,
                None => tokio::time::sleep(LOOK).await,
            }
        }
    }

    async fn launch(&mut self) -> Next {
        let Some(spec) = self.spec.clone() else {
            // Secrets are never on disk: without its spec it can be watched and not started.
            return Next::Rest;
        };
        self.state.restart_at = None;
        if self.state.boot != state::this_boot() {
            self.state.boot = state::this_boot();
            self.save_quietly().await;
        }
        self.show(Phase::Starting, now());
        self.last_shim_gone().await;
        let options = &self.shared.options;
        let launch = match self.launch_of(&spec) {
            Ok(launch) => launch,
            Err(reason) => return self.conclude(Outcome::NotStarted { reason }).await,
        };
        let started = client::start(
            &options.shim_command,
            &options.directory,
            &launch,
            &self.shared,
        )
        .await;
        let failure = match started {
            Ok(Response::Record(record)) if is_running(&record) => {
                return Next::Watch(Box::new(record));
            }
            Ok(Response::Record(record)) => return self.ended(record).await,
            Ok(Response::Refused { reason }) => reason,
            Err(error) => error.to_string(),
        };
        // Whatever went wrong on the way: what counts is whether a shim of this attempt lives.
        match self.current_record().await {
            Some(record) if state::is_locked(&self.directory) => Next::Watch(Box::new(record)),
            Some(record) if is_running(&record) => self.lost(&record).await,
            Some(record) => self.ended(record).await,
            None => self.conclude(Outcome::NotStarted { reason: failure }).await,
        }
    }

    /// It has told its end and is about to go.
    async fn last_shim_gone(&self) {
        let deadline = Instant::now() + GOING;
        while state::is_locked(&self.directory) && Instant::now() < deadline {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Where its secret files are. `None`: there is no place in memory.
    fn memory(&self) -> Option<(&Path, PathBuf)> {
        let root = self.shared.options.memory_directory.as_deref()?;
        Some((root, memory::of(root, &self.state.scope, &self.state.id)))
    }

    /// What the shim is to write, and the way to it.
    fn files_of(&self, spec: &InstanceSpec<ProcessRun>) -> Result<Option<Files>, String> {
        if spec.files.is_empty() {
            return Ok(None);
        }
        let (root, own) = self.memory().ok_or(
            "there is no file system in memory for its secret files; hint: mount a tmpfs at /dev/shm",
        )?;
        memory::prepare(root, &own)
            .map_err(|error| format!("no directory for its secret files: {error}"))?;
        Ok(memory::files(spec, own))
    }

    fn launch_of(&self, spec: &InstanceSpec<ProcessRun>) -> Result<Launch, String> {
        Ok(Launch {
            protocol: PROTOCOL,
            scope: spec.scope.clone(),
            id: spec.id.clone(),
            attempt: self.state.attempt,
            directory: self.directory.clone(),
            socket: self.state.socket.clone(),
            command: spec.run.command.clone(),
            environment: self.environment_of(spec),
            working_directory: spec.run.working_directory.clone(),
            user: spec.user.clone(),
            group: spec.group.clone(),
            limits: spec.limits.clone(),
            stop: spec.stop.clone(),
            log: spec.log.clone(),
            files: self.files_of(spec)?,
        })
    }

    /// The spec's, the port, and the marks by which a process of this instance is known.
    fn environment_of(&self, spec: &InstanceSpec<ProcessRun>) -> BTreeMap<String, Secret<String>> {
        let mut environment = spec.environment.clone();
        if let Some((_, own)) = self.memory() {
            memory::tell(spec, &own, &mut environment);
        }
        if let Some(port) = self.state.port {
            environment.insert("PORT".into(), Secret::new(port.to_string()));
        }
        let root = self.shared.options.directory.display().to_string();
        for (name, value) in remains::marks(&root, &spec.scope, &spec.id) {
            environment.insert(name.to_owned(), Secret::new(value));
        }
        environment
    }

    /// True where it was not known before.
    pub(crate) fn take_spec(&mut self, spec: Box<InstanceSpec<ProcessRun>>) -> bool {
        if self.spec.is_some() {
            return false;
        }
        let environment = self.environment_of(&spec);
        let shim = &self.shared.options.shim_command;
        let surroundings = Surroundings::new(shim, &spec, environment);
        self.shown().surroundings = Some(Arc::new(surroundings));
        self.state.policy = spec.restart.clone();
        self.spec = Some(spec);
        true
    }

    /// The shim went without a word, or was killed: what it leaves is ended before anything else.
    async fn lost(&mut self, run: &Record) -> Next {
        if let Ok(Some(record)) = state::read_record(&self.directory)
            && record.attempt == self.state.attempt
            && !is_running(&record)
        {
            return self.ended(record).await;
        }
        let root = &self.shared.options.directory;
        // After the machine was started again its pids mean others.
        if self.state.boot == state::this_boot() {
            remains::end_run(run, Duration::ZERO).await;
        }
        remains::end_marked(root, &self.state.scope, &self.state.id).await;
        let requested = matches!(run.phase, RunPhase::Stopping { .. });
        let mut record = run.clone();
        record.phase = RunPhase::Exited {
            at: now(),
            exit: Exit::Lost,
            requested,
        };
        self.ended(record).await
    }

    /// A run has ended: for good, or to be followed by another.
    async fn ended(&mut self, record: Record) -> Next {
        let (at, exit, requested) = match &record.phase {
            RunPhase::Exited {
                at,
                exit,
                requested,
            } => (*at, exit.clone(), *requested),
            RunPhase::NotStarted { reason, .. } => {
                let reason = reason.clone();
                self.shown().run(&record);
                return self.conclude(Outcome::NotStarted { reason }).await;
            }
            RunPhase::Running | RunPhase::Stopping { .. } => return Next::Watch(Box::new(record)),
        };
        self.shown().run(&record);
        self.state.last_exit = Some(exit.clone());
        self.state.healthy_since = None;
        let requested = requested || self.state.wanted == Wanted::Stop;
        let times = &mut self.state.restart_times;
        match restart::decide(&self.state.policy, times, &exit, requested, at) {
            Decision::Stay => self.conclude(Outcome::Exited { exit, requested }).await,
            Decision::CrashLoop => self.conclude(Outcome::CrashLoop { exit }).await,
            Decision::At(again) => {
                self.state.attempt += 1;
                self.state.restart_at = Some(again);
                self.save_quietly().await;
                Next::Pause(again)
            }
        }
    }

    async fn pause(&mut self, until: Timestamp) -> Next {
        let exit = self.state.last_exit.clone().unwrap_or(Exit::Lost);
        self.show(Phase::Restarting { exit }, now());
        loop {
            // Bounded, because the clock may have been set back.
            let longest = restart::LONGEST_DELAY.max(self.state.policy.delay);
            let rest = until.since(now()).min(longest);
            tokio::select! {
                () = tokio::time::sleep(rest), if self.spec.is_some() => return Next::Launch,
                command = self.commands.recv() => match command {
                    None => return Next::Gone,
                    Some(Command::Spec(spec)) => {
                        self.take_spec(spec);
                    }
                    Some(Command::Stop { done, .. }) => return self.stop_at_rest(done).await,
                },
            }
        }
    }

    async fn stop_at_rest(&mut self, done: oneshot::Sender<io::Result<()>>) -> Next {
        self.state.wanted = Wanted::Stop;
        let exit = self.state.last_exit.clone().unwrap_or(Exit::Lost);
        let requested = true;
        let next = self.conclude(Outcome::Exited { exit, requested }).await;
        let (phase, since) = shown::phase_on_disk(&self.state, None);
        self.show(phase, since);
        let _ = done.send(Ok(()));
        next
    }

    /// Ended for good, or waiting for its spec.
    async fn rest(&mut self) -> Next {
        let (phase, since) = shown::phase_on_disk(&self.state, None);
        self.show(phase, since);
        loop {
            match self.commands.recv().await {
                None => return Next::Gone,
                Some(Command::Spec(spec)) => {
                    self.take_spec(spec);
                    if self.state.outcome.is_none() {
                        return Next::Launch;
                    }
                }
                Some(Command::Stop { done, .. }) if self.state.outcome.is_some() => {
                    let _ = done.send(Ok(()));
                }
                Some(Command::Stop { done, .. }) => return self.stop_at_rest(done).await,
            }
        }
    }

    async fn conclude(&mut self, outcome: Outcome) -> Next {
        self.state.outcome = Some(outcome);
        self.state.outcome_at = Some(now());
        self.state.restart_at = None;
        // The shim has removed them; a killed one has not.
        if let Some((root, own)) = self.memory() {
            memory::remove(root, &own);
        }
        self.save_quietly().await;
        Next::Rest
    }

    async fn save(&self) -> io::Result<()> {
        let (state, directory) = (self.state.clone(), self.directory.clone());
        tokio::task::spawn_blocking(move || state.write(&directory))
            .await
            .map_err(io::Error::other)?
    }

    /// What cannot be written is found out again after a restart of the control plane.
    async fn save_quietly(&self) {
        if let Err(error) = self.save().await {
            tracing::error!(instance = %self.state.id, %error, "cannot write instance.json");
        }
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, phase: Phase, since: Timestamp) {
        self.shown().phase(&self.state, phase, since);
        self.shared.changed();
    }
}

fn is_running(record: &Record) -> bool {
    matches!(record.phase, RunPhase::Running | RunPhase::Stopping { .. })
}

/// Wall time as it was when it was first asked for, and from then on monotonic: for decisions
/// that a clock set back must not hold up.
pub(crate) fn steady_now() -> Timestamp {
    static FIRST: OnceLock<(Timestamp, Instant)> = OnceLock::new();
    let (wall, instant) = FIRST.get_or_init(|| (now(), Instant::now()));
    *wall + instant.elapsed()
}

pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(since.as_millis() as i64)
}
