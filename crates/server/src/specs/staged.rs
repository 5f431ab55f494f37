//! A service of a release as an instance that lives apart from what runs: in a network of its own, with nothing
//! of its data, under the names by which the others know it. Pure.
//!
//! **Invariant:** it reaches nobody but who is in that network, and writes to nothing that is there before it.

use super::container::engine_name;
use super::{Bundle, SpecError, instance_spec};
use crate::ways::{Gateways, Ways};
use mainstay_model::{InstanceId, Secret, ServiceName};
use mainstay_runtime::spec::{
    Attachment, ContainerRun, InstanceSpec, MountKind, Network, Reach, RestartCondition, Run,
    Volume,
};
use mainstay_stack::{NetworkMode, Service, Stack};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Key of the network, beside those of the stack.
const NETWORK: &str = "mainstay-drill";

/// Copies of what services have mounted, by where they see it.
pub(crate) type Copies = BTreeMap<String, Volume>;

/// The network of a drill, as an engine calls it.
pub(crate) fn stage_network(stack: &Stack) -> Network {
    Network {
        name: engine_name(&stack.scope(), NETWORK),
        // No way out: neither to what runs nor to anybody else.
        internal: true,
        ..Network::default()
    }
}

/// Why a service cannot be kept from what runs.
pub(crate) fn cannot_stage(service: &Service) -> Option<String> {
    let (name, isolation) = (&service.name, &service.container.isolation);
    if service.container.network.mode == NetworkMode::Host {
        return Some(format!("`{name}` uses the host's own network"));
    }
    if isolation.privileged {
        return Some(format!("`{name}` is privileged"));
    }
    let host = |namespace: &Option<String>| namespace.as_deref() == Some("host");
    if host(&isolation.pid) || host(&isolation.ipc) {
        return Some(format!("`{name}` sees what runs on the host"));
    }
    None
}

/// The specification of `service` under the name `id`: with its image, command, variables, files, health check and
/// limits; of its data only `copies` are there, and of its names only those in the drill's network are left.
pub(crate) fn staged_spec(
    bundle: &Bundle,
    service: &ServiceName,
    id: &InstanceId,
    copies: &Copies,
    ways: &Ways,
    artifact: &dyn Fn(&str) -> Option<PathBuf>,
) -> Result<InstanceSpec, SpecError> {
    let mut bundle = bundle.clone();
    let known = bundle.stack.services.get(service);
    let mut staged = known
        .cloned()
        .ok_or_else(|| SpecError::UnknownService(service.clone()))?;
    staged.name = id.service.clone();
    if let Some(image) = bundle.images.get(service).cloned() {
        bundle.images.insert(id.service.clone(), image);
    }
    bundle.stack.services.insert(id.service.clone(), staged);
    // Names lead to who is in the network; the proxy's addresses would lead to what runs.
    let mut ways = Ways {
        ports: ways.ports.clone(),
        gateways: Gateways::new(),
    };
    ways.ports.remove(service);
    let mut spec = instance_spec(&bundle, id, &ways, artifact)?;
    let name = Secret::new(service.to_string());
    spec.environment.insert("MAINSTAY_SERVICE".to_owned(), name);
    spec.restart.condition = RestartCondition::No;
    if let Run::Container(run) = &mut spec.run {
        set_apart(run, service, copies, stage_network(&bundle.stack));
    }
    Ok(spec)
}

fn set_apart(run: &mut ContainerRun, service: &ServiceName, copies: &Copies, network: Network) {
    let joined = run.reach.networks.iter();
    let mut aliases: BTreeSet<String> = joined.flat_map(|one| one.aliases.clone()).collect();
    aliases.insert(service.to_string());
    run.reach = Reach {
        networks: vec![Attachment {
            network,
            aliases: aliases.into_iter().collect(),
            ipv4: None,
            ipv6: None,
            link_local: Vec::new(),
            options: BTreeMap::new(),
        }],
        mode: None,
        extra_hosts: Vec::new(),
        dns: Vec::new(),
        ..run.reach.clone()
    };
    run.mounts.retain(|mount| !is_socket(&mount.kind));
    for mount in &mut run.mounts {
        if let Some(volume) = copies.get(&mount.target) {
            mount.kind = MountKind::Volume {
                volume: volume.clone(),
                no_copy: true,
                subpath: subpath(&mount.kind),
            };
            continue;
        }
        let keeps = matches!(
            mount.kind,
            MountKind::Tmpfs { .. } | MountKind::TmpfsAs { .. } | MountKind::Unnamed
        );
        let only_read = matches!(mount.kind, MountKind::Bind { .. }) && mount.read_only;
        if !keeps && !only_read {
            mount.kind = MountKind::Unnamed;
            mount.read_only = false;
        }
    }
    // Others find services by them: a proxy of the user's own, say.
    run.labels.clear();
    run.logging = None;
}

fn subpath(kind: &MountKind) -> Option<String> {
    match kind {
        MountKind::Volume { subpath, .. } => subpath.clone(),
        _ => None,
    }
}

/// Also one that is only read gives orders: the engine's own.
fn is_socket(kind: &MountKind) -> bool {
    let path = match kind {
        MountKind::Bind { source, .. } => std::path::Path::new(source),
        _ => return false,
    };
    path.extension().is_some_and(|end| end == "sock")
}

#[cfg(test)]
mod tests;
