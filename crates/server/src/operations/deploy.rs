//! Deploy: a new release, from a stack that the client resolved.

use super::{Start, preflight, secrets};
use crate::api::Actor;
use crate::api::types::{
    ApiError, ApprovalRequest, Approved, DeployRequest, ErrorCode, Operation, OperationKind,
    Record, Role,
};
use crate::control::{Control, now};
use crate::environment::{Environment, Kept};
use crate::pipeline;
use crate::planning::{self, Desired, Wish};
use crate::ports;
use crate::rules;
use crate::specs::Bundle;
use mainstay_journal::{NewRelease, Release, ServiceGeneration};
use mainstay_model::{Content, ReleaseNumber, Scope, Secret, ServiceName};
use mainstay_pipeline::{How, Part, Pipeline, Plan as Steps};
use mainstay_rollout::plan::Plan;
use mainstay_runtime::target::TargetError;
use mainstay_stack::policy::Ask;
use mainstay_stack::{MetricsRule, Stack};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

type Fingerprints = BTreeMap<ServiceName, String>;

/// A deploy that changes something; everything of it has been checked.
struct Prepared {
    number: ReleaseNumber,
    plan: Plan,
    wish: Wish,
    fingerprints: Fingerprints,
    steps: Steps,
}

/// What a policy is asked about it.
fn ask(request: &DeployRequest) -> Ask<'_> {
    Ask {
        tag: request.tag.as_deref(),
        dirty: request.dirty,
    }
}

impl Control {
    /// Makes a release of the request and begins its rollout, or keeps it until it is approved.
    pub async fn deploy(
        self: &Arc<Self>,
        scope: &Scope,
        mut request: DeployRequest,
        actor: &Actor,
        id: Uuid,
    ) -> Result<Operation, ApiError> {
        self.check_request(scope, &request)?;
        secrets::fingerprint(&mut request.stack, &self.key)?;
        let environment = self.add(Environment::new(scope.clone(), Kept::default()));
        let _gate = environment.gate.lock().await;
        if request.recovered_from.is_some() {
            // What was lost is brought back as it was: nobody is asked again.
            actor.needs(Role::Admin)?;
        } else {
            let (policy, ask) = (&request.stack.policy, ask(&request));
            self.refuse_by_policy(&environment, policy, ask, &actor.name)
                .await?;
        }
        let prepared = self
            .prepare(&environment, &mut request, &actor.name)
            .await?;
        let Some(prepared) = prepared else {
            return self.nothing_changed(&environment, id, &actor.name).await;
        };
        let approval = Self::approval_needed(&environment, &request.stack.policy);
        if let Some(approval) = approval.filter(|_| request.recovered_from.is_none()) {
            return self
                .ask_for_approval(&environment, &request, &approval, &actor.name, id)
                .await;
        }
        self.commit(&environment, request, prepared, &actor.name, id, Vec::new())
            .await
    }

    /// The same for a request that enough people have agreed to. Everything is checked again:
    /// time has passed.
    pub(crate) async fn deploy_approved(
        self: &Arc<Self>,
        environment: &Arc<Environment>,
        mut request: DeployRequest,
        approved: &ApprovalRequest,
    ) -> Result<Operation, ApiError> {
        self.check_request(&environment.scope, &request)?;
        let _gate = environment.gate.lock().await;
        if let Some(row) = self.store.rollout(approved.id).await? {
            // Begun before a crash.
            return Ok(crate::store::shown_operation(&row));
        }
        let (by, id) = (approved.by.clone(), approved.id);
        let (policy, ask) = (&request.stack.policy, ask(&request));
        self.refuse_by_policy(environment, policy, ask, &by).await?;
        let Some(prepared) = self.prepare(environment, &mut request, &by).await? else {
            return self.nothing_changed(environment, id, &by).await;
        };
        let approvals = approved.approvals.clone();
        self.commit(environment, request, prepared, &by, id, approvals)
            .await
    }

    /// Plans it; `None`: nothing would change. The caller holds the gate.
    async fn prepare(
        &self,
        environment: &Environment,
        request: &mut DeployRequest,
        by: &str,
    ) -> Result<Option<Prepared>, ApiError> {
        let scope = &environment.scope;
        let desired = match Self::idle(environment) {
            Ok((desired, _)) => desired,
            Err(error) if error.code == ErrorCode::NotFound => Desired::default(),
            Err(error) => return Err(error),
        };
        self.check_promotion(request).await?;
        preflight::check(self, scope, &request.stack).await?;
        let images = std::mem::take(&mut request.images);
        request.images = preflight::engine(self, &request.stack, images).await?;
        self.complete_ports(environment, &request.stack)?;
        let number = self.store.next_release(scope).await?;
        let fingerprints = self.fingerprints(request);
        let current = self.current_release(scope, desired.release).await?;
        let mut wish = wish(number, request, &fingerprints, current.as_ref(), &desired);
        renew_dependants(&request.stack, &desired, &mut wish);
        let order = mainstay_stack::dependency_order(&request.stack);
        let plan = planning::plan(&desired, &request.stack, &order, &wish);
        if !planning::changes_instances(&plan) && Self::same_operations(environment, &request.stack)
        {
            return Ok(None);
        }
        let facts = pipeline::Facts {
            kind: OperationKind::Deploy,
            first: desired.release.is_none(),
            watched: !plan.watch.is_zero(),
            notes: request.notes.is_some(),
            migrates: request.stack.deploy.migrations.is_some(),
            waived: &request.waive,
            by,
        };
        let steps = pipeline::plan(&request.stack, facts);
        refuse_missing(&steps)?;
        Ok(Some(Prepared {
            number,
            plan: with_gates(plan, &steps),
            wish,
            fingerprints,
            steps,
        }))
    }

    /// Writes it all down and begins.
    async fn commit(
        self: &Arc<Self>,
        environment: &Arc<Environment>,
        request: DeployRequest,
        prepared: Prepared,
        by: &str,
        id: Uuid,
        approvals: Vec<Approved>,
    ) -> Result<Operation, ApiError> {
        let record = Record {
            promoted_from: request.promoted_from,
            dirty: request.dirty,
            branch: request.branch,
            approvals,
            notes: request.notes,
            schema: None,
            images: request.images.clone(),
        };
        let bundle = Arc::new(Bundle {
            stack: request.stack,
            artifacts: request.artifacts,
            images: request.images,
            files: request.files,
        });
        let scope = &environment.scope;
        self.keep_bundle(scope, prepared.number, &bundle)?;
        let internal =
            |error: serde_json::Error| ApiError::new(ErrorCode::Internal, error.to_string());
        let release = NewRelease {
            scope: scope.clone(),
            created_at: now(),
            by: by.to_owned(),
            description: request.description.clone(),
            tag: request.tag,
            commit: request.commit,
            definition: crate::store::definition(&bundle).map_err(internal)?,
            services: generations(&prepared.wish, prepared.fingerprints),
            artifacts: kept_artifacts(&bundle),
            record: serde_json::to_value(&record).map_err(internal)?,
        };
        let start = Start {
            reason: request.description,
            new_release: Some(release),
            pipeline: Some(Pipeline::begin(prepared.steps)),
            ..Start::plain(id, OperationKind::Deploy, prepared.plan, bundle, by)
        };
        self.begin(environment, start).await
    }

    async fn nothing_changed(
        &self,
        environment: &Environment,
        id: Uuid,
        by: &str,
    ) -> Result<Operation, ApiError> {
        let release = environment.inner().kept.desired.release.unwrap_or_default();
        let words = "nothing changed: every service runs as the files say";
        self.unchanged(environment, id, OperationKind::Deploy, release, by, words)
            .await
    }

    fn check_request(&self, scope: &Scope, request: &DeployRequest) -> Result<(), ApiError> {
        if request.stack.scope() != *scope {
            return Err(ApiError::invalid(format!(
                "the stack is {}, and the address says {scope}",
                request.stack.scope()
            )));
        }
        self.targets()
            .engine_of(&request.stack)
            .map_err(|error| refused(&error))?;
        let wrong = rules::problems(&request.stack.alerts);
        if wrong.has_errors() {
            return Err(ApiError::invalid(format!("rules cannot be used: {wrong}"))
                .hint("`mainstay check` shows them with their places"));
        }
        let missing: Vec<_> = request
            .artifacts
            .iter()
            .filter(|(_, hash)| !self.has_artifact(hash))
            .map(|(path, _)| path.display().to_string())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(
            ApiError::conflict(format!("not uploaded: {}", missing.join(", ")))
                .hint("PUT each to /api/v1/artifacts/SHA256 first"),
        )
    }

    /// Gives every service that listens an internal port that it keeps.
    fn complete_ports(&self, environment: &Environment, stack: &Stack) -> Result<(), ApiError> {
        let taken: BTreeSet<u16> = self
            .environments()
            .iter()
            .filter(|other| other.scope != environment.scope)
            .flat_map(|other| {
                other
                    .inner()
                    .kept
                    .ports
                    .values()
                    .copied()
                    .collect::<Vec<_>>()
            })
            .collect();
        let listening = stack
            .services
            .values()
            .filter(|service| planning::has_port(stack, service))
            .map(|service| service.name.clone());
        let mut inner = environment.inner();
        ports::complete(&mut inner.kept.ports, listening, &taken)
            .ok_or_else(|| ApiError::unavailable("no free port is left for internal addresses"))
    }

    fn fingerprints(&self, request: &DeployRequest) -> Fingerprints {
        let key = self.key.fingerprint_key();
        request
            .stack
            .services
            .values()
            .map(|service| {
                let mut fingerprint = service.fingerprint(&request.artifacts, &key);
                if let Some(image) = request.images.get(&service.name) {
                    // Another image under the same name is another service.
                    fingerprint = format!("{fingerprint} {}", image.id);
                }
                (service.name.clone(), fingerprint)
            })
            .collect()
    }

    async fn current_release(
        &self,
        scope: &Scope,
        number: Option<ReleaseNumber>,
    ) -> Result<Option<Release>, ApiError> {
        match number {
            Some(number) => self.store.release(scope, number).await,
            None => Ok(None),
        }
    }

    /// Whether routes, rules and what is collected are as they were, so that nothing at all would change.
    fn same_operations(environment: &Environment, stack: &Stack) -> bool {
        let inner = environment.inner();
        inner.current.as_ref().is_some_and(|current| {
            current.stack.routes == stack.routes
                && current.stack.deploy == stack.deploy
                && current.stack.probes == stack.probes
                && current.stack.alerts == stack.alerts
                && current.stack.backups == stack.backups
                && looked_at(&current.stack) == looked_at(stack)
        })
    }
}

/// How services are asked for their metrics, with the passwords for it: not part of what they are.
fn looked_at(stack: &Stack) -> Vec<(&ServiceName, &MetricsRule, Option<&Secret<Content>>)> {
    let services = stack.services.iter();
    services
        .map(|(name, service)| {
            let exporter = service.metrics.exporter.as_ref();
            let secret = exporter.and_then(|exporter| exporter.secret.as_ref());
            let secret = secret.and_then(|secret| stack.secrets.get(secret));
            let value = secret.and_then(|secret| secret.value.as_ref());
            (name, &service.metrics, value)
        })
        .collect()
}

fn refused(error: &TargetError) -> ApiError {
    let refused = ApiError::new(ErrorCode::NotSupported, error.message.clone());
    match &error.hint {
        Some(hint) => refused.hint(hint.clone()),
        None => refused,
    }
}

/// All that is missing for a step that is required, at once, before anything is touched.
fn refuse_missing(steps: &Steps) -> Result<(), ApiError> {
    let refusals = steps.refusals();
    if refusals.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = refusals
        .iter()
        .map(|one| format!("{} ({})", one.part, one.why))
        .collect();
    let hints: Vec<String> = refusals
        .iter()
        .map(|one| format!("{}: {}", one.part, one.hint))
        .collect();
    Err(ApiError::invalid(format!(
        "required steps cannot be done: {}",
        names.join(", ")
    ))
    .hint(hints.join("\n      ")))
}

/// The rollout asks at both gates: that is also how its own step is timed.
pub(super) fn with_gates(mut plan: Plan, steps: &Steps) -> Plan {
    (plan.hook_before, plan.hook_after) = (true, true);
    let waived = steps
        .parts
        .iter()
        .any(|planned| planned.part == Part::Watch && matches!(planned.how, How::Waived { .. }));
    if waived {
        plan.watch = std::time::Duration::ZERO;
    }
    plan
}

/// Unchanged services stay with the release that started them.
fn wish(
    number: ReleaseNumber,
    request: &DeployRequest,
    fingerprints: &Fingerprints,
    current: Option<&Release>,
    desired: &Desired,
) -> Wish {
    let generations = fingerprints
        .iter()
        .map(|(name, fingerprint)| {
            let before = current.and_then(|current| current.services.get(name));
            let unchanged =
                before.filter(|before| !request.force && before.fingerprint == *fingerprint);
            let generation = unchanged.map_or(number, |before| before.generation);
            (name.clone(), generation)
        })
        .collect();
    Wish {
        to: number,
        generations,
        renew: BTreeSet::new(),
        rollback: desired.release.is_some(),
    }
}

/// `depends_on: {db: {restart: true}}`: a service is replaced with the one it depends on.
fn renew_dependants(stack: &Stack, desired: &Desired, wish: &mut Wish) {
    for name in mainstay_stack::dependency_order(stack) {
        let Some(service) = stack.services.get(&name) else {
            continue;
        };
        let replaced = |other: &ServiceName| {
            wish.renew.contains(other)
                || desired.instances.get(other).is_some_and(|ids| {
                    ids.iter()
                        .any(|id| Some(&id.release) != wish.generations.get(other))
                })
        };
        let follows = service
            .depends_on
            .iter()
            .any(|(other, dependency)| dependency.restart && replaced(other));
        if follows {
            wish.renew.insert(name);
        }
    }
}

fn generations(
    wish: &Wish,
    mut fingerprints: Fingerprints,
) -> BTreeMap<ServiceName, ServiceGeneration> {
    wish.generations
        .iter()
        .map(|(name, generation)| {
            let service = ServiceGeneration {
                generation: *generation,
                fingerprint: fingerprints.remove(name).unwrap_or_default(),
            };
            (name.clone(), service)
        })
        .collect()
}

fn kept_artifacts(bundle: &Bundle) -> BTreeMap<String, String> {
    bundle
        .artifacts
        .iter()
        .map(|(path, hash)| (path.display().to_string(), hash.clone()))
        .collect()
}
