//! Gateway, traffic policies, mutual TLS and who may speak to whom, for Istio.
//!
//! They are laid over what the `kubernetes` target writes, in its namespaces. Fields are those of
//! <https://istio.io/latest/docs/reference/config/>: an outlier is ejected by `consecutive5xxErrors`, which took the
//! place of `consecutiveErrors`.

use super::known;
use super::network;
use super::site::{self, Object, Site};
use super::{manifests, pod, readme, scaling};
use crate::names;
use crate::output::Rendering;
use crate::project::Project;
use mainstay_model::ServiceName;
use mainstay_stack::{Balance, Route, Service};
use mainstay_yaml::write::Map;
use std::collections::{BTreeMap, BTreeSet};

const NETWORKING: &str = "networking.istio.io/v1";
const SECURITY: &str = "security.istio.io/v1";
/// Where the ingress gateway is, as `istioctl` and as the chart install it.
const GATEWAYS: [&str; 2] = ["istio-system", "istio-ingress"];

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let project = &site::prepared(project);
    manifests::none_hosted(project, out);
    for stack in project.hosted() {
        let site = Site::new(project, stack);
        lost(&site, out);
        let mut all = vec![gateway(&site)];
        all.extend(virtual_services(&site));
        all.extend(destination_rules(&site));
        all.push(peer_authentication(&site));
        all.extend(authorization_policies(&site));
        all.push(control_plane(&site));
        manifests::into_files(stack.environment.as_str(), &all, out);
    }
    readme::mesh(project, out);
}

fn lost(site: &Site<'_>, out: &mut Rendering) {
    for route in &site.stack.routes {
        let path = format!("routes.{}.max_body", route.path);
        out.lost(
            &path,
            "Istio has no limit of bodies",
            "the service refuses what is too large",
        );
        if network::hosts(site, route).is_empty() {
            let path = format!("routes.{} (TLS)", route.path);
            out.lost(
                &path,
                "no host is known, and a certificate is for one",
                "say `render.domain` or `hosts` of the route",
            );
        }
    }
}

/// Hosts of all routes; `*` stands for every one.
fn hosts(site: &Site<'_>) -> Vec<String> {
    let routes = site.stack.routes.iter();
    let named: BTreeSet<String> = routes
        .flat_map(|route| network::hosts(site, route))
        .collect();
    if named.is_empty() {
        vec!["*".to_owned()]
    } else {
        named.into_iter().collect()
    }
}

/// The name of the gateway, and of its certificate.
fn gateway_name(site: &Site<'_>) -> String {
    format!("{}-gateway", names::dns(site.project.name.as_str()))
}

fn gateway(site: &Site<'_>) -> Object {
    let hosts = hosts(site);
    let encrypted = hosts != ["*"];
    let port = |name: &str, protocol: &str, number: u16| {
        Map::new()
            .set("number", number)
            .set("name", name)
            .set("protocol", protocol)
    };
    let mut plain = Map::new()
        .set("port", port("http", "HTTP", 80))
        .set("hosts", hosts.as_slice());
    let mut servers = Vec::new();
    if encrypted {
        plain.insert("tls", Map::new().set("httpsRedirect", true));
        let tls = Map::new()
            .set("mode", "SIMPLE")
            .comment("A Secret in the namespace of the ingress gateway: cert-manager makes it of a Certificate there.")
            .set("credentialName", format!("{}-tls", gateway_name(site)))
            .set("minProtocolVersion", "TLSV1_2");
        servers.push(
            Map::new()
                .set("port", port("https", "HTTPS", 443))
                .set("hosts", hosts.as_slice())
                .set("tls", tls),
        );
    }
    servers.insert(0, plain);
    let spec = Map::new()
        .set("selector", Map::new().set("istio", "ingressgateway"))
        .set("servers", servers);
    let name = gateway_name(site);
    let begun = site.object(NETWORKING, "Gateway", &name, site.project.name.as_str());
    Object::new("gateway.yaml", begun.set("spec", spec))
}

/// One for each set of hosts; the longest path first, since the first that fits is taken.
fn virtual_services(site: &Site<'_>) -> Vec<Object> {
    let mut by_hosts: BTreeMap<Vec<String>, Vec<&Route>> = BTreeMap::new();
    for route in &site.stack.routes {
        let mut hosts = network::hosts(site, route);
        if hosts.is_empty() {
            hosts = vec!["*".to_owned()];
        }
        by_hosts.entry(hosts).or_default().push(route);
    }
    let several = by_hosts.len() > 1;
    let mut all = Vec::new();
    for (hosts, mut routes) in by_hosts {
        routes.sort_by(|one, other| {
            other
                .path
                .len()
                .cmp(&one.path.len())
                .then(one.path.cmp(&other.path))
        });
        let http: Vec<Map> = routes
            .iter()
            .filter_map(|route| http(site, route))
            .collect();
        let name = names::dns(site.project.name.as_str());
        let name = if several {
            names::dns(&format!("{name}-{}", hosts[0].replace('*', "any")))
        } else {
            name
        };
        let spec = Map::new()
            .set("hosts", hosts)
            .set("gateways", [gateway_name(site)])
            .set("http", http);
        let begun = site.object(
            NETWORKING,
            "VirtualService",
            &name,
            site.project.name.as_str(),
        );
        all.push(Object::new("virtualservice.yaml", begun.set("spec", spec)));
    }
    all
}

/// A prefix of whole segments: `/api` and what is below it, and not `/apiary`.
fn http(site: &Site<'_>, route: &Route) -> Option<Map> {
    let service = site.stack.services.get(&route.service)?;
    let port = known::first_port(service)?;
    let uri = |kind: &str, path: &str| Map::new().set("uri", Map::new().set(kind, path));
    let stem = route.path.trim_end_matches('/');
    let matches = if stem.is_empty() {
        vec![uri("prefix", "/")]
    } else {
        vec![uri("exact", stem), uri("prefix", &format!("{stem}/"))]
    };
    let rewrite = (route.strip_prefix && !stem.is_empty()).then(|| Map::new().set("uri", "/"));
    let destination = Map::new()
        .set("host", site::name(service))
        .set("port", Map::new().set("number", port));
    let whole = Map::new()
        .set("destination", destination)
        .set("weight", 100);
    let timeout = route.timeout.as_secs().max(1);
    // Only what the service has not seen is sent again.
    let retries = Map::new()
        .set("attempts", 2)
        .set("perTryTimeout", format!("{timeout}s"))
        .set("retryOn", "connect-failure,refused-stream");
    let name = network::ingress_name(route);
    Some(
        Map::new()
            .set("name", name)
            .set("match", matches)
            .maybe("rewrite", rewrite)
            .set("route", vec![whole])
            .set("timeout", format!("{timeout}s"))
            .set("retries", retries),
    )
}

fn destination_rules(site: &Site<'_>) -> Vec<Object> {
    let services = site.stack.services.values();
    let reached = services.filter(|service| known::first_port(service).is_some());
    reached
        .map(|service| {
            let name = site::name(service);
            let host = format!("{name}.{}.svc.cluster.local", site::namespace(site.stack));
            let spec = Map::new()
                .set("host", host)
                .set("trafficPolicy", traffic(site, service));
            let rule = site
                .object(NETWORKING, "DestinationRule", &name, &name)
                .set("spec", spec);
            Object::new("destinationrule.yaml", rule)
        })
        .collect()
}

fn traffic(site: &Site<'_>, service: &Service) -> Map {
    let mut routes = site.stack.routes.iter();
    let route = routes.find(|route| route.service == service.name);
    let balance = match route.map(|route| route.balance) {
        Some(Balance::LeastConnections) => Map::new().set("simple", "LEAST_REQUEST"),
        Some(Balance::ClientIp) => {
            Map::new().set("consistentHash", Map::new().set("useSourceIp", true))
        }
        Some(Balance::RoundRobin) | None => Map::new().set("simple", "ROUND_ROBIN"),
    };
    let tcp = Map::new().set("connectTimeout", "2s");
    let mut policy = Map::new()
        .set("loadBalancer", balance)
        .set("connectionPool", Map::new().set("tcp", tcp))
        .set("tls", Map::new().set("mode", "ISTIO_MUTUAL"));
    // Of one there is no other to go to.
    if scaling::least(site, service) > 1 {
        let outlier = Map::new()
            .set("consecutive5xxErrors", 5)
            .set("interval", "30s")
            .set("baseEjectionTime", "30s")
            .set("maxEjectionPercent", 30);
        policy.insert("outlierDetection", outlier);
    }
    policy
}

/// Nothing is spoken in clear within the namespace.
fn peer_authentication(site: &Site<'_>) -> Object {
    let spec = Map::new().set("mtls", Map::new().set("mode", "STRICT"));
    let begun = site.object(
        SECURITY,
        "PeerAuthentication",
        "default",
        site.project.name.as_str(),
    );
    Object::new("peerauthentication.yaml", begun.set("spec", spec))
}

/// Nobody may speak to anybody, but for who depends on whom and what routes lead to.
fn authorization_policies(site: &Site<'_>) -> Vec<Object> {
    const FILE: &str = "authorizationpolicy.yaml";
    let nobody = site.object(
        SECURITY,
        "AuthorizationPolicy",
        "allow-nothing",
        site.project.name.as_str(),
    );
    let mut all = vec![Object::new(FILE, nobody.set("spec", Map::new()))];
    for service in site.stack.services.values() {
        let ports: Vec<String> = known::ports(service)
            .iter()
            .map(|(_, port)| port.to_string())
            .collect();
        let rules = rules(site, service, &ports);
        if ports.is_empty() || rules.is_empty() {
            continue;
        }
        let name = site::name(service);
        let spec = Map::new()
            .set(
                "selector",
                Map::new().set("matchLabels", site.selector(&name)),
            )
            .set("action", "ALLOW")
            .set("rules", rules);
        let policy = site.object(SECURITY, "AuthorizationPolicy", &name, &name);
        all.push(Object::new(FILE, policy.set("spec", spec)));
    }
    all
}

fn rules(site: &Site<'_>, service: &Service, ports: &[String]) -> Vec<Map> {
    let namespace = site::namespace(site.stack);
    let to = || vec![Map::new().set("operation", Map::new().set("ports", ports))];
    let rule = |source: Map| {
        let from = vec![Map::new().set("source", source)];
        Map::new().set("from", from).set("to", to())
    };
    let mut rules = Vec::new();
    let clients = clients(site, service);
    let principals: Vec<String> = clients
        .iter()
        .map(|client| {
            format!(
                "cluster.local/ns/{namespace}/sa/{}",
                names::dns(client.as_str())
            )
        })
        .collect();
    if !principals.is_empty() {
        rules.push(rule(Map::new().set("principals", principals)));
    }
    let routed = site
        .stack
        .routes
        .iter()
        .any(|route| route.service == service.name);
    if routed {
        rules.push(rule(Map::new().set("namespaces", GATEWAYS)));
    }
    rules
}

/// Who depends on a service: by `depends_on`, by a variable that names it, or as its own backup.
fn clients<'a>(site: &Site<'a>, service: &Service) -> BTreeSet<&'a ServiceName> {
    let services = site.stack.services.values();
    let mut clients: BTreeSet<&ServiceName> = services
        .filter(|client| client.name != service.name)
        .filter(|client| client.depends_on.contains_key(&service.name) || names_it(client, service))
        .map(|client| &client.name)
        .collect();
    if site.stack.backups.enabled {
        let mut sources = site.stack.backups.active();
        let own = sources.any(|(_, source)| source.kind.service() == Some(&service.name));
        let name = site.stack.services.get_key_value(&service.name);
        clients.extend(name.filter(|_| own).map(|(name, _)| name));
    }
    clients
}

/// Whether a variable has the service as a host.
fn names_it(client: &Service, service: &Service) -> bool {
    let values = client
        .environment
        .values()
        .filter(|value| !pod::is_secret(value));
    let mut hosts = values.filter_map(|value| {
        let text = value.text.expose().as_str();
        let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
        let authority = rest.split(['/', '?']).next()?;
        let host = authority.rsplit('@').next()?;
        host.split(':').next()
    });
    hosts.any(|host| host == service.name.as_str() || host == site::name(service))
}

/// Sidecars ask the control plane, and the gateway is let in: what the stack's own policies deny.
fn control_plane(site: &Site<'_>) -> Object {
    let space = |name: &str| {
        let labels = Map::new().set("kubernetes.io/metadata.name", name);
        Map::new().set("namespaceSelector", Map::new().set("matchLabels", labels))
    };
    let port = |number: u16| Map::new().set("protocol", "TCP").set("port", number);
    let out = Map::new()
        .set("to", vec![space("istio-system")])
        .set("ports", vec![port(15010), port(15012), port(15014)]);
    let scraped = Map::new()
        .set("from", vec![space("monitoring")])
        .set("ports", vec![port(15020), port(15090)]);
    let routed: BTreeSet<u16> = site
        .stack
        .routes
        .iter()
        .filter_map(|route| known::first_port(site.stack.services.get(&route.service)?))
        .collect();
    let routed: Vec<Map> = routed.into_iter().map(port).collect();
    let mut ingress = vec![scraped];
    if !routed.is_empty() {
        let gateways: Vec<Map> = GATEWAYS.iter().map(|name| space(name)).collect();
        ingress.push(Map::new().set("from", gateways).set("ports", routed));
    }
    let spec = Map::new()
        .set("podSelector", Map::new())
        .set("policyTypes", ["Ingress", "Egress"])
        .set("ingress", ingress)
        .set("egress", vec![out]);
    let begun = site.object(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        "allow-istio",
        site.project.name.as_str(),
    );
    Object::new("networkpolicy-istio.yaml", begun.set("spec", spec))
}
