//! To whom requests are passed.

use crate::engines::place;
use crate::output::Rendering;
use mainstay_stack::{Balance, Port, PortProtocol, Service, Stack, TargetKind};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One block `upstream`.
pub(super) struct Upstream {
    pub(super) name: String,
    balance: Balance,
    server: String,
    comment: &'static str,
}

/// By service and balance.
pub(super) type Upstreams = BTreeMap<(String, &'static str), Upstream>;

const EACH: &str = "The name stands for every instance. It is resolved when nginx starts or is reloaded: reload it after \
                    each deploy.\n# From nginx 1.27.3 on, `resolve` behind the address and a `resolver` make that unnecessary.";
const MAINSTAY: &str = "Mainstay's own proxy, which knows the instances.";

/// One for each service that a route leads to, and each way in which it is balanced.
pub(super) fn of_services(stack: &Stack, out: &mut Rendering) -> Upstreams {
    let mut all = Upstreams::new();
    let routed = stack.routes.iter().filter_map(|route| {
        let service = stack.services.get(&route.service)?;
        Some((service, route.balance))
    });
    let published = published(stack).map(|(service, _)| (service, Balance::RoundRobin));
    for (service, balance) in routed.chain(published) {
        let Some(port) = place::port(service) else {
            out.refused(
                &format!("services.{}.ports", service.name),
                "nothing says on which port it listens",
                "name it under `expose`",
            );
            continue;
        };
        let host = place::host(stack, service);
        let upstream = Upstream {
            name: name(service.name.as_str(), balance),
            balance,
            server: format!("{host}:{port}"),
            comment: EACH,
        };
        all.insert(key(service, balance), upstream);
    }
    all
}

/// Mainstay's proxy, under the name of each service.
pub(super) fn of_proxy(stack: &Stack) -> Upstreams {
    let routed = stack.routes.iter();
    let routed = routed.filter_map(|route| stack.services.get(&route.service));
    let all = routed.map(|service| {
        let upstream = Upstream {
            name: "mainstay".to_owned(),
            balance: Balance::RoundRobin,
            server: "127.0.0.1:8080".to_owned(),
            comment: MAINSTAY,
        };
        (key(service, Balance::RoundRobin), upstream)
    });
    all.collect()
}

/// Ports that are published for HTTP. Of processes Mainstay's own proxy listens on them.
pub(super) fn published(stack: &Stack) -> impl Iterator<Item = (&Service, &Port)> {
    let services = stack.services.values();
    let services = services.filter(|_| stack.target != TargetKind::Process);
    services.flat_map(|service| {
        let ports = service.ports.iter();
        let http =
            ports.filter(|port| port.published.is_some() && port.protocol == PortProtocol::Http);
        http.map(move |port| (service, port))
    })
}

/// The name of the upstream that a route is passed to.
pub(super) fn of<'a>(
    all: &'a Upstreams,
    service: &Service,
    balance: Balance,
) -> Option<&'a Upstream> {
    let plain = || all.get(&key(service, Balance::RoundRobin));
    all.get(&key(service, balance)).or_else(plain)
}

fn key(service: &Service, balance: Balance) -> (String, &'static str) {
    (service.name.to_string(), word(balance))
}

fn word(balance: Balance) -> &'static str {
    match balance {
        Balance::RoundRobin => "",
        Balance::LeastConnections => "least",
        Balance::ClientIp => "client",
    }
}

fn name(service: &str, balance: Balance) -> String {
    match word(balance) {
        "" => service.to_owned(),
        word => format!("{service}-{word}"),
    }
}

pub(super) fn text(all: &Upstreams) -> String {
    let mut by_name: BTreeMap<&str, &Upstream> = BTreeMap::new();
    for upstream in all.values() {
        by_name.insert(&upstream.name, upstream);
    }
    let blocks: Vec<String> = by_name.into_values().map(block).collect();
    blocks.join("\n")
}

fn block(upstream: &Upstream) -> String {
    let Upstream {
        name,
        server,
        comment,
        ..
    } = upstream;
    let mut text = format!("# {comment}\nupstream {name} {{\n    zone {name} 64k;\n");
    match upstream.balance {
        Balance::RoundRobin => {}
        Balance::LeastConnections => text.push_str("    least_conn;\n"),
        // The whole address, where `ip_hash` takes three bytes of it.
        Balance::ClientIp => text.push_str("    hash $binary_remote_addr consistent;\n"),
    }
    let _ = writeln!(text, "    server {server} max_fails=3 fail_timeout=30s;");
    text.push_str("    keepalive 32;\n}\n");
    text
}
