//! The part of a container that its host gives: limits, rights, networks, devices, log.

use super::{Around, hash, mounts};
use crate::spec::{ContainerRun, InstanceSpec, Ulimit};
use bollard::models::{
    DeviceMapping, DeviceRequest, HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig,
    PortBinding, ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};
use std::collections::HashMap;

pub(super) fn config(spec: &InstanceSpec<ContainerRun>, around: &Around<'_>) -> HostConfig {
    let run = &spec.run;
    let reach = &run.reach;
    let first = reach.networks.first();
    let first = first.map(|first| first.network.name.clone());
    HostConfig {
        network_mode: reach.mode.clone().or(first),
        port_bindings: run.port.filter(|_| around.publish).map(published),
        extra_hosts: Some(reach.extra_hosts.clone()),
        dns: Some(reach.dns.clone()),
        dns_search: Some(reach.dns_search.clone()),
        dns_options: Some(reach.dns_options.clone()),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            maximum_retry_count: None,
        }),
        log_config: Some(log(spec)),
        binds: Some(mounts::binds(run)),
        mounts: Some(mounts::mounts(run, around.files)),
        tmpfs: Some(mounts::tmpfs(run)),
        init: Some(run.init),
        runtime: run.runtime.clone(),
        storage_opt: Some(hash(&run.storage_options)),
        annotations: Some(hash(&run.annotations)).filter(|map| !map.is_empty()),
        ..rights(run, limits(spec))
    }
}

fn rights(run: &ContainerRun, rest: HostConfig) -> HostConfig {
    let isolation = &run.isolation;
    HostConfig {
        cap_add: Some(isolation.cap_add.clone()),
        cap_drop: Some(isolation.cap_drop.clone()),
        privileged: Some(isolation.privileged),
        readonly_rootfs: Some(isolation.read_only),
        security_opt: Some(isolation.security_opt.clone()),
        sysctls: Some(hash(&isolation.sysctls)),
        group_add: Some(isolation.group_add.clone()),
        pid_mode: isolation.pid.clone(),
        ipc_mode: isolation.ipc.clone(),
        uts_mode: isolation.uts.clone(),
        userns_mode: isolation.userns.clone(),
        cgroup_parent: isolation.cgroup_parent.clone(),
        cgroupns_mode: match isolation.cgroup.as_deref() {
            Some("host") => Some(HostConfigCgroupnsModeEnum::HOST),
            Some("private") => Some(HostConfigCgroupnsModeEnum::PRIVATE),
            _ => None,
        },
        devices: Some(
            run.devices
                .iter()
                .map(|device| DeviceMapping {
                    path_on_host: Some(device.source.clone()),
                    path_in_container: Some(device.target.clone()),
                    cgroup_permissions: Some(device.permissions.clone()),
                })
                .collect(),
        ),
        device_cgroup_rules: Some(run.device_cgroup_rules.clone()),
        device_requests: Some(run.device_requests.iter().map(device_request).collect()),
        ..rest
    }
}

fn device_request(request: &crate::spec::DeviceRequest) -> DeviceRequest {
    DeviceRequest {
        driver: Some(request.driver.clone()),
        count: request.count,
        device_ids: Some(request.device_ids.clone()),
        // A list of alternatives, each a list of what must be there together.
        capabilities: Some(vec![request.capabilities.clone()]),
        options: Some(hash(&request.options)),
    }
}

fn limits(spec: &InstanceSpec<ContainerRun>) -> HostConfig {
    let (limits, own) = (&spec.limits, &spec.run.resources);
    let named = own.ulimits.iter().any(|limit| limit.name == "nofile");
    let open_files = limits.open_files.filter(|_| !named).map(|count| Ulimit {
        name: "nofile".to_owned(),
        soft: count as i64,
        hard: count as i64,
    });
    let ulimits = own.ulimits.iter().chain(&open_files);
    HostConfig {
        memory: limits.memory.map(|memory| memory.0 as i64),
        memory_reservation: own.memory_reservation.map(|memory| memory.0 as i64),
        memory_swap: own.memory_swap,
        memory_swappiness: own.memory_swappiness.map(i64::from),
        nano_cpus: limits.cpus.map(|cpus| (cpus * 1e9).round() as i64),
        cpu_shares: own.cpu_shares.map(|shares| shares as i64),
        cpuset_cpus: own.cpuset.clone(),
        cpu_period: own.cpu_period_us,
        cpu_quota: own.cpu_quota_us,
        pids_limit: limits.processes.map(|count| count as i64),
        shm_size: own.shm_size.map(|size| size.0 as i64),
        oom_kill_disable: own.oom_kill_disable.then_some(true),
        oom_score_adj: own.oom_score_adj.map(i64::from),
        ulimits: Some(
            ulimits
                .map(|limit| ResourcesUlimits {
                    name: Some(limit.name.clone()),
                    soft: Some(limit.soft),
                    hard: Some(limit.hard),
                })
                .collect(),
        ),
        ..HostConfig::default()
    }
}

/// An ephemeral port of the engine's machine.
fn published(port: u16) -> HashMap<String, Option<Vec<PortBinding>>> {
    let binding = PortBinding {
        host_ip: None,
        host_port: Some(String::new()),
    };
    HashMap::from([(format!("{port}/tcp"), Some(vec![binding]))])
}

/// `json-file` is read back by the engine, also after the end. Its `max-file` counts the current
/// one.
fn log(spec: &InstanceSpec<ContainerRun>) -> HostConfigLogConfig {
    let own = || {
        let policy = &spec.log;
        HashMap::from([
            ("max-size".to_owned(), policy.max_size.0.max(1).to_string()),
            ("max-file".to_owned(), (policy.max_files + 1).to_string()),
        ])
    };
    match &spec.run.logging {
        Some(logging) => HostConfigLogConfig {
            typ: Some(logging.driver.clone()),
            config: Some(hash(&logging.options)),
        },
        None => HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(own()),
        },
    }
}
