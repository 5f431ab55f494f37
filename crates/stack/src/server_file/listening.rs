//! `api` and `proxy`: addresses, redirect, `Strict-Transport-Security`.

use super::{Hsts, Redirect, ServerFile};
use crate::check::found;
use crate::decode::{duration, flag, number, texts};
use crate::tree::Node;
use mainstay_model::{Problem, Problems};
use std::net::SocketAddr;
use std::time::Duration;

const YEAR: Duration = Duration::from_secs(365 * 86_400);

pub(super) fn listening(tree: &Node, file: &mut ServerFile, problems: &mut Problems) {
    let nothing = Node::empty_map(tree.at.clone());
    let proxy = tree.get("proxy").unwrap_or(&nothing);
    let api = tree.get("api").and_then(|api| api.get("listen"));
    let places = [api, proxy.get("http"), proxy.get("https")];
    let [api, http, https] = places.map(|node| node.and_then(|node| address(node, problems)));
    (file.api, file.http, file.https) = (api, http, https);
    twice(places, [api, http, https], problems);
    file.hsts = proxy.get("hsts").map(|node| hsts(node, problems));
    file.redirect = redirect(proxy, file.https, problems);
    if proxy.get("https").is_some() {
        no_certificate(proxy, file, problems);
        return;
    }
    let needs = |node: Option<&Node>, what: &str, problems: &mut Problems| {
        if let Some(node) = node {
            let message = format!("{what} without `proxy.https`");
            let problem = Problem::error("server/no-https", message).at(node.at.place());
            problems.push(problem.hint("give the address: `https: 0.0.0.0:443` under `proxy`"));
        }
    };
    let redirect = proxy.get("redirect").filter(|_| is_redirected(proxy));
    needs(redirect, "requests are redirected", problems);
    needs(
        proxy.get("hsts"),
        "browsers are told to ask under https",
        problems,
    );
    let tls = tree.get("tls").unwrap_or(&nothing);
    needs(tls.get("certificates"), "there are certificates", problems);
    needs(tls.get("acme"), "certificates are asked for", problems);
}

fn address(node: &Node, problems: &mut Problems) -> Option<SocketAddr> {
    let text = node.as_text().unwrap_or_default();
    match text.parse::<SocketAddr>() {
        Ok(address) if address.port() > 0 => Some(address),
        _ => {
            let shown = node.scalar().map(found).unwrap_or_default();
            let message = format!("{shown} is not an address and a port");
            problems.push(
                Problem::error("server/address", message)
                    .at(node.at.place())
                    .hint("write `0.0.0.0:443` for every IPv4 address of the machine, `[::]:443` for every address, `127.0.0.1:8443` for this machine alone"),
            );
            None
        }
    }
}

/// Two of our own listeners at one place.
fn twice(nodes: [Option<&Node>; 3], addresses: [Option<SocketAddr>; 3], problems: &mut Problems) {
    for (index, (node, address)) in nodes.iter().zip(addresses).enumerate() {
        let before = addresses[..index].iter().flatten();
        let clash = |other: &SocketAddr, own: SocketAddr| {
            let overlap =
                other.ip() == own.ip() || other.ip().is_unspecified() || own.ip().is_unspecified();
            other.port() == own.port() && overlap
        };
        if let (Some(node), Some(own)) = (node, address)
            && let Some(other) = before.into_iter().find(|other| clash(other, own))
        {
            let message = format!("{own} is taken by {other} above");
            let problem = Problem::error("server/address-twice", message);
            problems.push(problem.at(node.at.place()).hint("give it another port"));
        }
    }
}

fn is_redirected(proxy: &Node) -> bool {
    let redirect = proxy.get("redirect");
    redirect
        .and_then(|node| flag(node, "enabled"))
        .unwrap_or(true)
}

fn redirect(proxy: &Node, https: Option<SocketAddr>, problems: &mut Problems) -> Option<Redirect> {
    let node = proxy.get("redirect");
    let nothing = Node::empty_map(proxy.at.clone());
    let node = node.unwrap_or(&nothing);
    let except = node.get("except").map(Node::items).unwrap_or_default();
    for path in except {
        if !path.as_text().is_some_and(|text| text.starts_with('/')) {
            let shown = path.scalar().map(found).unwrap_or_default();
            let problem = Problem::error("server/redirect", format!("{shown} is not a path"));
            problems.push(
                problem
                    .at(path.at.place())
                    .hint("a path begins with `/`: `/health`"),
            );
        }
    }
    let own = https?.port();
    let port = match number::<u32>(node, "port") {
        None => own,
        Some(port) => match u16::try_from(port) {
            Ok(port) if port > 0 => port,
            _ => {
                let at = node.get("port").map(|node| node.at.place());
                let problem = Problem::error("server/redirect", format!("{port} is not a port"));
                problems.push(at.map_or(problem.clone(), |at| problem.at(at)));
                return None;
            }
        },
    };
    is_redirected(proxy).then(|| Redirect {
        port,
        except: texts(node.get("except")),
    })
}

fn hsts(node: &Node, problems: &mut Problems) -> Hsts {
    let hsts = Hsts {
        max_age: duration(node, "max_age").unwrap_or(YEAR),
        include_subdomains: flag(node, "include_subdomains").unwrap_or(false),
        preload: flag(node, "preload").unwrap_or(false),
    };
    if hsts.preload && (!hsts.include_subdomains || hsts.max_age < YEAR) {
        let message = "`preload` asks for `include_subdomains: true` and a `max_age` of a year";
        problems.push(
            Problem::error("server/hsts", message)
                .at(node.at.place())
                .hint("it is hard to take back: see hstspreload.org before you add it"),
        );
    }
    hsts
}

fn no_certificate(proxy: &Node, file: &ServerFile, problems: &mut Problems) {
    if file.tls.certificates.is_empty() && file.tls.acme.is_none() {
        let at = proxy
            .get("https")
            .map_or(proxy.at.place(), |node| node.at.place());
        problems.push(
            Problem::warning(
                "server/no-certificate",
                "`proxy.https` has no certificate to answer with",
            )
            .at(at)
            .hint("name files under `tls.certificates`, or have them made with `tls.acme`"),
        );
    }
}
