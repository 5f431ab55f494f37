//! What Swarm has no words for.

use crate::containers::losses::Losses;
use crate::output::Rendering;
use mainstay_stack::{Network, NetworkMode, RestartCondition, Service, Stack, Strategy};

/// Without these the service would not be what it is: nothing is written then.
pub(super) fn refused(service: &Service, out: &mut Rendering) {
    let container = &service.container;
    let name = service.name.as_str();
    for (has, field, why, instead) in [
        (
            service.image.is_none(),
            "image",
            "Swarm runs images, and it has none",
            "build one and name it in `image:`",
        ),
        (
            container.isolation.privileged,
            "privileged",
            "Swarm gives no container all rights of its machine",
            "name the capabilities it needs in `cap_add`, or run it with `target: docker`",
        ),
        (
            !container.devices.is_empty() || !container.device_cgroup_rules.is_empty(),
            "devices",
            "Swarm passes no devices on",
            "run it with `target: docker`",
        ),
        (
            !container.gpus.is_empty(),
            "gpus",
            "Swarm passes no GPUs on but as generic resources that each engine is set up for",
            "run it with `target: docker`, or on Kubernetes",
        ),
    ] {
        if has {
            out.refused(&format!("services.{name}.{field}"), why, instead);
        }
    }
}

pub(super) fn service(stack: &Stack, service: &Service, losses: &mut Losses) {
    engine(service, losses);
    resources(service, losses);
    running(service, losses);
    mounted(service, losses);
    networking(service, losses);
    rollout(stack, service, losses);
}

/// Settings of single containers, which Swarm leaves to each engine.
fn engine(service: &Service, losses: &mut Losses) {
    const WHY: &str = "Swarm does not pass it on to the engines";
    const NOTHING: &str = "the engine's default holds";
    let name = service.name.as_str();
    let container = &service.container;
    let isolation = &container.isolation;
    for (has, field) in [
        (container.platform.is_some(), "platform"),
        (container.runtime.is_some(), "runtime"),
        (!container.annotations.is_empty(), "annotations"),
        (!container.storage_options.is_empty(), "storage_opt"),
        (!isolation.security_opt.is_empty(), "security_opt"),
        (!isolation.group_add.is_empty(), "group_add"),
        (isolation.ipc.is_some(), "ipc"),
        (isolation.pid.is_some(), "pid"),
        (isolation.uts.is_some(), "uts"),
        (isolation.userns.is_some(), "userns_mode"),
        (isolation.cgroup.is_some(), "cgroup"),
        (isolation.cgroup_parent.is_some(), "cgroup_parent"),
        (container.network.domainname.is_some(), "domainname"),
        (!container.network.dns_options.is_empty(), "dns_opt"),
    ] {
        losses.when(has, name, field, WHY, NOTHING);
    }
    losses.when(
        container.build.is_some(),
        name,
        "build",
        "a Swarm builds nothing",
        "build and push the image first: every machine pulls it",
    );
    losses.when(
        container.pull != mainstay_stack::PullPolicy::Missing,
        name,
        "pull_policy",
        "Swarm asks the registry when a service is created or changed",
        "`docker stack deploy --resolve-image never` leaves it",
    );
}

fn resources(service: &Service, losses: &mut Losses) {
    const WHY: &str = "Swarm knows limits and reservations of CPU and memory only";
    const INSTEAD: &str = "the engine's default holds";
    let resources = &service.container.resources;
    for (has, field) in [
        (resources.memory_swap.is_some(), "memswap_limit"),
        (resources.memory_swappiness.is_some(), "mem_swappiness"),
        (resources.cpu_shares.is_some(), "cpu_shares"),
        (resources.cpuset.is_some(), "cpuset"),
        (resources.cpu_period_us.is_some(), "cpu_period"),
        (resources.cpu_quota_us.is_some(), "cpu_quota"),
        (resources.oom_kill_disable, "oom_kill_disable"),
        (resources.oom_score_adj.is_some(), "oom_score_adj"),
    ] {
        losses.when(has, service.name.as_str(), field, WHY, INSTEAD);
    }
}

fn running(service: &Service, losses: &mut Losses) {
    let name = service.name.as_str();
    losses.when(
        !service.depends_on.is_empty(),
        name,
        "depends_on",
        "Swarm starts all services at once and waits for none",
        "what is not there yet lets it fail, and its restart policy starts it again",
    );
    losses.of_any_engine(service);
    let secret = service.environment.values().any(|value| value.secret);
    losses.when(
        secret || !service.secrets.is_empty(),
        name,
        "environment",
        "a secret in a variable stands in the service's definition, where every manager reads it",
        "give it as a file (`secrets:`); until then it is taken over from whoever deploys",
    );
    losses.when(
        matches!(
            service.restart.condition,
            RestartCondition::Always | RestartCondition::UnlessStopped
        ),
        name,
        "restart.max_attempts",
        "with it Swarm would give up on what only waits for another service",
        "it is started again as often as it ends",
    );
    losses.when(
        service.singleton,
        name,
        "singleton",
        "Swarm starts another when it hears nothing of a machine, which may still run the first",
        "it is replaced stop-first; let the program hold a lock where two would do harm",
    );
}

fn mounted(service: &Service, losses: &mut Losses) {
    let name = service.name.as_str();
    let selinux = service.mounts.iter().any(|mount| {
        let options = &mount.options;
        options.selinux.is_some() || options.subpath.is_some() || options.tmpfs_mode.is_some()
    });
    losses.when(
        selinux,
        name,
        "volumes",
        "Swarm knows neither `selinux` nor `subpath` nor the mode of a tmpfs",
        "the whole volume is mounted, with the engine's defaults",
    );
    let bound = service
        .mounts
        .iter()
        .any(|mount| mount.kind == mainstay_stack::MountKind::Bind);
    losses.when(
        bound,
        name,
        "volumes.bind",
        "a path is that of whichever machine a task comes to, and Swarm makes none",
        "put it on every machine that has the service's label",
    );
}

fn networking(service: &Service, losses: &mut Losses) {
    let name = service.name.as_str();
    let network = &service.container.network;
    let fixed = network.networks.values().any(|joined| {
        joined.ipv4_address.is_some()
            || joined.ipv6_address.is_some()
            || !joined.link_local_ips.is_empty()
    });
    losses.when(
        fixed,
        name,
        "networks.ipv4_address",
        "Swarm gives tasks their addresses",
        "reach the service by its name",
    );
    let more = network
        .networks
        .values()
        .any(|joined| joined.priority != 0 || !joined.driver_options.is_empty());
    losses.when(
        more,
        name,
        "networks.priority",
        "Swarm joins networks in an order of its own, without options",
        "nothing",
    );
    let loopback = service
        .ports
        .iter()
        .any(|port| port.published.is_some() && port.host_ip.is_some());
    losses.when(
        loopback,
        name,
        "ports.host_ip",
        "Swarm opens a port at every address of every machine",
        "a port that has an address is not published: reach it over an attachable network, or put a web server in front",
    );
    let published = service
        .ports
        .iter()
        .any(|port| port.published.is_some() && port.host_ip.is_none());
    losses.when(
        published && network.mode == NetworkMode::Networks,
        name,
        "ports",
        "Swarm passes bytes through: no balancing by request, no retry",
        "the routing mesh spreads connections over the tasks",
    );
}

fn rollout(stack: &Stack, service: &Service, losses: &mut Losses) {
    let policy = super::service::policy(stack, service);
    let name = service.name.as_str();
    losses.when(
        matches!(policy.strategy, Strategy::BlueGreen { .. }),
        name,
        "deploy.strategy",
        "Swarm shifts no traffic by weight",
        "all new tasks come before the old ones go",
    );
    losses.add(
        name,
        "deploy.healthy_deadline",
        "Swarm has no deadline: a task counts as failed when its health check says so",
        "see `start_period` and `retries` of the health check",
    );
    losses.add(
        name,
        "deploy.drain",
        "Swarm lets no requests run out before it stops a task",
        "the program ends them by itself on its stop signal, within `stop_grace_period`",
    );
}

pub(super) fn network(key: &str, network: &Network, out: &mut Rendering) {
    let driver = network.driver.name.as_str();
    for (has, field, why, instead) in [
        (
            !matches!(driver, "" | "overlay"),
            "driver",
            "tasks on several machines meet on an overlay network only",
            "it is an overlay network",
        ),
        (
            network.enable_ipv6,
            "enable_ipv6",
            "overlay networks of a Swarm have no IPv6",
            "it has IPv4 addresses",
        ),
        (
            network.ipam.pools.iter().any(|pool| {
                pool.gateway.is_some() || pool.ip_range.is_some() || !pool.aux_addresses.is_empty()
            }),
            "ipam",
            "Swarm takes a subnet and nothing else",
            "it gives addresses of the subnet as it likes",
        ),
    ] {
        if has {
            out.lost(&format!("networks.{key}.{field}"), why, instead);
        }
    }
}

/// Sections that are no part of a stack file.
pub(super) fn elsewhere(stack: &Stack, out: &mut Rendering) {
    let hooks = &stack.deploy.hooks;
    for (there, section, why, instead) in [
        (
            !stack.routes.is_empty(),
            "routes",
            "the routing mesh knows ports, neither hosts nor paths",
            "put the web server of `mainstay render nginx` in front",
        ),
        (
            !hooks.before.is_empty() || !hooks.after.is_empty(),
            "deploy.hooks",
            "Swarm runs nothing before or after an update",
            "let whoever deploys run them",
        ),
        (
            stack.deploy.migrations.is_some(),
            "deploy.migrations",
            "Swarm runs nothing before an update",
            "run them first: `docker run --rm --network NETWORK IMAGE COMMAND`",
        ),
        (
            !stack.backups.sources.is_empty(),
            "backups",
            "Swarm makes none",
            "let a server of Mainstay make them",
        ),
        (
            !stack.probes.is_empty(),
            "probes",
            "nothing in a Swarm looks from outside",
            "`mainstay render prometheus` writes them for the blackbox exporter",
        ),
        (
            !stack.alerts.is_empty(),
            "alerts",
            "rules are no part of a stack file",
            "`mainstay render prometheus` writes them",
        ),
    ] {
        if there {
            out.lost(section, why, instead);
        }
    }
}
