//! The pod of a service: its container, what it waits for, what it may do.

use super::probes;
use super::security;
use super::site::{self, Site};
use super::storage::{self, Volumes};
use super::wait;
use super::{known, site::fingerprint};
use mainstay_model::Bytes;
use mainstay_stack::{HIDDEN, NetworkMode, PullPolicy, Service, Value};
use mainstay_yaml::write::{Doc, Map};

/// Between what tells a pod to go and the word of it reaching every proxy of the cluster.
const SPREAD_SECONDS: u64 = 5;

/// How a pod differs from the one of a service that stays up.
#[derive(Debug, Clone, Default)]
pub(super) struct Task {
    /// In place of the service's own.
    pub(super) command: Option<Vec<String>>,
    /// `OnFailure` or `Never`; `None`: it stays up.
    pub(super) restart: Option<&'static str>,
}

/// A variable's or file's source in another object.
pub(super) fn pointer(kind: &str, name: &str, key: &str) -> Map {
    let to = Map::new().set("name", name).set("key", key);
    Map::new().set(kind, to)
}

/// Whether a value cannot stand in a file.
pub(super) fn is_secret(value: &Value) -> bool {
    value.secret || value.text.expose().contains(HIDDEN)
}

/// The key of the stack's Secret that a variable comes from.
pub(super) fn variable_key(service: &Service, variable: &str) -> String {
    match service.secrets.get(variable) {
        Some(secret) => secret.clone(),
        None => format!("{}.{variable}", service.name),
    }
}

/// Variables that stand in the service's ConfigMap.
pub(super) fn plain(service: &Service) -> Map {
    let plain = service
        .environment
        .iter()
        .filter(|(_, value)| !is_secret(value));
    let mut map: Map = plain
        .map(|(name, value)| (name.clone(), Doc::from(value.text.expose().as_str())))
        .collect();
    if let Some((name, folder)) = storage::data_folder(service) {
        map = map.comment(
            "A new file system has `lost+found` in its root, and a database wants an empty folder.",
        );
        map.insert(name, folder);
    }
    map
}

/// The ConfigMap with the variables of a service.
pub(super) fn config_name(service: &Service) -> String {
    format!("{}-environment", site::name(service))
}

/// `template` of whatever makes pods of a service.
pub(super) fn template(site: &Site<'_>, service: &Service, task: &Task) -> Map {
    let name = site::name(service);
    let mut labels = site.labels(&name);
    for key in site.networks(service) {
        labels.insert(site::network_label(key), "member");
    }
    let metadata = Map::new()
        .set("labels", labels)
        .some("annotations", annotations(service));
    Map::new()
        .set("metadata", metadata)
        .set("spec", spec(site, service, task))
}

fn annotations(service: &Service) -> Map {
    let plain = Doc::from(plain(service)).text();
    let files: String = storage::config_files(service).into_values().collect();
    let mut map = Map::new()
        .comment("Changes with the ConfigMaps, so that pods are replaced with them.")
        .set("mainstay/configuration", fingerprint(&(plain + &files)));
    let said = service.labels.iter().chain(&service.container.annotations);
    for (name, value) in said.filter(|(name, _)| is_annotation(name)) {
        map.insert(name, value);
    }
    for (name, value) in scraped(service) {
        map.insert(name, value);
    }
    map
}

/// Names of annotations: a prefix of DNS at most, then 63 characters.
pub(super) fn is_annotation(name: &str) -> bool {
    let (prefix, last) = name.split_once('/').unwrap_or(("", name));
    let fit = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let ends = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.ends_with(|c: char| c.is_ascii_alphanumeric())
    };
    let dns = prefix
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c));
    ends(last)
        && last.len() <= 63
        && last.chars().all(fit)
        && dns
        && (prefix.is_empty() && !name.contains('/') || ends(prefix))
}

/// Annotations that Prometheus's usual configuration for Kubernetes reads.
fn scraped(service: &Service) -> Vec<(String, String)> {
    let Some(port) = metrics_port(service) else {
        return Vec::new();
    };
    let said = [
        ("scrape", "true".to_owned()),
        ("path", service.metrics.path.clone()),
        ("port", port.to_string()),
    ];
    let said = said.into_iter();
    said.map(|(key, value)| (format!("prometheus.io/{key}"), value))
        .collect()
}

/// Where metrics are asked for over HTTP, if they are.
pub(super) fn metrics_port(service: &Service) -> Option<u16> {
    use mainstay_stack::{Collect, PortProtocol};
    let own = || {
        let first = service.ports.first()?;
        let http = first.protocol == PortProtocol::Http && known::engine(service).is_none();
        http.then_some(first.target)
    };
    match service.metrics.collect {
        Collect::Never => None,
        Collect::Always => service.metrics.port.or_else(|| known::first_port(service)),
        Collect::Found => service.metrics.port.or_else(own),
    }
}

fn spec(site: &Site<'_>, service: &Service, task: &Task) -> Map {
    let container = &service.container;
    let network = &container.network;
    let Volumes { volumes, mounts } = storage::volumes(site, service);
    let stays = task.restart.is_none();
    let mut grace = service.stop_grace.as_secs();
    if stays && service.replicas > 0 && !known::ports(service).is_empty() {
        grace += SPREAD_SECONDS;
    }
    let host = network.mode == NetworkMode::Host;
    let flag = |word: &Option<String>| (word.as_deref() == Some("host")).then_some(true);
    let init = if stays {
        wait::containers(site, service)
    } else {
        wait::before_task(site, service)
    };
    Map::new()
        .maybe("restartPolicy", task.restart)
        .set("serviceAccountName", site::name(service))
        .set(
            "automountServiceAccountToken",
            wait::asks_the_cluster(site, service) && stays,
        )
        .set("enableServiceLinks", false)
        .maybe("hostname", network.hostname.as_ref())
        .maybe("hostNetwork", host.then_some(true))
        .maybe("dnsPolicy", host.then_some("ClusterFirstWithHostNet"))
        .maybe("hostPID", flag(&container.isolation.pid))
        .maybe("hostIPC", flag(&container.isolation.ipc))
        .maybe("shareProcessNamespace", container.init.then_some(true))
        .maybe("runtimeClassName", container.runtime.as_ref())
        .some("nodeSelector", node(service))
        .some("hostAliases", aliases(service))
        .some("dnsConfig", dns(service))
        .set("terminationGracePeriodSeconds", grace)
        .some(
            "topologySpreadConstraints",
            if stays {
                spread(site, service)
            } else {
                Vec::new()
            },
        )
        .set("securityContext", security::pod(service))
        .some("initContainers", init)
        .set(
            "containers",
            vec![main_container(site, service, task, mounts)],
        )
        .some("volumes", volumes)
}

fn main_container(site: &Site<'_>, service: &Service, task: &Task, mounts: Vec<Map>) -> Map {
    let (command, args) = commands(service, task);
    let named = known::ports(service);
    let ports: Vec<Map> = named
        .iter()
        .filter(|_| task.restart.is_none())
        .map(|(name, port)| {
            Map::new()
                .set("name", name)
                .set("containerPort", *port)
                .set("protocol", "TCP")
        })
        .collect();
    let lifecycle = if ports.is_empty() {
        Map::new()
    } else {
        quietly()
    };
    let mut map = Map::new()
        .set("name", site::name(service))
        .set("image", site.image(service).unwrap_or_default())
        .set("imagePullPolicy", pull(service))
        .some("command", command)
        .some("args", args)
        .maybe("workingDir", folder(site, service))
        .some("ports", ports);
    for (key, value) in environment(site, service).iter() {
        map.insert(key, value.clone());
    }
    map.insert("resources", resources(service));
    if task.restart.is_none() {
        for (key, probe) in probes::probes(service, site.policy(service)) {
            map.insert(key, probe);
        }
    }
    map.some("lifecycle", lifecycle)
        .set("securityContext", security::container(service))
        .maybe("stdin", service.container.stdin_open.then_some(true))
        .maybe("tty", service.container.tty.then_some(true))
        .some("volumeMounts", mounts)
}

/// New connections stop coming a little after the pod is told to go.
fn quietly() -> Map {
    let sleep = Map::new().set("seconds", SPREAD_SECONDS);
    Map::new()
        .comment("New connections stop coming a little after the pod is told to go. From Kubernetes 1.30 on.")
        .set("preStop", Map::new().set("sleep", sleep))
}

/// `envFrom` and `env`.
pub(super) fn environment(site: &Site<'_>, service: &Service) -> Map {
    let config = Map::new().set("configMapRef", Map::new().set("name", config_name(service)));
    let from = if plain(service).is_empty() {
        Vec::new()
    } else {
        vec![config]
    };
    let secret = service
        .environment
        .iter()
        .filter(|(_, value)| is_secret(value));
    let secret: Vec<Map> = secret
        .map(|(name, _)| {
            let key = variable_key(service, name);
            Map::new()
                .set("name", name)
                .set("valueFrom", storage::reference(site, &key))
        })
        .collect();
    Map::new().some("envFrom", from).some("env", secret)
}

/// A word that Kubernetes leaves as it is: it puts variables in place of `$(NAME)`, and `$` in place of `$$`.
pub(super) fn literal(word: &str) -> String {
    let mut literal = String::with_capacity(word.len());
    let mut rest = word.chars().peekable();
    while let Some(c) = rest.next() {
        literal.push(c);
        if c == '$' && matches!(rest.peek(), Some('$' | '(')) {
            literal.push('$');
        }
    }
    literal
}

/// `command` and `args`: what Docker calls entry point and command.
fn commands(service: &Service, task: &Task) -> (Vec<String>, Vec<String>) {
    let plain =
        |words: &[String]| -> Vec<String> { words.iter().map(|word| literal(word)).collect() };
    let container = &service.container;
    let command = task.command.as_ref().or(container.command.as_ref());
    let command = command.map(|words| plain(words)).unwrap_or_default();
    match &container.entrypoint {
        None => (Vec::new(), command),
        // None at all: the command is the program.
        Some(words) if words.is_empty() => (command, Vec::new()),
        Some(words) => (plain(words), command),
    }
}

/// Of a container only: that of a process is a folder of the host.
fn folder(site: &Site<'_>, service: &Service) -> Option<String> {
    let folder = service.working_directory.as_ref();
    let folder = folder.filter(|_| site.stack.target.runs_containers())?;
    Some(folder.display().to_string())
}

fn pull(service: &Service) -> &'static str {
    match service.container.pull {
        PullPolicy::Missing | PullPolicy::Build => "IfNotPresent",
        PullPolicy::Always => "Always",
        PullPolicy::Never => "Never",
    }
}

/// Thousandths of a CPU, or whole ones.
fn cpu(cpus: f64) -> String {
    let milli = (cpus * 1000.0).round() as u64;
    if milli.is_multiple_of(1000) {
        return (milli / 1000).to_string();
    }
    format!("{milli}m")
}

/// What a pod is promised is half of what it may have, as handbooks have it, where nothing is said; a pod
/// without limits is promised a little.
pub(super) fn resources(service: &Service) -> Map {
    let limits = &service.limits;
    let reserved = service.container.resources.memory_reservation;
    let half = limits
        .memory
        .map(|Bytes(bytes)| Bytes((bytes / 2).next_multiple_of(1 << 20)));
    let memory = reserved.or(half).unwrap_or(Bytes(128 << 20));
    let requests = Map::new()
        .set("cpu", cpu(limits.cpus.map_or(0.1, |cpus| cpus / 2.0)))
        .set("memory", storage::quantity(memory));
    let mut most = Map::new()
        .maybe("cpu", limits.cpus.map(cpu))
        .maybe("memory", limits.memory.map(storage::quantity));
    for request in service.container.gpus.iter().take(1) {
        most.insert("nvidia.com/gpu", request.count.unwrap_or(1).to_string());
    }
    Map::new().set("requests", requests).some("limits", most)
}

fn node(service: &Service) -> Map {
    let Some(platform) = &service.container.platform else {
        return Map::new();
    };
    let mut parts = platform.split('/');
    Map::new()
        .maybe("kubernetes.io/os", parts.next())
        .maybe("kubernetes.io/arch", parts.next())
}

fn aliases(service: &Service) -> Vec<Map> {
    let hosts = service.container.network.extra_hosts.iter();
    let hosts = hosts.filter(|entry| entry.address.parse::<std::net::IpAddr>().is_ok());
    hosts
        .map(|entry| {
            Map::new()
                .set("ip", &entry.address)
                .set("hostnames", [entry.host.as_str()])
        })
        .collect()
}

fn dns(service: &Service) -> Map {
    let network = &service.container.network;
    let options: Vec<Map> = network
        .dns_options
        .iter()
        .map(|option| match option.split_once(':') {
            Some((name, value)) => Map::new().set("name", name).set("value", value),
            None => Map::new().set("name", option),
        })
        .collect();
    Map::new()
        .some("nameservers", network.dns.as_slice())
        .some("searches", network.dns_search.as_slice())
        .some("options", options)
}

/// Copies on different machines where there is room.
fn spread(site: &Site<'_>, service: &Service) -> Vec<Map> {
    let most = site.stack.render.services.get(&service.name);
    let most = most
        .and_then(|said| said.autoscale.as_ref())
        .map_or(0, |scale| scale.max);
    if service.replicas.max(most) < 2 {
        return Vec::new();
    }
    let selector = Map::new().set("matchLabels", site.selector(&site::name(service)));
    let one = Map::new()
        .set("maxSkew", 1)
        .set("topologyKey", "kubernetes.io/hostname")
        .set("whenUnsatisfiable", "ScheduleAnyway")
        .set("labelSelector", selector);
    vec![one]
}
