//! Servers and their locations: which request goes where.
//!
//! Mainstay's order is kept: routes of the very host, those of a wildcard, those of every host, and among them the
//! longest path. Each is a location with a pattern, since nginx takes the first pattern that fits.

use super::upstream::{self, Upstream, Upstreams};
use super::{quoted, shared};
use crate::engines::place;
use mainstay_stack::{Balance, Collect, Route, Stack, TargetKind};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

/// The body that a port without a route takes, as Mainstay does.
const MAX_BODY: u64 = 100 << 20;

pub(super) fn text(stack: &Stack, upstreams: &Upstreams) -> String {
    let mut text = shared::REDIRECT.to_owned();
    let hosts = hosts(stack);
    let any = stack.routes.iter().any(|route| route.hosts.is_empty());
    let domain = place::domain(stack);
    if any || stack.routes.is_empty() {
        let name = domain.clone().unwrap_or_else(|| "_".to_owned());
        let routes: Vec<&Route> = ordered(stack, domain.as_deref());
        if !routes.is_empty() {
            text.push_str(&server(stack, upstreams, &name, true, &routes));
        }
    } else {
        text.push_str(shared::NOBODY);
    }
    for host in hosts {
        if any && domain.as_deref() == Some(host) {
            continue;
        }
        let routes = ordered(stack, Some(host));
        text.push_str(&server(stack, upstreams, host, false, &routes));
    }
    for (service, port) in upstream::published(stack) {
        let Some(upstream) = upstream::of(upstreams, service, Balance::RoundRobin) else {
            continue;
        };
        let number = port.published.unwrap_or(port.target);
        let listen = match port.host_ip {
            Some(address) => std::net::SocketAddr::new(address, number).to_string(),
            None => number.to_string(),
        };
        let _ = write!(
            text,
            "\n# The port that `{}` publishes, as it is: without encryption.\nserver {{\n    listen {listen};\n    \
             server_name _;\n    client_max_body_size {};\n    location / {{\n        include snippets/proxy.conf;\n        \
             proxy_pass http://{};\n    }}\n}}\n",
            service.name,
            size(MAX_BODY),
            upstream.name
        );
    }
    text
}

/// Every host that a route names.
fn hosts(stack: &Stack) -> BTreeSet<&str> {
    let hosts = stack.routes.iter().flat_map(|route| &route.hosts);
    hosts.map(String::as_str).collect()
}

/// Routes that a host has, in the order in which they are tried; none twice for a path.
fn ordered<'a>(stack: &'a Stack, host: Option<&str>) -> Vec<&'a Route> {
    let mut found: Vec<(usize, &Route)> = stack
        .routes
        .iter()
        .filter_map(|route| Some((rank(route, host)?, route)))
        .collect();
    found.sort_by_key(|(rank, route)| (*rank, std::cmp::Reverse(route.path.len())));
    let mut seen = BTreeSet::new();
    let mut routes = Vec::new();
    for (_, route) in found {
        if seen.insert(route.path.as_str()) {
            routes.push(route);
        }
        // Whatever stands behind it is never asked.
        if route.path == "/" {
            break;
        }
    }
    routes
}

/// How closely a route names the host: the less, the closer.
fn rank(route: &Route, host: Option<&str>) -> Option<usize> {
    if route.hosts.is_empty() {
        return Some(usize::MAX);
    }
    let host = host?;
    let ranks = route.hosts.iter().filter_map(|named| {
        if named.eq_ignore_ascii_case(host) {
            return Some(0);
        }
        let suffix = named.strip_prefix('*')?;
        // The longest wildcard first.
        host.ends_with(suffix)
            .then(|| usize::MAX / 2 - suffix.len())
    });
    ranks.min()
}

fn server(
    stack: &Stack,
    upstreams: &Upstreams,
    name: &str,
    is_default: bool,
    routes: &[&Route],
) -> String {
    let default = if is_default { " default_server" } else { "" };
    let folder = match name {
        "_" => "default".to_owned(),
        name => name.replace('*', "wildcard"),
    };
    let mut text = format!(
        "\nserver {{\n    listen 443 ssl http2{default};\n    listen [::]:443 ssl http2{default};\n    server_name {name};\n    \
         ssl_certificate     /etc/nginx/tls/{folder}/fullchain.pem;\n    \
         ssl_certificate_key /etc/nginx/tls/{folder}/privkey.pem;\n    \
         include snippets/tls.conf;\n    include snippets/security.conf;\n    include snippets/acme.conf;\n"
    );
    for (path, route) in private(stack, routes) {
        if let Some(upstream) = upstream_of(stack, upstreams, route) {
            text.push_str(&location(stack, route, &path, upstream, true));
        }
    }
    for route in routes {
        if let Some(upstream) = upstream_of(stack, upstreams, route) {
            text.push_str(&location(stack, route, &route.path, upstream, false));
        }
    }
    if routes.iter().all(|route| route.path != "/") {
        text.push_str("    location / {\n        return 404;\n    }\n");
    }
    text.push_str("}\n");
    text
}

fn upstream_of<'a>(stack: &Stack, upstreams: &'a Upstreams, route: &Route) -> Option<&'a Upstream> {
    let service = stack.services.get(&route.service)?;
    upstream::of(upstreams, service, route.balance)
}

/// Where metrics would be shown to everybody: the path on this server, and the route that leads there.
fn private<'a>(stack: &Stack, routes: &[&'a Route]) -> Vec<(String, &'a Route)> {
    let mut found: Vec<(String, &Route)> = Vec::new();
    for route in routes {
        let Some(service) = stack.services.get(&route.service) else {
            continue;
        };
        let own_port = service.metrics.port.is_some();
        if own_port || service.metrics.collect == Collect::Never {
            continue;
        }
        let metrics = service.metrics.path.as_str();
        let outside = match (route.path.as_str(), route.strip_prefix) {
            ("/", _) | (_, false) => metrics.to_owned(),
            (prefix, true) => format!("{prefix}{metrics}"),
        };
        let takes = routes.iter().find(|route| holds(&route.path, &outside));
        let is_first = takes.is_some_and(|first| std::ptr::eq(*first, *route));
        if is_first && !found.iter().any(|(known, _)| *known == outside) {
            found.push((outside, route));
        }
    }
    found
}

/// Whether the path is below the prefix, by whole segments.
fn holds(prefix: &str, path: &str) -> bool {
    prefix == "/"
        || path
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn location(
    stack: &Stack,
    route: &Route,
    path: &str,
    upstream: &Upstream,
    is_private: bool,
) -> String {
    let pattern = match path {
        "/" => "^/".to_owned(),
        path => format!("^{}(?:/|$)", escaped(path)),
    };
    let mut text = format!("    location ~ {} {{\n", quoted(&pattern));
    if is_private {
        text.push_str("        include snippets/private.conf;\n");
    }
    let _ = writeln!(
        text,
        "        limit_req zone={} burst={} nodelay;",
        shared::zone(stack, route),
        u64::from(stack.render.nginx.route_rate) * 2
    );
    // What is said here takes the place of what the level above says: both have to be named.
    let _ = writeln!(
        text,
        "        limit_req zone=client burst={} nodelay;",
        u64::from(stack.render.nginx.client_rate) * 2
    );
    let _ = writeln!(
        text,
        "        client_max_body_size {};",
        size(route.max_body.0)
    );
    let timeout = time(route.timeout);
    let _ = writeln!(
        text,
        "        proxy_read_timeout {timeout};\n        proxy_send_timeout {timeout};"
    );
    // Mainstay's own proxy strips it itself.
    let strips = route.strip_prefix && stack.target != TargetKind::Process;
    if strips && route.path != "/" {
        let prefix = escaped(&route.path);
        let _ = writeln!(
            text,
            "        rewrite {} /$1 break;",
            quoted(&format!("^{prefix}/?(.*)$"))
        );
    }
    let _ = writeln!(
        text,
        "        include snippets/proxy.conf;\n        proxy_pass http://{};\n    }}",
        upstream.name
    );
    text
}

/// A text as a regular expression that means this text.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if "\\.+*?()|[]{}^$".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// As nginx has sizes; 0 would be no limit at all there, and is none of Mainstay's.
fn size(bytes: u64) -> String {
    match bytes {
        0 => "1".to_owned(),
        bytes if bytes.is_multiple_of(1 << 20) => format!("{}m", bytes >> 20),
        bytes if bytes.is_multiple_of(1 << 10) => format!("{}k", bytes >> 10),
        bytes => bytes.to_string(),
    }
}

fn time(duration: Duration) -> String {
    match duration.as_millis() {
        millis if millis.is_multiple_of(1000) => format!("{}s", millis / 1000),
        millis => format!("{millis}ms"),
    }
}
