//! While a container runs: its end is awaited, its health probed, a stop carried out.

use super::{AWAY, Command, Next, Supervisor, now, steady_now};
use crate::docker::engine::Container;
use crate::docker::exec::{self, ProbeFailure};
use crate::docker::failure::Failure;
use crate::health::{Health, Verdict};
use crate::probe;
use crate::process::implied_check;
use crate::process::state::Wanted;
use crate::spec::HealthCheck;
use crate::status::Phase;
use mainstay_model::Timestamp;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// For a stop that was on disk when the control plane was killed, and whose grace is not known.
const UNKNOWN_GRACE: Duration = Duration::from_secs(30);

type Call = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

/// One run, as long as it is watched.
struct Run {
    health: Option<Health>,
    /// The engine carries out a stop.
    stopping: Option<Call>,
}

impl Supervisor {
    pub(super) async fn watch(&mut self, container: Container) -> Next {
        let mut run = self.begin(&container).await;
        let mut end = self.end(Duration::ZERO);
        loop {
            let probe = self.next_probe(&run);
            tokio::select! {
                () = &mut end => match self.after_end().await {
                    Some(next) => return next,
                    None => end = self.end(AWAY),
                },
                command = self.commands.recv() => match command {
                    None => return Next::Gone,
                    Some(Command::Spec(spec)) => self.take_spec(spec),
                    Some(Command::Stop { grace, done }) => {
                        let shorter = self.grace.is_none_or(|before| grace < before);
                        self.wish_stop(grace, done).await;
                        if shorter || run.stopping.is_none() {
                            run.stopping = Some(self.stop_call(Duration::ZERO));
                        }
                    }
                },
                stopped = call(&mut run.stopping) => run.stopping = Some(self.after_stop(stopped)),
                (began, result) = probe => self.probed(&mut run, began, result).await,
            }
        }
    }

    async fn begin(&mut self, container: &Container) -> Run {
        let before = self.state.clone();
        if self.state.run != container.run {
            self.state.run.clone_from(&container.run);
            self.state.started_at = container.started_at;
            self.state.healthy_since = None;
        }
        self.show_container(container).await;
        if self.state != before {
            self.save_quietly().await;
        }
        let stopping = (self.state.wanted == Wanted::Stop).then(|| self.stop_call(Duration::ZERO));
        let mut run = Run {
            health: None,
            stopping,
        };
        if run.stopping.is_some() {
            self.show(Phase::Stopping, now());
            return run;
        }
        let healthy = self.state.healthy_since.is_some();
        let check = self.check().filter(|_| !(healthy && self.is_implied()));
        let started = container.started_at.unwrap_or_else(now);
        run.health = check.map(|check| Health::new(check, started, healthy, steady_now()));
        if self.check().is_none() && !healthy {
            // Without a health check and without a port, running is healthy.
            self.state.healthy_since = Some(started);
            self.save_quietly().await;
        }
        let (phase, since) = match self.state.healthy_since {
            Some(since) => (Phase::Healthy, since),
            None => (Phase::Starting, started),
        };
        self.show(phase, since);
        run
    }

    async fn show_container(&mut self, container: &Container) {
        let kept = &self.state.kept;
        // Unknown only while the engine does not answer: then what was known still holds.
        if let Ok(address) = self.shared.engine.address_of(container, kept).await {
            self.state.address = address;
        }
        self.state.pid = container.pid;
        let mut status = self.shown.lock();
        status.pid = container.pid;
        status.started_at = container.started_at;
        status.address = self.state.address;
    }

    /// Comes back when the container may have ended; not before `pause` is over.
    fn end(&self, pause: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let (shared, name) = (Arc::clone(&self.shared), self.name.clone());
        Box::pin(async move {
            tokio::time::sleep(pause).await;
            shared.engine.ended(&name).await;
        })
    }

    /// `None` where it runs, or nobody knows.
    async fn after_end(&mut self) -> Option<Next> {
        match self.look().await {
            Ok(Some(container)) if !container.running => {
                self.answered();
                Some(self.ended(&container).await)
            }
            Ok(Some(container)) if container.run != self.state.run => {
                self.answered();
                Some(Next::Watch(Box::new(container)))
            }
            Ok(Some(container)) => {
                self.show_container(&container).await;
                self.answered();
                None
            }
            Ok(None) => {
                self.answered();
                Some(self.vanished().await)
            }
            Err(failure) if failure.is_unreachable() => {
                if self.shown.stale(Some(&failure.line())) {
                    self.shared.changed();
                }
                None
            }
            Err(failure) => Some(self.not_started(&failure).await),
        }
    }

    fn stop_call(&self, pause: Duration) -> Call {
        let grace = self.grace.unwrap_or(UNKNOWN_GRACE);
        let (shared, name) = (Arc::clone(&self.shared), self.name.clone());
        Box::pin(async move {
            tokio::time::sleep(pause).await;
            shared.engine.stop(&name, grace).await
        })
    }

    /// A stop that did not reach the engine is asked for again; how it went, the end tells.
    fn after_stop(&self, stopped: Result<(), Failure>) -> Call {
        match stopped {
            Err(failure) if !failure.is_missing() && !failure.is_unchanged() => {
                tracing::warn!(instance = %self.state.id, reason = failure.line(), "not stopped yet");
                self.stop_call(AWAY)
            }
            _ => Box::pin(std::future::pending()),
        }
    }

    fn is_implied(&self) -> bool {
        self.state.kept.health.is_none()
    }

    /// The spec's or the image's, or the one that having a port implies.
    fn check(&self) -> Option<HealthCheck> {
        let kept = &self.state.kept;
        let implied = || kept.port.map(|_| implied_check());
        kept.health.clone().or_else(implied)
    }

    /// Sleeps until the next probe is due, and probes; for ever where there is none. No result
    /// where the engine could not be asked: it says nothing about the instance.
    fn next_probe(
        &self,
        run: &Run,
    ) -> impl Future<Output = (Timestamp, Option<Result<(), String>>)> + Send + use<> {
        let health = run.health.as_ref().filter(|_| run.stopping.is_none());
        let due = health.map(Health::next_probe).zip(self.check());
        let address = self.shown.lock().address;
        let (shared, name) = (Arc::clone(&self.shared), self.name.clone());
        async move {
            let Some((due, check)) = due else {
                return std::future::pending().await;
            };
            tokio::time::sleep(due.since(steady_now())).await;
            let began = steady_now();
            let asked = AtomicBool::new(true);
            let command = async {
                let probe = exec::probe(&shared, &name, check.probe.command());
                probe.await.map_err(|failure| match failure {
                    ProbeFailure::Said(words) => words,
                    ProbeFailure::NotAsked => {
                        asked.store(false, Ordering::Relaxed);
                        String::new()
                    }
                })
            };
            let result = probe::run(&check.probe, address, command, check.timeout).await;
            if asked.load(Ordering::Relaxed) {
                return (began, Some(result));
            }
            tokio::time::sleep(AWAY).await;
            (began, None)
        }
    }

    async fn probed(
        &mut self,
        run: &mut Run,
        began: Timestamp,
        result: Option<Result<(), String>>,
    ) {
        let (Some(health), Some(result)) = (&mut run.health, result) else {
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
        if self.is_implied() && after == Verdict::Healthy {
            run.health = None;
        }
    }

    fn show_failure(&self, failure: Option<String>) {
        let mut status = self.shown.lock();
        if failure.is_some() && status.last_probe != failure {
            status.last_probe = failure;
            drop(status);
            self.shared.changed();
        }
    }
}

/// For ever where nothing was called.
async fn call(call: &mut Option<Call>) -> Result<(), Failure> {
    match call {
        Some(call) => call.await,
        None => std::future::pending().await,
    }
}
