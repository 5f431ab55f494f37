//! Whether a configuration means something, before anything is changed for it.

use crate::config::{Accept, Config, Listener, PROTOCOL, Route};
use std::collections::HashSet;
use std::time::Duration;

/// All that is wrong with a configuration, not only the first.
pub(crate) fn check(config: &Config) -> Result<(), Vec<String>> {
    let mut problems = Vec::new();
    listeners(config, &mut problems);
    pools(config, &mut problems);
    limits(config, &mut problems);
    tls(config, &mut problems);
    challenges(config, &mut problems);
    if config.protocol < config.least_protocol() {
        let (said, least) = (config.protocol, PROTOCOL);
        problems.push(format!(
            "it says what protocol {said} cannot say, {least} can"
        ));
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

fn listeners(config: &Config, problems: &mut Vec<String>) {
    let mut addresses = HashSet::new();
    let mut names = HashSet::new();
    for listener in &config.listeners {
        let (name, address) = (&listener.name, listener.address);
        if address.port() == 0 {
            problems.push(format!("listener {name}: address {address} has no port"));
        }
        if !addresses.insert(address) {
            problems.push(format!("listener {name}: address {address} is used twice"));
        }
        if !names.insert(name) {
            problems.push(format!("listener {name}: the name is used twice"));
        }
        encryption(listener, problems);
        match &listener.accept {
            Accept::Tcp { pool } => {
                known_pool(config, &format!("listener {name}"), pool, problems);
            }
            Accept::Http { routes } => self::routes(config, listener, routes, problems),
        }
    }
}

fn encryption(listener: &Listener, problems: &mut Vec<String>) {
    let name = &listener.name;
    let is_http = matches!(listener.accept, Accept::Http { .. });
    if listener.tls.is_some() && !is_http {
        problems.push(format!("listener {name}: only HTTP can be encrypted"));
    }
    let Some(redirect) = &listener.redirect else {
        return;
    };
    if listener.tls.is_some() || !is_http {
        problems.push(format!(
            "listener {name}: only plain HTTP can be redirected"
        ));
    }
    if redirect.port == 0 {
        problems.push(format!("listener {name}: it redirects to port 0"));
    }
    for path in redirect.except.iter().filter(|path| !path.starts_with('/')) {
        problems.push(format!("listener {name}: redirect: `{path}` is not a path"));
    }
}

fn tls(config: &Config, problems: &mut Vec<String>) {
    let tls = &config.tls;
    let mut names = HashSet::new();
    for file in &tls.certificates {
        let name = &file.name;
        if !names.insert(name) {
            problems.push(format!("certificate {name}: the name is used twice"));
        }
        for path in [&file.certificate, &file.key] {
            if !path.is_absolute() {
                let path = path.display();
                problems.push(format!(
                    "certificate {name}: `{path}` is not an absolute path"
                ));
            }
        }
    }
    if tls.handshake_timeout.is_zero() {
        problems.push("tls: handshake_timeout is zero".to_owned());
    }
    if tls.max_handshakes == 0 {
        problems.push("tls: max_handshakes is zero".to_owned());
    }
}

fn challenges(config: &Config, problems: &mut Vec<String>) {
    // RFC 8555, section 8.1.
    let in_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    for token in config.challenges.http.keys() {
        if token.is_empty() || !token.bytes().all(in_token) {
            problems.push(format!("challenges: `{token}` is not a token"));
        }
    }
    for challenge in &config.challenges.tls_alpn {
        let host = &challenge.host;
        if !is_host(host) || host.starts_with('*') {
            problems.push(format!("challenges: `{host}` is not a host"));
        }
    }
}

fn routes(config: &Config, listener: &Listener, routes: &[Route], problems: &mut Vec<String>) {
    let mut seen = HashSet::new();
    for route in routes {
        let place = format!("listener {}: route {}", listener.name, route.name);
        known_pool(config, &place, &route.pool, problems);
        if !route.path.starts_with('/') || route.path.contains(['?', '#', ' ']) {
            problems.push(format!("{place}: `{}` is not a path", route.path));
        }
        if route.timeout.is_zero() {
            problems.push(format!("{place}: its timeout is zero"));
        }
        let every = [String::new()];
        let hosts = if route.hosts.is_empty() {
            &every[..]
        } else {
            &route.hosts
        };
        for host in hosts {
            if !host.is_empty() && !is_host(host) {
                problems.push(format!("{place}: `{host}` is not a host"));
            }
            let path = route.path.trim_end_matches('/');
            if !seen.insert((host.to_ascii_lowercase(), path)) {
                problems.push(format!("{place}: the same host and path stand twice"));
            }
        }
    }
}

/// `example.org`, `[::1]`, `*.example.org`.
fn is_host(host: &str) -> bool {
    let name = host.strip_prefix("*.").unwrap_or(host);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
    !name.is_empty() && !name.starts_with('.') && name.bytes().all(allowed)
}

fn known_pool(config: &Config, place: &str, pool: &str, problems: &mut Vec<String>) {
    if !config.pools.contains_key(pool) {
        problems.push(format!("{place}: there is no pool {pool}"));
    }
}

fn pools(config: &Config, problems: &mut Vec<String>) {
    for (name, pool) in &config.pools {
        let mut seen = HashSet::new();
        for endpoint in &pool.endpoints {
            if !seen.insert((&endpoint.instance, endpoint.address)) {
                let instance = &endpoint.instance;
                problems.push(format!("pool {name}: instance {instance} stands twice"));
            }
        }
        let Some(health) = &pool.health else { continue };
        let shortest = Duration::from_millis(10);
        if health.interval < shortest || health.timeout < shortest {
            let reason = "its health check asks more often than every 10 ms";
            problems.push(format!("pool {name}: {reason}"));
        }
        if health.failures == 0 || health.passes == 0 {
            let reason = "its health check decides after zero results";
            problems.push(format!("pool {name}: {reason}"));
        }
        if health
            .path
            .as_ref()
            .is_some_and(|path| !path.starts_with('/'))
        {
            problems.push(format!("pool {name}: its health check has no path"));
        }
    }
}

fn limits(config: &Config, problems: &mut Vec<String>) {
    let limits = &config.limits;
    if !(1024..=1 << 20).contains(&limits.max_header.0) {
        problems.push("limits: max_header is not between 1 KiB and 1 MiB".to_owned());
    }
    if limits.max_connections == 0 {
        problems.push("limits: max_connections is zero".to_owned());
    }
    for (name, duration) in [
        ("header_timeout", limits.header_timeout),
        ("body_timeout", limits.body_timeout),
        ("idle_timeout", limits.idle_timeout),
        ("connect_timeout", limits.connect_timeout),
    ] {
        if duration.is_zero() {
            problems.push(format!("limits: {name} is zero"));
        }
    }
}
