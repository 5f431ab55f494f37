//! How services of an environment reach each other: through the proxy, so that draining and
//! balancing hold inside as they do outside. Pure, but for [`Ways::here`].
//!
//! A process dials a stable loopback port of the proxy. A container dials the same port on its
//! network's gateway, which is this machine's own address there; it is only told of services with
//! which it shares a network. Where there is no such address (an engine elsewhere) the engine's
//! names lead to the service directly (decision 0010).

use mainstay_model::ServiceName;
use mainstay_proxy::config::Subnet;
use mainstay_stack::{NetworkMode, Stack, TargetKind};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

/// A stable port of the proxy for each service that listens.
pub(crate) type InternalPorts = BTreeMap<ServiceName, u16>;

/// This machine in each network of the stack, by the network's key in the files.
pub(crate) type Gateways = BTreeMap<String, Gateway>;

/// This machine in one network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gateway {
    pub(crate) address: IpAddr,
    /// Only who is in the network is listened to there.
    pub(crate) subnet: Option<Subnet>,
}

/// The key that Compose gives the network of a stack that names none.
const DEFAULT_NETWORK: &str = "default";

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Ways {
    pub(crate) ports: InternalPorts,
    pub(crate) gateways: Gateways,
}

impl Ways {
    /// Without the addresses that this machine does not have at the moment: a listener there would
    /// be refused, and all others with it.
    pub(crate) fn here(mut self) -> Self {
        self.gateways.retain(|_, gateway| is_ours(gateway.address));
        self
    }

    /// Where `from` reaches `to`; `None` where it must not, or where nobody listens.
    pub(crate) fn between(
        &self,
        stack: &Stack,
        from: &ServiceName,
        to: &ServiceName,
    ) -> Option<(String, u16)> {
        let port = *self.ports.get(to)?;
        let loopback = || (Ipv4Addr::LOCALHOST.to_string(), port);
        if stack.target == TargetKind::Process {
            return Some(loopback());
        }
        let (from, target) = (stack.services.get(from)?, stack.services.get(to)?);
        if from.container.network.mode == NetworkMode::Host {
            return Some(loopback());
        }
        let common = networks(stack, &from.name);
        let common: Vec<_> = common.intersection(&networks(stack, to)).cloned().collect();
        let gateway = common.iter().find_map(|key| self.gateways.get(key));
        match gateway {
            Some(gateway) => Some((gateway.address.to_string(), port)),
            None if common.is_empty() => None,
            None => Some((to.to_string(), target.ports.first()?.target)),
        }
    }

    /// Where the proxy listens for a service, beside what it publishes.
    pub(crate) fn listeners(&self, stack: &Stack, service: &ServiceName) -> Vec<SocketAddr> {
        let Some(port) = self.ports.get(service) else {
            return Vec::new();
        };
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let networks = networks(stack, service);
        let gateways = networks.iter().filter_map(|key| self.gateways.get(key));
        let gateways = gateways.map(|gateway| gateway.address);
        let addresses: BTreeSet<IpAddr> = std::iter::once(loopback).chain(gateways).collect();
        let at = |address| SocketAddr::new(address, *port);
        addresses.into_iter().map(at).collect()
    }
}

impl Ways {
    /// From where a listener at this address takes connections; `None`: from everywhere.
    pub(crate) fn subnet_of(&self, address: IpAddr) -> Option<Subnet> {
        let mut gateways = self.gateways.values();
        gateways.find(|gateway| gateway.address == address)?.subnet
    }
}

/// The networks that a container of a service joins.
pub(crate) fn networks(stack: &Stack, service: &ServiceName) -> BTreeSet<String> {
    let Some(service) = stack.services.get(service) else {
        return BTreeSet::new();
    };
    let network = &service.container.network;
    if stack.target == TargetKind::Process || network.mode != NetworkMode::Networks {
        return BTreeSet::new();
    }
    if network.networks.is_empty() {
        return BTreeSet::from([DEFAULT_NETWORK.to_owned()]);
    }
    network.networks.keys().cloned().collect()
}

/// Whether this machine has the address; asked of the kernel without sending anything.
fn is_ours(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use mainstay_stack::Attachment;

    fn name(text: &str) -> ServiceName {
        ServiceName::new(text).unwrap()
    }

    fn stack(target: TargetKind) -> Stack {
        let joined = |service: &str, networks: &[&str]| {
            let mut service = testing::service(service, 1);
            let keys = networks.iter().map(|key| (*key).to_owned());
            service.container.network.networks =
                keys.map(|key| (key, Attachment::default())).collect();
            service
        };
        let services = [
            joined("web", &["front"]),
            joined("app", &["front", "back"]),
            joined("db", &["back"]),
        ];
        Stack {
            target,
            ..testing::stack(services)
        }
    }

    fn ways() -> Ways {
        Ways {
            ports: [("web", 21_000), ("app", 21_001), ("db", 21_002)]
                .map(|(service, port)| (name(service), port))
                .into(),
            gateways: [("front", "172.18.0"), ("back", "172.19.0")]
                .map(|(key, net)| {
                    let gateway = Gateway {
                        address: format!("{net}.1").parse().unwrap(),
                        subnet: Some(format!("{net}.0/24").parse().unwrap()),
                    };
                    (key.to_owned(), gateway)
                })
                .into(),
        }
    }

    fn between(from: &str, to: &str) -> Option<(String, u16)> {
        ways().between(&stack(TargetKind::Docker), &name(from), &name(to))
    }

    #[test]
    fn who_shares_a_network_is_reached_through_its_gateway() {
        assert_eq!(
            between("web", "app"),
            Some(("172.18.0.1".to_owned(), 21_001))
        );
        assert_eq!(
            between("app", "db"),
            Some(("172.19.0.1".to_owned(), 21_002))
        );
        assert_eq!(between("web", "db"), None);
        let process = stack(TargetKind::Process);
        let way = ways().between(&process, &name("web"), &name("db"));
        assert_eq!(way, Some(("127.0.0.1".to_owned(), 21_002)));
    }

    #[test]
    fn without_a_gateway_the_engines_name_leads_there() {
        let ways = Ways {
            gateways: Gateways::new(),
            ..ways()
        };
        let way = ways.between(&stack(TargetKind::Docker), &name("app"), &name("db"));
        assert_eq!(way, Some(("db".to_owned(), 8000)));
    }

    #[test]
    fn a_service_listens_in_its_own_networks_only() {
        let stack = stack(TargetKind::Docker);
        let of = |service: &str| -> Vec<String> {
            let found = ways().listeners(&stack, &name(service));
            found.iter().map(ToString::to_string).collect()
        };
        assert_eq!(of("web"), ["127.0.0.1:21000", "172.18.0.1:21000"]);
        assert_eq!(of("db"), ["127.0.0.1:21002", "172.19.0.1:21002"]);
        let listened = |address: &str| ways().subnet_of(address.parse().unwrap());
        assert_eq!(listened("127.0.0.1"), None);
        assert_eq!(listened("172.18.0.1").unwrap().to_string(), "172.18.0.0/24");
        assert!(!is_ours("203.0.113.7".parse().unwrap()));
    }
}
