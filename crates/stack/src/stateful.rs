//! Services of which only one instance may run at a time, because of what they hold.
//!
//! A database, a volume that is not shared, a directory of the host that is written to: two
//! instances of it would spoil each other's data, so it is never scaled and is replaced stop-first.
//! What is unchanged is left alone anyway: see `fingerprint`. `x-mainstay.stateful` of a service
//! and `x-mainstay.shared` of a volume win over what is found here. See
//! `docs/decisions/0012-published-ports-and-stateful-services.md`.

use crate::decode::Found;
use crate::operation::Policies;
use crate::request::Loader;
use crate::resolved::{Mount, MountKind, NetworkMode, Service, Stateful, Strategy, Volume};
use crate::source::At;
use mainstay_model::{Problem, Problems, ServiceName};
use std::collections::BTreeMap;
use std::path::Path;

/// Paths in a container whose mounts are configuration, as a rule.
const CONFIGURATION: &[&str] = &[
    "/etc/",
    "/usr/",
    "/opt/config/",
    "/config/",
    "/docker-entrypoint",
];
/// Paths of the host that belong to the machine, and are no data of a service.
const MACHINE: &[&str] = &["/dev", "/proc", "/sys", "/run", "/var/run", "/etc"];
/// Files that are databases.
const DATABASES: &[&str] = &["db", "sqlite", "sqlite3", "duckdb", "rdb", "mdb"];

/// What decides beside the service itself.
pub(crate) struct Surroundings<'a> {
    pub(crate) volumes: &'a BTreeMap<String, Volume>,
    pub(crate) loader: &'a dyn Loader,
    pub(crate) containers: bool,
}

/// Finds out which services hold state, and sees to it that only one instance of each runs.
pub(crate) fn check(
    services: &mut BTreeMap<ServiceName, Found>,
    surroundings: &Surroundings<'_>,
    policies: &mut Policies,
    problems: &mut Problems,
) {
    for found in services.values_mut() {
        let Some((reason, at)) = reason(found, surroundings) else {
            continue;
        };
        if found.service.replicas > 1 {
            problems.push(too_many(found, &reason));
        } else {
            stop_first(&found.service.name, &reason, &at, policies, problems);
        }
        found.service.stateful = Some(reason);
    }
}

/// Why only one instance may run, and where that stands.
fn reason(found: &Found, surroundings: &Surroundings<'_>) -> Option<(Stateful, At)> {
    let service = &found.service;
    let held = match found.declared_stateful {
        Some(true) => Some((Stateful::Declared, found.at.clone())),
        Some(false) => None,
        None => mounted(found, surroundings, own_volume)
            .or_else(|| database(found))
            .or_else(|| mounted(found, surroundings, written_path)),
    };
    held.or_else(|| address(found))
        .or_else(|| host_network(service).then(|| (Stateful::HostNetwork, found.at.clone())))
}

fn mounted(
    found: &Found,
    surroundings: &Surroundings<'_>,
    is: impl Fn(&Mount, &Surroundings<'_>) -> Option<Stateful>,
) -> Option<(Stateful, At)> {
    let mut mounts = found.service.mounts.iter().zip(&found.mounts);
    mounts.find_map(|(mount, at)| Some((is(mount, surroundings)?, at.clone())))
}

fn own_volume(mount: &Mount, surroundings: &Surroundings<'_>) -> Option<Stateful> {
    let volume = surroundings.volumes.get(&mount.source)?;
    let own = mount.kind == MountKind::Volume && !mount.read_only && !volume.shared;
    own.then(|| Stateful::Volume {
        volume: mount.source.clone(),
    })
}

fn database(found: &Found) -> Option<(Stateful, At)> {
    let image = found.service.image.clone().filter(|_| found.is_database)?;
    Some((Stateful::Image { image }, found.at.clone()))
}

/// A directory that is written to. Nothing is mounted for a process: its paths say nothing.
pub(crate) fn written_path(mount: &Mount, surroundings: &Surroundings<'_>) -> Option<Stateful> {
    let candidate = surroundings.containers && mount.kind == MountKind::Bind && !mount.read_only;
    let source = Path::new(&mount.source);
    let extension = source.extension().unwrap_or_default().to_string_lossy();
    let is_database = DATABASES.contains(&extension.as_ref());
    // One file is configuration, unless it is named like a database.
    let is_file = extension == "sock" || surroundings.loader.exists(source);
    let is_machine =
        MACHINE.iter().any(|path| source.starts_with(path)) || source == Path::new("/");
    let is_configuration = CONFIGURATION
        .iter()
        .any(|path| mount.target.starts_with(path));
    let is_data = is_database || !(is_file || is_machine || is_configuration);
    (candidate && is_data).then(|| Stateful::Bind {
        path: mount.source.clone(),
    })
}

fn address(found: &Found) -> Option<(Stateful, At)> {
    let networks = &found.service.container.network.networks;
    networks.iter().find_map(|(key, attachment)| {
        let fixed = attachment.ipv4_address.as_ref();
        let address = fixed.or(attachment.ipv6_address.as_ref())?.clone();
        let at = found.networks.get(key).unwrap_or(&found.at).clone();
        Some((Stateful::Address { address }, at))
    })
}

fn host_network(service: &Service) -> bool {
    service.container.network.mode == NetworkMode::Host && !service.ports.is_empty()
}

fn too_many(found: &Found, reason: &Stateful) -> Problem {
    let at = found.replicas.as_ref().unwrap_or(&found.at);
    let message = format!(
        "`{}` cannot have {} instances, because {reason}",
        found.service.name, found.service.replicas
    );
    let problem = Problem::error("deploy/one-instance", message).at(at.place());
    problem.hint(way_out(reason))
}

/// Start-first would have two at once: gone over to stop-first, unless asked for otherwise.
fn stop_first(
    name: &ServiceName,
    reason: &Stateful,
    at: &At,
    policies: &mut Policies,
    problems: &mut Problems,
) {
    let Some(policy) = policies.deploy.services.get_mut(name) else {
        return;
    };
    if policy.strategy == Strategy::StopFirst {
        return;
    }
    if policies.asked.contains(name) {
        let message = format!("`{name}` can only be deployed stop-first, because {reason}");
        let problem = Problem::error("deploy/one-instance", message).at(at.place());
        let hint = format!(
            "{}; or deploy it with `strategy: stop-first`",
            way_out(reason)
        );
        problems.push(problem.hint(hint));
        return;
    }
    policy.strategy = Strategy::StopFirst;
    let message = format!("`{name}` is deployed stop-first, with a short gap, because {reason}");
    let problem = Problem::warning("deploy/stateful", message).at(at.place());
    problems.push(problem.hint(way_out(reason)));
}

/// What to write when two may run at once after all.
fn way_out(reason: &Stateful) -> String {
    match reason {
        Stateful::Volume { volume } => shared(volume),
        Stateful::Bind { .. } | Stateful::Image { .. } => {
            "if two of it may run at once, say so: `x-mainstay: {stateful: false}`".to_owned()
        }
        Stateful::Declared => "take `stateful: true` out where two may run at once".to_owned(),
        Stateful::Address { .. } => "leave the address to the engine".to_owned(),
        Stateful::HostNetwork => "let it join `networks` instead".to_owned(),
    }
}

/// How a volume is said to be one for several instances.
pub(crate) fn shared(volume: &str) -> String {
    format!(
        "if the program can do that, say so: `volumes: {{{volume}: {{x-mainstay: {{shared: true}}}}}}`"
    )
}
