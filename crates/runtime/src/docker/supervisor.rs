//! The task that looks after one container: creates and starts it, hears its end, restarts it.
//!
//! The engine is the truth about what runs; `instance.json` about what was wished and what
//! happened before. A supervisor that begins reads both and goes on from there. Where the engine
//! does not answer nothing is concluded: what was known last is shown with a word about it, and
//! asked again. Decisions are `restart`'s and `health`'s; a run that lasts is `watch`'s, and
//! `launch` is how one comes to be.

mod launch;
mod watch;

use super::engine::Container;
use super::failure::{Answer, Failure};
use super::shared::{Shared, Shown, phase_on_disk};
use super::state::State;
use crate::process::state::{Outcome, Wanted};
use crate::restart::{self, Decision};
use crate::spec::{ContainerRun, InstanceSpec};
use crate::status::Phase;
use mainstay_model::Timestamp;
use mainstay_wire::process::signal_name;
use mainstay_wire::shim::Exit;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

pub(crate) use crate::process::supervisor::{now, steady_now};

/// Between questions to an engine that does not answer.
const AWAY: Duration = Duration::from_millis(500);

/// A shell's way to say that a signal ended a program: 128 and its number.
const BY_SIGNAL: i64 = 128;

#[derive(Debug)]
pub(crate) enum Command {
    /// The whole of what is to run, where it was not known yet.
    Spec(Box<InstanceSpec<ContainerRun>>),
    /// Answered when the wish is on disk.
    Stop {
        grace: Duration,
        done: oneshot::Sender<io::Result<()>>,
    },
}

/// Where a supervisor goes next.
#[derive(Debug)]
enum Next {
    Resume,
    Launch,
    Watch(Box<Container>),
    /// The back-off ends then.
    Pause(Timestamp),
    /// The engine does not answer.
    Away(Failure),
    /// Nothing happens by itself any more.
    Rest,
    Gone,
}

pub(crate) struct Supervisor {
    shared: Arc<Shared>,
    shown: Arc<Shown>,
    /// The container's.
    name: String,
    directory: PathBuf,
    state: State,
    spec: Option<Box<InstanceSpec<ContainerRun>>>,
    /// Of a stop that was asked for.
    grace: Option<Duration>,
    commands: mpsc::Receiver<Command>,
}

impl Supervisor {
    pub(crate) fn new(
        shared: Arc<Shared>,
        shown: Arc<Shown>,
        directory: PathBuf,
        state: State,
        spec: Option<Box<InstanceSpec<ContainerRun>>>,
        commands: mpsc::Receiver<Command>,
    ) -> Self {
        Self {
            shared,
            shown,
            name: state.scope.instance_name(&state.id),
            directory,
            state,
            spec,
            grace: None,
            commands,
        }
    }

    /// Until the instance is removed or the target goes; the container runs on in that case.
    pub(crate) async fn run(mut self) {
        let cancel = self.shared.cancel.clone();
        let work = async {
            let mut next = Next::Resume;
            loop {
                next = match next {
                    Next::Resume => self.resume().await,
                    Next::Launch => self.launch().await,
                    Next::Watch(container) => self.watch(*container).await,
                    Next::Pause(until) => self.pause(until).await,
                    Next::Away(failure) => self.away(&failure).await,
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

    /// From what the engine and the disk say to where it left off.
    async fn resume(&mut self) -> Next {
        if self.state.outcome.is_some() {
            return Next::Rest;
        }
        let found = match self.look().await {
            Ok(found) => found,
            Err(failure) if failure.is_unreachable() => return Next::Away(failure),
            Err(failure) => return self.not_started(&failure).await,
        };
        self.answered();
        match found {
            Some(container) if container.running => Next::Watch(Box::new(container)),
            // Its end was seen: it waits for its back-off, or was about to be started again.
            Some(container) if container.run == self.state.ended_run => self.start_due().await,
            Some(container) => self.ended(&container).await,
            // It ran, and somebody removed it.
            None if self.state.run.is_some() && self.state.run != self.state.ended_run => {
                self.vanished().await
            }
            None => self.start_due().await,
        }
    }

    async fn look(&self) -> Answer<Option<Container>> {
        let (scope, id) = (&self.state.scope, &self.state.id);
        self.shared.engine.look(scope, id).await
    }

    async fn start_due(&mut self) -> Next {
        if self.state.wanted == Wanted::Stop {
            let exit = self.state.last_exit.clone().unwrap_or(Exit::Lost);
            let requested = true;
            return self.conclude(Outcome::Exited { exit, requested }).await;
        }
        self.state.restart_at.map_or(Next::Launch, Next::Pause)
    }

    /// Shows what was known last, until the engine answers.
    async fn away(&mut self, failure: &Failure) -> Next {
        if self.shown.stale(Some(&failure.line())) {
            tracing::warn!(instance = %self.state.id, reason = failure.line(), "the engine does not answer");
            self.shared.changed();
        }
        tokio::select! {
            () = tokio::time::sleep(AWAY) => {}
            command = self.commands.recv() => match command {
                None => return Next::Gone,
                Some(Command::Spec(spec)) => self.take_spec(spec),
                Some(Command::Stop { grace, done }) => self.wish_stop(grace, done).await,
            },
        }
        Next::Resume
    }

    fn answered(&self) {
        if self.shown.stale(None) {
            self.shared.changed();
        }
    }

    fn take_spec(&mut self, spec: Box<InstanceSpec<ContainerRun>>) {
        if self.spec.is_none() {
            self.state.kept.restart = spec.restart.clone();
            self.spec = Some(spec);
        }
    }

    /// Writes down that it is to end.
    async fn wish_stop(&mut self, grace: Duration, done: oneshot::Sender<io::Result<()>>) {
        self.state.wanted = Wanted::Stop;
        self.grace = Some(self.grace.map_or(grace, |before| before.min(grace)));
        let saved = self.save().await;
        self.show(Phase::Stopping, now());
        let _ = done.send(saved);
    }

    /// A run has ended: for good, or to be followed by another.
    async fn ended(&mut self, container: &Container) -> Next {
        let at = container.finished_at.unwrap_or_else(now);
        self.state.run.clone_from(&container.run);
        self.state.started_at = container.started_at.or(self.state.started_at);
        if container.out_of_memory {
            let word = "the last run used more memory than its limit";
            self.warn(word);
        }
        self.decide(exit_of(container.exit_code), at).await
    }

    /// The container is not there any more, and it was not us.
    async fn vanished(&mut self) -> Next {
        self.decide(Exit::Lost, now()).await
    }

    async fn decide(&mut self, exit: Exit, at: Timestamp) -> Next {
        self.state.ended_run.clone_from(&self.state.run);
        self.state.last_exit = Some(exit.clone());
        self.state.healthy_since = None;
        let requested = self.state.wanted == Wanted::Stop;
        let times = &mut self.state.restart_times;
        match restart::decide(&self.state.kept.restart, times, &exit, requested, at) {
            Decision::Stay => self.conclude(Outcome::Exited { exit, requested }).await,
            Decision::CrashLoop => self.conclude(Outcome::CrashLoop { exit }).await,
            Decision::At(again) => {
                self.state.restarts += 1;
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
            let longest = restart::LONGEST_DELAY.max(self.state.kept.restart.delay);
            let rest = until.since(now()).min(longest);
            tokio::select! {
                () = tokio::time::sleep(rest) => return Next::Launch,
                command = self.commands.recv() => match command {
                    None => return Next::Gone,
                    Some(Command::Spec(spec)) => self.take_spec(spec),
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
        let (phase, since) = phase_on_disk(&self.state);
        self.show(phase, since);
        let _ = done.send(Ok(()));
        next
    }

    /// Ended for good, or waiting for its spec.
    async fn rest(&mut self) -> Next {
        let (phase, since) = phase_on_disk(&self.state);
        self.show(phase, since);
        loop {
            match self.commands.recv().await {
                None => return Next::Gone,
                Some(Command::Spec(spec)) => {
                    self.take_spec(spec);
                    if self.state.outcome.is_none() {
                        return Next::Resume;
                    }
                }
                Some(Command::Stop { done, .. }) if self.state.outcome.is_some() => {
                    let _ = done.send(Ok(()));
                }
                Some(Command::Stop { done, .. }) => return self.stop_at_rest(done).await,
            }
        }
    }

    async fn not_started(&mut self, failure: &Failure) -> Next {
        let reason = failure.line();
        self.conclude(Outcome::NotStarted { reason }).await
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

    fn show(&self, phase: Phase, since: Timestamp) {
        self.shown.phase(&self.state, phase, since);
        self.shared.changed();
    }

    fn warn(&self, words: &str) {
        let mut status = self.shown.lock();
        if !status.warnings.iter().any(|warning| warning == words) {
            status.warnings.push(words.to_owned());
        }
    }
}

/// The engine tells only a number; a shell's convention says which were signals.
fn exit_of(code: i64) -> Exit {
    let signal = (BY_SIGNAL + 1..=BY_SIGNAL + 31).contains(&code);
    if signal {
        Exit::Signal(signal_name((code - BY_SIGNAL) as i32))
    } else {
        Exit::Code(code as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_above_128_are_signals() {
        assert_eq!(exit_of(0), Exit::Code(0));
        assert_eq!(exit_of(127), Exit::Code(127));
        assert_eq!(exit_of(137), Exit::Signal("SIGKILL".into()));
        assert_eq!(exit_of(143), Exit::Signal("SIGTERM".into()));
        assert_eq!(exit_of(255), Exit::Code(255));
    }
}
