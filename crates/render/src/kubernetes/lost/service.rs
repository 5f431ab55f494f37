//! What is lost of a service.

use super::Line;
use crate::kubernetes::known;
use crate::kubernetes::pod;
use crate::kubernetes::security::{self, SAFE_SYSCTLS};
use crate::kubernetes::site::{self, Site};
use crate::kubernetes::workload::{self, Kind};
use crate::output::Rendering;
use mainstay_model::ServiceName;
use mainstay_stack::{
    Dependency, DependencyCondition, FileKind, HIDDEN, Mount, MountKind, Probe, RestartCondition,
    Service, Strategy,
};
use std::net::IpAddr;

pub(super) fn say(site: &Site<'_>, service: &Service, out: &mut Rendering) {
    let path = format!("services.{}", service.name);
    image(service, &path, out);
    files(service, &path, out);
    mounts(service, &path, out);
    network(service, &path, out);
    devices(service, &path, out);
    for (name, dependency) in &service.depends_on {
        lines(
            &format!("{path}.depends_on.{name}"),
            &waits(site, name, dependency),
            out,
        );
    }
    lines(&path, &running(site, service), out);
    lines(&path, &isolation(service), out);
    lines(&path, &resources(service), out);
    lines(&path, &small(service), out);
}

/// Those that are there. A field is `.` and its name, or nothing.
fn lines(path: &str, lines: &[(&str, bool, &str, &str)], out: &mut Rendering) {
    for (field, there, why, instead) in lines {
        if *there {
            out.lost(&format!("{path}{field}"), why, instead);
        }
    }
}

fn image(service: &Service, path: &str, out: &mut Rendering) {
    if service.image.is_none() {
        let hint = "say under which `image` it is pushed";
        out.refused(path, "it has no image, and a cluster runs images", hint);
    }
    let container = &service.container;
    let mut words = container
        .command
        .iter()
        .chain(&container.entrypoint)
        .flatten();
    if words.any(|word| word.contains(HIDDEN)) {
        let hint = "give it to the service as a file or a variable";
        out.refused(&format!("{path}.command"), "there is a secret in it", hint);
    }
}

fn files(service: &Service, path: &str, out: &mut Rendering) {
    for file in &service.files {
        let field = format!("{path}.{}", file.name);
        if file.uid.is_some() || file.gid.is_some() {
            out.lost(
                &format!("{field}.uid"),
                "its owner is root and the pod's group",
                "the mode is kept",
            );
        }
        if file.kind == FileKind::Secret {
            continue;
        }
        let text = file
            .content
            .as_ref()
            .and_then(|content| content.expose().text());
        if text.is_none() {
            let hint = format!("add it to the ConfigMap `{}-files`", site::name(service));
            out.lost(&field, "its text is not known here", &hint);
        } else if text.is_some_and(|text| text.contains(HIDDEN)) {
            out.lost(
                &field,
                "there is a secret in it, which is left out",
                "write the file at start, from a variable",
            );
        }
    }
}

fn running(site: &Site<'_>, service: &Service) -> [Line; 4] {
    let stays = workload::kind(site, service) != Kind::Job;
    let condition = service.restart.condition;
    let otherwise = !matches!(
        condition,
        RestartCondition::Always | RestartCondition::UnlessStopped
    );
    let unasked = service.health.as_ref().is_some_and(|health| {
        !matches!(health.probe, Probe::Command { .. }) && known::first_port(service).is_none()
    });
    let weighted = matches!(site.policy(service).strategy, Strategy::BlueGreen { .. });
    let one = service.singleton || service.stateful.is_some();
    [
        (
            ".restart",
            otherwise && stays,
            "what stays up is always started again",
            "nothing is to be done",
        ),
        (
            ".stop_signal",
            service.stop_signal != "SIGTERM",
            "a pod is stopped with the signal that its image says",
            "say STOPSIGNAL in the Dockerfile; the official images of databases do",
        ),
        (
            ".health",
            unasked,
            "there is no port to ask",
            "say `expose`",
        ),
        (
            ".deploy.strategy",
            weighted && !one && stays,
            "a Deployment replaces pod by pod, without weights",
            "render argo-rollouts",
        ),
    ]
}

fn waits(site: &Site<'_>, name: &ServiceName, dependency: &Dependency) -> [Line; 4] {
    let other = site.stack.services.get(name);
    let dumb = other.is_some_and(|other| known::first_port(other).is_none());
    let healthy = dependency.condition == DependencyCondition::ServiceHealthy;
    let started = dependency.condition == DependencyCondition::ServiceStarted;
    [
        (
            ".restart",
            dependency.restart,
            "a pod is not restarted with another",
            "clients reconnect by themselves, or `kubectl rollout restart`",
        ),
        (
            ".required",
            !dependency.required,
            "what is not required is not waited for",
            "both start at once",
        ),
        (
            "",
            healthy && dumb,
            "what has no port is not waited for",
            "everything starts at once",
        ),
        (
            "",
            started,
            "everything starts at once",
            "say `condition: service_healthy` where it must wait",
        ),
    ]
}

fn mounts(service: &Service, path: &str, out: &mut Rendering) {
    for mount in &service.mounts {
        let field = format!("{path}.volumes.{}", mount.target);
        match mount.kind {
            MountKind::Bind if mount.read_only => {
                out.lost(
                    &field,
                    "a pod has no folder of yours",
                    "give the file with `configs`, or put it into the image",
                );
            }
            MountKind::Bind => {
                let why = "a pod goes where there is room, and the folder of its host stays behind";
                out.refused(&field, why, "use a volume with a name");
            }
            MountKind::Tmpfs if mount.options.tmpfs_mode.is_some() => mode(mount, &field, out),
            MountKind::Tmpfs | MountKind::Volume => {}
        }
    }
    for (target, options) in &service.container.tmpfs {
        if !options.is_empty() {
            let field = format!("{path}.tmpfs.{target}");
            out.lost(
                &field,
                "options of the mount are not passed on",
                "the folder is there, in memory",
            );
        }
    }
}

fn mode(_: &Mount, field: &str, out: &mut Rendering) {
    out.lost(
        field,
        "memory has no mode of its own in a pod",
        "everybody in the pod may write to it",
    );
}

fn network(service: &Service, path: &str, out: &mut Rendering) {
    let network = &service.container.network;
    let gateway = network
        .extra_hosts
        .iter()
        .any(|entry| entry.address.parse::<IpAddr>().is_err());
    let fields: [Line; 2] = [
        (
            ".domainname",
            network.domainname.is_some(),
            "a pod's domain is that of its namespace",
            "others know it by its service's name",
        ),
        (
            ".extra_hosts",
            gateway,
            "there is no one host",
            "name an address",
        ),
    ];
    lines(path, &fields, out);
    for (name, attachment) in &network.networks {
        let fixed = attachment.ipv4_address.is_some()
            || attachment.ipv6_address.is_some()
            || !attachment.link_local_ips.is_empty();
        let plain = attachment.driver_options.is_empty() && attachment.priority == 0;
        let fields: [Line; 2] = [
            (
                "",
                fixed,
                "a pod's address is the cluster's to give",
                "name the service in place of the address",
            ),
            (
                ".options",
                !plain,
                "a pod has one network",
                "who may reach it stands in networkpolicy.yaml",
            ),
        ];
        lines(&format!("{path}.networks.{name}"), &fields, out);
    }
    for published in service.ports.iter().filter_map(|port| port.published) {
        let field = format!("{path}.ports.{published}");
        out.lost(
            &field,
            "no port of a machine is opened",
            "give it a route, or `kubectl port-forward`",
        );
    }
}

fn isolation(service: &Service) -> [Line; 10] {
    let isolation = &service.container.isolation;
    let beyond = isolation
        .sysctls
        .keys()
        .any(|name| !SAFE_SYSCTLS.contains(&name.as_str()));
    let known = [
        "no-new-privileges:true",
        "no-new-privileges",
        "seccomp:unconfined",
        "seccomp=unconfined",
    ];
    let other = isolation
        .security_opt
        .iter()
        .any(|option| !known.contains(&option.as_str()));
    let named = isolation
        .group_add
        .iter()
        .any(|group| group.parse::<i64>().is_err());
    let by_name = service.user.is_some() && security::user(service) == security::User::Unknown;
    let shared = |word: &Option<String>| {
        word.as_deref()
            .is_some_and(|word| word != "host" && word != "private")
    };
    let own = "a pod's namespaces are its own";
    let nothing = "nothing is to be done";
    [
        (
            ".sysctls",
            beyond,
            "a kubelet allows only those that it is told of",
            "set them on the nodes",
        ),
        (
            ".security_opt",
            other,
            "profiles are files of the nodes",
            "the runtime's own profile confines it",
        ),
        (
            ".group_add",
            named,
            "groups are numbers there",
            "say the number",
        ),
        (".user", by_name, "users are numbers there", "say `UID:GID`"),
        (
            ".ipc",
            shared(&isolation.ipc),
            "a pod shares with itself or with its host",
            "put both into one service",
        ),
        (
            ".pid",
            shared(&isolation.pid),
            "a pod shares with itself or with its host",
            "put both into one service",
        ),
        (".uts", isolation.uts.is_some(), own, nothing),
        (".userns_mode", isolation.userns.is_some(), own, nothing),
        (".cgroup", isolation.cgroup.is_some(), own, nothing),
        (
            ".cgroup_parent",
            isolation.cgroup_parent.is_some(),
            own,
            nothing,
        ),
    ]
}

fn devices(service: &Service, path: &str, out: &mut Rendering) {
    let container = &service.container;
    let plugins = "devices of a machine are given by plug-ins of the cluster";
    if !container.devices.is_empty() {
        out.refused(
            &format!("{path}.devices"),
            plugins,
            "take them out for this environment",
        );
    }
    let chosen = container.gpus.iter().any(|gpu| {
        !gpu.device_ids.is_empty()
            || !gpu.options.is_empty()
            || !matches!(gpu.driver.as_str(), "" | "nvidia")
    });
    let fields: [Line; 2] = [
        (
            ".device_cgroup_rules",
            !container.device_cgroup_rules.is_empty(),
            plugins,
            "ask for what the plug-in calls it",
        ),
        (
            ".gpus",
            chosen || container.gpus.len() > 1,
            "a cluster gives a number of `nvidia.com/gpu`, and chooses which",
            "as many as the first entry says are asked for",
        ),
    ];
    lines(path, &fields, out);
}

fn resources(service: &Service) -> [Line; 10] {
    let limits = &service.limits;
    let own = &service.container.resources;
    let many = !own.ulimits.is_empty() || limits.open_files.is_some();
    let follows = "it follows from requests and limits";
    let say = "say limits of CPUs and memory";
    [
        (
            ".pids_limit",
            limits.processes.is_some(),
            "it is set for all pods of a node",
            "podPidsLimit of the kubelet",
        ),
        (
            ".ulimits",
            many,
            "pods have those of the node's runtime",
            "set them in the container runtime",
        ),
        (".memswap_limit", own.memory_swap.is_some(), follows, say),
        (
            ".mem_swappiness",
            own.memory_swappiness.is_some(),
            follows,
            say,
        ),
        (".cpu_shares", own.cpu_shares.is_some(), follows, say),
        (".cpuset", own.cpuset.is_some(), follows, say),
        (".cpu_period", own.cpu_period_us.is_some(), follows, say),
        (".cpu_quota", own.cpu_quota_us.is_some(), follows, say),
        (".oom_kill_disable", own.oom_kill_disable, follows, say),
        (".oom_score_adj", own.oom_score_adj.is_some(), follows, say),
    ]
}

fn small(service: &Service) -> [Line; 5] {
    let container = &service.container;
    let mut names = service.labels.keys().chain(container.annotations.keys());
    let unfit = names.any(|name| !pod::is_annotation(name));
    [
        (
            ".logging",
            container.logging.driver != "json-file",
            "the kubelet keeps what containers write",
            "Promtail reads it from there",
        ),
        (
            ".storage_opt",
            !container.storage_options.is_empty(),
            "the node's runtime decides",
            "nothing is to be done",
        ),
        (
            ".labels",
            unfit,
            "a name in them is none of an annotation",
            "use letters, digits, `-`, `_`, `.` and one `/`",
        ),
        (
            ".metrics",
            service.metrics.exporter.is_some(),
            "an exporter is a program of its own",
            "run one beside it, and scrape that",
        ),
        (
            ".metrics.interval",
            service.metrics.interval_ms.is_some(),
            "Prometheus decides when it asks",
            "render prometheus",
        ),
    ]
}
