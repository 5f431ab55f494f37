//! While a run lasts: its end is awaited, its health probed, a stop passed on.

use super::{Command, LOOK, Next, Supervisor, is_running, now, steady_now};
use crate::exec;
use crate::health::{Health, Verdict};
use crate::probe;
use crate::process::state::{self, Wanted};
use crate::process::{client, remains, shown, table};
use crate::spec::{HealthCheck, Probe};
use crate::status::Phase;
use mainstay_model::Timestamp;
use mainstay_wire::shim::{Phase as RunPhase, Record, Request};
use std::io;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Beyond the grace, how long a shim that took a stop may take to carry it out.
const OVERDUE: Duration = Duration::from_secs(10);

/// For a stop that was on disk when the control plane was killed, and whose grace is not known.
const UNKNOWN_GRACE: Duration = Duration::from_secs(30);

/// One run, as long as it is watched.
struct Run {
    record: Record,
    health: Option<Health>,
    /// When the shim must have ended the instance; a stop was asked for.
    overdue: Option<Instant>,
}

impl Supervisor {
    pub(super) async fn watch(&mut self, record: Record) -> Next {
        let mut run = self.begin(record).await;
        let socket = self.state.socket.clone();
        let mut end = Box::pin(client::wait(&socket));
        loop {
            let probe = self.next_probe(&run);
            let overdue = run.overdue;
            tokio::select! {
                ended = &mut end => match self.after_wait(ended, &run.record).await {
                    Some(next) => return next,
                    None => end = Box::pin(client::wait(&socket)),
                },
                command = self.commands.recv() => match command {
                    None => return Next::Gone,
                    Some(Command::Spec(spec)) => if self.take_spec(spec) {
                        run.health = self.health_of(&run.record);
                        self.healthy_without_check(&run.record).await;
                    },
                    Some(Command::Stop { grace, done }) => {
                        if !self.stop(grace, done, &mut run).await {
                            return self.force(grace, &run.record).await;
                        }
                    }
                },
                (began, result) = probe => self.probed(&mut run, began, result).await,
                () = sleep_until(overdue) => {
                    return self.force(Duration::ZERO, &run.record).await;
                }
            }
        }
    }

    async fn begin(&mut self, record: Record) -> Run {
        let mut run = Run {
            health: self.health_of(&record),
            overdue: None,
            record,
        };
        self.shown().run(&run.record);
        let stopping = matches!(run.record.phase, RunPhase::Stopping { .. });
        if stopping || self.state.wanted == Wanted::Stop {
            self.show(Phase::Stopping, now());
            let grace = self
                .spec
                .as_ref()
                .map_or(UNKNOWN_GRACE, |spec| spec.stop.grace);
            run.overdue = Some(Instant::now() + grace + OVERDUE);
            // The wish was on disk, and perhaps nobody had told the shim.
            self.ask_to_stop(grace).await;
            return run;
        }
        self.healthy_without_check(&run.record).await;
        let (phase, since) = shown::phase_on_disk(&self.state, Some(&run.record));
        self.show(phase, since);
        run
    }

    /// Without a health check and without a port, running is healthy.
    async fn healthy_without_check(&mut self, record: &Record) {
        let nothing_to_probe = self.has_no_check() && self.state.port.is_none();
        if nothing_to_probe && self.state.healthy_since.is_none() {
            self.state.healthy_since = Some(record.started_at);
            self.save_quietly().await;
            self.show(Phase::Healthy, record.started_at);
        }
    }

    fn has_no_check(&self) -> bool {
        self.spec.as_ref().is_some_and(|spec| spec.health.is_none())
    }

    /// `None` where the shim lives and only hung up.
    async fn after_wait(&mut self, ended: io::Result<Record>, run: &Record) -> Option<Next> {
        if let Ok(record) = ended {
            return Some(self.ended(record).await);
        }
        // A shim that hung up is about to go, and has then written how it ended; or it was killed.
        for _ in 0..5 {
            if !table::is_alive(run.shim) {
                return Some(self.lost(run).await);
            }
            if let Ok(Some(record)) = state::read_record(&self.directory)
                && record.attempt == self.state.attempt
                && !is_running(&record)
            {
                return Some(self.ended(record).await);
            }
            tokio::time::sleep(LOOK).await;
        }
        None
    }

    fn health_of(&self, record: &Record) -> Option<Health> {
        let healthy = self.state.healthy_since.is_some();
        let check = self.check().filter(|_| !(healthy && self.has_no_check()))?;
        Some(Health::new(check, record.started_at, healthy, steady_now()))
    }

    /// The spec's, or the one that having a port implies.
    fn check(&self) -> Option<HealthCheck> {
        let spec = self.spec.as_ref()?;
        let implied = || self.state.port.map(|_| implied_check());
        spec.health.clone().or_else(implied)
    }

    /// Sleeps until the next probe is due, and probes; for ever where there is none.
    fn next_probe(
        &self,
        run: &Run,
    ) -> impl Future<Output = (Timestamp, Result<(), String>)> + Send + use<> {
        let health = run.health.as_ref().filter(|_| run.overdue.is_none());
        let due = health.map(Health::next_probe).zip(self.check());
        let address = shown::address(&self.state);
        let surroundings = self.shown().surroundings.clone();
        async move {
            let Some((due, check)) = due else {
                return std::future::pending().await;
            };
            tokio::time::sleep(due.since(steady_now())).await;
            let began = steady_now();
            let surroundings = surroundings.as_deref();
            let command = exec::probe(check.probe.command(), surroundings);
            let result = probe::run(&check.probe, address, command, check.timeout).await;
            (began, result)
        }
    }

    async fn probed(&mut self, run: &mut Run, began: Timestamp, result: Result<(), String>) {
        let Some(health) = &mut run.health else {
            return;
        };
        let before = health.verdict();
        let after = health.probed(result.is_ok(), began, steady_now());
        self.show_failure(result.err());
        if before == after {
            return;
        }
        self.state.healthy_since = (after == Verdict::Healthy).then(now);
        self.save_quietly().await;
        let phase = match after {
            Verdict::Starting => Phase::Starting,
            Verdict::Healthy => Phase::Healthy,
            Verdict::Unhealthy => Phase::Unhealthy,
        };
        self.show(phase, now());
        if self.has_no_check() && after == Verdict::Healthy {
            run.health = None;
        }
    }

    fn show_failure(&self, failure: Option<String>) {
        let mut shown = self.shown();
        if failure.is_some() && shown.status.last_probe != failure {
            shown.status.last_probe = failure;
            drop(shown);
            self.shared.changed();
        }
    }

    /// Writes the wish down, then tells the shim; false where the shim does not listen.
    async fn stop(
        &mut self,
        grace: Duration,
        done: oneshot::Sender<io::Result<()>>,
        run: &mut Run,
    ) -> bool {
        self.state.wanted = Wanted::Stop;
        let saved = self.save().await;
        self.show(Phase::Stopping, now());
        let _ = done.send(saved);
        let overdue = Instant::now() + grace + OVERDUE;
        run.overdue = Some(run.overdue.map_or(overdue, |before| before.min(overdue)));
        self.ask_to_stop(grace).await
    }

    async fn ask_to_stop(&self, grace: Duration) -> bool {
        let request = Request::Stop { grace };
        client::ask(&self.state.socket, &request, client::ANSWER)
            .await
            .is_ok()
    }

    /// Ends a run whose shim does not do it, and hears meanwhile whether it is to be quicker.
    async fn force(&mut self, grace: Duration, record: &Record) -> Next {
        if !table::is_alive(record.shim) {
            return self.lost(record).await;
        }
        tracing::warn!(instance = %self.state.id, "the shim does not answer; ending the instance without it");
        let mut until = Instant::now() + grace;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            tokio::select! {
                () = remains::end_run(record, left) => return self.lost(record).await,
                command = self.commands.recv() => match command {
                    None => return Next::Gone,
                    Some(Command::Spec(spec)) => {
                        self.take_spec(spec);
                    }
                    Some(Command::Stop { grace, done }) => {
                        until = until.min(Instant::now() + grace);
                        let _ = done.send(Ok(()));
                    }
                },
            }
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Without a health check an instance with a port is healthy once it takes a connection, and is
/// not probed further; how long that takes is not for us to judge.
pub(crate) fn implied_check() -> HealthCheck {
    HealthCheck {
        probe: Probe::Tcp,
        interval: Duration::from_secs(2),
        start_interval: Duration::from_millis(100),
        timeout: Duration::from_secs(2),
        start_period: Duration::from_hours(365 * 24),
        retries: 3,
        passes: 1,
    }
}
