//! The task that watches one instance: starts its shims, hears their end, probes, restarts.
//!
//! It holds no truth of its own. What is wanted and what has happened stands in `instance.json`
//! and `shim.json`; a supervisor that begins reads them and goes on from there, also in the middle
//! of a stop or a back-off. Decisions are `restart`'s and `health`'s.

use super::client;
use super::remains;
use super::shared::Shared;
use super::state::{self, Outcome, State, Wanted};
use super::table;
use crate::exec::Surroundings;
use crate::health::{Health, Verdict};
use crate::probe;
use crate::restart::{self, Decision};
use crate::spec::{HealthCheck, InstanceSpec, Probe};
use crate::status::{InstanceStatus, Phase};
use mainstay_model::{Secret, Timestamp};
use mainstay_wire::shim::{Exit, Launch, PROTOCOL, Phase as RunPhase, Record, Request, Response};
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How long a shim that holds the lock may take to write its record.
const RECORD: Duration = Duration::from_secs(15);

/// Between looks at something that announces nothing.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(crate) enum Command {
    /// The whole of what is to run, where it was not known yet.
    Spec(Box<InstanceSpec>),
    /// Answered when the wish is on disk.
    Stop {
        grace: Duration,
        done: oneshot::Sender<io::Result<()>>,
    },
}

/// What the target shows of an instance.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) status: InstanceStatus,
    pub(crate) surroundings: Option<Surroundings>,
    /// The shim of the run that was last seen.
    pub(crate) record: Option<Record>,
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
    pub(crate) shared: Arc<Shared>,
    pub(crate) shown: Arc<Mutex<Shown>>,
    pub(crate) directory: PathBuf,
    pub(crate) state: State,
    pub(crate) spec: Option<Box<InstanceSpec>>,
    pub(crate) commands: mpsc::Receiver<Command>,
}

impl Supervisor {
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
            Some(record) => match record.phase {
                RunPhase::Running | RunPhase::Stopping { .. }
                    if !state::is_locked(&self.directory) =>
                {
                    self.lost(&record).await
                }
                RunPhase::Running | RunPhase::Stopping { .. } => Next::Watch(Box::new(record)),
                _ => self.ended(record).await,
            },
            None if self.state.wanted == Wanted::Stop => {
                self.conclude(Outcome::Exited {
                    exit: self.state.last_exit.clone().unwrap_or(Exit::Lost),
                    requested: true,
                })
                .await
            }
            None => self.state.restart_at.map_or(Next::Launch, Next::Pause),
        }
    }

    /// The record of the attempt that is to run. A shim that holds the lock may still be writing it.
    async fn current_record(&self) -> Option<Record> {
        let deadline = tokio::time::Instant::now() + RECORD;
        loop {
            let locked = state::is_locked(&self.directory);
            let record = state::read_record(&self.directory).ok().flatten();
            match record.filter(|record| record.attempt == self.state.attempt) {
                Some(record) => return Some(record),
                None if !locked || tokio::time::Instant::now() > deadline => return None,
                None => tokio::time::sleep(LOOK).await,
            }
        }
    }

    async fn launch(&mut self) -> Next {
        let Some(spec) = self.spec.clone() else {
            // Secrets are never on disk: without its spec it can be watched and not started.
            return self.rest().await;
        };
        self.state.restart_at = None;
        self.show(Phase::Starting, now(), None);
        let launch = self.launch_of(&spec);
        let started = client::start(
            &self.shared.options.shim_command,
            &self.shared.options.directory,
            &launch,
            &self.shared.tasks,
        )
        .await;
        let failure = match started {
            Ok(Response::Record(record)) => match record.phase {
                RunPhase::NotStarted { .. } | RunPhase::Exited { .. } => {
                    return self.ended(record).await;
                }
                _ => return Next::Watch(Box::new(record)),
            },
            Ok(Response::Refused { reason }) => reason,
            Err(error) => error.to_string(),
        };
        // Whatever went wrong on the way: what counts is whether a shim of this attempt lives.
        match self.current_record().await {
            Some(record) if state::is_locked(&self.directory) => Next::Watch(Box::new(record)),
            Some(record) => self.ended(record).await,
            None => self.conclude(Outcome::NotStarted { reason: failure }).await,
        }
    }

    fn launch_of(&self, spec: &InstanceSpec) -> Launch {
        Launch {
            protocol: PROTOCOL,
            scope: spec.scope.clone(),
            id: spec.id.clone(),
            attempt: self.state.attempt,
            directory: self.directory.clone(),
            socket: self.state.socket.clone(),
            command: spec.command.clone(),
            environment: self.environment_of(spec),
            working_directory: spec.working_directory.clone(),
            user: spec.user.clone(),
            group: spec.group.clone(),
            limits: spec.limits.clone(),
            stop: spec.stop.clone(),
            log: spec.log.clone(),
        }
    }

    /// The spec's, the port, and the marks by which a process of this instance is known.
    fn environment_of(&self, spec: &InstanceSpec) -> BTreeMap<String, Secret<String>> {
        let mut environment = spec.environment.clone();
        if let Some(port) = self.state.port {
            environment.insert("PORT".into(), Secret::new(port.to_string()));
        }
        let root = self.shared.options.directory.display().to_string();
        for (name, value) in remains::marks(&root, &spec.scope, &spec.id) {
            environment.insert(name.to_owned(), Secret::new(value));
        }
        environment
    }

    fn address(&self) -> Option<SocketAddr> {
        let port = self.state.port?;
        Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }

    /// While a run lasts.
    async fn watch(&mut self, record: Record) -> Next {
        let mut stopping = matches!(record.phase, RunPhase::Stopping { .. });
        let mut health = self.health_of(&record);
        if self.state.port.is_none() && self.has_no_check() && self.state.healthy_since.is_none() {
            self.state.healthy_since = Some(record.started_at);
            self.save_quietly().await;
        }
        self.show_run(&record, stopping);
        if self.state.wanted == Wanted::Stop && !stopping {
            // The wish was on disk, and nobody had told the shim.
            self.ask_to_stop(self.spec_grace()).await;
            stopping = true;
        }
        let socket = self.state.socket.clone();
        let mut end = Box::pin(client::wait(&socket));
        loop {
            let probe = self.next_probe(health.as_ref().filter(|_| !stopping));
            tokio::select! {
                ended = &mut end => {
                    match self.after_wait(ended, &record).await {
                        Some(next) => return next,
                        None => end = Box::pin(client::wait(&socket)),
                    }
                }
                command = self.commands.recv() => match command {
                    None => return Next::Gone,
                    Some(Command::Spec(spec)) => {
                        if self.take_spec(spec) {
                            health = self.health_of(&record);
                        }
                    }
                    Some(Command::Stop { grace, done }) => {
                        stopping = true;
                        if let Some(next) = self.stop(grace, done, &record).await {
                            return next;
                        }
                    }
                },
                (began, result) = probe => {
                    self.probed(health.as_mut(), began, result).await;
                    if self.has_no_check() && self.state.healthy_since.is_some() {
                        health = None;
                    }
                }
            }
        }
    }

    /// `None` where the shim lives and only hung up.
    async fn after_wait(&mut self, ended: io::Result<Record>, run: &Record) -> Option<Next> {
        if let Ok(record) = ended {
            return Some(self.ended(record).await);
        }
        // Dropping the connection is the last thing a shim does, or it was killed.
        for _ in 0..4 {
            if let Some(record) = self.current_record().await
                && !matches!(record.phase, RunPhase::Running | RunPhase::Stopping { .. })
            {
                return Some(self.ended(record).await);
            }
            if !table::is_alive(run.shim) {
                return Some(self.lost(run).await);
            }
            tokio::time::sleep(LOOK).await;
        }
        None
    }

    fn spec_grace(&self) -> Duration {
        self.spec
            .as_ref()
            .map_or(Duration::from_secs(30), |spec| spec.stop.grace)
    }

    /// True where it was not known before.
    pub(crate) fn take_spec(&mut self, spec: Box<InstanceSpec>) -> bool {
        if self.spec.is_some() {
            return false;
        }
        let environment = self.environment_of(&spec);
        let surroundings = Surroundings::new(&self.shared.options.shim_command, &spec, environment);
        self.shown().surroundings = Some(surroundings);
        self.state.policy = spec.restart.clone();
        self.spec = Some(spec);
        true
    }

    fn health_of(&mut self, record: &Record) -> Option<Health> {
        let spec = self.spec.as_ref()?;
        let check = match &spec.health {
            Some(check) => check.clone(),
            None if self.state.port.is_some() => implied_check(),
            None => return None,
        };
        let healthy = self.state.healthy_since.is_some();
        (spec.health.is_some() || !healthy)
            .then(|| Health::new(check, record.started_at, healthy, now()))
    }

    /// Sleeps until the next probe is due, and probes; for ever where there is none.
    fn next_probe(
        &self,
        health: Option<&Health>,
    ) -> impl Future<Output = (Timestamp, Result<(), String>)> + Send + use<> {
        let due = health.map(Health::next_probe);
        let check = self.spec.as_ref().and_then(|spec| spec.health.clone());
        let address = self.address();
        let surroundings = self.shown().surroundings.clone();
        async move {
            let Some(due) = due else {
                return std::future::pending().await;
            };
            tokio::time::sleep(due.since(now())).await;
            let check = check.unwrap_or_else(implied_check);
            let began = now();
            let result = probe::run(&check.probe, address, surroundings.as_ref(), check.timeout);
            (began, result.await)
        }
    }

    async fn probed(
        &mut self,
        health: Option<&mut Health>,
        began: Timestamp,
        result: Result<(), String>,
    ) {
        let Some(health) = health else { return };
        let before = health.verdict();
        let after = health.probed(result.is_ok(), began, now());
        let failed = result.err();
        if before == after {
            if let Some(text) = failed
                && self.shown().status.last_probe.as_ref() != Some(&text)
            {
                self.shown().status.last_probe = Some(text);
                self.shared.changed();
            }
            return;
        }
        self.state.healthy_since = (after == Verdict::Healthy).then(now);
        self.save_quietly().await;
        let phase = match after {
            Verdict::Starting => Phase::Starting,
            Verdict::Healthy => Phase::Healthy,
            Verdict::Unhealthy => Phase::Unhealthy,
        };
        self.show(phase, now(), failed);
    }

    /// Writes the wish down, then tells the shim; by force where the shim does not listen.
    async fn stop(
        &mut self,
        grace: Duration,
        done: oneshot::Sender<io::Result<()>>,
        record: &Record,
    ) -> Option<Next> {
        self.state.wanted = Wanted::Stop;
        let saved = self.save().await;
        let _ = done.send(saved);
        self.show(Phase::Stopping, now(), None);
        if self.ask_to_stop(grace).await {
            return None;
        }
        tracing::warn!(instance = %self.state.id, "the shim does not answer; ending the instance without it");
        remains::end_run(record, grace).await;
        Some(self.lost(record).await)
    }

    async fn ask_to_stop(&self, grace: Duration) -> bool {
        let request = Request::Stop { grace };
        client::ask(&self.state.socket, &request, client::ANSWER)
            .await
            .is_ok()
    }

    /// The shim went without a word, or was killed: what it leaves is ended before anything else.
    async fn lost(&mut self, record: &Record) -> Next {
        if let Ok(Some(on_disk)) = state::read_record(&self.directory)
            && on_disk.attempt == self.state.attempt
            && matches!(
                on_disk.phase,
                RunPhase::Exited { .. } | RunPhase::NotStarted { .. }
            )
        {
            return self.ended(on_disk).await;
        }
        remains::end_run(record, Duration::ZERO).await;
        remains::end_marked(
            &self.shared.options.directory,
            &self.state.scope,
            &self.state.id,
        )
        .await;
        let requested = matches!(record.phase, RunPhase::Stopping { .. });
        let mut record = record.clone();
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
                self.shown().record = Some(record);
                return self.conclude(Outcome::NotStarted { reason }).await;
            }
            RunPhase::Running | RunPhase::Stopping { .. } => return Next::Watch(Box::new(record)),
        };
        self.shown().record = Some(record);
        self.state.last_exit = Some(exit.clone());
        self.state.healthy_since = None;
        let requested = requested || self.state.wanted == Wanted::Stop;
        let policy = self.state.policy.clone();
        let times = &mut self.state.restart_times;
        match restart::decide(&policy, times, &exit, requested, at) {
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
        self.show(Phase::Restarting { exit: exit.clone() }, now(), None);
        loop {
            let rest = until.since(now());
            tokio::select! {
                () = tokio::time::sleep(rest), if self.spec.is_some() => return Next::Launch,
                command = self.commands.recv() => match command {
                    None => return Next::Gone,
                    Some(Command::Spec(spec)) => {
                        self.take_spec(spec);
                    }
                    Some(Command::Stop { done, .. }) => {
                        return self.stop_at_rest(done, exit).await;
                    }
                },
            }
        }
    }

    async fn stop_at_rest(&mut self, done: oneshot::Sender<io::Result<()>>, exit: Exit) -> Next {
        self.state.wanted = Wanted::Stop;
        let next = self
            .conclude(Outcome::Exited {
                exit,
                requested: true,
            })
            .await;
        let _ = done.send(Ok(()));
        next
    }

    /// Ended for good, or waiting for its spec.
    async fn rest(&mut self) -> Next {
        let (phase, since) = phase_on_disk(&self.state, None);
        self.show(phase, since, None);
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
                Some(Command::Stop { done, .. }) => {
                    let exit = self.state.last_exit.clone().unwrap_or(Exit::Lost);
                    return self.stop_at_rest(done, exit).await;
                }
            }
        }
    }

    async fn conclude(&mut self, outcome: Outcome) -> Next {
        self.state.outcome = Some(outcome);
        self.state.outcome_at = Some(now());
        self.state.restart_at = None;
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

    fn shown(&self) -> std::sync::MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show_run(&self, record: &Record, stopping: bool) {
        {
            let mut shown = self.shown();
            shown.status.started_at = Some(record.started_at);
            shown.status.pid = record.instance.map(|process| process.pid);
            shown.status.warnings.clone_from(&record.warnings);
            shown.record = Some(record.clone());
        }
        let (phase, since) = match (stopping, self.state.healthy_since) {
            (true, _) => (Phase::Stopping, now()),
            (false, Some(since)) => (Phase::Healthy, since),
            (false, None) => (Phase::Starting, record.started_at),
        };
        self.show(phase, since, None);
    }

    fn has_no_check(&self) -> bool {
        self.spec.as_ref().is_some_and(|spec| spec.health.is_none())
    }

    fn show(&self, phase: Phase, since: Timestamp, last_probe: Option<String>) {
        {
            let mut shown = self.shown();
            let status = &mut shown.status;
            if status.phase != phase {
                status.since = since;
            }
            if !matches!(
                phase,
                Phase::Starting | Phase::Healthy | Phase::Unhealthy | Phase::Stopping
            ) {
                status.pid = None;
            }
            status.phase = phase;
            status.restarts = self.state.restarts();
            status.last_exit.clone_from(&self.state.last_exit);
            status.address = self.address();
            if last_probe.is_some() {
                status.last_probe = last_probe;
            }
        }
        self.shared.changed();
    }
}

/// What is known without asking anybody.
pub(crate) fn phase_on_disk(state: &State, record: Option<&Record>) -> (Phase, Timestamp) {
    if let Some(outcome) = &state.outcome {
        let phase = match outcome.clone() {
            Outcome::Exited { exit, requested } => Phase::Exited { exit, requested },
            Outcome::CrashLoop { exit } => Phase::CrashLoop { exit },
            Outcome::NotStarted { reason } => Phase::NotStarted { reason },
        };
        return (phase, state.outcome_at.unwrap_or(state.created_at));
    }
    let began = record.map_or(state.created_at, |record| record.started_at);
    match (state.wanted, &state.last_exit, state.healthy_since) {
        (Wanted::Stop, _, _) => (Phase::Stopping, began),
        (Wanted::Run, Some(exit), _) if state.restart_at.is_some() => {
            (Phase::Restarting { exit: exit.clone() }, began)
        }
        (Wanted::Run, _, Some(since)) => (Phase::Healthy, since),
        (Wanted::Run, _, None) => (Phase::Starting, began),
    }
}

/// Without a health check an instance with a port is healthy once it takes a connection, and is
/// not watched further; how long that takes is not for us to judge.
fn implied_check() -> HealthCheck {
    HealthCheck {
        probe: Probe::Tcp,
        interval: Duration::from_secs(2),
        start_interval: Duration::from_millis(100),
        timeout: Duration::from_secs(2),
        start_period: Duration::from_secs(365 * 86_400),
        retries: 3,
        passes: 1,
    }
}

pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(since.as_millis() as i64)
}
