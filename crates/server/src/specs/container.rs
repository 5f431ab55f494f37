//! From a service to the container that an engine is asked for. Pure.

use super::{Bundle, SpecError};
use crate::planning::has_port;
use crate::ways;
use mainstay_model::{Scope, ServiceName};
use mainstay_runtime::spec::{
    Attachment, ContainerLimits, ContainerRun, Device, DeviceRequest, Isolation, Logging, Mount,
    MountKind, Network, Pool, Reach, Ulimit, Volume,
};
use mainstay_stack::{Container, Driver, HostEntry, NetworkMode, Service, Stack, SwapLimit};

/// Networks are joined under this name too: the service's own.
pub(super) fn run(bundle: &Bundle, service: &Service) -> Result<ContainerRun, SpecError> {
    let (stack, container) = (&bundle.stack, &service.container);
    let settled = bundle.images.get(&service.name).map(|image| &image.id);
    let image = settled.or(service.image.as_ref());
    let image = image.ok_or_else(|| SpecError::MissingImage(service.name.clone()))?;
    let directory = service.working_directory.as_ref();
    Ok(ContainerRun {
        image: image.clone(),
        platform: container.platform.clone(),
        entrypoint: container.entrypoint.clone(),
        command: container.command.clone(),
        working_directory: directory.map(|path| path.to_string_lossy().into_owned()),
        port: port(stack, service),
        image_health: !container.ignore_image_health,
        init: container.init,
        tty: container.tty,
        stdin_open: container.stdin_open,
        reach: reach(stack, service),
        mounts: mounts(stack, service),
        isolation: isolation(container),
        resources: resources(container),
        logging: logging(container),
        devices: container.devices.iter().map(device).collect(),
        device_cgroup_rules: container.device_cgroup_rules.clone(),
        device_requests: container.gpus.iter().map(gpu).collect(),
        runtime: container.runtime.clone(),
        storage_options: container.storage_options.clone(),
        annotations: container.annotations.clone(),
        labels: service.labels.clone(),
    })
}

/// Where it listens: the first port of the files.
fn port(stack: &Stack, service: &Service) -> Option<u16> {
    let listens = has_port(stack, service);
    service
        .ports
        .first()
        .filter(|_| listens)
        .map(|port| port.target)
}

fn reach(stack: &Stack, service: &Service) -> Reach {
    let network = &service.container.network;
    let mut keys: Vec<String> = ways::networks(stack, &service.name).into_iter().collect();
    let priority = |key: &String| {
        network
            .networks
            .get(key)
            .map_or(0, |joined| joined.priority)
    };
    // Stable: equal ones stay sorted by name.
    keys.sort_by_key(|key| std::cmp::Reverse(priority(key)));
    Reach {
        networks: keys
            .iter()
            .map(|key| attachment(stack, service, key))
            .collect(),
        mode: match network.mode {
            NetworkMode::Networks => None,
            NetworkMode::Host => Some("host".to_owned()),
            NetworkMode::None => Some("none".to_owned()),
        },
        hostname: network.hostname.clone(),
        domainname: network.domainname.clone(),
        extra_hosts: network.extra_hosts.iter().map(host_entry).collect(),
        dns: network.dns.clone(),
        dns_search: network.dns_search.clone(),
        dns_options: network.dns_options.clone(),
    }
}

fn host_entry(entry: &HostEntry) -> String {
    format!("{}:{}", entry.host, entry.address)
}

fn attachment(stack: &Stack, service: &Service, key: &str) -> Attachment {
    let asked = service.container.network.networks.get(key);
    let asked = asked.cloned().unwrap_or_default();
    let mut aliases = vec![service.name.to_string()];
    aliases.extend(
        asked
            .aliases
            .into_iter()
            .filter(|alias| *alias != service.name.as_str()),
    );
    Attachment {
        network: network(stack, key),
        aliases,
        ipv4: asked.ipv4_address,
        ipv6: asked.ipv6_address,
        link_local: asked.link_local_ips,
        options: asked.driver_options,
    }
}

/// Every network that a container of the stack joins, by its key.
pub(crate) fn networks(stack: &Stack) -> Vec<(String, Network)> {
    let names = stack.services.keys();
    let keys: std::collections::BTreeSet<String> = names
        .flat_map(|name: &ServiceName| ways::networks(stack, name))
        .collect();
    keys.into_iter()
        .map(|key| (key.clone(), network(stack, &key)))
        .collect()
}

fn network(stack: &Stack, key: &str) -> Network {
    let Some(asked) = stack.networks.get(key) else {
        return Network {
            name: engine_name(&stack.scope(), key),
            ..Network::default()
        };
    };
    Network {
        name: asked.name.clone(),
        external: asked.external,
        internal: asked.internal,
        driver: named(&asked.driver),
        options: asked.driver.options.clone(),
        ipv6: asked.enable_ipv6,
        attachable: asked.attachable,
        ipam_driver: named(&asked.ipam.driver),
        ipam_options: asked.ipam.driver.options.clone(),
        pools: asked
            .ipam
            .pools
            .iter()
            .map(|pool| Pool {
                subnet: pool.subnet.clone(),
                gateway: pool.gateway.clone(),
                ip_range: pool.ip_range.clone(),
                reserved: pool.aux_addresses.clone(),
            })
            .collect(),
        labels: asked.labels.clone(),
    }
}

/// What an engine calls a network or a volume that the files give no name.
pub(super) fn engine_name(scope: &Scope, key: &str) -> String {
    format!("{}-{}_{key}", scope.stack, scope.environment)
}

fn named(driver: &Driver) -> Option<String> {
    Some(driver.name.clone()).filter(|name| !name.is_empty())
}

fn mounts(stack: &Stack, service: &Service) -> Vec<Mount> {
    let asked = service.mounts.iter().map(|mount| Mount {
        kind: mount_kind(stack, mount),
        target: mount.target.clone(),
        read_only: mount.read_only,
    });
    let tmpfs = service
        .container
        .tmpfs
        .iter()
        .map(|(target, options)| Mount {
            kind: MountKind::TmpfsAs {
                options: options.clone(),
            },
            target: target.clone(),
            read_only: false,
        });
    asked.chain(tmpfs).collect()
}

fn mount_kind(stack: &Stack, mount: &mainstay_stack::Mount) -> MountKind {
    let options = &mount.options;
    match mount.kind {
        mainstay_stack::MountKind::Bind => MountKind::Bind {
            source: mount.source.clone(),
            create: options.create_host_path,
            propagation: options.propagation.clone(),
            selinux: options.selinux.clone(),
        },
        mainstay_stack::MountKind::Volume => MountKind::Volume {
            volume: volume(stack, &mount.source),
            no_copy: options.no_copy,
            subpath: options.subpath.clone(),
        },
        mainstay_stack::MountKind::Tmpfs => MountKind::Tmpfs {
            size: options.tmpfs_size,
            mode: options.tmpfs_mode,
        },
    }
}

fn volume(stack: &Stack, key: &str) -> Volume {
    let Some(asked) = stack.volumes.get(key) else {
        return Volume {
            name: engine_name(&stack.scope(), key),
            ..Volume::default()
        };
    };
    Volume {
        name: asked.name.clone(),
        external: asked.external,
        shared: asked.shared,
        driver: named(&asked.driver),
        options: asked.driver.options.clone(),
        labels: asked.labels.clone(),
    }
}

fn isolation(container: &Container) -> Isolation {
    let asked = &container.isolation;
    Isolation {
        read_only: asked.read_only,
        privileged: asked.privileged,
        cap_add: asked.cap_add.clone(),
        cap_drop: asked.cap_drop.clone(),
        security_opt: asked.security_opt.clone(),
        group_add: asked.group_add.clone(),
        sysctls: asked.sysctls.clone(),
        pid: asked.pid.clone(),
        ipc: asked.ipc.clone(),
        uts: asked.uts.clone(),
        userns: asked.userns.clone(),
        cgroup: asked.cgroup.clone(),
        cgroup_parent: asked.cgroup_parent.clone(),
    }
}

fn resources(container: &Container) -> ContainerLimits {
    let asked = &container.resources;
    ContainerLimits {
        memory_reservation: asked.memory_reservation,
        memory_swap: asked.memory_swap.map(|swap| match swap {
            SwapLimit::Unlimited => -1,
            SwapLimit::At(bytes) => bytes.0 as i64,
        }),
        memory_swappiness: asked.memory_swappiness,
        shm_size: asked.shm_size,
        cpu_shares: asked.cpu_shares,
        cpuset: asked.cpuset.clone(),
        cpu_period_us: asked.cpu_period_us,
        cpu_quota_us: asked.cpu_quota_us,
        oom_kill_disable: asked.oom_kill_disable,
        oom_score_adj: asked.oom_score_adj,
        ulimits: asked
            .ulimits
            .iter()
            .map(|(name, limit)| Ulimit {
                name: name.clone(),
                soft: limit.soft,
                hard: limit.hard,
            })
            .collect(),
    }
}

/// Without options of the files the log is rotated as on every target.
fn logging(container: &Container) -> Option<Logging> {
    let asked = &container.logging;
    let plain = asked.driver == "json-file" && asked.options.is_empty();
    (!plain).then(|| Logging {
        driver: asked.driver.clone(),
        options: asked.options.clone(),
    })
}

fn device(device: &mainstay_stack::Device) -> Device {
    Device {
        source: device.source.clone(),
        target: device.target.clone(),
        permissions: device.permissions.clone(),
    }
}

fn gpu(request: &mainstay_stack::DeviceRequest) -> DeviceRequest {
    let all = request.device_ids.is_empty().then_some(-1);
    DeviceRequest {
        driver: request.driver.clone(),
        count: request.count.map(i64::from).or(all),
        device_ids: request.device_ids.clone(),
        capabilities: request.capabilities.clone(),
        options: request.options.clone(),
    }
}
