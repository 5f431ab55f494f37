//! From what every environment wants of the proxy to the one configuration it is given. Pure.
//!
//! **Invariant:** a request that had an endpoint before a rollout has one during it: where a
//! route moves to another service, it moves once that service takes requests.

use crate::front::{Front, Issued};
use crate::ways::Ways;
use mainstay_model::{Bytes, InstanceId, Scope, ServiceName};
use mainstay_proxy::config::{
    Accept, Balance, Config, Endpoint, HealthCheck, Limits, Listener, PROTOCOL, Pool, Route,
};
use mainstay_stack as stack;
use mainstay_stack::{PortProtocol, Probe, Stack};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// What one environment wants of the proxy.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    pub scope: Scope,
    /// The stack whose routes hold; during a rollout the new one.
    pub stack: Stack,
    /// During a rollout the one before.
    pub before: Option<Stack>,
    pub(crate) ways: Ways,
    /// Weight of each instance; those with no address yet are left out.
    pub weights: BTreeMap<ServiceName, BTreeMap<InstanceId, u32>>,
    pub addresses: BTreeMap<InstanceId, SocketAddr>,
}

/// Two environments that ask for the same thing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is wanted by {first} and by {second}")]
pub(crate) struct Clash {
    pub what: String,
    pub first: Scope,
    pub second: Scope,
}

/// The whole configuration. `front` is where routes without a port of their own are served.
pub(crate) fn config(revision: u64, front: &Front, issued: &Issued, shares: &[Share]) -> Config {
    let mut routes = Vec::new();
    let mut pools = BTreeMap::new();
    for share in shares {
        routes.extend(share_routes(share));
        pools.extend(share_pools(share));
    }
    let mut listeners = front.listeners(routes);
    listeners.extend(shares.iter().flat_map(share_listeners));
    Config {
        protocol: PROTOCOL,
        revision,
        listeners,
        pools,
        limits: Limits::default(),
        tls: front.tls(issued),
        challenges: issued.challenges.clone(),
    }
}

/// What would be served twice, before it is asked for.
pub(crate) fn clashes(front: &Front, shares: &[Share]) -> Vec<Clash> {
    let mut routes: BTreeMap<(Vec<String>, String), &Scope> = BTreeMap::new();
    let mut addresses: BTreeMap<SocketAddr, &Scope> = BTreeMap::new();
    let mut clashes = Vec::new();
    let is_front = |address| front.addresses().any(|own| own == address);
    for share in shares {
        for route in &share.stack.routes {
            let key = (route.hosts.clone(), route.path.clone());
            let hosts = if route.hosts.is_empty() {
                "every host".to_owned()
            } else {
                route.hosts.join(", ")
            };
            if let Some(first) = routes.insert(key, &share.scope) {
                clashes.push(Clash {
                    what: format!("route {} on {hosts}", route.path),
                    first: first.clone(),
                    second: share.scope.clone(),
                });
            }
        }
        for (_, address, _) in published(&share.stack) {
            let other = addresses.insert(address, &share.scope);
            if let Some(first) = other.or(is_front(address).then_some(&share.scope)) {
                clashes.push(Clash {
                    what: format!("address {address}"),
                    first: first.clone(),
                    second: share.scope.clone(),
                });
            }
        }
    }
    clashes
}

/// Addresses that a stack publishes: service, address, protocol. Without `host_ip` it is loopback,
/// a stated deviation from Compose, which opens every interface.
pub(crate) fn published(stack: &Stack) -> Vec<(&ServiceName, SocketAddr, PortProtocol)> {
    stack
        .services
        .values()
        .flat_map(|service| {
            service.ports.iter().filter_map(move |port| {
                let ip = port.host_ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
                let address = SocketAddr::new(ip, port.published?);
                Some((&service.name, address, port.protocol))
            })
        })
        .collect()
}

/// The name of a service's pool.
pub(crate) fn pool_name(scope: &Scope, service: &ServiceName) -> String {
    format!("{scope}/{service}")
}

fn share_routes(share: &Share) -> Vec<Route> {
    let key = |route: &stack::Route| (route.hosts.clone(), route.path.clone());
    let before = share.before.as_ref().map_or(&[][..], |stack| &stack.routes);
    let new_keys: BTreeSet<_> = share.stack.routes.iter().map(key).collect();
    let moved = share.stack.routes.iter().map(|route| {
        let old = before.iter().find(|old| key(old) == key(route));
        match old {
            Some(old) if !takes_requests(share, &route.service) => old,
            _ => route,
        }
    });
    let ending = before
        .iter()
        .filter(|route| !new_keys.contains(&key(route)));
    moved
        .chain(ending)
        .map(|route| proxy_route(share, route))
        .collect()
}

fn takes_requests(share: &Share, service: &ServiceName) -> bool {
    share
        .weights
        .get(service)
        .is_some_and(|weights| weights.values().any(|weight| *weight > 0))
}

fn proxy_route(share: &Share, route: &stack::Route) -> Route {
    Route {
        name: format!("{} {}{}", share.scope, route.hosts.join(","), route.path),
        hosts: route.hosts.clone(),
        path: route.path.clone(),
        strip_prefix: route.strip_prefix,
        pool: pool_name(&share.scope, &route.service),
        timeout: route.timeout,
        max_body: route.max_body,
    }
}

/// Published ports, and the internal port of every service that listens.
fn share_listeners(share: &Share) -> Vec<Listener> {
    let mut listeners = Vec::new();
    let mut seen = BTreeSet::new();
    for stack in std::iter::once(&share.stack).chain(&share.before) {
        for (service, address, protocol) in published(stack) {
            if seen.insert(address) {
                let port = address.port();
                let name = format!("{}:{port}", pool_name(&share.scope, service));
                listeners.push(listener(share, name, service, address, protocol));
            }
        }
    }
    for service in share.ways.ports.keys() {
        let protocol = protocol(share, service);
        for address in internal(share, service) {
            let name = format!(
                "{} internal {}",
                pool_name(&share.scope, service),
                address.ip()
            );
            listeners.push(listener(share, name, service, address, protocol));
        }
    }
    listeners
}

/// Where the other services reach this one: as the new stack has it, and as the old one had it for
/// those that still run.
fn internal(share: &Share, service: &ServiceName) -> BTreeSet<SocketAddr> {
    let stacks = std::iter::once(&share.stack).chain(&share.before);
    stacks
        .flat_map(|stack| share.ways.listeners(stack, service))
        .collect()
}

fn protocol(share: &Share, service: &ServiceName) -> PortProtocol {
    let find = |stack: &Stack| Some(stack.services.get(service)?.ports.first()?.protocol);
    find(&share.stack)
        .or_else(|| share.before.as_ref().and_then(find))
        .unwrap_or(PortProtocol::Http)
}

fn listener(
    share: &Share,
    name: String,
    service: &ServiceName,
    address: SocketAddr,
    protocol: PortProtocol,
) -> Listener {
    let pool = pool_name(&share.scope, service);
    let accept = match protocol {
        PortProtocol::Tcp => Accept::Tcp { pool },
        PortProtocol::Http => Accept::Http {
            routes: vec![Route {
                name: name.clone(),
                hosts: Vec::new(),
                path: "/".to_owned(),
                strip_prefix: false,
                pool,
                timeout: Duration::from_secs(60),
                max_body: Bytes(1 << 30),
            }],
        },
    };
    Listener {
        name,
        address,
        from: share.ways.subnet_of(address.ip()),
        tls: None,
        redirect: None,
        accept,
    }
}

/// A pool for each service that listens, before or after, also where nothing runs yet: its
/// requests are answered with 503 and the service's name.
fn share_pools(share: &Share) -> BTreeMap<String, Pool> {
    let mut pools = BTreeMap::new();
    for stack in share.before.iter().chain(std::iter::once(&share.stack)) {
        for service in stack.services.values() {
            pools.insert(
                pool_name(&share.scope, &service.name),
                Pool {
                    balance: balance(stack, &service.name),
                    endpoints: endpoints(share, &service.name),
                    health: service.health.as_ref().and_then(health),
                    service: service.name.to_string(),
                    environment: share.scope.environment.to_string(),
                    stack: share.scope.stack.to_string(),
                },
            );
        }
    }
    pools
}

fn endpoints(share: &Share, service: &ServiceName) -> Vec<Endpoint> {
    let Some(weights) = share.weights.get(service) else {
        return Vec::new();
    };
    weights
        .iter()
        .filter_map(|(id, weight)| {
            Some(Endpoint {
                instance: share.scope.instance_name(id),
                release: id.release.to_string(),
                address: *share.addresses.get(id)?,
                weight: *weight,
            })
        })
        .collect()
}

fn balance(stack: &Stack, service: &ServiceName) -> Balance {
    let route = stack.routes.iter().find(|route| route.service == *service);
    match route.map(|route| route.balance) {
        None | Some(stack::Balance::RoundRobin) => Balance::RoundRobin,
        Some(stack::Balance::LeastConnections) => Balance::LeastConnections,
        Some(stack::Balance::ClientIp) => Balance::ClientIp,
    }
}

fn health(health: &stack::HealthCheck) -> Option<HealthCheck> {
    let path = match &health.probe {
        Probe::Http { path } => Some(path.clone()),
        Probe::Tcp => None,
        // What only the runtime can ask, the proxy does not.
        Probe::Command { .. } => return None,
    };
    Some(HealthCheck {
        path,
        interval: health.interval.max(Duration::from_secs(1)),
        timeout: health.timeout,
        failures: health.retries.max(1),
        passes: health.passes.max(1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use mainstay_model::{EnvironmentName, StackName};
    use mainstay_stack::server_file::ServerFile;

    fn route(path: &str, service: &str) -> stack::Route {
        stack::Route {
            hosts: Vec::new(),
            path: path.to_owned(),
            strip_prefix: false,
            service: ServiceName::new(service).unwrap(),
            balance: stack::Balance::RoundRobin,
            timeout: Duration::from_secs(30),
            max_body: Bytes(1 << 20),
            probe: true,
        }
    }

    fn share(routes: Vec<stack::Route>) -> Share {
        let mut stack = testing::stack([testing::service("a", 1), testing::service("b", 1)]);
        stack.routes = routes;
        Share {
            scope: stack.scope(),
            stack,
            before: None,
            ways: Ways::default(),
            weights: BTreeMap::new(),
            addresses: BTreeMap::new(),
        }
    }

    fn front() -> Front {
        Front::new("127.0.0.1:8080".parse().unwrap(), &ServerFile::default())
    }

    fn config(revision: u64, shares: &[Share]) -> Config {
        super::config(revision, &front(), &Issued::default(), shares)
    }

    fn pool_of_root(config: &Config) -> String {
        let Accept::Http { routes } = &config.listeners[0].accept else {
            panic!("main listens for HTTP");
        };
        routes[0].pool.clone()
    }

    #[test]
    fn a_route_moves_once_its_new_service_takes_requests() {
        let mut share = share(vec![route("/", "b")]);
        share.before = Some(Stack {
            routes: vec![route("/", "a")],
            ..share.stack.clone()
        });
        assert_eq!(
            pool_of_root(&config(1, std::slice::from_ref(&share))),
            "shop/dev/a"
        );
        let id: InstanceId = "b-r2-1".parse().unwrap();
        let weights = BTreeMap::from([(id, 100)]);
        share
            .weights
            .insert(ServiceName::new("b").unwrap(), weights);
        assert_eq!(pool_of_root(&config(2, &[share])), "shop/dev/b");
    }

    #[test]
    fn an_instance_without_an_address_is_no_endpoint_yet() {
        let mut share = share(vec![route("/", "a")]);
        let ids: Vec<InstanceId> = ["a-r1-1", "a-r1-2"].map(|id| id.parse().unwrap()).into();
        let weights = ids.iter().map(|id| (id.clone(), 100)).collect();
        share
            .weights
            .insert(ServiceName::new("a").unwrap(), weights);
        share
            .addresses
            .insert(ids[1].clone(), "127.0.0.1:20001".parse().unwrap());
        let config = config(1, &[share]);
        let endpoints = &config.pools["shop/dev/a"].endpoints;
        assert_eq!(endpoints.len(), 1);
        assert_eq!(endpoints[0].instance, "shop-dev-a-r1-2");
        assert_eq!(endpoints[0].release, "r1");
    }

    #[test]
    fn two_environments_cannot_have_the_same_route() {
        let first = share(vec![route("/", "a")]);
        let mut second = first.clone();
        second.scope = Scope {
            stack: StackName::new("shop").unwrap(),
            environment: EnvironmentName::new("staging").unwrap(),
        };
        let clashes = clashes(&front(), &[first, second]);
        assert_eq!(
            clashes[0].to_string(),
            "route / on every host is wanted by shop/dev and by shop/staging"
        );
    }
}
