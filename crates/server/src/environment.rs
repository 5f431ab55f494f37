//! One (stack, environment) pair: what ought to run there, and the operation under way.
//!
//! Lock order: `gate` (held over a whole set-up, async) before `inner` (short, never over an
//! await).

use crate::api::types::{ApprovalRequest, Diagnosis, Operation};
use crate::planning::Desired;
use crate::specs::Bundle;
use crate::traffic::Share;
use crate::ways::{Gateways, InternalPorts, Ways};
use mainstay_model::{InstanceId, ReleaseNumber, Scope, ServiceName, Timestamp};
use mainstay_rollout::Summary;
use mainstay_rollout::plan::Plan;
use mainstay_rollout::world::Command;
use mainstay_stack::policy::Policy;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

/// Weight of an instance that takes its full share.
pub(crate) const FULL: u32 = 100;

/// Weights of the instances of each service, as the proxy is to have them.
pub(crate) type Weights = BTreeMap<ServiceName, BTreeMap<InstanceId, u32>>;

/// The environment's row in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Kept {
    pub desired: Desired,
    pub ports: InternalPorts,
    /// Of the networks that containers of this environment are in, by their key in the files: where
    /// the proxy listens for them.
    #[serde(default)]
    pub gateways: Gateways,
    /// The last rollout whose outcome stands in `desired`: where the control plane died between
    /// the two, start-up sees it here.
    pub settled: Option<Uuid>,
    /// The policy of the newest release that became current: it also judges the one that would
    /// change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// What the database has, as the last migration left it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Schema>,
    /// Services that a restore keeps stopped; nothing else is done here meanwhile.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub held: BTreeSet<ServiceName>,
    /// When each schedule of backups was last begun.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub backups: BTreeMap<String, Timestamp>,
}

/// A revision of the database's schema, and the release whose migration brought it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    pub revision: String,
    pub release: ReleaseNumber,
}

impl Kept {
    pub(crate) fn ways(&self) -> Ways {
        Ways {
            ports: self.ports.clone(),
            gateways: self.gateways.clone(),
        }
    }
}

/// A rollout under way.
#[derive(Debug, Clone)]
pub struct Running {
    pub operation: Operation,
    pub plan: Arc<Plan>,
    pub from: Option<Arc<Bundle>>,
    pub to: Arc<Bundle>,
    pub commands: mpsc::Sender<Command>,
    pub summary: watch::Receiver<Summary>,
}

#[derive(Debug, Default)]
pub struct Inner {
    pub kept: Kept,
    /// Of `kept.desired.release`.
    pub current: Option<Arc<Bundle>>,
    /// Those whose instances may still be there, so that each can be started again.
    pub bundles: BTreeMap<ReleaseNumber, Arc<Bundle>>,
    pub running: Option<Running>,
    pub last: Option<Operation>,
    /// Why instances of the last rollout failed; they themselves are gone.
    pub evidence: Vec<Diagnosis>,
    pub weights: Weights,
    /// What waits for approval, oldest first; also changes of the infrastructure that were agreed to.
    pub requests: Vec<ApprovalRequest>,
    /// Instances that serve nobody, and that somebody works in: of a drill or a restore.
    pub beside: BTreeSet<InstanceId>,
}

/// One pair, shared by the API, the keeper and its rollout.
#[derive(Debug)]
pub struct Environment {
    pub scope: Scope,
    /// Held while an operation is set up, so that two never begin together.
    pub gate: tokio::sync::Mutex<()>,
    inner: Mutex<Inner>,
}

impl Environment {
    pub fn new(scope: Scope, kept: Kept) -> Self {
        Self {
            scope,
            gate: tokio::sync::Mutex::new(()),
            inner: Mutex::new(Inner {
                kept,
                ..Inner::default()
            }),
        }
    }

    pub fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the proxy is to have for one service, at the next time it is told.
    pub fn set_weights(&self, service: &ServiceName, weights: &BTreeMap<InstanceId, u32>) {
        let mut inner = self.inner();
        inner.weights.insert(service.clone(), weights.clone());
    }

    /// What it wants of the proxy; `None` while nothing runs and nothing is to run.
    pub fn share(&self, addresses: BTreeMap<InstanceId, SocketAddr>) -> Option<Share> {
        let inner = self.inner();
        let (stack, before) = match (&inner.running, &inner.current) {
            (Some(running), _) => (
                &running.to.stack,
                running.from.as_ref().map(|bundle| bundle.stack.clone()),
            ),
            (None, Some(current)) => (&current.stack, None),
            (None, None) => return None,
        };
        Some(Share {
            scope: self.scope.clone(),
            stack: stack.clone(),
            before,
            ways: inner.kept.ways().here(),
            weights: inner.weights.clone(),
            addresses,
        })
    }
}

impl Inner {
    /// Services whose instances the running rollout moves; the keeper leaves them alone.
    pub fn moving(&self) -> BTreeSet<ServiceName> {
        let services = self
            .running
            .iter()
            .flat_map(|running| &running.plan.services);
        services
            .filter(|service| !service.new.is_empty() || !service.old.is_empty())
            .map(|service| service.service.clone())
            .collect()
    }

    /// Everything that may exist: what is desired, and what the rollout starts or ends.
    pub fn known(&self) -> BTreeSet<InstanceId> {
        let desired = self.kept.desired.instances.values().flatten();
        let plan = self
            .running
            .iter()
            .flat_map(|running| &running.plan.services);
        let moving =
            plan.flat_map(|service| service.old.iter().chain(&service.new).chain(&service.kept));
        let working = desired.chain(moving).chain(&self.beside);
        working.cloned().collect()
    }
}
