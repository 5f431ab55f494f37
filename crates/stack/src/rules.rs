//! What must hold between services: dependencies, ports, volumes, singletons.

use crate::decode::Found;
use crate::operation::Policies;
use crate::request::Loader;
use crate::resolved::{DependencyCondition, MountKind, NetworkMode, TargetKind, Volume};
use crate::stateful::{self, Surroundings, shared};
use mainstay_model::{Problem, Problems, ServiceName, did_you_mean};
use std::collections::{BTreeMap, BTreeSet};

/// The services that run, by name, and what else is known of them.
pub(crate) struct Facts<'a> {
    pub(crate) services: &'a mut BTreeMap<ServiceName, Found>,
    /// Defined, but no active profile starts them.
    pub(crate) inactive: &'a BTreeSet<String>,
    pub(crate) volumes: &'a BTreeMap<String, Volume>,
    /// Volumes whose `x-mainstay` was written, whatever it says.
    pub(crate) thought_of: &'a BTreeSet<String>,
    pub(crate) target: TargetKind,
    pub(crate) loader: &'a dyn Loader,
}

/// Checks everything; a strategy that cannot work is replaced where nobody asked for it.
pub(crate) fn check(facts: &mut Facts<'_>, policies: &mut Policies, problems: &mut Problems) {
    let containers = facts.target.runs_containers();
    dependencies(facts, problems);
    cycles(facts.services, problems);
    ports(facts.services, problems);
    host_ports(facts.services, problems);
    singletons(facts.services, problems);
    variables(facts, problems);
    mounts(facts, problems);
    if !containers {
        owners(facts, problems);
    }
    let surroundings = Surroundings {
        volumes: facts.volumes,
        loader: facts.loader,
        containers,
    };
    stateful::check(facts.services, &surroundings, policies, problems);
}

fn dependencies(facts: &mut Facts<'_>, problems: &mut Problems) {
    let known: BTreeMap<ServiceName, bool> = facts
        .services
        .iter()
        .map(|(name, found)| (name.clone(), found.service.health.is_some()))
        .collect();
    for found in facts.services.values_mut() {
        let service = &mut found.service;
        let mut dropped = Vec::new();
        for (name, dependency) in &service.depends_on {
            let Some(at) = found.depends_on.get(name) else {
                continue;
            };
            let Some(has_health) = known.get(name) else {
                let problem = missing(name, dependency.required, facts.inactive, &known);
                problems.push(problem.at(at.place()));
                dropped.push(name.clone());
                continue;
            };
            if dependency.condition == DependencyCondition::ServiceHealthy && !has_health {
                problems.push(
                    Problem::error(
                        "compose/dependency",
                        format!(
                            "`{}` waits for `{name}` to be healthy, but it has no health check",
                            service.name
                        ),
                    )
                    .at(at.place())
                    .hint(format!(
                        "give it one: `health: {{{name}: {{tcp: true}}}}` in mainstay.yaml"
                    )),
                );
            }
        }
        for name in dropped {
            service.depends_on.remove(&name);
        }
    }
}

fn missing(
    name: &ServiceName,
    required: bool,
    inactive: &BTreeSet<String>,
    known: &BTreeMap<ServiceName, bool>,
) -> Problem {
    let (message, hint) = if inactive.contains(name.as_str()) {
        (
            format!("service `{name}` is not started by any active profile"),
            "activate one of its profiles with `--profile`, or say `required: false`".to_owned(),
        )
    } else {
        let hint = match did_you_mean(name.as_str(), known.keys().map(ServiceName::as_str)) {
            Some(word) => format!("did you mean `{word}`?"),
            None => "define it, or say `required: false`".to_owned(),
        };
        (format!("no service `{name}` to depend on"), hint)
    };
    if required {
        Problem::error("compose/dependency", message).hint(hint)
    } else {
        Problem::warning("compose/dependency", message)
    }
}

/// Each cycle once, at the dependency that closes it.
fn cycles(services: &BTreeMap<ServiceName, Found>, problems: &mut Problems) {
    let mut done: BTreeSet<&ServiceName> = BTreeSet::new();
    for start in services.keys() {
        // An own stack rather than recursion: a chain may be as long as there are services.
        let mut path: Vec<(&ServiceName, Vec<&ServiceName>)> = Vec::new();
        if !done.contains(start) {
            path.push((start, next(services, start)));
        }
        while let Some((name, rest)) = path.last_mut() {
            let name = *name;
            let Some(to) = rest.pop() else {
                done.insert(name);
                path.pop();
                continue;
            };
            if let Some(index) = path.iter().position(|(on, _)| *on == to) {
                let names = path[index..].iter().map(|(name, _)| name.as_str());
                let names: Vec<String> = names
                    .chain([to.as_str()])
                    .map(|name| format!("`{name}`"))
                    .collect();
                let message = format!("services depend on each other: {}", names.join(" → "));
                let mut problem = Problem::error("compose/dependency-cycle", message);
                if let Some(at) = services[name].depends_on.get(to) {
                    problem = problem.at(at.place());
                }
                problems.push(problem.hint("take one of the dependencies away"));
            } else if !done.contains(to) {
                path.push((to, next(services, to)));
            }
        }
    }
}

fn next<'a>(
    services: &'a BTreeMap<ServiceName, Found>,
    name: &ServiceName,
) -> Vec<&'a ServiceName> {
    services
        .get(name)
        .map(|found| found.service.depends_on.keys().rev().collect())
        .unwrap_or_default()
}

fn ports(services: &BTreeMap<ServiceName, Found>, problems: &mut Problems) {
    let mut taken: Vec<(u16, Option<std::net::IpAddr>, &Found, usize)> = Vec::new();
    for found in services.values() {
        for (index, port) in found.service.ports.iter().enumerate() {
            let Some(published) = port.published else {
                continue;
            };
            let any =
                |address: Option<std::net::IpAddr>| address.is_none_or(|a| a.is_unspecified());
            let clash = taken.iter().find(|(number, address, ..)| {
                *number == published
                    && (*address == port.host_ip || any(*address) || any(port.host_ip))
            });
            if let Some((_, _, first, first_index)) = clash {
                problems.push(
                    Problem::error(
                        "compose/port-clash",
                        format!(
                            "port {published} is already published by `{}` ({})",
                            first.service.name,
                            first.ports[*first_index].place()
                        ),
                    )
                    .at(found.ports[index].place())
                    .hint("publish another port, or none: routes of mainstay.yaml need no port of their own"),
                );
            }
            taken.push((published, port.host_ip, found, index));
        }
    }
}

fn singletons(services: &BTreeMap<ServiceName, Found>, problems: &mut Problems) {
    for found in services.values() {
        if found.service.singleton && found.service.replicas > 1 {
            let at = found.replicas.as_ref().unwrap_or(&found.at);
            let message = format!(
                "singleton `{}` cannot have {} instances",
                found.service.name, found.service.replicas
            );
            let problem = Problem::error("process/singleton", message).at(at.place());
            problems.push(
                problem
                    .hint("a singleton is never there twice: take `replicas` or `singleton` out"),
            );
        }
    }
}

/// Variables that every instance is given anew.
fn variables(facts: &Facts<'_>, problems: &mut Problems) {
    for found in facts.services.values() {
        let service = &found.service;
        // A container has its own ports: nobody tells it where to listen.
        let has_port = !service.ports.is_empty() && !facts.target.runs_containers();
        for name in service.environment.keys() {
            let hint = match name.as_str() {
                "PORT" if has_port => {
                    "each instance gets a port of its own: take `PORT` out, or let the program read another variable"
                }
                name if name.starts_with("MAINSTAY_") => {
                    "names that begin with `MAINSTAY_` are ours: call it something else"
                }
                _ => continue,
            };
            let message = format!(
                "`{name}` of service `{}` is replaced by what Mainstay sets",
                service.name
            );
            let problem = Problem::warning("process/variable", message).at(found.at.place());
            problems.push(problem.hint(hint));
        }
    }
}

/// Named volumes must be defined; and nothing is mounted for a process.
fn mounts(facts: &Facts<'_>, problems: &mut Problems) {
    let containers = facts.target.runs_containers();
    for found in facts.services.values() {
        for (mount, at) in found.service.mounts.iter().zip(&found.mounts) {
            match mount.kind {
                MountKind::Volume if mount.source.is_empty() && containers => {
                    problems.push(anonymous(&mount.target).at(at.place()));
                    continue;
                }
                MountKind::Volume if mount.source.is_empty() => {}
                MountKind::Volume if !facts.volumes.contains_key(&mount.source) => {
                    let known = facts.volumes.keys().map(String::as_str);
                    let hint = match did_you_mean(&mount.source, known) {
                        Some(word) => format!("did you mean `{word}`?"),
                        None => "define it under the top-level `volumes`".to_owned(),
                    };
                    let message = format!("no volume `{}`", mount.source);
                    problems.push(
                        Problem::error("compose/volume", message)
                            .at(at.place())
                            .hint(hint),
                    );
                    continue;
                }
                _ if containers => continue,
                MountKind::Volume if facts.thought_of.contains(&mount.source) => continue,
                MountKind::Bind if mount.source == mount.target => continue,
                MountKind::Bind | MountKind::Volume => {}
                MountKind::Tmpfs => continue,
            }
            problems.push(
                Problem::warning("process/not-mounted", format!("nothing is mounted at `{}` for a process: it sees the host's files", mount.target))
                    .at(at.place())
                    .hint(match mount.kind {
                        MountKind::Volume if !mount.source.is_empty() => "let the program use a path of the host, and say of the volume whether two instances may have it: `x-mainstay: {shared: true}`",
                        _ => "let the program use a path of the host",
                    }),
            );
        }
    }
}

fn anonymous(target: &str) -> Problem {
    let message = format!("what is written to `{target}` is gone with the instance");
    let problem = Problem::warning("docker/anonymous-volume", message);
    problem.hint(format!("give the volume a name: `NAME:{target}`"))
}

/// A volume that is not shared belongs to one service. Containers of two services that both name
/// it are meant to share it: each of them is still replaced stop-first.
fn owners(facts: &Facts<'_>, problems: &mut Problems) {
    let mut owner: BTreeMap<&str, &ServiceName> = BTreeMap::new();
    for (name, found) in facts.services.iter() {
        for (mount, at) in found.service.mounts.iter().zip(&found.mounts) {
            let exclusive = mount.kind == MountKind::Volume
                && !mount.read_only
                && facts
                    .volumes
                    .get(&mount.source)
                    .is_some_and(|volume| !volume.shared);
            if !exclusive {
                continue;
            }
            let volume = mount.source.as_str();
            if let Some(first) = owner.insert(volume, name).filter(|first| *first != name) {
                let message = format!("volume `{volume}` is used by both `{first}` and `{name}`");
                problems.push(
                    Problem::error("process/volume-shared", message)
                        .at(at.place())
                        .hint(shared(volume)),
                );
            }
        }
    }
}

/// A container on the host's network listens there itself: the proxy cannot have the same port.
fn host_ports(services: &BTreeMap<ServiceName, Found>, problems: &mut Problems) {
    for found in services.values() {
        if found.service.container.network.mode != NetworkMode::Host {
            continue;
        }
        for (port, at) in found.service.ports.iter().zip(&found.ports) {
            if port.published == Some(port.target) {
                let message = format!(
                    "`{}` listens on port {} of the host itself: the proxy cannot publish it there",
                    found.service.name, port.target
                );
                let problem = Problem::error("compose/network", message).at(at.place());
                problems
                    .push(problem.hint("publish another port, or say `expose` instead of `ports`"));
            }
        }
    }
}
