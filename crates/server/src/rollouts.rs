//! Rollouts of the server: begun, driven, settled, parked, and taken up again at start-up.
//!
//! Settling is what turns an ended rollout into what ought to run from then on. The rollout's row
//! ends first, the environment's row follows; where the control plane dies between the two,
//! start-up settles it again from the rollout's own state.

use crate::api::types::{ApiError, ErrorCode, Operation, OperationKind};
use crate::control::{Control, now};
use crate::driver::{self, Begin, Driver, DriverError, Ended};
use crate::engine::ScopeEngine;
use crate::environment::{Environment, Kept, Running};
use crate::operations::Start;
use crate::pipeline::{self, Direction, Steps, StepsOf};
use crate::planning;
use crate::specs::Bundle;
use crate::store::{kept_kind, shown_operation};
use mainstay_journal::{
    Journal, JournalError, NewEvent, ReleaseStatus, RolloutKind, RolloutOutcome, RolloutPhase,
    RolloutRow,
};
use mainstay_model::{ReleaseNumber, Scope};
use mainstay_pipeline::Pipeline;
use mainstay_rollout::Rollout;
use mainstay_rollout::world::Command;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Commands of people to one rollout.
const COMMANDS: usize = 16;
/// An artifact that was uploaded or asked for since may be of a deploy that is about to be asked for.
const UNASKED: Duration = Duration::from_secs(3600);
/// Between tries to settle, where the journal cannot be written.
const SETTLE_PAUSE: Duration = Duration::from_secs(1);
/// How long `down` waits for the rollout that it aborts.
const ABORT_DEADLINE: Duration = Duration::from_secs(60);

impl From<DriverError> for ApiError {
    fn from(error: DriverError) -> Self {
        match error {
            DriverError::Journal(error) => error.into(),
            DriverError::State { .. } => Self::new(ErrorCode::Unavailable, error.to_string()),
        }
    }
}

impl Control {
    /// Writes the rollout down and starts to drive it. The caller holds the environment's gate.
    pub(crate) async fn begin(
        self: &Arc<Self>,
        environment: &Arc<Environment>,
        start: Start,
    ) -> Result<Operation, ApiError> {
        if start.kind != OperationKind::Down {
            self.lay_ground(environment, &start.to.stack).await?;
        }
        let now = now();
        let scope = environment.scope.clone();
        let kept = environment.inner().kept.clone();
        let kept = serde_json::to_value(kept)
            .map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))?;
        let (by, reason) = (start.by.clone(), start.reason);
        let steps = start
            .pipeline
            .as_ref()
            .map(|pipeline| pipeline::row(&scope, start.id, start.plan.to, pipeline, now))
            .transpose()
            .map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))?;
        let release = start.new_release;
        let begin = Begin {
            id: start.id,
            scope: scope.clone(),
            kind: kept_kind(start.kind)?,
            by: start.by,
            data: serde_json::json!({
                "reason": reason,
                "replicas": replicas(&start.to),
                "downgrade": start.downgrade,
            }),
        };
        let plan = start.plan;
        let write = move |journal: &mut Journal| {
            journal.write(|writer| {
                writer.put_environment(&scope, &kept, now)?;
                // Release, rollout and steps are there together or not at all.
                if let Some(release) = &release {
                    writer.add_release_as(release, plan.to, &release.services)?;
                }
                let driver = Driver::begin(writer, begin, plan, now)?;
                if let Some(steps) = &steps {
                    writer.put_pipeline(steps)?;
                }
                writer.begin_request(driver.id())?;
                if let Some(reason) = reason {
                    writer.append(&NewEvent {
                        scope: Some(scope.clone()),
                        rollout: Some(driver.id()),
                        release: Some(driver.plan().to),
                        actor: Some(by),
                        ..NewEvent::new(now, "rollout.reason", reason)
                    })?;
                }
                Ok(driver)
            })
        };
        let driver = self.store.journal().write::<_, DriverError>(write).await?;
        let operation = Operation {
            id: start.id,
            scope: environment.scope.clone(),
            kind: start.kind,
            release: Some(start.release),
            started_at: now,
            outcome: None,
            waiting: None,
        };
        let gates = start.pipeline.map(|pipeline| (pipeline, start.direction));
        self.drive(environment, driver, operation.clone(), &start.to, gates);
        Ok(operation)
    }

    /// Runs the driver in a task of its own until the rollout has ended or the server stops.
    fn drive(
        self: &Arc<Self>,
        environment: &Arc<Environment>,
        driver: Driver,
        operation: Operation,
        to: &Arc<Bundle>,
        gates: Option<(Pipeline, Direction)>,
    ) {
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let (summary, shown) = watch::channel(driver.summary());
        let plan = Arc::new(driver.plan().clone());
        let kind = operation.kind;
        let steps = gates.map(|(pipeline, direction)| {
            let of = StepsOf::new(
                driver.id(),
                kind,
                Arc::clone(&plan),
                Arc::clone(to),
                direction,
            );
            Steps::running(Arc::clone(self), Arc::clone(environment), of, pipeline)
        });
        {
            let mut inner = environment.inner();
            inner.evidence.clear();
            let from = inner.current.clone();
            inner.running = Some(Running {
                operation,
                plan: Arc::clone(&plan),
                from,
                to: Arc::clone(to),
                commands,
                summary: shown,
            });
        }
        let engine = ScopeEngine::new(
            Arc::clone(self),
            Arc::clone(environment),
            plan,
            driver.id(),
            steps,
        );
        let control = Arc::clone(self);
        let environment = Arc::clone(environment);
        self.rollouts().spawn(async move {
            let journal = control.store.journal().clone();
            let (id, stop) = (driver.id(), control.stop_token());
            let clock = crate::control::now;
            let ended = driver::run(driver, journal, &engine, inbox, summary, clock, stop).await;
            match ended {
                Ok(Ended::Parked) => {}
                Ok(Ended::Finished(_)) => control.settle(&environment, id).await,
                Err(error) => {
                    tracing::error!(rollout = %id, %error, "the rollout is parked");
                }
            }
        });
    }

    /// Takes over what the ended rollout left, on disk and in memory. Until that is done the rollout
    /// counts as running: a keeper that knew only what ran before would bring that back.
    async fn settle(self: &Arc<Self>, environment: &Arc<Environment>, id: uuid::Uuid) {
        let row = loop {
            match self.try_settle(environment, id).await {
                Ok(row) => break row,
                Err(error) => tracing::error!(rollout = %id, %error, "not settled; trying again"),
            }
            tokio::select! {
                () = tokio::time::sleep(SETTLE_PAUSE) => {}
                // The next start settles it.
                () = self.stopping() => return,
            }
        };
        // Down, or a first deploy that failed: nothing is to run here.
        let nothing = environment.inner().kept.desired.release.is_none();
        if nothing {
            self.clear_ground(&environment.scope).await;
        }
        {
            let mut inner = environment.inner();
            inner.last = Some(shown_operation(&row));
            inner.running = None;
        }
        self.wake_keeper();
        if let Err(error) = self.forget_old_releases(environment).await {
            tracing::warn!(%error, "old releases are still kept");
        }
    }

    async fn try_settle(
        &self,
        environment: &Environment,
        id: uuid::Uuid,
    ) -> Result<RolloutRow, ApiError> {
        let row = self.store.rollout(id).await?;
        let row = row.ok_or_else(|| ApiError::not_found(format!("rollout {id}")))?;
        self.settle_row(environment, &row).await?;
        Ok(row)
    }

    /// One transaction: what ought to run, and which release is current.
    async fn settle_row(
        &self,
        environment: &Environment,
        row: &RolloutRow,
    ) -> Result<(), ApiError> {
        let rollout: Rollout = serde_json::from_str(&row.state)
            .map_err(|error| ApiError::unavailable(format!("state of a rollout: {error}")))?;
        let mut kept = environment.inner().kept.clone();
        let succeeded = row.outcome == Some(RolloutOutcome::Succeeded);
        if succeeded {
            kept.desired = planning::after(rollout.plan());
        }
        if (succeeded && row.kind == RolloutKind::Down) || (!succeeded && row.from.is_none()) {
            kept.desired = planning::Desired::default();
        }
        kept.settled = Some(row.id);
        if succeeded && row.kind == RolloutKind::Deploy {
            let bundle = self.bundle(environment, row.to);
            kept.policy = Some(bundle.map_err(ApiError::unavailable)?.stack.policy.clone());
        }
        let closing = match (&row.reason, succeeded) {
            (Some(reason), false) => pipeline::Outcome::Failed {
                reason: reason.clone(),
            },
            _ => pipeline::Outcome::Succeeded,
        };
        let verified = matches!(row.kind, RolloutKind::Deploy | RolloutKind::Rollback) && succeeded;
        let (id, finished_at) = (row.id, row.finished_at);
        let status = release_status(row.kind, succeeded);
        let (scope, number, now) = (row.scope.clone(), row.to, now());
        let data = serde_json::to_value(&kept)
            .map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))?;
        let write = move |journal: &mut Journal| {
            journal.write(|writer| {
                writer.put_environment(&scope, &data, now)?;
                pipeline::close(writer, id, closing, finished_at.unwrap_or(now))?;
                if verified {
                    writer.set_verified(&scope, number, finished_at.unwrap_or(now))?;
                }
                match status {
                    Some(status) => writer.set_release_status(&scope, number, status),
                    None => Ok(()),
                }
            })
        };
        self.store.journal().write::<_, JournalError>(write).await?;
        let current = self.current_bundle(environment, &kept)?;
        let mut inner = environment.inner();
        inner.kept = kept;
        inner.current = current;
        Ok(())
    }

    /// The definition of the release that runs now.
    fn current_bundle(
        &self,
        environment: &Environment,
        kept: &Kept,
    ) -> Result<Option<Arc<Bundle>>, ApiError> {
        kept.desired
            .release
            .map(|release| self.bundle(environment, release))
            .transpose()
            .map_err(ApiError::unavailable)
    }

    /// Ends what runs now, so that `down` can begin.
    pub(crate) async fn abort_for_down(
        &self,
        environment: &Environment,
        by: &str,
    ) -> Result<(), ApiError> {
        let Some(running) = environment.inner().running.clone() else {
            return Ok(());
        };
        let command = Command::Abort {
            by: by.to_owned(),
            reason: Some("the environment is taken down".to_owned()),
        };
        // A rollout that has just ended takes no command any more; that is as good.
        let _ = running.commands.send(command).await;
        let ended = async {
            while environment.inner().running.is_some() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(ABORT_DEADLINE, ended)
            .await
            .map_err(|_| {
                ApiError::conflict("the rollout that runs could not be ended in time")
                    .hint("`mainstay rollout status` says what it waits for")
            })
    }

    /// Hands a person's command to the running rollout.
    pub async fn command(
        &self,
        scope: &Scope,
        command: Command,
    ) -> Result<crate::api::types::RolloutStatus, ApiError> {
        let environment = self.environment(scope)?;
        let running = environment.inner().running.clone();
        let Some(running) = running else {
            return Err(ApiError::conflict(format!("no rollout runs in {scope}")));
        };
        let mut summary = running.summary.clone();
        summary.mark_unchanged();
        running
            .commands
            .try_send(command)
            .map_err(|_| ApiError::unavailable("too many commands wait for this rollout"))?;
        // The next turn shows what came of it.
        let _ = tokio::time::timeout(Duration::from_secs(2), summary.changed()).await;
        self.rollout_status(scope).await
    }

    /// Takes up everything that the last server left.
    pub(crate) async fn recover(self: &Arc<Self>) -> Result<(), ApiError> {
        for (scope, kept) in self.store.environments().await? {
            let environment = self.add(Environment::new(scope.clone(), kept));
            self.recover_one(&environment).await.map_err(|mut error| {
                error.message = format!("recovery of {scope}: {}", error.message);
                error
            })?;
        }
        self.recover_requests().await
    }

    async fn recover_one(self: &Arc<Self>, environment: &Arc<Environment>) -> Result<(), ApiError> {
        let last = self.store.last_rollout(&environment.scope).await?;
        let settled = environment.inner().kept.settled;
        let finished = last
            .as_ref()
            .filter(|row| row.phase == RolloutPhase::Finished && settled != Some(row.id));
        if let Some(row) = finished {
            self.settle_row(environment, row).await?;
        } else {
            let kept = environment.inner().kept.clone();
            let current = self.current_bundle(environment, &kept)?;
            environment.inner().current = current;
        }
        self.open_engine(environment);
        environment.inner().last = last.as_ref().map(shown_operation);
        let running = last.filter(|row| row.phase == RolloutPhase::Running);
        self.adopt_weights(environment).await;
        if let Some(row) = running {
            self.resume(environment, &row).await?;
        }
        self.give_specs(environment).await;
        Ok(())
    }

    async fn resume(
        self: &Arc<Self>,
        environment: &Arc<Environment>,
        row: &RolloutRow,
    ) -> Result<(), ApiError> {
        let (scope, now) = (environment.scope.clone(), now());
        let write = move |journal: &mut Journal| Driver::recover(journal, &scope, now);
        let driver = self.store.journal().write::<_, DriverError>(write).await?;
        let Some(driver) = driver else {
            return Ok(());
        };
        let bundle = self
            .bundle(environment, row.to)
            .map_err(ApiError::unavailable)?;
        let to = with_replicas(&bundle, &row.data["replicas"]);
        let gates = self.recovered_gates(environment, row, &to).await?;
        self.drive(
            environment,
            driver,
            shown_operation(row),
            &Arc::new(to),
            gates,
        );
        Ok(())
    }

    /// The steps of a rollout that is taken up. What ran in the control plane that died is asked
    /// for again.
    async fn recovered_gates(
        &self,
        environment: &Environment,
        row: &RolloutRow,
        to: &Bundle,
    ) -> Result<Option<(Pipeline, Direction)>, ApiError> {
        let direction = match serde_json::from_value(row.data["downgrade"].clone()) {
            Ok(Some(downgrade)) => self.direction(environment, downgrade)?,
            _ => Direction::Up,
        };
        if let Some(kept) = self.store.pipeline(row.id).await? {
            let mut pipeline: Pipeline = serde_json::from_str(&kept.state)
                .map_err(|error| ApiError::unavailable(format!("steps of a rollout: {error}")))?;
            pipeline.step(pipeline::Event::Restarted, now());
            return Ok(Some((pipeline, direction)));
        }
        // Begun by an older version, which knew hooks only.
        let kind = shown_operation(row).kind;
        if !matches!(kind, OperationKind::Deploy | OperationKind::Rollback) {
            return Ok(None);
        }
        let none = BTreeMap::new();
        let facts = pipeline::Facts {
            kind,
            first: row.from.is_none(),
            watched: true,
            notes: false,
            migrates: false,
            waived: &none,
            by: &row.by,
        };
        let mut stack = to.stack.clone();
        stack.deploy.pipeline = mainstay_stack::PipelineMode::None;
        Ok(Some((
            Pipeline::begin(pipeline::plan(&stack, facts)),
            direction,
        )))
    }

    /// Gives the target the definitions of what runs: they hold secrets, so it keeps none itself.
    async fn give_specs(&self, environment: &Environment) {
        let known = environment.inner().known();
        for status in self.observe(&environment.scope) {
            if !known.contains(&status.id) {
                continue;
            }
            if let Err(error) = self.start_instance(environment, &status.id).await {
                tracing::warn!(id = %status.id, %error, "cannot be taken up");
            }
        }
    }

    /// Waits until every rollout has stopped where it is; its state is on disk.
    pub(crate) async fn park(&self) {
        self.rollouts().close();
        if tokio::time::timeout(ABORT_DEADLINE, self.rollouts().wait())
            .await
            .is_err()
        {
            tracing::warn!("a rollout does not stop; it is cut");
        }
    }

    /// Drops bundles and artifacts that no kept release needs. What runs, what can be rolled back
    /// to, and every release whose instances those keep, stay.
    async fn forget_old_releases(&self, environment: &Environment) -> Result<(), ApiError> {
        let Some(current) = environment.inner().current.clone() else {
            return Ok(());
        };
        let keep = current.stack.deploy.keep_releases.max(1) as usize;
        let releases = self.store.releases(&environment.scope).await?;
        let usable = releases.iter().filter(|release| {
            matches!(
                release.status,
                ReleaseStatus::Current | ReleaseStatus::Superseded
            )
        });
        let mut needed: BTreeSet<ReleaseNumber> = BTreeSet::new();
        let desired = environment.inner().kept.desired.release;
        let always = releases
            .iter()
            .filter(|release| Some(release.number) == desired);
        for release in usable.take(keep + 1).chain(always) {
            needed.insert(release.number);
            needed.extend(release.services.values().map(|service| service.generation));
        }
        let mut forgotten = BTreeSet::new();
        for release in releases.iter().filter(|r| !needed.contains(&r.number)) {
            let (path, _) = self.bundle_place(&environment.scope, release.number);
            if path.exists()
                && let Ok(bundle) = self.bundle(environment, release.number)
            {
                forgotten.extend(bundle.images.values().map(|image| image.id.clone()));
            }
            let _ = std::fs::remove_file(path);
            environment.inner().bundles.remove(&release.number);
        }
        self.forget_artifacts().await?;
        let engine = current.stack.engine.as_ref();
        self.forget_images(&environment.scope, engine, &forgotten)
            .await
    }

    async fn forget_artifacts(&self) -> Result<(), ApiError> {
        let mut used: HashSet<String> = HashSet::new();
        for environment in self.environments() {
            // A rollout may be about to need what nothing needs yet.
            let Ok(_gate) = environment.gate.try_lock() else {
                return Ok(());
            };
            if environment.inner().running.is_some() {
                return Ok(());
            }
            for release in self.store.releases(&environment.scope).await? {
                let (path, _) = self.bundle_place(&environment.scope, release.number);
                if path.exists() {
                    used.extend(release.artifacts.into_values());
                }
            }
        }
        self.artifact_store()
            .remove_unused(&used, UNASKED)
            .map_err(ApiError::unavailable)?;
        Ok(())
    }
}

fn release_status(kind: RolloutKind, succeeded: bool) -> Option<ReleaseStatus> {
    match (kind, succeeded) {
        (RolloutKind::Deploy | RolloutKind::Rollback, true) => Some(ReleaseStatus::Current),
        (RolloutKind::Deploy, false) => Some(ReleaseStatus::Failed),
        _ => None,
    }
}

fn replicas(bundle: &Bundle) -> serde_json::Value {
    let services = bundle.stack.services.iter();
    services
        .map(|(name, service)| (name.to_string(), service.replicas.into()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn with_replicas(bundle: &Bundle, replicas: &serde_json::Value) -> Bundle {
    let mut bundle = bundle.clone();
    for (name, service) in &mut bundle.stack.services {
        let wanted = replicas[name.as_str()].as_u64();
        service.replicas = wanted.map_or(service.replicas, |wanted| wanted as u32);
    }
    bundle
}
