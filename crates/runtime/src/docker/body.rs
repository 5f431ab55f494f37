//! From a spec to what the engine is asked to create. Pure.
//!
//! The engine's restart policy is `no` and its health check is off: both are decided by Mainstay,
//! by the same rules as for processes.

mod host;
mod mounts;

use super::labels::{self, Kept};
use crate::spec::{Attachment, ContainerRun, InstanceSpec};
use bollard::models::{
    ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HealthConfig, NetworkingConfig,
};
pub(crate) use mounts::own_volumes;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

/// What is known beside the spec.
#[derive(Debug)]
pub(crate) struct Around<'a> {
    pub(crate) server: &'a str,
    pub(crate) kept: &'a Kept,
    /// The port is published on the engine's machine, where its bridges cannot be reached.
    pub(crate) publish: bool,
    /// Where each file in memory lies on this machine, and where it is seen inside.
    pub(crate) files: &'a [(PathBuf, String)],
}

/// The whole of a container; networks after the first are joined before its start.
pub(crate) fn create(
    spec: &InstanceSpec<ContainerRun>,
    around: &Around<'_>,
) -> ContainerCreateBody {
    let run = &spec.run;
    ContainerCreateBody {
        image: Some(run.image.clone()),
        hostname: run.reach.hostname.clone(),
        domainname: run.reach.domainname.clone(),
        user: user(spec),
        entrypoint: run.entrypoint.clone(),
        cmd: run.command.clone(),
        working_dir: run.working_directory.clone(),
        env: Some(environment(spec)),
        tty: Some(run.tty),
        open_stdin: Some(run.stdin_open),
        exposed_ports: run.port.map(|port| vec![format!("{port}/tcp")]),
        labels: Some(labels::of_instance(around.server, spec, around.kept)),
        stop_signal: Some(spec.stop.signal.clone()),
        healthcheck: Some(HealthConfig {
            test: Some(vec!["NONE".to_owned()]),
            ..HealthConfig::default()
        }),
        networking_config: run.reach.networks.first().map(|first| NetworkingConfig {
            endpoints_config: Some(HashMap::from([(
                first.network.name.clone(),
                endpoint(first),
            )])),
        }),
        host_config: Some(host::config(spec, around)),
        ..ContainerCreateBody::default()
    }
}

pub(crate) fn endpoint(attachment: &Attachment) -> EndpointSettings {
    EndpointSettings {
        aliases: Some(attachment.aliases.clone()),
        driver_opts: Some(hash(&attachment.options)),
        ipam_config: Some(EndpointIpamConfig {
            ipv4_address: attachment.ipv4.clone(),
            ipv6_address: attachment.ipv6.clone(),
            link_local_ips: Some(attachment.link_local.clone()),
        }),
        ..EndpointSettings::default()
    }
}

fn user(spec: &InstanceSpec<ContainerRun>) -> Option<String> {
    match (&spec.user, &spec.group) {
        (Some(user), Some(group)) => Some(format!("{user}:{group}")),
        (Some(user), None) => Some(user.clone()),
        (None, _) => None,
    }
}

/// `PORT` says where to listen, as on the process target, unless the files say it themselves.
fn environment(spec: &InstanceSpec<ContainerRun>) -> Vec<String> {
    let port = spec
        .run
        .port
        .filter(|_| !spec.environment.contains_key("PORT"))
        .map(|port| format!("PORT={port}"));
    let given = spec.environment.iter();
    given
        .map(|(name, value)| format!("{name}={}", value.expose()))
        .chain(port)
        .collect()
}

pub(crate) fn hash(map: &BTreeMap<String, String>) -> HashMap<String, String> {
    map.iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests;
