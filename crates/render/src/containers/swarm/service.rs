//! One service of the Swarm.

use super::scope;
use crate::containers::losses::Losses;
use crate::containers::parts;
use crate::containers::words::{duration, pairs, size, text, texts};
use crate::project::Project;
use mainstay_model::Bytes;
use mainstay_stack::{
    DeployPolicy, FileKind, Mount, MountKind, NetworkMode, RestartCondition, Service, Stack,
    Strategy,
};
use mainstay_yaml::write::{Doc, Map};

pub(super) fn service(
    project: &Project,
    stack: &Stack,
    service: &Service,
    losses: &mut Losses,
) -> Map {
    let container = &service.container;
    let directory = service.working_directory.as_ref();
    let yes = |on: bool| on.then_some(true);
    let isolation = &container.isolation;
    let map = Map::new()
        .maybe(
            "image",
            parts::image(project, stack, service).map(|image| text(&image)),
        )
        .maybe("entrypoint", container.entrypoint.as_ref().map(texts))
        .maybe("command", container.command.as_ref().map(texts))
        .maybe(
            "working_dir",
            directory.map(|path| text(&path.to_string_lossy())),
        )
        .maybe("user", parts::user(service))
        .some("environment", parts::environment(stack, service))
        .some(
            "secrets",
            parts::granted(service, FileKind::Secret, Doc::from),
        )
        .some(
            "configs",
            parts::granted(service, FileKind::Config, Doc::from),
        )
        .some("ports", ports(service))
        .some("volumes", mounts(stack, service))
        .some("healthcheck", parts::healthcheck(stack, service, losses))
        .set("stop_signal", text(&service.stop_signal))
        .set("stop_grace_period", duration(service.stop_grace))
        .some("labels", pairs(&service.labels))
        .maybe("init", yes(container.init))
        .maybe("tty", yes(container.tty))
        .maybe("stdin_open", yes(container.stdin_open))
        .maybe("read_only", yes(isolation.read_only))
        .some("cap_add", texts(&isolation.cap_add))
        .some("cap_drop", texts(&isolation.cap_drop))
        .some("sysctls", pairs(&isolation.sysctls))
        .some("ulimits", parts::ulimits(service));
    network(map, service)
        .set("logging", parts::logging(service))
        .set("deploy", deploy(stack, service))
}

/// How this service is replaced.
pub(super) fn policy<'a>(stack: &'a Stack, service: &Service) -> &'a DeployPolicy {
    let own = stack.deploy.services.get(&service.name);
    own.unwrap_or(&stack.deploy.default)
}

/// The networks that each engine has by itself, as a stack may name them.
pub(super) fn own_network(mode: NetworkMode) -> &'static str {
    match mode {
        NetworkMode::Host => "host-network",
        NetworkMode::None | NetworkMode::Networks => "no-network",
    }
}

/// On every machine, by the routing mesh; one that is for one address only is not published.
fn ports(service: &Service) -> Vec<Doc> {
    let open = service.ports.iter().filter(|port| port.host_ip.is_none());
    open.filter_map(|port| {
        let map = Map::new()
            .set("target", port.target)
            .set("published", port.published?)
            .set("protocol", "tcp")
            .set("mode", "ingress");
        Some(map.into())
    })
    .collect()
}

fn mounts(stack: &Stack, service: &Service) -> Vec<Doc> {
    let plain = service.mounts.iter().map(|mount| {
        // What Swarm does not know is named as lost.
        let mut mount: Mount = mount.clone();
        mount.options.selinux = None;
        mount.options.subpath = None;
        mount.options.tmpfs_mode = None;
        mount.options.create_host_path = true;
        mount
    });
    let plain = Service {
        mounts: plain.collect(),
        ..service.clone()
    };
    let mut mounts = parts::mounts(stack, &plain);
    let container = &service.container;
    for (path, options) in &container.tmpfs {
        let mut options = options.split(',');
        let size = options.find_map(|option| option.strip_prefix("size=")?.parse().ok());
        mounts.push(memory(path, size));
    }
    if let Some(size) = container.resources.shm_size {
        mounts.push(memory("/dev/shm", Some(size)));
    }
    mounts
}

fn memory(path: &str, size: Option<Bytes>) -> Doc {
    Map::new()
        .set("type", "tmpfs")
        .set("target", text(path))
        .some("tmpfs", Map::new().maybe("size", size.map(|size| size.0)))
        .into()
}

fn network(map: Map, service: &Service) -> Map {
    let network = &service.container.network;
    let map = match network.mode {
        NetworkMode::Networks => {
            let joined = network.networks.iter();
            let joined = joined.map(|(key, joined)| {
                let aliases = Map::new().some("aliases", texts(&joined.aliases));
                let joined = if aliases.is_empty() {
                    Doc::Null
                } else {
                    aliases.into()
                };
                (key.clone(), joined)
            });
            map.some("networks", joined.collect::<Map>())
        }
        mode => map.set("networks", Map::new().set(own_network(mode), Doc::Null)),
    };
    map.maybe("hostname", network.hostname.as_ref().map(|name| text(name)))
        .some("extra_hosts", parts::extra_hosts(service))
        .some("dns", texts(&network.dns))
        .some("dns_search", texts(&network.dns_search))
}

fn deploy(stack: &Stack, service: &Service) -> Map {
    let reserved = service.container.resources.memory_reservation;
    let reserved = Map::new().maybe("memory", reserved.map(size));
    let resources = Map::new()
        .some("limits", parts::limits(service))
        .some("reservations", reserved);
    let update = update(policy(stack, service), service);
    Map::new()
        .set("mode", "replicated")
        .set("replicas", service.replicas)
        .maybe("endpoint_mode", dnsrr(service))
        .set("update_config", update.clone())
        // Back by the same steps, and there it stays: what it goes back to has run before.
        .set("rollback_config", back(update))
        .set("restart_policy", restart(service))
        .set("placement", placement(stack, service))
        .some("resources", resources)
}

/// A host's own network has no virtual address.
fn dnsrr(service: &Service) -> Option<&'static str> {
    (service.container.network.mode != NetworkMode::Networks).then_some("dnsrr")
}

fn update(policy: &DeployPolicy, service: &Service) -> Map {
    let alone = service.singleton || service.stateful.is_some();
    let (order, parallelism) = match policy.strategy {
        _ if alone => ("stop-first", 1),
        Strategy::StopFirst => ("stop-first", 1),
        Strategy::Rolling {
            surge: 0,
            parallelism,
        } => ("stop-first", parallelism),
        Strategy::Rolling { parallelism, .. } => ("start-first", parallelism),
        // 0: all at once.
        Strategy::BlueGreen { .. } => ("start-first", 0),
    };
    Map::new()
        .set("parallelism", parallelism)
        .set("delay", "0s")
        .set("failure_action", "rollback")
        .set("monitor", duration(policy.minimum_healthy_time))
        .set("max_failure_ratio", 0)
        .set("order", order)
}

fn back(mut update: Map) -> Map {
    update.insert("failure_action", "pause");
    update
}

fn restart(service: &Service) -> Map {
    let restart = &service.restart;
    let map = Map::new();
    match restart.condition {
        RestartCondition::No => map.set("condition", "none"),
        RestartCondition::OnFailure => map
            .set("condition", "on-failure")
            .set("delay", duration(restart.delay))
            .set("max_attempts", restart.max_attempts)
            .set("window", duration(restart.window)),
        RestartCondition::Always | RestartCondition::UnlessStopped => map
            .set("condition", "any")
            .set("delay", duration(restart.delay)),
    }
}

/// What writes to a machine's own volume stays on the machine that has the label; all else is spread.
fn placement(stack: &Stack, service: &Service) -> Map {
    let own = service.mounts.iter().any(|mount| {
        let volume = stack.volumes.get(&mount.source);
        let local =
            volume.is_some_and(|volume| matches!(volume.driver.name.as_str(), "" | "local"));
        mount.kind == MountKind::Bind || (mount.kind == MountKind::Volume && local)
    });
    if !own {
        let spread = Map::new().set("spread", "node.id");
        return Map::new().set("preferences", vec![Doc::from(spread)]);
    }
    let label = format!("{}.{}", scope(stack), service.name);
    Map::new()
        .comment(&format!("docker node update --label-add {label}=true NODE"))
        .set("constraints", [format!("node.labels.{label} == true")])
}
