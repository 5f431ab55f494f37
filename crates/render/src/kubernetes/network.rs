//! How services are reached: Services, Ingresses, NetworkPolicies.

use super::known;
use super::pod;
use super::site::{self, Object, Site, network_label};
use super::wait;
use super::workload::{self, Kind};
use crate::names;
use mainstay_model::Bytes;
use mainstay_stack::{Balance, NetworkMode, Route, Service};
use mainstay_yaml::write::Map;
use std::collections::BTreeSet;

/// Services under the names by which the stack's own services know one another.
pub(super) fn services(site: &Site<'_>) -> Vec<Object> {
    let mut all = Vec::new();
    for service in site.stack.services.values() {
        let ports = known::ports(service);
        if ports.is_empty() || workload::kind(site, service) == Kind::Job {
            continue;
        }
        let name = site::name(service);
        let headless = workload::kind(site, service) == Kind::StatefulSet;
        for name in std::iter::once(name).chain(aliases(service)) {
            all.push(Object::new(
                "service.yaml",
                one_service(site, service, &name, headless),
            ));
        }
    }
    all
}

/// Further names on the networks.
fn aliases(service: &Service) -> Vec<String> {
    let networks = service.container.network.networks.values();
    let mut names: Vec<String> = networks
        .flat_map(|attachment| attachment.aliases.iter().map(|alias| names::dns(alias)))
        .filter(|alias| *alias != site::name(service))
        .collect();
    names.sort();
    names.dedup();
    names
}

/// One Service. A set of pods with state has one without an address of its own, as StatefulSets ask for.
pub(super) fn one_service(site: &Site<'_>, service: &Service, name: &str, headless: bool) -> Map {
    let ports: Vec<Map> = known::ports(service)
        .into_iter()
        .map(|(word, port)| {
            let protocol = word.split('-').next().unwrap_or_default().to_owned();
            Map::new()
                .set("name", &word)
                .set("port", port)
                .set("targetPort", &word)
                .set("protocol", "TCP")
                .set("appProtocol", protocol)
        })
        .collect();
    let component = site::name(service);
    let mut spec = Map::new().set("type", "ClusterIP");
    if headless {
        spec.insert("clusterIP", "None");
    }
    let spec = spec
        .set("selector", site.selector(&component))
        .set("ports", ports);
    site.object("v1", "Service", name, &component)
        .set("spec", spec)
}

/// The class whose annotations are written.
pub(super) const NGINX: &str = "nginx";

/// Hosts of a route: its own, else the stack's.
pub(super) fn hosts(site: &Site<'_>, route: &Route) -> Vec<String> {
    if route.hosts.is_empty() {
        return site.stack.render.domain.iter().cloned().collect();
    }
    route.hosts.clone()
}

/// One Ingress for each route, since timeouts and sizes stand in annotations of the whole. The controller
/// takes the longest path of a host, wherever it stands.
pub(super) fn ingresses(site: &Site<'_>) -> Vec<Object> {
    let routes = site.stack.routes.iter();
    routes
        .filter_map(|route| {
            let service = site.stack.services.get(&route.service)?;
            Some(Object::new("ingress.yaml", ingress(site, route, service)?))
        })
        .collect()
}

/// `SERVICE`, and what of the path tells it from others.
pub(super) fn ingress_name(route: &Route) -> String {
    let path = names::dns(&route.path);
    let name = names::dns(route.service.as_str());
    let host = route
        .hosts
        .first()
        .map(|host| names::dns(host))
        .unwrap_or_default();
    let parts = [name, path, host];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    names::dns(&parts.join("-"))
}

fn ingress(site: &Site<'_>, route: &Route, service: &Service) -> Option<Map> {
    let port = known::ports(service).into_iter().next()?.0;
    let settings = &site.stack.render.kubernetes;
    let backend = Map::new()
        .set("name", site::name(service))
        .set("port", Map::new().set("name", port));
    let nginx = settings.ingress_class == NGINX;
    let (path, kind) = match (
        route.strip_prefix && nginx,
        route.path.trim_end_matches('/'),
    ) {
        (true, stem) if !stem.is_empty() => (format!("{stem}(/|$)(.*)"), "ImplementationSpecific"),
        _ => (route.path.clone(), "Prefix"),
    };
    let path = Map::new()
        .set("path", path)
        .set("pathType", kind)
        .set("backend", Map::new().set("service", backend));
    let http = Map::new().set("paths", vec![path]);
    let hosts = hosts(site, route);
    let rules: Vec<Map> = if hosts.is_empty() {
        vec![Map::new().set("http", http)]
    } else {
        let each = hosts.iter();
        each.map(|host| Map::new().set("host", host).set("http", http.clone()))
            .collect()
    };
    let tls: Vec<Map> = hosts
        .iter()
        .map(|host| {
            let name = names::dns(&format!("{}-tls", host.replace('*', "wildcard")));
            Map::new()
                .set("hosts", [host.as_str()])
                .set("secretName", name)
        })
        .collect();
    let spec = Map::new()
        .set("ingressClassName", &settings.ingress_class)
        .some("tls", tls)
        .set("rules", rules);
    let annotations = ingress_annotations(site, route, !hosts.is_empty());
    let name = ingress_name(route);
    let begun = site.annotated(
        "networking.k8s.io/v1",
        "Ingress",
        &name,
        &site::name(service),
        annotations,
    );
    Some(begun.set("spec", spec))
}

/// What the Ingress NGINX Controller reads: <https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/>.
fn ingress_annotations(site: &Site<'_>, route: &Route, encrypted: bool) -> Map {
    let settings = &site.stack.render.kubernetes;
    let mut map = Map::new();
    if encrypted {
        map.insert("cert-manager.io/cluster-issuer", &settings.issuer);
    }
    if settings.ingress_class != NGINX {
        return map;
    }
    let seconds = route.timeout.as_secs().max(1).to_string();
    let Bytes(body) = route.max_body;
    let said = [
        ("ssl-redirect", encrypted.then(|| "true".to_owned())),
        ("proxy-read-timeout", Some(seconds.clone())),
        ("proxy-send-timeout", Some(seconds)),
        ("proxy-body-size", Some(body.to_string())),
        ("proxy-next-upstream", Some("error timeout".to_owned())),
        (
            "upstream-hash-by",
            (route.balance == Balance::ClientIp).then(|| "$binary_remote_addr".to_owned()),
        ),
    ];
    for (key, value) in said {
        if let Some(value) = value {
            map.insert(format!("nginx.ingress.kubernetes.io/{key}"), value);
        }
    }
    if route.strip_prefix && route.path != "/" {
        map.insert("nginx.ingress.kubernetes.io/use-regex", "true");
        map.insert("nginx.ingress.kubernetes.io/rewrite-target", "/$2");
    }
    map
}

const FILE: &str = "networkpolicy.yaml";

/// Nothing may speak to anything, but for what the networks of the stack allow.
pub(super) fn policies(site: &Site<'_>) -> Vec<Object> {
    let mut all = vec![policy(
        site,
        "default-deny",
        Map::new(),
        &["Ingress", "Egress"],
        &Map::new(),
    )];
    all.push(dns(site));
    let services = site.stack.services.values();
    let joined: BTreeSet<&str> = services
        .flat_map(|service| site.networks(service))
        .collect();
    for key in joined {
        let member = || Map::new().set("podSelector", members(key));
        let rules = Map::new()
            .set("ingress", vec![Map::new().set("from", vec![member()])])
            .set("egress", vec![Map::new().set("to", vec![member()])]);
        let name = format!("network-{}", names::dns(key));
        all.push(policy(
            site,
            &name,
            members(key),
            &["Ingress", "Egress"],
            &rules,
        ));
    }
    for service in site.stack.services.values() {
        all.extend(outside(site, service));
    }
    all
}

fn members(key: &str) -> Map {
    Map::new().set("matchLabels", Map::new().set(network_label(key), "member"))
}

fn policy(site: &Site<'_>, name: &str, pods: Map, types: &[&str], rules: &Map) -> Object {
    let mut spec = Map::new()
        .set("podSelector", pods)
        .set("policyTypes", types);
    for (key, value) in rules.iter() {
        spec.insert(key, value.clone());
    }
    let begun = site.object(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        name,
        site.project.name.as_str(),
    );
    Object::new(FILE, begun.set("spec", spec))
}

/// Names are asked of the cluster's own servers.
fn dns(site: &Site<'_>) -> Object {
    let port = |protocol: &str| Map::new().set("protocol", protocol).set("port", 53);
    let rule = Map::new()
        .set("to", vec![space("kube-system")])
        .set("ports", vec![port("UDP"), port("TCP")]);
    let rules = Map::new().set("egress", vec![rule]);
    policy(site, "allow-dns", Map::new(), &["Egress"], &rules)
}

/// Everything of a namespace, by the label that the cluster gives each.
fn space(name: &str) -> Map {
    let labels = Map::new().set("kubernetes.io/metadata.name", name);
    Map::new().set("namespaceSelector", Map::new().set("matchLabels", labels))
}

fn port(number: u16) -> Map {
    Map::new().set("protocol", "TCP").set("port", number)
}

/// What comes to a service from beyond the stack, and where it may go.
fn outside(site: &Site<'_>, service: &Service) -> Option<Object> {
    let mut ingress: Vec<Map> = Vec::new();
    let routed = site
        .stack
        .routes
        .iter()
        .any(|route| route.service == service.name);
    if let Some((_, number)) = known::ports(service).first().filter(|_| routed) {
        let class = &site.stack.render.kubernetes.ingress_class;
        let from = vec![space(&format!("ingress-{class}"))];
        ingress.push(
            Map::new()
                .set("from", from)
                .set("ports", vec![port(*number)]),
        );
    }
    if let Some(number) = pod::metrics_port(service) {
        ingress.push(
            Map::new()
                .set("from", vec![space("monitoring")])
                .set("ports", vec![port(number)]),
        );
    }
    let mut egress: Vec<Map> = Vec::new();
    if leaves(site, service) {
        // Not the address where a cloud gives its machines their credentials.
        let block = Map::new()
            .set("cidr", "0.0.0.0/0")
            .set("except", ["169.254.169.254/32"]);
        egress.push(Map::new().set("to", vec![Map::new().set("ipBlock", block)]));
    } else if wait::asks_the_cluster(site, service) {
        egress.push(Map::new().set("ports", vec![port(443), port(6443)]));
    }
    let mut types = Vec::new();
    let mut rules = Map::new();
    if !ingress.is_empty() {
        types.push("Ingress");
        rules.insert("ingress", ingress);
    }
    if !egress.is_empty() {
        types.push("Egress");
        rules.insert("egress", egress);
    }
    if types.is_empty() {
        return None;
    }
    let name = site::name(service);
    let pods = Map::new().set("matchLabels", site.selector(&name));
    Some(policy(site, &name, pods, &types, &rules))
}

/// Whether one of the networks of a service leads out.
fn leaves(site: &Site<'_>, service: &Service) -> bool {
    let network = &service.container.network;
    match network.mode {
        NetworkMode::Host => true,
        NetworkMode::None => false,
        NetworkMode::Networks => {
            let inside = |key: &str| {
                site.stack
                    .networks
                    .get(key)
                    .is_some_and(|network| network.internal)
            };
            site.networks(service).into_iter().any(|key| !inside(key))
        }
    }
}
