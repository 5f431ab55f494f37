//! `extra_hosts`, of a container and of a build.

use super::Context;
use crate::resolved::HostEntry;
use crate::tree::{Kind, Node};
use mainstay_model::Problem;

/// A list of `HOST=ADDRESS` (or `HOST:ADDRESS`), or a mapping from hosts to one address or several.
pub(super) fn hosts(context: &mut Context<'_, '_>, service: &Node) -> Vec<HostEntry> {
    let Some(node) = service.get("extra_hosts") else {
        return Vec::new();
    };
    let mut pairs: Vec<(String, String, &Node)> = Vec::new();
    match &node.kind {
        Kind::Map(entries) => {
            for entry in entries {
                let single = entry.value.scalar().map(|_| &entry.value);
                for item in entry.value.items().iter().chain(single) {
                    let text = item.as_text().unwrap_or_default();
                    pairs.push((entry.key.clone(), text.to_owned(), item));
                }
            }
        }
        Kind::List(items) => {
            for item in items {
                let text = item.as_text().unwrap_or_default();
                let separator = text.find('=').or_else(|| text.find(':'));
                let (host, address) = match separator {
                    Some(at) => (&text[..at], &text[at + 1..]),
                    None => (text, ""),
                };
                pairs.push((host.to_owned(), address.to_owned(), item));
            }
        }
        Kind::Null | Kind::Scalar(_) => {
            let message = "`extra_hosts` must be a mapping or a list";
            context.problem(node, Problem::error("compose/type", message));
        }
    }
    let mut hosts = Vec::new();
    for (host, address, node) in pairs {
        let address = address.trim_start_matches('[').trim_end_matches(']');
        let good = address == "host-gateway" || address.parse::<std::net::IpAddr>().is_ok();
        if host.trim().is_empty() || !good {
            let found = node.scalar().map(crate::check::found).unwrap_or_default();
            let message = format!("{found} is not a host with its address");
            let problem = Problem::error("compose/value", message);
            context.problem(
                node,
                problem.hint(
                    "such as `db.example.org=10.0.0.7` or `host.docker.internal=host-gateway`",
                ),
            );
            continue;
        }
        hosts.push(HostEntry {
            host: host.trim().to_owned(),
            address: address.to_owned(),
        });
    }
    hosts
}
