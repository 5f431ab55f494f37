//! Deploy: a new release, from a stack that the client resolved.

use super::{Start, preflight, secrets};
use crate::api::Actor;
use crate::api::types::{ApiError, DeployRequest, ErrorCode, Operation, OperationKind};
use crate::control::{Control, now};
use crate::environment::{Environment, Kept};
use crate::planning::{self, Desired, Wish};
use crate::ports;
use crate::specs::Bundle;
use mainstay_journal::{NewRelease, Release, ServiceGeneration};
use mainstay_model::{ReleaseNumber, Scope, ServiceName};
use mainstay_runtime::target::TargetError;
use mainstay_stack::Stack;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

type Fingerprints = BTreeMap<ServiceName, String>;

impl Control {
    /// Makes a release of the request and begins its rollout.
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
        let desired = match Self::idle(&environment) {
            Ok((desired, _)) => desired,
            Err(error) if error.code == ErrorCode::NotFound => Desired::default(),
            Err(error) => return Err(error),
        };
        preflight::check(self, scope, &request.stack).await?;
        let images = std::mem::take(&mut request.images);
        request.images = preflight::engine(self, &request.stack, images).await?;
        self.complete_ports(&environment, &request.stack)?;
        let number = self.store.next_release(scope).await?;
        let fingerprints = self.fingerprints(&request);
        let current = self.current_release(scope, desired.release).await?;
        let mut wish = wish(number, &request, &fingerprints, current.as_ref(), &desired);
        renew_dependants(&request.stack, &desired, &mut wish);
        let order = mainstay_stack::dependency_order(&request.stack);
        let plan = planning::plan(&desired, &request.stack, &order, &wish);
        if !planning::changes_instances(&plan)
            && Self::same_operations(&environment, &request.stack)
        {
            let release = desired.release.unwrap_or_default();
            let words = "nothing changed: every service runs as the files say";
            return self
                .unchanged(
                    &environment,
                    id,
                    OperationKind::Deploy,
                    release,
                    &actor.name,
                    words,
                )
                .await;
        }
        let bundle = Arc::new(Bundle {
            stack: request.stack,
            artifacts: request.artifacts,
            images: request.images,
        });
        self.keep_bundle(scope, number, &bundle)?;
        let release = NewRelease {
            scope: scope.clone(),
            created_at: now(),
            by: actor.name.clone(),
            description: request.description.clone(),
            tag: request.tag,
            commit: request.commit,
            definition: crate::store::definition(&bundle)
                .map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))?,
            services: generations(&wish, fingerprints),
            artifacts: kept_artifacts(&bundle),
        };
        self.store.add_release(number, release).await?;
        let start = Start {
            id,
            kind: OperationKind::Deploy,
            plan,
            release: number,
            to: bundle,
            by: actor.name.clone(),
            reason: request.description,
        };
        self.begin(&environment, start).await
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

    /// Whether routes and rules are as they were, so that nothing at all would change.
    fn same_operations(environment: &Environment, stack: &Stack) -> bool {
        let inner = environment.inner();
        inner.current.as_ref().is_some_and(|current| {
            current.stack.routes == stack.routes && current.stack.deploy == stack.deploy
        })
    }
}

fn refused(error: &TargetError) -> ApiError {
    let refused = ApiError::new(ErrorCode::NotSupported, error.message.clone());
    match &error.hint {
        Some(hint) => refused.hint(hint.clone()),
        None => refused,
    }
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
