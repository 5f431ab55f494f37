//! `routes`, or the one that goes without saying.

use super::health::unknown;
use crate::decode::{Found, duration, flag, size, text, texts};
use crate::resolved::{Balance, PortProtocol, Route};
use crate::source::At;
use crate::tree::Node;
use mainstay_model::{Bytes, Problem, Problems, ServiceName};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

type Services = BTreeMap<ServiceName, Found>;

/// The routes of the section; without it, every request goes to the one service that publishes
/// an HTTP port.
pub(crate) fn routes(
    tree: &Node,
    services: &Services,
    inactive: &BTreeSet<String>,
    problems: &mut Problems,
) -> Vec<Route> {
    let Some(section) = tree.get("routes") else {
        return published(services, problems);
    };
    let mut routes: Vec<(Route, At)> = Vec::new();
    for node in section.items() {
        if let Some(service) = node
            .get("service")
            .filter(|service| is_in(inactive, service))
        {
            let name = service.as_text().unwrap_or_default();
            let message = format!("no active profile starts `{name}`: this route is left out");
            let problem = Problem::warning("mainstay/inactive-route", message);
            problems.push(problem.at(service.at.place()));
            continue;
        }
        let Some(route) = route(node, services, problems) else {
            continue;
        };
        if let Some((_, first)) = routes.iter().find(|(old, _)| clash(old, &route)) {
            let message = format!("this route is the one at {} again", first.place());
            let problem = Problem::error("mainstay/route", message).at(node.at.place());
            problems.push(problem.hint("give it another `host` or `path`"));
        }
        routes.push((route, node.at.clone()));
    }
    routes.into_iter().map(|(route, _)| route).collect()
}

fn is_in(names: &BTreeSet<String>, node: &Node) -> bool {
    node.as_text().is_some_and(|name| names.contains(name))
}

fn published(services: &Services, problems: &mut Problems) -> Vec<Route> {
    let publishing: Vec<&Found> = services
        .values()
        .filter(|found| {
            let mut ports = found.service.ports.iter();
            ports.any(|port| port.published.is_some() && port.protocol == PortProtocol::Http)
        })
        .collect();
    match publishing.as_slice() {
        [] => Vec::new(),
        [one] => vec![every_request(one.service.name.clone())],
        [first, ..] => {
            let names: Vec<&str> = publishing.iter().map(|f| f.service.name.as_str()).collect();
            let names = crate::check::list(&names);
            problems.push(
                Problem::warning("mainstay/no-route", format!("{names} publish ports and no route says which gets the requests; each is reached by its own port only"))
                    .at(first.at.place())
                    .hint("write `routes:` in mainstay.yaml; `mainstay init` begins it for you"),
            );
            Vec::new()
        }
    }
}

fn every_request(service: ServiceName) -> Route {
    Route {
        hosts: Vec::new(),
        path: "/".to_owned(),
        strip_prefix: false,
        service,
        balance: Balance::RoundRobin,
        timeout: Duration::from_mins(1),
        max_body: Bytes(100 << 20),
        probe: true,
    }
}

fn route(node: &Node, services: &Services, problems: &mut Problems) -> Option<Route> {
    let Some(service) = node.get("service") else {
        let problem = Problem::error("mainstay/route", "a route needs a `service`");
        problems.push(problem.at(node.at.place()));
        return None;
    };
    let name = service.as_text().unwrap_or_default();
    let Some((name, found)) = services.get_key_value(name) else {
        let names = services.keys().map(ServiceName::as_str);
        problems.push(unknown(name, names).at(service.at.place()));
        return None;
    };
    if found
        .service
        .ports
        .iter()
        .any(|port| port.protocol == PortProtocol::Tcp)
        && found
            .service
            .ports
            .iter()
            .all(|port| port.protocol == PortProtocol::Tcp)
    {
        let message =
            format!("service `{name}` speaks no HTTP: bytes are passed through to its ports");
        let problem = Problem::error("mainstay/route", message).at(service.at.place());
        problems.push(problem.hint(
            "where it does, say so of a port: `ports: [{target: PORT, app_protocol: http}]`",
        ));
    }
    let mut route = every_request(name.clone());
    route.hosts = hosts(node, problems);
    route.strip_prefix = flag(node, "strip_prefix").unwrap_or(false);
    route.timeout = duration(node, "timeout").unwrap_or(route.timeout);
    route.max_body = size(node, "max_body").unwrap_or(route.max_body);
    route.probe = flag(node, "probe").unwrap_or(true);
    route.balance = match text(node, "balance").as_deref() {
        Some("least-connections") => Balance::LeastConnections,
        Some("client-ip") => Balance::ClientIp,
        _ => Balance::RoundRobin,
    };
    if let Some(path) = node.get("path") {
        route.path = self::path(path, problems)?;
    }
    Some(route)
}

fn path(node: &Node, problems: &mut Problems) -> Option<String> {
    let text = node.as_text().unwrap_or_default();
    let good = text.starts_with('/')
        && !text.contains(['?', '#', '*'])
        && !text.contains(char::is_whitespace)
        && !text.contains("//");
    if !good {
        let found = node.scalar().map(crate::check::found).unwrap_or_default();
        let message = format!("{found} is not a path");
        let problem = Problem::error("mainstay/route", message).at(node.at.place());
        problems.push(problem.hint("a path begins with `/` and has no wildcard: `/api`"));
        return None;
    }
    // `/api/` and `/api` are one prefix of whole segments.
    Some(match text.trim_end_matches('/') {
        "" => "/".to_owned(),
        path => path.to_owned(),
    })
}

fn hosts(node: &Node, problems: &mut Problems) -> Vec<String> {
    let mut hosts = texts(node.get("host"));
    for (host, item) in hosts
        .iter_mut()
        .zip(node.get("host").map(Node::items).unwrap_or_default())
    {
        host.make_ascii_lowercase();
        let labels = host.strip_prefix("*.").unwrap_or(host);
        let good = !labels.is_empty()
            && labels.split('.').all(|label| {
                !label.is_empty()
                    && label
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
            });
        if !good {
            let found = item.scalar().map(crate::check::found).unwrap_or_default();
            let problem = Problem::error("mainstay/route", format!("{found} is not a host"));
            problems.push(
                problem
                    .at(item.at.place())
                    .hint("a host is a name without port or path: `example.org`, `*.example.org`"),
            );
        }
    }
    hosts
}

/// Two routes that no request could tell apart.
fn clash(a: &Route, b: &Route) -> bool {
    let hosts = a.hosts.is_empty() && b.hosts.is_empty()
        || a.hosts.iter().any(|host| b.hosts.contains(host));
    a.path == b.path && hosts
}
