//! What can be asked of an environment: deploy, roll back, scale, restart, take down.
//!
//! Each verb checks everything that can be checked without touching anything, writes its intent
//! down, and leaves the rest to the rollout. The rollout it begins is the answer.

mod deploy;
mod forget;
mod policy;
pub(crate) mod preflight;
mod rollback;
mod secrets;

use crate::api::Actor;
use crate::api::types::{
    ApiError, BackupJob, ErrorCode, Operation, OperationKind, OperationOutcome, OperationResult,
    RestartRequest, ScaleRequest,
};
use crate::control::{Control, now};
use crate::environment::Environment;
use crate::pipeline::Direction;
use crate::planning::{self, Desired, Wish};
use crate::specs::Bundle;
use crate::store::Known;
use mainstay_journal::{NewEvent, NewRelease};
use mainstay_model::{ReleaseNumber, Scope, ServiceName, did_you_mean};
use mainstay_pipeline::Pipeline;
use mainstay_rollout::plan::Plan;
use mainstay_stack::Stack;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

pub(crate) use rollback::Downgrade;

/// More instances of one service than one machine is for.
const MAX_REPLICAS: u32 = 1000;

/// A rollout that is about to begin; everything in it has been checked.
#[derive(Debug)]
pub(crate) struct Start {
    pub id: Uuid,
    pub kind: OperationKind,
    pub plan: Plan,
    pub release: ReleaseNumber,
    pub to: Arc<Bundle>,
    pub by: String,
    pub reason: Option<String>,
    /// Written together with the rollout.
    pub new_release: Option<NewRelease>,
    /// `None`: the rollout has no gates.
    pub pipeline: Option<Pipeline>,
    pub direction: Direction,
    /// What `direction` is made of again after a crash.
    pub downgrade: Option<Downgrade>,
}

impl Start {
    /// A rollout without gates.
    fn plain(id: Uuid, kind: OperationKind, plan: Plan, to: Arc<Bundle>, by: &str) -> Self {
        Self {
            id,
            kind,
            release: plan.to,
            plan,
            to,
            by: by.to_owned(),
            reason: None,
            new_release: None,
            pipeline: None,
            direction: Direction::Up,
            downgrade: None,
        }
    }
}

/// What a request begins, and what is known of it where the answer to that was lost.
pub(crate) trait Begun: Serialize + DeserializeOwned + Send + Sync + 'static {
    fn find(control: &Control, id: Uuid) -> impl Future<Output = Result<Self, ApiError>> + Send;
}

impl Begun for Operation {
    async fn find(control: &Control, id: Uuid) -> Result<Self, ApiError> {
        control.operation(id).await
    }
}

impl Begun for BackupJob {
    async fn find(control: &Control, id: Uuid) -> Result<Self, ApiError> {
        control.backup_job_of_key(id).await
    }
}

impl Control {
    /// Sets the number of instances of services, until the next deploy says otherwise.
    pub async fn scale(
        self: &Arc<Self>,
        scope: &Scope,
        request: ScaleRequest,
        actor: &Actor,
        id: Uuid,
    ) -> Result<Operation, ApiError> {
        let environment = self.environment(scope)?;
        let _gate = environment.gate.lock().await;
        let (desired, current) = Self::idle(&environment)?;
        let mut stack = scaled(&current.stack, &desired);
        for (name, replicas) in &request.replicas {
            known_service(&stack, name)?;
            may_run(&stack, name, *replicas)?;
            if let Some(service) = stack.services.get_mut(name) {
                service.replicas = *replicas;
            }
        }
        let plan = same_release(&desired, &stack, BTreeSet::new());
        let to = with_stack(&current, stack);
        let start = Start::plain(id, OperationKind::Scale, plan, to, &actor.name);
        self.begin_or_unchanged(&environment, start).await
    }

    /// Replaces instances by new ones of the same release.
    pub async fn restart(
        self: &Arc<Self>,
        scope: &Scope,
        request: RestartRequest,
        actor: &Actor,
        id: Uuid,
    ) -> Result<Operation, ApiError> {
        let environment = self.environment(scope)?;
        let _gate = environment.gate.lock().await;
        let (desired, current) = Self::idle(&environment)?;
        for name in &request.services {
            known_service(&current.stack, name)?;
        }
        let renew: BTreeSet<ServiceName> = if request.services.is_empty() {
            desired.instances.keys().cloned().collect()
        } else {
            request.services.into_iter().collect()
        };
        let stack = scaled(&current.stack, &desired);
        let plan = same_release(&desired, &stack, renew);
        let to = with_stack(&current, stack);
        let start = Start::plain(id, OperationKind::Restart, plan, to, &actor.name);
        self.begin_or_unchanged(&environment, start).await
    }

    /// Ends every instance; volumes, releases and the journal stay.
    pub async fn down(
        self: &Arc<Self>,
        scope: &Scope,
        actor: &Actor,
        id: Uuid,
    ) -> Result<Operation, ApiError> {
        let environment = self.environment(scope)?;
        let _gate = environment.gate.lock().await;
        self.abort_for_down(&environment, &actor.name).await?;
        let (desired, current) = match Self::idle(&environment) {
            Ok(idle) => idle,
            Err(error) if error.code == ErrorCode::NotFound => {
                let release = ReleaseNumber::default();
                let words = "nothing runs";
                return self
                    .unchanged(
                        &environment,
                        id,
                        OperationKind::Down,
                        release,
                        &actor.name,
                        words,
                    )
                    .await;
            }
            Err(error) => return Err(error),
        };
        let order = mainstay_stack::dependency_order(&current.stack);
        let plan = planning::down(&desired, &current.stack, &order);
        let start = Start::plain(id, OperationKind::Down, plan, current, &actor.name);
        self.begin(&environment, start).await
    }

    /// Runs a verb once for an idempotency key: the same key within a day gets the same answer.
    /// What was begun goes on when whoever asked goes away.
    pub(crate) async fn once<T, F, R>(
        self: &Arc<Self>,
        key: Option<String>,
        request: String,
        verb: F,
    ) -> Result<T, ApiError>
    where
        T: Begun,
        F: FnOnce(Arc<Self>, Uuid) -> R + Send + 'static,
        R: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        let control = Arc::clone(self);
        let done = tokio::spawn(async move {
            let id = Uuid::now_v7();
            let Some(key) = key else {
                return verb(control, id).await;
            };
            match control.store.claim(&key, &request, id, now()).await? {
                Known::Before {
                    answer: Some(begun),
                    ..
                } => Ok(begun),
                Known::Before { id, answer: None } => T::find(&control, id).await,
                Known::Fresh => {
                    let answer = verb(Arc::clone(&control), id).await;
                    control.store.settle(&key, &answer).await?;
                    answer
                }
            }
        });
        done.await
            .unwrap_or_else(|error| Err(ApiError::new(ErrorCode::Internal, error.to_string())))
    }

    /// What runs, where no rollout does.
    pub(crate) fn idle(environment: &Environment) -> Result<(Desired, Arc<Bundle>), ApiError> {
        let inner = environment.inner();
        if let Some(running) = &inner.running {
            let summary = running.summary.borrow();
            let (id, phase) = (running.operation.id, &summary.phase);
            return Err(ApiError::conflict(format!(
                "a rollout runs in {}: {} to {} ({phase}), operation {id}",
                environment.scope,
                summary
                    .from
                    .map_or_else(|| "nothing".to_owned(), |from| from.to_string()),
                summary.to,
            ))
            .hint("wait for it (`mainstay rollout status`), or end it: `mainstay rollout abort`"));
        }
        if !inner.kept.held.is_empty() {
            return Err(ApiError::conflict(format!(
                "a restore is under way in {}",
                environment.scope
            ))
            .hint("wait for it: `mainstay backup list` shows how far it is"));
        }
        match &inner.current {
            Some(current) => Ok((inner.kept.desired.clone(), Arc::clone(current))),
            None => Err(
                ApiError::not_found(format!("nothing runs in {}", environment.scope))
                    .hint("deploy it first: `mainstay up` or `mainstay deploy`"),
            ),
        }
    }

    /// Begins it, unless there is nothing to do.
    async fn begin_or_unchanged(
        self: &Arc<Self>,
        environment: &Arc<Environment>,
        start: Start,
    ) -> Result<Operation, ApiError> {
        if planning::changes_instances(&start.plan) {
            preflight::proxy(self).await?;
            let images = start.to.images.clone();
            preflight::engine(self, &start.to.stack, images).await?;
            return self.begin(environment, start).await;
        }
        let words = "everything is as it was asked for already";
        let Start {
            id,
            kind,
            release,
            by,
            ..
        } = start;
        self.unchanged(environment, id, kind, release, &by, words)
            .await
    }

    /// An operation that ends as it begins.
    async fn unchanged(
        &self,
        environment: &Environment,
        id: Uuid,
        kind: OperationKind,
        release: ReleaseNumber,
        by: &str,
        words: &str,
    ) -> Result<Operation, ApiError> {
        let now = now();
        let operation = Operation {
            id,
            scope: environment.scope.clone(),
            kind,
            release: Some(release).filter(|release| release.0 > 0),
            started_at: now,
            outcome: Some(OperationOutcome {
                result: OperationResult::Unchanged,
                reason: words.to_owned(),
                finished_at: now,
            }),
            waiting: None,
        };
        environment.inner().last = Some(operation.clone());
        self.store
            .record(NewEvent {
                scope: Some(environment.scope.clone()),
                rollout: Some(operation.id),
                release: operation.release,
                actor: Some(by.to_owned()),
                ..NewEvent::new(now, "operation.unchanged", words)
            })
            .await?;
        Ok(operation)
    }
}

/// The bundle that runs, with another number of instances.
fn with_stack(current: &Bundle, stack: Stack) -> Arc<Bundle> {
    Arc::new(Bundle {
        stack,
        artifacts: current.artifacts.clone(),
        images: current.images.clone(),
        files: current.files.clone(),
    })
}

/// Refuses more instances than a service may have: what `check` refuses in the files.
fn may_run(stack: &Stack, name: &ServiceName, replicas: u32) -> Result<(), ApiError> {
    if replicas > MAX_REPLICAS {
        return Err(ApiError::invalid(format!(
            "{replicas} instances of `{name}` are more than {MAX_REPLICAS}"
        )));
    }
    let Some(service) = stack.services.get(name).filter(|_| replicas > 1) else {
        return Ok(());
    };
    if service.singleton {
        return Err(ApiError::invalid(format!(
            "`{name}` is a singleton: it runs once or not at all"
        )));
    }
    match &service.stateful {
        None => Ok(()),
        Some(reason) => Err(ApiError::invalid(format!(
            "`{name}` cannot have {replicas} instances, because {reason}"
        ))
        .hint("`mainstay check` says what to write where it can")),
    }
}

/// A plan within the release that runs.
fn same_release(desired: &Desired, stack: &Stack, renew: BTreeSet<ServiceName>) -> Plan {
    let generations: BTreeMap<_, _> = desired
        .instances
        .iter()
        .filter_map(|(name, instances)| Some((name.clone(), instances.first()?.release)))
        .chain(
            // A service scaled to zero has no instance to tell its generation.
            stack
                .services
                .keys()
                .filter(|name| !desired.instances.contains_key(*name))
                .map(|name| (name.clone(), desired.release.unwrap_or_default())),
        )
        .collect();
    let order = mainstay_stack::dependency_order(stack);
    let wish = Wish {
        to: desired.release.unwrap_or_default(),
        generations,
        renew,
        rollback: true,
    };
    let mut plan = planning::plan(desired, stack, &order, &wish);
    plan.watch = std::time::Duration::ZERO;
    plan.hook_before = false;
    plan.hook_after = false;
    plan
}

/// The stack with as many instances as run now, where `scale` changed that.
fn scaled(stack: &Stack, desired: &Desired) -> Stack {
    let mut stack = stack.clone();
    for (name, service) in &mut stack.services {
        service.replicas = desired
            .instances
            .get(name)
            .map_or(0, |ids| ids.len() as u32);
    }
    stack
}

fn known_service(stack: &Stack, name: &ServiceName) -> Result<(), ApiError> {
    if stack.services.contains_key(name) {
        return Ok(());
    }
    let names = || stack.services.keys().map(ServiceName::as_str);
    let error = ApiError::not_found(format!("`{}` has no service `{name}`", stack.name));
    Err(match did_you_mean(name.as_str(), names()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("it has {}", names().collect::<Vec<_>>().join(", "))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{service, stack};
    use mainstay_stack::Stateful;

    #[test]
    fn what_cannot_be_there_twice_is_not_scaled() {
        let mut bot = service("bot", 1);
        bot.singleton = true;
        let mut store = service("store", 1);
        store.stateful = Some(Stateful::Volume {
            volume: "data".to_owned(),
        });
        let stack = stack([bot, store, service("app", 1)]);
        let may = |stack: &Stack, name: &str, count| {
            let name = ServiceName::new(name).unwrap();
            may_run(stack, &name, count).map_err(|error| error.message)
        };
        assert_eq!(may(&stack, "app", 3), Ok(()));
        assert!(may(&stack, "app", 1001).is_err());
        assert!(may(&stack, "bot", 2).unwrap_err().contains("singleton"));
        assert_eq!(may(&stack, "bot", 0), Ok(()));
        assert!(may(&stack, "store", 2).unwrap_err().contains("`data`"));
    }
}
