//! What containers stand on: networks and volumes, made where they are missing.
//!
//! Both bear our labels. A network is removed with its environment, a volume never is, but
//! those that a drill filled for itself (`filled`). One that is
//! there and not of this environment is somebody's: it is used only where the files say `external`.

use super::body::hash;
use super::engine::Engine;
use super::failure::{Answer, Failure};
use super::labels::{self, Labels};
use crate::spec::{Network, Volume};
use bollard::models::{
    Ipam, IpamConfig, NetworkCreateRequest, NetworkInspect, VolumeCreateRequest,
};
use bollard::query_parameters::ListNetworksOptionsBuilder;
use mainstay_model::Scope;
use std::collections::HashMap;
use std::net::IpAddr;

/// A network that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkSeen {
    /// This machine's address in it, where the engine is this machine's.
    pub gateway: Option<IpAddr>,
    /// Its addresses: `172.18.0.0/16`.
    pub subnet: Option<String>,
}

impl Engine {
    /// The caller sees to it that nobody makes the same network at the same time: the engine
    /// allows two of one name.
    pub(crate) async fn ensure_network(
        &self,
        scope: &Scope,
        network: &Network,
    ) -> Answer<NetworkSeen> {
        if let Some(found) = self.find_network(&network.name).await? {
            check(scope, network, &found)?;
            return Ok(seen(&found));
        }
        if network.external {
            return Err(Failure::new(
                format!("the external network `{}` is not there", network.name),
                format!("make it: `docker network create {}`", network.name),
            ));
        }
        let request = self.network_request(scope, network);
        let docker = self.api().await?;
        let made = docker.create_network(request).await;
        made.map_err(self.failed())?;
        let found = self.find_network(&network.name).await?;
        found.as_ref().map(seen).ok_or_else(|| {
            let words = format!("the network `{}` went as soon as it was made", network.name);
            Failure::new(words, "somebody removes networks: `docker events`")
        })
    }

    async fn find_network(&self, name: &str) -> Answer<Option<NetworkInspect>> {
        let docker = self.api().await?;
        let found = docker.inspect_network(name, None).await;
        match found.map_err(self.failed()) {
            Ok(found) => Ok(Some(found)),
            Err(failure) if failure.is_missing() => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    fn network_request(&self, scope: &Scope, network: &Network) -> NetworkCreateRequest {
        let pools = network.pools.iter().map(|pool| IpamConfig {
            subnet: pool.subnet.clone(),
            gateway: pool.gateway.clone(),
            ip_range: pool.ip_range.clone(),
            auxiliary_addresses: Some(hash(&pool.reserved)),
        });
        let pools: Vec<_> = pools.collect();
        NetworkCreateRequest {
            name: network.name.clone(),
            driver: Some(
                network
                    .driver
                    .clone()
                    .unwrap_or_else(|| "bridge".to_owned()),
            ),
            internal: Some(network.internal),
            attachable: Some(network.attachable),
            enable_ipv6: Some(network.ipv6),
            options: Some(hash(&network.options)),
            ipam: Some(Ipam {
                driver: network.ipam_driver.clone(),
                config: (!pools.is_empty()).then_some(pools),
                options: Some(hash(&network.ipam_options)),
            }),
            labels: Some(self.labelled(scope, &network.labels)),
            ..NetworkCreateRequest::default()
        }
    }

    fn labelled(
        &self,
        scope: &Scope,
        users: &std::collections::BTreeMap<String, String>,
    ) -> Labels {
        let mut labels = hash(users);
        labels.extend(labels::of_scope(&self.server, scope));
        labels
    }

    /// Removes the networks of an environment, as far as nobody is in them; the names of those
    /// that stay.
    pub(crate) async fn remove_networks(&self, scope: &Scope) -> Answer<Vec<String>> {
        let docker = self.api().await?;
        let wanted = labels::of_scope(&self.server, scope).into_iter();
        let marks: Vec<String> = wanted
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let options = ListNetworksOptionsBuilder::default()
            .filters(&HashMap::from([("label", marks)]))
            .build();
        let found = docker.list_networks(Some(options)).await;
        let mut stay = Vec::new();
        for network in found.map_err(self.failed())? {
            let (Some(id), Some(name)) = (network.id, network.name) else {
                continue;
            };
            match docker.remove_network(&id).await.map_err(self.failed()) {
                Ok(()) => {}
                Err(failure) if failure.is_missing() => {}
                Err(failure) if failure.is_unreachable() => return Err(failure),
                Err(failure) => {
                    tracing::warn!(network = name, reason = failure.line(), "a network stays");
                    stay.push(name);
                }
            }
        }
        Ok(stay)
    }

    /// One of them; false: somebody is still in it.
    pub(crate) async fn remove_network(&self, scope: &Scope, name: &str) -> Answer<bool> {
        let Some(found) = self.find_network(name).await? else {
            return Ok(true);
        };
        let ours = labels::of_scope(&self.server, scope);
        let marks = found.labels.unwrap_or_default();
        if !ours
            .iter()
            .all(|(key, value)| marks.get(key) == Some(value))
        {
            return Ok(true);
        }
        let docker = self.api().await?;
        match docker.remove_network(name).await.map_err(self.failed()) {
            Ok(()) => Ok(true),
            Err(failure) if failure.is_missing() => Ok(true),
            Err(failure) if failure.is_unreachable() => Err(failure),
            Err(failure) => {
                tracing::debug!(network = name, reason = failure.line(), "a network stays");
                Ok(false)
            }
        }
    }

    pub(crate) async fn ensure_volume(&self, scope: &Scope, volume: &Volume) -> Answer<()> {
        let docker = self.api().await?;
        let found = docker.inspect_volume(&volume.name).await;
        match found.map_err(self.failed()) {
            Ok(_) if volume.external => return Ok(()),
            Ok(found) if labels::scope(&found.labels).as_ref() == Some(scope) => return Ok(()),
            Ok(_) => {
                return Err(Failure::new(
                    format!(
                        "the volume `{}` is there and is not of {scope}",
                        volume.name
                    ),
                    "say `external: true` where it is to be used, or give yours another `name`",
                ));
            }
            Err(failure) if failure.is_missing() && !volume.external => {}
            Err(failure) if failure.is_missing() => {
                return Err(Failure::new(
                    format!("the external volume `{}` is not there", volume.name),
                    format!("make it: `docker volume create {}`", volume.name),
                ));
            }
            Err(failure) => return Err(failure),
        }
        let request = VolumeCreateRequest {
            name: Some(volume.name.clone()),
            driver: Some(volume.driver.clone().unwrap_or_else(|| "local".to_owned())),
            driver_opts: Some(hash(&volume.options)),
            labels: Some(self.labelled(scope, &volume.labels)),
            cluster_volume_spec: None,
        };
        let made = docker.create_volume(request).await;
        made.map(drop).map_err(self.failed())
    }
}

/// Refuses a network that is another's, or not as the files say.
fn check(scope: &Scope, wanted: &Network, found: &NetworkInspect) -> Answer<()> {
    if wanted.external {
        return Ok(());
    }
    let name = &wanted.name;
    let owner = found.labels.as_ref().and_then(labels::scope);
    if owner.as_ref() != Some(scope) {
        return Err(Failure::new(
            format!("the network `{name}` is there and is not of {scope}"),
            "say `external: true` where it is to be used, or give yours another `name`",
        ));
    }
    if found.internal.unwrap_or_default() != wanted.internal {
        return Err(Failure::new(
            format!("the network `{name}` is there with another `internal`"),
            "take the environment down first: `mainstay down`, which removes its networks",
        ));
    }
    Ok(())
}

fn seen(found: &NetworkInspect) -> NetworkSeen {
    let pools = found.ipam.as_ref().and_then(|ipam| ipam.config.as_ref());
    let is_v4 = |pool: &&IpamConfig| {
        let subnet = pool.subnet.as_deref();
        subnet.is_some_and(|subnet| !subnet.contains(':'))
    };
    let pool = pools.and_then(|pools| pools.iter().find(is_v4).or(pools.first()));
    let bridge = found.driver.as_deref() == Some("bridge");
    NetworkSeen {
        gateway: pool
            .filter(|_| bridge)
            .and_then(|pool| pool.gateway.as_deref())
            // Written with its prefix by some engines.
            .and_then(|text| text.split('/').next()?.parse().ok()),
        subnet: pool.and_then(|pool| pool.subnet.clone()),
    }
}
