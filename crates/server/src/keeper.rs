//! Keeps what ought to run running, where no rollout is about it.
//!
//! Level-triggered like the rollout engine: look, compare, do what is missing. It starts desired
//! instances that are not there, ends those that nobody wants, gives the healthy ones the traffic,
//! and writes down what happened to whom.

use crate::control::Control;
use crate::environment::{Environment, FULL};
use mainstay_model::{InstanceId, ServiceName};
use mainstay_runtime::status::{InstanceStatus, Phase};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Between looks where nothing changes.
const TICK: Duration = Duration::from_secs(1);
/// Looks are not closer together than this, however often things change.
const PACE: Duration = Duration::from_millis(20);

/// Looks until the server stops.
pub(crate) async fn run(control: Arc<Control>) {
    let mut changes = control.targets().changes();
    let mut seen: BTreeMap<(String, InstanceId), &'static str> = BTreeMap::new();
    loop {
        for environment in control.environments() {
            look(&control, &environment).await;
            note_changes(&control, &environment, &mut seen).await;
            control.expire_requests(&environment).await;
        }
        // Its problem is noted and shown; the next look tries again.
        let _ = control.apply_traffic().await;
        tokio::select! {
            _ = changes.changed() => {}
            () = control.environment_changed() => {}
            () = tokio::time::sleep(TICK) => {}
            () = control.stopping() => return,
        }
        tokio::time::sleep(PACE).await;
    }
}

async fn look(control: &Arc<Control>, environment: &Environment) {
    let statuses: BTreeMap<InstanceId, InstanceStatus> = control
        .observe(&environment.scope)
        .into_iter()
        .map(|status| (status.id.clone(), status))
        .collect();
    let (desired, held, moving, known, rolling) = {
        let inner = environment.inner();
        (
            inner.kept.desired.instances.clone(),
            inner.kept.held.clone(),
            inner.moving(),
            inner.known(),
            inner.running.is_some(),
        )
    };
    for (service, instances) in desired.iter().filter(|(name, _)| !moving.contains(*name)) {
        if held.contains(service) {
            let none = instances.iter().map(|id| (id.clone(), 0)).collect();
            environment.set_weights(service, &none);
            continue;
        }
        for id in instances.iter().filter(|id| !statuses.contains_key(*id)) {
            if let Err(error) = control.start_instance(environment, id).await {
                tracing::warn!(%id, %error, "cannot start");
            }
        }
        let mut inner = environment.inner();
        let before = inner.weights.remove(service).unwrap_or_default();
        let weights = weights(instances, &statuses, &before);
        inner.weights.insert(service.clone(), weights);
    }
    if !rolling {
        drop_unwanted(control, environment, &statuses, &known).await;
        let wanted: BTreeSet<&ServiceName> = desired.keys().collect();
        environment
            .inner()
            .weights
            .retain(|service, _| wanted.contains(service));
    }
}

/// The healthy share the traffic. One that is starting keeps what it had: after a start of the
/// control plane that is everything until it was probed, after a crash it is nothing. Where
/// nobody would get a request, all do: a slow answer or a refused connection says more than a
/// proxy that knows nobody.
fn weights(
    instances: &[InstanceId],
    statuses: &BTreeMap<InstanceId, InstanceStatus>,
    before: &BTreeMap<InstanceId, u32>,
) -> BTreeMap<InstanceId, u32> {
    let weight = |id: &InstanceId| match statuses.get(id).map(|status| &status.phase) {
        Some(Phase::Healthy) => FULL,
        Some(Phase::Starting) => before.get(id).copied().unwrap_or(0),
        _ => 0,
    };
    let mut weights: BTreeMap<_, _> = instances
        .iter()
        .map(|id| (id.clone(), weight(id)))
        .collect();
    if weights.values().all(|weight| *weight == 0) {
        for weight in weights.values_mut() {
            *weight = FULL;
        }
    }
    weights
}

/// What a crash or a lost rollout left behind: stopped, and forgotten once it has ended.
async fn drop_unwanted(
    control: &Control,
    environment: &Environment,
    statuses: &BTreeMap<InstanceId, InstanceStatus>,
    known: &BTreeSet<InstanceId>,
) {
    let scope = &environment.scope;
    for (id, status) in statuses.iter().filter(|(id, _)| !known.contains(*id)) {
        let result = match status.phase {
            Phase::Stopping => Ok(()),
            Phase::Exited { .. } | Phase::CrashLoop { .. } | Phase::NotStarted { .. } => {
                control.targets().remove(scope, id).await
            }
            _ => {
                let grace = Duration::from_secs(30);
                control.targets().stop(scope, id, grace).await
            }
        };
        if let Err(error) = result {
            tracing::warn!(%id, %error, "cannot end an instance that is not wanted");
        }
    }
}

/// One event for each turn to the worse, and for the way back.
async fn note_changes(
    control: &Control,
    environment: &Environment,
    seen: &mut BTreeMap<(String, InstanceId), &'static str>,
) {
    let scope = environment.scope.to_string();
    let statuses = control.observe(&environment.scope);
    seen.retain(|(other, id), _| *other != scope || statuses.iter().any(|s| s.id == *id));
    // What becomes of those that somebody works in, he tells himself.
    let beside = environment.inner().beside.clone();
    for status in statuses.into_iter().filter(|s| !beside.contains(&s.id)) {
        let word = phase_word(&status.phase);
        let before = seen.insert((scope.clone(), status.id.clone()), word);
        let worth_saying = match word {
            "unhealthy" | "restarting" | "crash loop" | "not started" => before != Some(word),
            "healthy" => matches!(before, Some("unhealthy" | "restarting" | "crash loop")),
            _ => false,
        };
        if worth_saying {
            control
                .record_instance_event(environment, &status, word)
                .await;
        }
    }
}

/// The phase in words, as [`crate::api::types::InstanceReport`] has it.
pub(crate) fn phase_word(phase: &Phase) -> &'static str {
    match phase {
        Phase::Starting => "starting",
        Phase::Healthy => "healthy",
        Phase::Unhealthy => "unhealthy",
        Phase::Restarting { .. } => "restarting",
        Phase::Stopping => "stopping",
        Phase::Exited { .. } => "exited",
        Phase::CrashLoop { .. } => "crash loop",
        Phase::NotStarted { .. } => "not started",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_model::Timestamp;
    use mainstay_wire::shim::Exit;

    fn statuses(phases: &[Phase]) -> BTreeMap<InstanceId, InstanceStatus> {
        let numbered = (1..).zip(phases);
        let status = |(slot, phase): (u32, &Phase)| {
            let id: InstanceId = format!("app-r1-{slot}").parse().unwrap();
            let status = InstanceStatus {
                scope: crate::testing::stack([]).scope(),
                id: id.clone(),
                phase: phase.clone(),
                since: Timestamp::from_millis(0),
                started_at: None,
                address: None,
                pid: None,
                restarts: 0,
                last_exit: None,
                last_probe: None,
                warnings: Vec::new(),
            };
            (id, status)
        };
        numbered.map(status).collect()
    }

    fn given(phases: &[Phase], before: &[u32]) -> Vec<u32> {
        let statuses = statuses(phases);
        let ids: Vec<InstanceId> = statuses.keys().cloned().collect();
        let before = ids.iter().cloned().zip(before.iter().copied()).collect();
        weights(&ids, &statuses, &before).into_values().collect()
    }

    #[test]
    fn the_healthy_share_and_the_unknown_keep_what_they_had() {
        let exit = Exit::Code(1);
        let restarting = Phase::Restarting { exit };
        assert_eq!(given(&[Phase::Healthy, Phase::Unhealthy], &[]), [100, 0]);
        assert_eq!(
            given(&[Phase::Healthy, Phase::Starting], &[100, 100]),
            [100, 100]
        );
        assert_eq!(
            given(&[Phase::Healthy, Phase::Starting], &[100, 0]),
            [100, 0]
        );
        assert_eq!(given(&[restarting, Phase::Unhealthy], &[0, 0]), [100, 100]);
    }
}
