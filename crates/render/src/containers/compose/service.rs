//! One service of the self-contained file.

use crate::containers::losses::Losses;
use crate::containers::parts;
use crate::containers::words::{duration, mode, pairs, size, text, texts};
use crate::project::Project;
use mainstay_stack::{
    Attachment, Container, DependencyCondition, DeviceRequest, FileKind, Isolation, NetworkMode,
    PortProtocol, PullPolicy, RestartCondition, Service, Stack, Stateful, SwapLimit,
};
use mainstay_yaml::write::{Doc, Map};

const LOOPBACK: &str = "127.0.0.1";

pub(super) fn service(
    project: &Project,
    stack: &Stack,
    service: &Service,
    losses: &mut Losses,
) -> Map {
    lost(service, losses);
    let container = &service.container;
    let map = Map::new()
        .maybe(
            "image",
            parts::image(project, stack, service).map(|image| text(&image)),
        )
        .maybe("pull_policy", pull(container.pull))
        .maybe("platform", container.platform.as_ref())
        .maybe("runtime", container.runtime.as_ref())
        .maybe("entrypoint", container.entrypoint.as_ref().map(texts))
        .maybe("command", container.command.as_ref().map(texts))
        .maybe("working_dir", working_directory(service))
        .maybe("user", parts::user(service))
        .some("environment", parts::environment(stack, service))
        .some("secrets", parts::granted(service, FileKind::Secret, octal))
        .some("configs", parts::granted(service, FileKind::Config, octal))
        .some("ports", ports(service))
        .some("expose", exposed(service))
        .some("volumes", parts::mounts(stack, service))
        .some("tmpfs", tmpfs(container))
        .some("depends_on", depends_on(service))
        .some("healthcheck", parts::healthcheck(stack, service, losses))
        .set("restart", restart(service))
        .set("stop_signal", text(&service.stop_signal))
        .set("stop_grace_period", duration(service.stop_grace))
        .some("labels", pairs(&service.labels))
        .some("annotations", pairs(&container.annotations));
    let map = flags(map, container);
    let map = network(map, service);
    let map = isolation(map, &container.isolation);
    let map = resources(map, service);
    map.set("logging", parts::logging(service))
        .some("deploy", deploy(service))
        .some("x-mainstay", own(service))
}

/// What stands in mainstay.yaml, and what only Mainstay does.
fn lost(service: &Service, losses: &mut Losses) {
    let name = service.name.as_str();
    let container = &service.container;
    losses.when(
        container.build.is_some(),
        name,
        "container.build",
        "the file runs images and builds none",
        "build and push them first: `mainstay image build --push`, or the workflows of `mainstay render github-actions`",
    );
    losses.of_any_engine(service);
    losses.when(
        matches!(
            service.restart.condition,
            RestartCondition::Always | RestartCondition::UnlessStopped
        ),
        name,
        "restart.max_attempts",
        "an engine starts again what ends, however often it does",
        "watch its restarts: the container's metrics have them",
    );
    losses.when(
        !service.secrets.is_empty(),
        name,
        "secrets",
        "Docker Compose gives secrets as files only",
        "the variables are taken over from whoever starts the stack",
    );
    lost_ports(service, losses);
    losses.when(
        service.singleton,
        name,
        "singleton",
        "Docker Compose knows no such thing",
        "it ends a container before it starts the next one; start the file in one place only",
    );
}

fn lost_ports(service: &Service, losses: &mut Losses) {
    let name = service.name.as_str();
    let published = service.ports.iter().any(|port| port.published.is_some());
    losses.when(
        published && service.replicas > 1,
        name,
        "ports",
        "an engine opens a port for one container alone, and there are several",
        "nothing is published: lay compose.proxy.yaml over it: nginx, with the files of `mainstay render nginx`",
    );
    losses.when(
        service
            .ports
            .iter()
            .any(|port| port.published.is_some() && port.protocol == PortProtocol::Http),
        name,
        "ports.protocol",
        "an engine passes bytes through: no balancing by request, no retry",
        "lay compose.proxy.yaml over it: nginx, with the files of `mainstay render nginx`",
    );
}

fn octal(bits: u32) -> Doc {
    mode(bits).into()
}

fn pull(policy: PullPolicy) -> Option<&'static str> {
    match policy {
        // What is built is built elsewhere, and then pulled.
        PullPolicy::Missing | PullPolicy::Build => None,
        PullPolicy::Always => Some("always"),
        PullPolicy::Never => Some("never"),
    }
}

fn working_directory(service: &Service) -> Option<Doc> {
    let path = service.working_directory.as_ref()?;
    Some(text(&path.to_string_lossy()))
}

/// Published ports, on loopback unless an address is said, as Mainstay opens them.
fn ports(service: &Service) -> Vec<Doc> {
    if service.replicas > 1 {
        return Vec::new();
    }
    let ports = service.ports.iter();
    ports
        .filter_map(|port| {
            let published = port.published?;
            let address = port
                .host_ip
                .map_or_else(|| LOOPBACK.to_owned(), |ip| ip.to_string());
            // The short form where it says all: older ones know no address in the long one.
            if port.protocol == PortProtocol::Http {
                let address = if address.contains(':') {
                    format!("[{address}]")
                } else {
                    address
                };
                return Some(format!("{address}:{published}:{}", port.target).into());
            }
            let map = Map::new()
                .set("host_ip", address)
                .set("published", published.to_string())
                .set("target", port.target)
                .set("app_protocol", "tcp");
            Some(map.into())
        })
        .collect()
}

fn exposed(service: &Service) -> Vec<Doc> {
    let ports = service.ports.iter();
    ports
        .filter(|port| port.published.is_none() || service.replicas > 1)
        .map(|port| Doc::Text(port.target.to_string()))
        .collect()
}

fn tmpfs(container: &Container) -> Vec<Doc> {
    let places = container.tmpfs.iter();
    places
        .map(|(path, options)| {
            if options.is_empty() {
                text(path)
            } else {
                text(&format!("{path}:{options}"))
            }
        })
        .collect()
}

fn depends_on(service: &Service) -> Map {
    let dependencies = service.depends_on.iter();
    dependencies
        .map(|(name, dependency)| {
            let condition = match dependency.condition {
                DependencyCondition::ServiceStarted => "service_started",
                DependencyCondition::ServiceHealthy => "service_healthy",
                DependencyCondition::ServiceCompletedSuccessfully => {
                    "service_completed_successfully"
                }
            };
            let map = Map::new()
                .set("condition", condition)
                .maybe("restart", dependency.restart.then_some(true))
                .maybe("required", (!dependency.required).then_some(false));
            (name.as_str(), map)
        })
        .collect()
}

fn restart(service: &Service) -> Doc {
    let restart = &service.restart;
    Doc::from(match restart.condition {
        RestartCondition::No => "no".to_owned(),
        RestartCondition::OnFailure => format!("on-failure:{}", restart.max_attempts),
        RestartCondition::Always => "always".to_owned(),
        RestartCondition::UnlessStopped => "unless-stopped".to_owned(),
    })
}

fn flags(map: Map, container: &Container) -> Map {
    let yes = |on: bool| on.then_some(true);
    let devices = container
        .devices
        .iter()
        .map(|device| format!("{}:{}:{}", device.source, device.target, device.permissions));
    map.maybe("init", yes(container.init))
        .maybe("tty", yes(container.tty))
        .maybe("stdin_open", yes(container.stdin_open))
        .some("devices", texts(&devices.collect::<Vec<_>>()))
        .some("device_cgroup_rules", texts(&container.device_cgroup_rules))
        .some("storage_opt", pairs(&container.storage_options))
}

fn network(map: Map, service: &Service) -> Map {
    let network = &service.container.network;
    let map = match network.mode {
        NetworkMode::Host => map.set("network_mode", "host"),
        NetworkMode::None => map.set("network_mode", "none"),
        NetworkMode::Networks => {
            let joined = network.networks.iter();
            let joined = joined.map(|(key, joined)| (key.clone(), attachment(joined)));
            map.some("networks", joined.collect::<Map>())
        }
    };
    map.maybe("hostname", network.hostname.as_ref().map(|name| text(name)))
        .maybe(
            "domainname",
            network.domainname.as_ref().map(|name| text(name)),
        )
        .some("extra_hosts", parts::extra_hosts(service))
        .some("dns", texts(&network.dns))
        .some("dns_opt", texts(&network.dns_options))
        .some("dns_search", texts(&network.dns_search))
}

fn attachment(joined: &Attachment) -> Doc {
    let mut map = Map::new()
        .some("aliases", texts(&joined.aliases))
        .maybe("ipv4_address", joined.ipv4_address.as_ref())
        .maybe("ipv6_address", joined.ipv6_address.as_ref())
        .some("link_local_ips", texts(&joined.link_local_ips))
        .some("driver_opts", pairs(&joined.driver_options));
    if joined.priority != 0 {
        map.insert("priority", joined.priority);
    }
    if map.is_empty() {
        Doc::Null
    } else {
        map.into()
    }
}

fn isolation(map: Map, isolation: &Isolation) -> Map {
    let yes = |on: bool| on.then_some(true);
    map.maybe("privileged", yes(isolation.privileged))
        .maybe("read_only", yes(isolation.read_only))
        .some("cap_add", texts(&isolation.cap_add))
        .some("cap_drop", texts(&isolation.cap_drop))
        .some("security_opt", texts(&isolation.security_opt))
        .some("group_add", texts(&isolation.group_add))
        .some("sysctls", pairs(&isolation.sysctls))
        .maybe("ipc", isolation.ipc.as_ref())
        .maybe("pid", isolation.pid.as_ref())
        .maybe("uts", isolation.uts.as_ref())
        .maybe("userns_mode", isolation.userns.as_ref())
        .maybe("cgroup", isolation.cgroup.as_ref())
        .maybe("cgroup_parent", isolation.cgroup_parent.as_ref())
}

fn resources(map: Map, service: &Service) -> Map {
    let resources = &service.container.resources;
    let swap = resources.memory_swap.map(|limit| match limit {
        SwapLimit::Unlimited => Doc::Int(-1),
        SwapLimit::At(bytes) => size(bytes).into(),
    });
    map.maybe("mem_swappiness", resources.memory_swappiness)
        .maybe("memswap_limit", swap)
        .maybe("shm_size", resources.shm_size.map(size))
        .maybe("cpu_shares", resources.cpu_shares)
        .maybe("cpuset", resources.cpuset.as_ref())
        .maybe("cpu_period", resources.cpu_period_us)
        .maybe("cpu_quota", resources.cpu_quota_us)
        .maybe(
            "oom_kill_disable",
            resources.oom_kill_disable.then_some(true),
        )
        .maybe("oom_score_adj", resources.oom_score_adj)
        .some("ulimits", parts::ulimits(service))
}

fn deploy(service: &Service) -> Map {
    let resources = &service.container.resources;
    let gpus = service.container.gpus.iter().map(gpu).collect::<Vec<Doc>>();
    let reserved = Map::new()
        .maybe("memory", resources.memory_reservation.map(size))
        .some("devices", gpus);
    let resources = Map::new()
        .some("limits", parts::limits(service))
        .some("reservations", reserved);
    let map = match service.replicas {
        1 => Map::new(),
        replicas => Map::new().set("replicas", replicas),
    };
    map.some("resources", resources)
}

fn gpu(request: &DeviceRequest) -> Doc {
    let driver = Some(&request.driver).filter(|driver| !driver.is_empty());
    Map::new()
        .maybe("driver", driver.map(|driver| text(driver)))
        .maybe("count", request.count)
        .some("device_ids", texts(&request.device_ids))
        .some("capabilities", texts(&request.capabilities))
        .some("options", pairs(&request.options))
        .into()
}

/// What Docker Compose leaves alone, and Mainstay reads back.
fn own(service: &Service) -> Map {
    let stateful = match &service.stateful {
        Some(Stateful::Declared) => Some(true),
        None if writes(service) => Some(false),
        _ => None,
    };
    let process = service.process.as_ref();
    let artifacts = process
        .map(|process| process.artifacts.as_slice())
        .unwrap_or_default();
    let artifacts: Vec<String> = artifacts
        .iter()
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    let build = process.and_then(|process| process.build.as_ref());
    Map::new()
        .maybe("build", build.map(texts))
        .some("artifacts", texts(&artifacts))
        .maybe("command", process.map(|process| texts(&process.command)))
        .maybe("singleton", service.singleton.then_some(true))
        .maybe("stateful", stateful)
}

/// Whether somebody could take it for one that holds state.
fn writes(service: &Service) -> bool {
    service.mounts.iter().any(|mount| !mount.read_only)
}
