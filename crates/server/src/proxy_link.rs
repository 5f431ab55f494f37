//! The control plane's hold on the proxy: one configuration at a time, applied in order.

use crate::control::{Control, now};
use crate::environment::{Environment, Weights};
use crate::front::{Front, Issued};
use crate::paths::DataDirectory;
use crate::proxy_process;
use crate::traffic::{self, Share};
use mainstay_model::{InstanceId, Scope, Timestamp};
use mainstay_proxy::Client;
use mainstay_proxy::config::{CertificateStatus, Config, Status};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Why the proxy does not have what it is to have.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ProxyProblem(pub(crate) String);

/// The client, what was applied last, and what is wrong.
#[derive(Debug)]
pub struct ProxyLink {
    client: Client,
    front: Front,
    issued: Mutex<Issued>,
    /// As the proxy said when it was looked at last.
    certificates: Mutex<Vec<CertificateStatus>>,
    /// Serialises applying; holds the last configuration that was accepted.
    applied: tokio::sync::Mutex<Option<Config>>,
    problem: Mutex<Option<(String, Timestamp)>>,
}

impl ProxyLink {
    pub fn new(client: Client, front: Front) -> Self {
        Self {
            client,
            front,
            issued: Mutex::default(),
            certificates: Mutex::default(),
            applied: tokio::sync::Mutex::new(None),
            problem: Mutex::new(None),
        }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Where routes without a port of their own are served.
    pub fn main(&self) -> SocketAddr {
        self.front.http
    }

    pub fn front(&self) -> &Front {
        &self.front
    }

    /// Changes what is had from an authority; the next application puts it in force.
    pub(crate) fn change_issued(&self, change: impl FnOnce(&mut Issued)) {
        change(&mut self.issued.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The certificates as the proxy has them.
    pub fn certificates(&self) -> Vec<CertificateStatus> {
        let certificates = self.certificates.lock();
        certificates.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn look_at_certificates(&self, seen: &Status) {
        let mut certificates = self
            .certificates
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        certificates.clone_from(&seen.certificates);
    }

    /// What is wrong with the proxy, in words; `None`: nothing.
    pub fn problem(&self) -> Option<String> {
        let problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        problem.as_ref().map(|(words, _)| words.clone())
    }

    fn note(&self, result: Result<(), String>, now: Timestamp) {
        let mut problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        *problem = result.err().map(|words| {
            tracing::warn!(problem = %words, "the proxy does not have its configuration");
            (words, now)
        });
    }

    /// The proxy's status now; `None` where it does not answer.
    pub async fn status(&self) -> Option<Status> {
        self.client.status().await.ok()
    }

    /// Makes sure that a proxy runs, and gives it what `shares` come to unless it has that already.
    /// They are asked for when it is our turn: shares from before could undo what somebody
    /// applied since.
    async fn apply(
        &self,
        data: &DataDirectory,
        program: &Path,
        shares: impl FnOnce() -> Vec<Share>,
    ) -> Result<(), ProxyProblem> {
        let mut applied = self.applied.lock().await;
        let seen = proxy_process::ensure(data, program, &self.client)
            .await
            .map_err(|error| ProxyProblem(error.to_string()))?;
        self.look_at_certificates(&seen);
        let issued = self
            .issued
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let config = traffic::config(seen.revision, &self.front, &issued, &shares());
        // A proxy that was restarted has its last revision from its disk; an address that was
        // taken then it has left out, and takes with the next revision.
        if applied.as_ref() == Some(&config) && listens_everywhere(&seen, &config) {
            return Ok(());
        }
        let next = Config {
            revision: seen.revision + 1,
            ..config
        };
        let accepted = self.client.apply(&spoken(&next, &seen)?).await;
        accepted.map_err(|error| ProxyProblem(error.to_string()))?;
        *applied = Some(next);
        Ok(())
    }
}

/// In the words of the proxy that runs: it outlives an upgrade, and then speaks an older protocol.
fn spoken(config: &Config, running: &Status) -> Result<Config, ProxyProblem> {
    let protocol = config.protocol.min(running.protocol);
    if protocol < config.least_protocol() {
        return Err(ProxyProblem(format!(
            "the running proxy (version {}, pid {}) knows no TLS\nhint: end it with `kill {}`; it finishes its requests, and this version starts in its place",
            running.version, running.pid, running.pid
        )));
    }
    Ok(Config {
        protocol,
        ..config.clone()
    })
}

fn listens_everywhere(status: &Status, config: &Config) -> bool {
    let mut wanted = config.listeners.iter();
    wanted.all(|wanted| {
        let mut there = status.listeners.iter();
        there.any(|listener| listener.address == wanted.address)
    })
}

impl Control {
    /// Makes sure that a proxy runs and has the configuration that the environments want now.
    pub(crate) async fn apply_traffic(&self) -> Result<(), ProxyProblem> {
        let link = self.proxy();
        let result = link
            .apply(self.data(), self.program(), || self.shares())
            .await;
        link.note(result.clone().map_err(|problem| problem.to_string()), now());
        result
    }

    /// What every environment wants of the proxy.
    pub fn shares(&self) -> Vec<Share> {
        self.environments()
            .iter()
            .filter_map(|environment| environment.share(self.addresses(&environment.scope)))
            .collect()
    }

    fn addresses(&self, scope: &Scope) -> BTreeMap<InstanceId, SocketAddr> {
        self.observe(scope)
            .into_iter()
            .filter_map(|status| Some((status.id, status.address?)))
            .collect()
    }

    /// Takes the weights of an environment from what the proxy does now, at start-up: nothing of
    /// it changes because the control plane is new.
    pub async fn adopt_weights(&self, environment: &Arc<Environment>) {
        let Some(status) = self.proxy().status().await else {
            return;
        };
        let mut weights = Weights::new();
        for endpoint in status.endpoints {
            let id = instance_of(&environment.scope, &endpoint.instance);
            if let (Some(id), Some(weight)) = (id, endpoint.weight) {
                weights
                    .entry(id.service.clone())
                    .or_default()
                    .insert(id, weight);
            }
        }
        environment.inner().weights = weights;
    }
}

/// The id in a full name, where the instance belongs to `scope`.
pub(crate) fn instance_of(scope: &Scope, name: &str) -> Option<InstanceId> {
    let prefix = format!("{}-{}-", scope.stack, scope.environment);
    let id: InstanceId = name.strip_prefix(&prefix)?.parse().ok()?;
    // `a-b` in `c` and `a` in `b-c` share a prefix; the whole name decides.
    (scope.instance_name(&id) == name).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_found_by_its_full_name_in_its_own_scope() {
        let scope: Scope = serde_json::from_str(r#"{"stack":"shop","environment":"dev"}"#).unwrap();
        let id = instance_of(&scope, "shop-dev-my-app-r3-1").unwrap();
        assert_eq!(id.to_string(), "my-app-r3-1");
        assert_eq!(instance_of(&scope, "other-dev-app-r3-1"), None);
        assert_eq!(instance_of(&scope, "shop-dev-app"), None);
    }
}
