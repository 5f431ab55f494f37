//! A service's `ports` and `expose`.

use super::known::{self, Known};
use super::{Context, text};
use crate::resolved::{Port, PortProtocol};
use crate::source::At;
use crate::tree::Node;
use mainstay_model::Problem;

/// The ports, and where each stands. `server` is what the service's image is known to be.
pub(super) fn ports(
    context: &mut Context<'_, '_>,
    service: &Node,
    server: Option<&Known>,
) -> Vec<(Port, At)> {
    let items = service.get("ports").map(Node::items).unwrap_or_default();
    let mut ports: Vec<(Port, At)> = items
        .iter()
        .filter_map(|item| Some((port(context, item, server)?, item.at.clone())))
        .collect();
    if ports.is_empty() {
        let exposed = service.get("expose").map(Node::items).unwrap_or_default();
        ports.extend(
            exposed
                .iter()
                .filter_map(|item| expose(context, item, server)),
        );
        if exposed.is_empty()
            && let Some((target, protocol)) = server.and_then(Known::port)
        {
            let port = Port {
                target,
                published: None,
                host_ip: None,
                protocol,
            };
            ports.push((port, service.at.clone()));
        }
    }
    ports
}

fn port(context: &mut Context<'_, '_>, node: &Node, server: Option<&Known>) -> Option<Port> {
    if text(node, "protocol").as_deref() == Some("udp") {
        let problem = Problem::error("compose/refused", "the proxy does not carry UDP");
        context.problem(
            node,
            problem.hint(if context.target.runs_containers() {
                "take the port out; a service with `network_mode: host` can open it itself"
            } else {
                "take the port out: the process can open it itself"
            }),
        );
        return None;
    }
    let Some(target) = node.get("target") else {
        let problem = Problem::error("compose/port", "a port needs a `target`");
        context.problem(node, problem);
        return None;
    };
    let target = whole(context, target)?;
    let published = match node.get("published") {
        Some(published) => Some(whole(context, published)?),
        None => None,
    };
    Some(Port {
        target,
        published,
        host_ip: address(context, node).ok()?,
        protocol: protocol(context, node, known::protocol(server, target)),
    })
}

fn whole(context: &mut Context<'_, '_>, node: &Node) -> Option<u16> {
    let port = node.as_text().and_then(|text| text.parse().ok());
    if let Some(port) = port.filter(|port| *port > 0) {
        return Some(port);
    }
    let found = node.scalar().map(crate::check::found).unwrap_or_default();
    let message = format!("{found} is not a port");
    let problem = Problem::error("compose/port", message);
    context.problem(node, problem.hint("a port is a number from 1 to 65535"));
    None
}

/// It was reported: nothing more is to be said.
struct Reported;

/// The address to listen on; none for every address.
fn address(
    context: &mut Context<'_, '_>,
    node: &Node,
) -> Result<Option<std::net::IpAddr>, Reported> {
    let Some(node) = node.get("host_ip") else {
        return Ok(None);
    };
    let text = node.as_text().unwrap_or_default();
    if text.is_empty() {
        return Ok(None);
    }
    if text == "localhost" {
        return Ok(Some(std::net::Ipv4Addr::LOCALHOST.into()));
    }
    text.parse().map(Some).map_err(|_| {
        let found = node.scalar().map(crate::check::found).unwrap_or_default();
        let message = format!("{found} is not an IP address");
        context.problem(node, Problem::error("compose/port", message));
        Reported
    })
}

fn protocol(context: &mut Context<'_, '_>, node: &Node, usual: PortProtocol) -> PortProtocol {
    let Some(node) = node.get("app_protocol") else {
        return usual;
    };
    let word = node.as_text().unwrap_or_default();
    known::named(word).unwrap_or_else(|| {
        let found = node.scalar().map(crate::check::found).unwrap_or_default();
        let taken = match usual {
            PortProtocol::Http => "HTTP/1.1",
            PortProtocol::Tcp => "bytes to pass through",
        };
        let message = format!("app_protocol {found} is not known: the port is taken for {taken}");
        let problem = Problem::warning("compose/not-used", message);
        context.problem(
            node,
            problem.hint("write `http`, or `tcp` to pass bytes through"),
        );
        usual
    })
}

/// `"3000"`, `"3000/tcp"`; of a range the first.
fn expose(
    context: &mut Context<'_, '_>,
    node: &Node,
    server: Option<&Known>,
) -> Option<(Port, At)> {
    let text = node.as_text()?;
    let number = text.split(['/', '-']).next().unwrap_or_default();
    let Some(target) = number.parse().ok().filter(|port| *port > 0) else {
        let found = node.scalar().map(crate::check::found).unwrap_or_default();
        let message = format!("{found} is not a port");
        context.problem(node, Problem::error("compose/port", message));
        return None;
    };
    let port = Port {
        target,
        published: None,
        host_ip: None,
        protocol: known::protocol(server, target),
    };
    Some((port, node.at.clone()))
}
