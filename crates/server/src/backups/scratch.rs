//! An instance that serves nobody: the program or image of a service, with nothing of it running, in which
//! a drill or a restore works.
//!
//! **Invariant:** it is never one of the service's own: it has a name, no port and no traffic, and the
//! volumes of the service only where a restore asks for them. What a crash leaves of it the keeper ends.

use super::hold::has_ended;
use super::place::Beside;
use crate::control::Control;
use crate::environment::Environment;
use crate::specs::{Bundle, one_shot_spec};
use mainstay_model::{InstanceId, ServiceName};
use mainstay_runtime::status::{InstanceStatus, Phase};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// For the engine to have it running.
const START: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(50);
/// It only sleeps.
const GRACE: Duration = Duration::from_secs(1);
const END_SEEN: Duration = Duration::from_secs(30);
/// Longest life, in seconds: what nobody ends ends itself.
const LIFE: &str = "86400";

/// Ends the names of the services that they are called after.
const SUFFIX: &str = ".scratch";

/// Whether it sees what the service sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mounts {
    /// Nothing of the service: for drills.
    None,
    /// Its volumes: the service itself must not run.
    Service,
}

/// See the module; [`Scratch::end`] when it is done with.
#[derive(Debug)]
pub(super) struct Scratch {
    control: Arc<Control>,
    environment: Arc<Environment>,
    id: InstanceId,
}

impl Scratch {
    pub(super) async fn start(
        control: &Arc<Control>,
        environment: &Arc<Environment>,
        bundle: &Bundle,
        service: &ServiceName,
        mounts: Mounts,
    ) -> Result<Self, String> {
        let mut bundle = bundle.clone();
        if mounts == Mounts::None
            && let Some(known) = bundle.stack.services.get_mut(service)
        {
            known.mounts.clear();
        }
        let scratch = Self::named(control, environment, service)?;
        let command = ["sleep".to_owned(), LIFE.to_owned()];
        let variables = BTreeMap::new();
        let started =
            control.start_one_shot(environment, &scratch.id, &bundle.stack, |ways, artifact| {
                one_shot_spec(
                    &bundle,
                    service,
                    &scratch.id,
                    &command,
                    &variables,
                    ways,
                    artifact,
                )
            });
        let up = match started.await {
            Ok(()) => scratch.until_up().await,
            Err(error) => Err(error.to_string()),
        };
        match up {
            Ok(()) => Ok(scratch),
            Err(reason) => {
                scratch.end().await;
                Err(format!("no scratch instance of {service}: {reason}"))
            }
        }
    }

    /// A name for one that is not started yet; the keeper leaves it alone as long as this lives.
    pub(super) fn named(
        control: &Arc<Control>,
        environment: &Arc<Environment>,
        service: &ServiceName,
    ) -> Result<Self, String> {
        let id = free_id(control, environment, service)?;
        environment.inner().beside.insert(id.clone());
        Ok(Self {
            control: Arc::clone(control),
            environment: Arc::clone(environment),
            id,
        })
    }

    pub(super) const fn id(&self) -> &InstanceId {
        &self.id
    }

    pub(super) fn place(&self) -> Arc<Beside> {
        let targets = Arc::clone(self.control.targets());
        let scope = self.environment.scope.clone();
        Arc::new(Beside::new(targets, scope, self.id.clone()))
    }

    pub(super) fn status(&self) -> Option<InstanceStatus> {
        let mut all = self.control.observe(&self.environment.scope).into_iter();
        all.find(|status| status.id == self.id)
    }

    fn phase(&self) -> Option<Phase> {
        self.status().map(|status| status.phase)
    }

    async fn until_up(&self) -> Result<(), String> {
        let deadline = Instant::now() + START;
        loop {
            match self.phase() {
                Some(Phase::Healthy) => return Ok(()),
                Some(Phase::NotStarted { reason }) => return Err(reason),
                Some(Phase::Exited { exit, .. } | Phase::CrashLoop { exit }) => {
                    return Err(format!("`sleep` ended at once: {exit}"));
                }
                _ if Instant::now() > deadline => {
                    return Err(format!("not there after {} s", START.as_secs()));
                }
                _ => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// Ends and forgets it. Where that fails the keeper does it later.
    pub(super) async fn end(self) {
        let scope = &self.environment.scope;
        let targets = self.control.targets();
        let ended = async {
            targets.stop(scope, &self.id, GRACE).await?;
            let deadline = Instant::now() + END_SEEN;
            while !has_ended(self.phase().as_ref()) && Instant::now() < deadline {
                tokio::time::sleep(LOOK).await;
            }
            targets.remove(scope, &self.id).await
        };
        if let Err(error) = ended.await {
            tracing::warn!(id = %self.id, %error, "a scratch instance is left to the keeper");
        }
    }
}

impl Drop for Scratch {
    /// Nobody works in it any more: what is left of it, also where the work was broken off, the keeper ends.
    fn drop(&mut self) {
        self.environment.inner().beside.remove(&self.id);
    }
}

/// Whether an instance of this name is one of ours.
pub(super) fn is_scratch(id: &InstanceId) -> bool {
    id.service.as_str().ends_with(SUFFIX)
}

/// A name that nothing has now: `db.scratch-r3-1`.
fn free_id(
    control: &Control,
    environment: &Environment,
    service: &ServiceName,
) -> Result<InstanceId, String> {
    let room: String = service.as_str().chars().take(55).collect();
    let name = ServiceName::new(format!("{room}{SUFFIX}")).map_err(|error| error.to_string())?;
    let release = environment.inner().kept.desired.release.unwrap_or_default();
    let statuses = control.observe(&environment.scope);
    (1..=u32::MAX)
        .map(|slot| InstanceId::new(name.clone(), release, slot))
        .find(|id| {
            let taken = statuses.iter().any(|status| status.id == *id);
            !taken && !environment.inner().beside.contains(id)
        })
        .ok_or_else(|| "no name is free".to_owned())
}
