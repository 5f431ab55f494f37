//! Stopping services for a restore, and letting them come back.
//!
//! What is held stands in the environment's row before anything is stopped: a control plane that dies in
//! between finds it, and the keeper starts nothing that is held.

use super::job::Trouble;
use crate::control::{Control, now};
use crate::environment::Environment;
use mainstay_model::{InstanceId, ServiceName};
use mainstay_runtime::status::Phase;
use mainstay_stack::Stack;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

const LOOK: Duration = Duration::from_millis(50);
/// Beyond the grace of the service itself.
const END_SEEN: Duration = Duration::from_secs(30);

impl Control {
    /// Stops every instance of a service, and keeps it stopped; done twice is done once.
    pub(super) async fn hold(
        &self,
        environment: &Environment,
        stack: &Stack,
        service: &ServiceName,
    ) -> Result<(), Trouble> {
        {
            let _gate = environment.gate.lock().await;
            let (rolling, mut held) = {
                let inner = environment.inner();
                (inner.running.is_some(), inner.kept.held.clone())
            };
            if rolling {
                return Err(
                    Trouble::new("a rollout began meanwhile").hint("ask again when it is through")
                );
            }
            held.insert(service.clone());
            self.keep_held(environment, held).await?;
        }
        let grace = stack
            .services
            .get(service)
            .map(|service| service.stop_grace);
        let grace = grace.unwrap_or_default();
        self.end_all(environment, service, grace).await
    }

    /// Lets these come back; the keeper starts them.
    pub(super) async fn let_go(
        &self,
        environment: &Environment,
        services: &BTreeSet<ServiceName>,
    ) -> Result<(), Trouble> {
        let mut held = environment.inner().kept.held.clone();
        held.retain(|service| !services.contains(service));
        self.keep_held(environment, held).await?;
        self.wake_keeper();
        Ok(())
    }

    async fn keep_held(
        &self,
        environment: &Environment,
        held: BTreeSet<ServiceName>,
    ) -> Result<(), Trouble> {
        let mut kept = environment.inner().kept.clone();
        kept.held = held;
        let scope = &environment.scope;
        self.store.keep_environment(scope, &kept, now()).await?;
        environment.inner().kept.held = kept.held;
        Ok(())
    }

    async fn end_all(
        &self,
        environment: &Environment,
        service: &ServiceName,
        grace: Duration,
    ) -> Result<(), Trouble> {
        let scope = &environment.scope;
        let all = self.instances_of(environment, service);
        for id in &all {
            let stopped = self.targets().stop(scope, id, grace).await;
            stopped.map_err(|error| Trouble::new(format!("{id} cannot be stopped: {error}")))?;
        }
        let deadline = Instant::now() + grace + END_SEEN;
        for id in all {
            while !has_ended(self.phase_of(environment, &id).as_ref()) {
                if Instant::now() > deadline {
                    return Err(Trouble::new(format!("{id} does not end"))
                        .hint("`mainstay ps` shows it; end it by hand and ask again"));
                }
                tokio::time::sleep(LOOK).await;
            }
            let removed = self.targets().remove(scope, &id).await;
            removed.map_err(|error| Trouble::new(format!("{id} cannot be removed: {error}")))?;
        }
        Ok(())
    }

    pub(super) fn instances_of(
        &self,
        environment: &Environment,
        service: &ServiceName,
    ) -> Vec<InstanceId> {
        let statuses = self.observe(&environment.scope);
        let of = statuses.into_iter().map(|status| status.id);
        of.filter(|id| id.service == *service).collect()
    }

    pub(super) fn phase_of(&self, environment: &Environment, id: &InstanceId) -> Option<Phase> {
        let statuses = self.observe(&environment.scope);
        let status = statuses.into_iter().find(|status| status.id == *id)?;
        Some(status.phase)
    }

    /// Waits until every wanted instance of these services is healthy.
    pub(super) async fn until_healthy(
        &self,
        environment: &Environment,
        stack: &Stack,
        services: &BTreeSet<ServiceName>,
    ) -> Result<(), Trouble> {
        let policy = &stack.deploy.default;
        let deadline = Instant::now() + policy.healthy_deadline.max(END_SEEN);
        loop {
            let missing = self.not_healthy(environment, services);
            let Some((id, why)) = missing.into_iter().next() else {
                return Ok(());
            };
            if Instant::now() > deadline {
                return Err(Trouble::new(format!("{id} is not healthy: {why}"))
                    .hint("`mainstay logs` and `mainstay doctor` say more"));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn not_healthy(
        &self,
        environment: &Environment,
        services: &BTreeSet<ServiceName>,
    ) -> Vec<(InstanceId, String)> {
        let statuses = self.observe(&environment.scope);
        let inner = environment.inner();
        let desired = inner.kept.desired.instances.iter();
        let wanted = desired.filter(|(service, _)| services.contains(*service));
        let ids = wanted.flat_map(|(_, ids)| ids);
        let looked = ids.filter_map(|id| {
            let status = statuses.iter().find(|status| status.id == *id);
            let why = match status.map(|status| &status.phase) {
                Some(Phase::Healthy) => return None,
                // One that runs to its end and ended well.
                Some(Phase::Exited { exit, .. }) if exit.is_success() => return None,
                Some(phase) => crate::keeper::phase_word(phase).to_owned(),
                None => "not started yet".to_owned(),
            };
            Some((id.clone(), why))
        });
        looked.collect()
    }
}

pub(super) fn has_ended(phase: Option<&Phase>) -> bool {
    matches!(
        phase,
        None | Some(Phase::Exited { .. } | Phase::CrashLoop { .. } | Phase::NotStarted { .. })
    )
}
