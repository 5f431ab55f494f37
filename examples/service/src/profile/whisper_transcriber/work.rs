//! The workers: each takes a job, measures its recording, says how far it is, and keeps the result.
//!
//! A worker holds its job by a lease. One that was killed is silent, its lease ends, and another
//! instance begins the job anew; one that only seemed lost learns it at its next write and stops.
//! One that ends in order puts its job back at once.

use super::audio::{Analysis, Report, Wav};
use super::bell::Bell;
use super::store::Claim;
use crate::metrics::Metrics;
use crate::moment::Moment;
use crate::settings::Work;
use crate::store::{Store, StoreError};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How often an idle worker looks without having been told.
const LOOK: Duration = Duration::from_millis(500);

/// How often progress is written.
const TELL: Duration = Duration::from_millis(250);

/// Between tries while the database is away.
const RETRY: Duration = Duration::from_millis(500);

/// Tries to keep a result; after that its job is done again.
const FINISH_TRIES: u32 = 10;

/// What a worker needs.
#[derive(Debug, Clone)]
pub(crate) struct Workshop {
    pub(crate) store: Arc<Store>,
    pub(crate) bell: Arc<Bell>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) settings: Work,
    /// Unique among all instances.
    pub(crate) instance: String,
}

/// How a job left the worker's hands.
#[derive(Debug)]
enum Left {
    Finished(Result<Report, String>),
    Stopping,
    /// Another worker has it.
    Lost,
}

impl Workshop {
    /// Starts the workers; they end soon after `stopping`.
    pub(crate) fn open(&self, stopping: &CancellationToken) -> JoinSet<()> {
        let mut workers = JoinSet::new();
        for number in 1..=self.settings.workers {
            let name = format!("{}/{number}", self.instance);
            workers.spawn(self.clone().work(name, stopping.clone()));
        }
        workers
    }

    async fn work(self, name: String, stopping: CancellationToken) {
        let mut gave_up_at = Instant::now();
        while !stopping.is_cancelled() {
            let claimed = self
                .store
                .claim(&name, Moment::now(), self.settings.lease)
                .await;
            match claimed {
                Ok(Some(claim)) => self.handle(claim, &stopping).await,
                Ok(None) => {
                    if gave_up_at.elapsed() > self.settings.lease {
                        gave_up_at = Instant::now();
                        let _ = self.store.give_up_lost(Moment::now()).await;
                    }
                    let told = self.bell.work(LOOK);
                    stopping.run_until_cancelled(told).await;
                }
                Err(error) => {
                    tracing::warn!(worker = name, %error, "cannot look for work");
                    let rest = tokio::time::sleep(RETRY);
                    stopping.run_until_cancelled(rest).await;
                }
            }
        }
    }

    async fn handle(&self, claim: Claim, stopping: &CancellationToken) {
        let started = Instant::now();
        tracing::info!(job = claim.id, "job started");
        self.bell.changed(&claim.id);
        let outcome = match self.measure(&claim, stopping).await {
            Left::Finished(result) => {
                let outcome = if result.is_ok() { "done" } else { "failed" };
                match self.keep(&claim, &result).await {
                    Ok(true) => outcome,
                    Ok(false) => "lost",
                    Err(error) => {
                        tracing::error!(job = claim.id, %error, "cannot keep the result");
                        "lost"
                    }
                }
            }
            Left::Stopping => {
                // Without the database the lease ends by itself.
                let _ = self.store.put_back(&claim).await;
                self.bell.queued();
                "put_back"
            }
            Left::Lost => "lost",
        };
        self.bell.changed(&claim.id);
        let took = started.elapsed();
        let labels = [("outcome", outcome)];
        self.metrics.count("jobs_processed_total", &labels, 1);
        self.metrics.observe(super::JOB_SECONDS, &labels, took);
        tracing::info!(
            job = claim.id,
            outcome,
            duration_ms = took.as_secs_f64() * 1000.0,
            "job left"
        );
    }

    async fn measure(&self, claim: &Claim, stopping: &CancellationToken) -> Left {
        let wav = match Wav::parse(&claim.content) {
            Ok(wav) => wav,
            // Checked at the upload; but the store is not ours alone.
            Err(error) => return Left::Finished(Err(error.to_string())),
        };
        let mut analysis = Analysis::of(&wav);
        let mut told = Instant::now();
        let mut held_until = Instant::now() + self.settings.lease;
        while analysis.step() {
            let rest = self.settings.pace;
            if rest.is_zero() {
                tokio::task::yield_now().await;
            } else {
                stopping.run_until_cancelled(tokio::time::sleep(rest)).await;
            }
            if stopping.is_cancelled() {
                return Left::Stopping;
            }
            if told.elapsed() < TELL {
                continue;
            }
            told = Instant::now();
            match self.tell(claim, analysis.progress()).await {
                Ok(true) => held_until = told + self.settings.lease,
                // The database is away for a moment: the lease still holds.
                Err(_) if Instant::now() < held_until => {}
                Ok(false) | Err(_) => return Left::Lost,
            }
        }
        Left::Finished(Ok(analysis.finish()))
    }

    async fn tell(&self, claim: &Claim, progress: f64) -> Result<bool, StoreError> {
        let until = Moment(Moment::now().0 + self.settings.lease.as_millis() as i64);
        let ours = self.store.progress(claim, progress, until).await?;
        self.bell.changed(&claim.id);
        Ok(ours)
    }

    async fn keep(
        &self,
        claim: &Claim,
        result: &Result<Report, String>,
    ) -> Result<bool, StoreError> {
        let mut tries = 1;
        loop {
            match self.store.finish(claim, result, Moment::now()).await {
                Err(error) if tries < FINISH_TRIES => {
                    tracing::warn!(job = claim.id, %error, "cannot keep the result yet");
                    tries += 1;
                    tokio::time::sleep(RETRY).await;
                }
                outcome => return outcome,
            }
        }
    }
}
