//! How a container is reached, and the networks of the stack.

use super::hosts::hosts;
use super::volumes::{driver, external, name, pairs};
use super::{Context, Found, flag, text, texts};
use crate::resolved::{
    Attachment, ContainerNetwork, Driver, Ipam, IpamPool, Network, NetworkMode, TargetKind,
};
use crate::source::At;
use crate::tree::Node;
use mainstay_model::{Problem, Problems, ServiceName, did_you_mean};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a service joins when it says nothing.
const DEFAULT: &str = "default";

pub(super) fn network(context: &mut Context<'_, '_>, service: &Node) -> ContainerNetwork {
    let mode = mode(context, service);
    ContainerNetwork {
        mode,
        networks: match mode {
            NetworkMode::Networks => attachments(context, service),
            NetworkMode::Host | NetworkMode::None => BTreeMap::new(),
        },
        hostname: text(service, "hostname"),
        domainname: text(service, "domainname"),
        extra_hosts: hosts(context, service),
        dns: servers(context, service),
        dns_options: texts(service.get("dns_opt")),
        dns_search: texts(service.get("dns_search")),
    }
}

fn mode(context: &mut Context<'_, '_>, service: &Node) -> NetworkMode {
    let Some(node) = service.get("network_mode") else {
        return NetworkMode::Networks;
    };
    if service.get("networks").is_some() {
        let message = "`network_mode` and `networks` cannot both say how it is reached";
        let problem = Problem::error("compose/network", message);
        context.problem(node, problem.hint("take one out"));
    }
    match node.as_text().unwrap_or_default() {
        "host" => NetworkMode::Host,
        "none" => NetworkMode::None,
        _ => {
            let found = node.scalar().map(crate::check::found).unwrap_or_default();
            let message = format!(
                "`network_mode: {}` cannot be had on the docker target",
                found.trim_matches('`')
            );
            let problem = Problem::error("compose/refused", message);
            context.problem(
                node,
                problem.hint("`host` and `none` can; services that share one of `networks` reach each other by name"),
            );
            NetworkMode::Networks
        }
    }
}

fn attachments(context: &mut Context<'_, '_>, service: &Node) -> BTreeMap<String, Attachment> {
    let entries = service.get("networks").map(Node::entries);
    let entries = entries.unwrap_or_default();
    if entries.is_empty() {
        return BTreeMap::from([(DEFAULT.to_owned(), Attachment::default())]);
    }
    entries
        .iter()
        .map(|entry| {
            let node = &entry.value;
            let attachment = Attachment {
                aliases: texts(node.get("aliases")),
                ipv4_address: address::<Ipv4Addr>(context, node, "ipv4_address"),
                ipv6_address: address::<Ipv6Addr>(context, node, "ipv6_address"),
                link_local_ips: texts(node.get("link_local_ips")),
                driver_options: pairs(node.get("driver_opts")),
                priority: context
                    .parsed(node, "priority", "a whole number")
                    .unwrap_or(0),
            };
            (entry.key.clone(), attachment)
        })
        .collect()
}

fn address<T: std::str::FromStr + ToString>(
    context: &mut Context<'_, '_>,
    node: &Node,
    key: &str,
) -> Option<String> {
    let address: T = context.parsed(node, key, "an IP address")?;
    Some(address.to_string())
}

fn servers(context: &mut Context<'_, '_>, service: &Node) -> Vec<String> {
    let items = service.get("dns").map(Node::items).unwrap_or_default();
    for item in items {
        if item
            .as_text()
            .unwrap_or_default()
            .parse::<IpAddr>()
            .is_err()
        {
            let found = item.scalar().map(crate::check::found).unwrap_or_default();
            let message = format!("{found} is not the IP address of a name server");
            context.problem(item, Problem::error("compose/value", message));
        }
    }
    texts(service.get("dns"))
}

/// Where a service names a network.
pub(super) fn places(service: &Node) -> BTreeMap<String, At> {
    let entries = service.get("networks").map(Node::entries);
    let entries = entries.unwrap_or_default().iter();
    entries
        .map(|entry| (entry.key.clone(), entry.at.clone()))
        .collect()
}

/// The networks that a service joins. `prefix` keeps two environments of one stack apart in an
/// engine.
pub(crate) fn networks(
    tree: &Node,
    target: TargetKind,
    services: &BTreeMap<ServiceName, Found>,
    prefix: &str,
    problems: &mut Problems,
) -> BTreeMap<String, Network> {
    let mut all = BTreeMap::new();
    if !target.runs_containers() {
        return all;
    }
    let defined = tree.get("networks").map(Node::entries).unwrap_or_default();
    for found in services.values() {
        for key in found.service.container.network.networks.keys() {
            if all.contains_key(key) {
                continue;
            }
            let entry = defined.iter().find(|entry| entry.key == *key);
            let known = defined.iter().map(|entry| entry.key.as_str());
            match (entry, found.networks.get(key)) {
                (Some(entry), _) => {
                    all.insert(key.clone(), one(&entry.value, key, prefix, problems));
                }
                (None, Some(at)) if key != DEFAULT => {
                    problems.push(unknown(key, known).at(at.place()));
                }
                (None, _) => {
                    let nothing = Node::empty_map(tree.at.clone());
                    all.insert(key.clone(), one(&nothing, key, prefix, problems));
                }
            }
        }
    }
    all
}

fn unknown<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> Problem {
    let message = format!("no network `{}`", crate::check::shown(key));
    let problem = Problem::error("compose/network", message);
    match did_you_mean(key, known) {
        Some(word) => problem.hint(format!("did you mean `{word}`?")),
        None => problem.hint("define it under the top-level `networks`"),
    }
}

fn one(node: &Node, key: &str, prefix: &str, problems: &mut Problems) -> Network {
    if let Some(without) = node.get("enable_ipv4")
        && flag(node, "enable_ipv4") == Some(false)
    {
        let message = "a network without IPv4 cannot be had on the docker target";
        let problem = Problem::error("compose/refused", message);
        problems.push(problem.at(without.at.place()).hint("take it out"));
    }
    Network {
        name: name(node, key, prefix),
        external: external(node),
        internal: flag(node, "internal").unwrap_or(false),
        attachable: flag(node, "attachable").unwrap_or(false),
        enable_ipv6: flag(node, "enable_ipv6").unwrap_or(false),
        driver: driver(node),
        ipam: node.get("ipam").map(ipam).unwrap_or_default(),
        labels: pairs(node.get("labels")),
    }
}

fn ipam(node: &Node) -> Ipam {
    let pools = node.get("config").map(Node::items).unwrap_or_default();
    Ipam {
        driver: Driver {
            name: text(node, "driver").unwrap_or_default(),
            options: pairs(node.get("options")),
        },
        pools: pools
            .iter()
            .map(|pool| IpamPool {
                subnet: text(pool, "subnet"),
                ip_range: text(pool, "ip_range"),
                gateway: text(pool, "gateway"),
                aux_addresses: pairs(pool.get("aux_addresses")),
            })
            .collect(),
    }
}
