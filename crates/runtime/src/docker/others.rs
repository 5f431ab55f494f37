//! Everything that runs on an engine, ours or not: for those who find targets among it.

use super::address::EngineAddress;
use super::engine::Engine;
use crate::target::TargetError;
use bollard::models::{ContainerSummary, Network, PortSummaryTypeEnum};
use bollard::query_parameters::ListContainersOptionsBuilder;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// For both answers together.
const PATIENCE: Duration = Duration::from_secs(30);

/// A container that runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OtherContainer {
    pub id: String,
    /// The first of its names, with the slash that the engine puts before it.
    pub name: String,
    /// `bridge`, `host`, `container:ID`, the name of a network …
    pub network_mode: String,
    pub labels: BTreeMap<String, String>,
    /// By the network's name.
    pub networks: BTreeMap<String, Attached>,
    pub ports: Vec<OtherPort>,
}

/// How a container is in a network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attached {
    pub network: String,
    pub address: String,
}

/// A port over TCP.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OtherPort {
    pub private: u16,
    /// Where it is published, and on which address.
    pub public: Option<(u16, String)>,
}

/// A network, by its id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OtherNetwork {
    pub id: String,
    pub name: String,
    pub scope: String,
    pub internal: bool,
    pub ingress: bool,
    pub labels: BTreeMap<String, String>,
}

/// What runs on an engine, by the engine's own filters, and its networks.
pub async fn others(
    address: &EngineAddress,
    filters: &[(String, Vec<String>)],
) -> Result<(Vec<OtherContainer>, Vec<OtherNetwork>), TargetError> {
    let engine = Engine::new(address.clone(), String::new());
    let docker = engine.api().await?;
    let filters: HashMap<&str, Vec<String>> = filters
        .iter()
        .map(|(name, values)| (name.as_str(), values.clone()))
        .collect();
    let options = ListContainersOptionsBuilder::default()
        .filters(&filters)
        .build();
    let asked = async {
        let containers = docker.list_containers(Some(options)).await?;
        let networks = docker.list_networks(None).await?;
        Ok((containers, networks))
    };
    let answer = tokio::time::timeout(PATIENCE, asked).await;
    let answer = answer.unwrap_or(Err(bollard::errors::Error::RequestTimeoutError));
    let (containers, networks) = answer.map_err(engine.failed())?;
    let containers = containers.into_iter().filter_map(container).collect();
    Ok((containers, networks.into_iter().map(network).collect()))
}

/// One without a name is just being made.
fn container(found: ContainerSummary) -> Option<OtherContainer> {
    let networks = found
        .network_settings
        .and_then(|settings| settings.networks);
    let networks = networks.unwrap_or_default().into_iter();
    let ports = found.ports.unwrap_or_default().into_iter();
    let ports = ports.filter(|port| port.typ == Some(PortSummaryTypeEnum::TCP));
    let mode = found.host_config.and_then(|config| config.network_mode);
    Some(OtherContainer {
        name: found.names?.into_iter().next()?,
        id: found.id.unwrap_or_default(),
        network_mode: mode.unwrap_or_default(),
        labels: found.labels.unwrap_or_default().into_iter().collect(),
        networks: networks
            .map(|(name, end)| {
                let attached = Attached {
                    network: end.network_id.unwrap_or_default(),
                    address: end.ip_address.unwrap_or_default(),
                };
                (name, attached)
            })
            .collect(),
        ports: ports
            .map(|port| OtherPort {
                private: port.private_port,
                public: port
                    .public_port
                    .filter(|public| *public > 0)
                    .map(|public| (public, port.ip.unwrap_or_default())),
            })
            .collect(),
    })
}

fn network(found: Network) -> OtherNetwork {
    OtherNetwork {
        id: found.id.unwrap_or_default(),
        name: found.name.unwrap_or_default(),
        scope: found.scope.unwrap_or_default(),
        internal: found.internal.unwrap_or_default(),
        ingress: found.ingress.unwrap_or_default(),
        labels: found.labels.unwrap_or_default().into_iter().collect(),
    }
}
