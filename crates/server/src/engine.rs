//! What the rollout driver sees and does: the target and the proxy, for one environment.

use crate::control::{Control, detail, now};
use crate::driver::Engine;
use crate::environment::Environment;
use crate::pipeline::Running;
use crate::proxy_link::instance_of;
use mainstay_journal::NewEvent;
use mainstay_model::InstanceId;
use mainstay_pipeline::Gate;
use mainstay_rollout::plan::Plan;
use mainstay_rollout::world::{Action, EndpointView, HookView, InstancePhase, InstanceView, World};
use mainstay_runtime::status::{InstanceStatus, Phase};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;
use uuid::Uuid;

/// The hands and eyes of one rollout.
#[derive(Debug)]
pub(crate) struct ScopeEngine {
    control: Arc<Control>,
    environment: Arc<Environment>,
    plan: Arc<Plan>,
    operation: Uuid,
    /// `None`: the rollout has no gates.
    steps: Option<Running>,
    /// A route was asked for, and it is not known whether the proxy has it.
    unsure: AtomicBool,
    changes: tokio::sync::Mutex<watch::Receiver<u64>>,
}

impl ScopeEngine {
    pub(crate) fn new(
        control: Arc<Control>,
        environment: Arc<Environment>,
        plan: Arc<Plan>,
        operation: Uuid,
        steps: Option<Running>,
    ) -> Self {
        let changes = control.targets().changes();
        Self {
            control,
            environment,
            plan,
            operation,
            steps,
            unsure: AtomicBool::new(false),
            changes: tokio::sync::Mutex::new(changes),
        }
    }
}

impl Engine for ScopeEngine {
    async fn observe(&self) -> World {
        let statuses = self.control.observe(&self.environment.scope);
        World {
            instances: statuses
                .into_iter()
                .map(|status| (status.id.clone(), view(&status)))
                .collect(),
            traffic: self.traffic().await,
            hook_before: self.gate(Gate::Before),
            hook_after: self.gate(Gate::After),
        }
    }

    /// Does one thing; asked again, it does it again and nothing more.
    async fn execute(&self, action: &Action) -> Result<(), String> {
        let scope = &self.environment.scope;
        let target = self.control.targets();
        match action {
            Action::Start { instance } => {
                let started = self.control.start_instance(&self.environment, instance);
                started.await.map_err(|error| error.to_string())
            }
            Action::Stop { instance, grace } => {
                self.keep_evidence(instance).await;
                let stopped = target.stop(scope, instance, *grace);
                stopped.await.map_err(|error| error.to_string())
            }
            Action::Remove { instance } => {
                self.keep_evidence(instance).await;
                let removed = target.remove(scope, instance);
                removed.await.map_err(|error| error.to_string())
            }
            Action::Route { service, weights } => {
                self.environment.set_weights(service, weights);
                self.apply().await
            }
            Action::RunHookBefore => self.start(Gate::Before),
            Action::RunHookAfter => self.start(Gate::After),
        }
    }

    async fn changed(&self) {
        let target = async {
            // A target that is gone says no more; the tick of the driver goes on.
            if self.changes.lock().await.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let gates = async {
            match &self.steps {
                Some(steps) => steps.0.changed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = target => {}
            () = gates => {}
        }
    }
}

impl ScopeEngine {
    async fn traffic(&self) -> Option<BTreeMap<InstanceId, EndpointView>> {
        if self.unsure.load(Ordering::SeqCst) {
            self.apply().await.ok()?;
        }
        let status = self.control.proxy().status().await?;
        let endpoints = status.endpoints.into_iter().filter_map(|endpoint| {
            let id = instance_of(&self.environment.scope, &endpoint.instance)?;
            let view = EndpointView {
                weight: endpoint.weight,
                in_flight: endpoint.in_flight,
            };
            Some((id, view))
        });
        Some(endpoints.collect())
    }

    /// Gives the proxy what this environment wants now.
    async fn apply(&self) -> Result<(), String> {
        self.unsure.store(true, Ordering::SeqCst);
        let applied = self.control.apply_traffic().await;
        if applied.is_ok() {
            self.unsure.store(false, Ordering::SeqCst);
        }
        applied.map_err(|error| error.to_string())
    }

    /// What a new instance that failed said last; it goes with its log.
    async fn keep_evidence(&self, instance: &InstanceId) {
        let is_new = self
            .plan
            .services
            .iter()
            .any(|service| service.new.contains(instance));
        if !is_new {
            return;
        }
        let subject = instance.to_string();
        let known =
            |evidence: &crate::api::types::Diagnosis| evidence.subject.as_deref() == Some(&subject);
        if self.environment.inner().evidence.iter().any(known) {
            return;
        }
        let Some(found) = self
            .control
            .take_evidence(&self.environment, instance)
            .await
        else {
            return;
        };
        let event = NewEvent {
            scope: Some(self.environment.scope.clone()),
            rollout: Some(self.operation),
            release: Some(instance.release),
            subject: Some(subject),
            data: serde_json::json!({"code": found.code, "lines": found.evidence, "hint": found.hint}),
            ..NewEvent::new(now(), "instance.evidence", &*found.message)
        };
        if let Err(error) = self.control.store.record(event).await {
            tracing::warn!(%error, "evidence not recorded");
        }
    }

    fn gate(&self, gate: Gate) -> HookView {
        let steps = self.steps.as_ref();
        steps.map_or(HookView::Passed, |steps| steps.0.view(gate))
    }

    fn start(&self, gate: Gate) -> Result<(), String> {
        let steps = self.steps.as_ref();
        steps.ok_or("the rollout has no steps")?.0.start(gate);
        Ok(())
    }
}

fn view(status: &InstanceStatus) -> InstanceView {
    InstanceView {
        phase: phase(&status.phase),
        since: status.since,
        restarts: status.restarts,
        detail: detail(status),
    }
}

fn phase(phase: &Phase) -> InstancePhase {
    match phase {
        Phase::Starting => InstancePhase::Starting,
        Phase::Healthy => InstancePhase::Healthy,
        Phase::Unhealthy => InstancePhase::Unhealthy,
        Phase::Restarting { .. } => InstancePhase::Restarting,
        Phase::Stopping => InstancePhase::Stopping,
        Phase::Exited {
            requested: true, ..
        } => InstancePhase::Stopped,
        Phase::Exited { exit, .. } if exit.is_success() => InstancePhase::Completed,
        Phase::Exited { .. } | Phase::CrashLoop { .. } | Phase::NotStarted { .. } => {
            InstancePhase::Failed
        }
    }
}
