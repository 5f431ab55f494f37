//! The labels by which everything of ours is known, and from which it is adopted.
//!
//! The engine alone tells a control plane that has lost its own notes what runs: which instance a
//! container is, and the part of its spec that is no secret. What does not bear our prefix *and*
//! our server's id is never touched.

use crate::spec::{ContainerRun, HealthCheck, InstanceSpec, RestartPolicy};
use mainstay_model::{InstanceId, ReleaseNumber, Scope};
use mainstay_wire::shim::StopPolicy;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

pub(crate) const SERVER: &str = "io.mainstay.server";
pub(crate) const STACK: &str = "io.mainstay.stack";
pub(crate) const ENVIRONMENT: &str = "io.mainstay.environment";
const SERVICE: &str = "io.mainstay.service";
const RELEASE: &str = "io.mainstay.release";
const SLOT: &str = "io.mainstay.slot";
const KEPT: &str = "io.mainstay.spec";

/// Labels below this are ours.
const PREFIX: &str = "io.mainstay.";

pub(crate) type Labels = HashMap<String, String>;

/// What of a spec is needed to look after a container, and is no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) health: Option<HealthCheck>,
    pub(crate) restart: RestartPolicy,
    pub(crate) stop: StopPolicy,
    pub(crate) port: Option<u16>,
    /// The network on which it is reached; none: the engine's own, or the host's.
    pub(crate) network: Option<String>,
    pub(crate) host_network: bool,
    /// Volumes that only one instance at a time may have.
    pub(crate) own_volumes: Vec<String>,
}

impl Kept {
    pub(crate) fn of(spec: &InstanceSpec<ContainerRun>, health: Option<HealthCheck>) -> Self {
        let run = &spec.run;
        Self {
            health,
            restart: spec.restart.clone(),
            stop: spec.stop.clone(),
            port: run.port,
            network: run
                .reach
                .networks
                .first()
                .map(|attachment| attachment.network.name.clone()),
            host_network: run.reach.mode.as_deref() == Some("host"),
            own_volumes: super::body::own_volumes(run),
        }
    }
}

/// Those of an environment: what networks and volumes bear.
pub(crate) fn of_scope(server: &str, scope: &Scope) -> Labels {
    HashMap::from([
        (SERVER.to_owned(), server.to_owned()),
        (STACK.to_owned(), scope.stack.to_string()),
        (ENVIRONMENT.to_owned(), scope.environment.to_string()),
    ])
}

/// Those of an instance.
pub(crate) fn of_instance(server: &str, spec: &InstanceSpec<ContainerRun>, kept: &Kept) -> Labels {
    let users = spec.run.labels.iter();
    let mut labels: Labels = users
        .filter(|(name, _)| !name.starts_with(PREFIX))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    labels.extend(of_scope(server, &spec.scope));
    let kept = serde_json::to_string(kept).unwrap_or_default();
    labels.extend([
        (SERVICE.to_owned(), spec.id.service.to_string()),
        (RELEASE.to_owned(), spec.id.release.0.to_string()),
        (SLOT.to_owned(), spec.id.slot.to_string()),
        (KEPT.to_owned(), kept),
    ]);
    labels
}

/// Which instance a container is; `None` where it is none of this server's.
pub(crate) fn instance(server: &str, labels: &Labels) -> Option<(Scope, InstanceId)> {
    if labels.get(SERVER)? != server {
        return None;
    }
    let id = InstanceId::new(
        labels.get(SERVICE)?.parse().ok()?,
        ReleaseNumber(labels.get(RELEASE)?.parse().ok()?),
        labels.get(SLOT)?.parse().ok()?,
    );
    Some((scope(labels)?, id))
}

/// The environment that something of ours belongs to, whichever server made it.
pub(crate) fn scope(labels: &Labels) -> Option<Scope> {
    Some(Scope {
        stack: labels.get(STACK)?.parse().ok()?,
        environment: labels.get(ENVIRONMENT)?.parse().ok()?,
    })
}

pub(crate) fn kept(labels: &Labels) -> Option<Kept> {
    serde_json::from_str(labels.get(KEPT)?).ok()
}
