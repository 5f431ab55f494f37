//! Where what runs beside the stack finds its services, and how large they are.

use crate::project::{Machine, Project};
use mainstay_stack::{Exporter, PortProtocol, Probe, Service, Stack, TargetKind};

/// The port on which a service speaks HTTP, else its first.
pub(crate) fn port(service: &Service) -> Option<u16> {
    let ports = &service.ports;
    let http = ports
        .iter()
        .find(|port| port.protocol == PortProtocol::Http);
    http.or(ports.first()).map(|port| port.target)
}

/// Under which name others in the same network reach it.
pub(crate) fn host(stack: &Stack, service: &Service) -> String {
    let name = service.name.as_str();
    match stack.target {
        // Each task has an address under this name, where the service alone is a virtual one.
        TargetKind::Swarm => format!("tasks.{name}"),
        _ => name.to_owned(),
    }
}

/// Whether it answers HTTP: its health check does, or a route leads to it.
pub(crate) fn speaks_http(stack: &Stack, service: &Service) -> bool {
    let check = service.health.as_ref();
    let checked = check.is_some_and(|check| matches!(check.probe, Probe::Http { .. }));
    let mut routes = stack.routes.iter();
    checked || routes.any(|route| route.service == service.name)
}

/// Services that are a server of this kind.
pub(crate) fn servers(stack: &Stack, kind: Exporter) -> Vec<&Service> {
    let services = stack.services.values();
    let is = |service: &&Service| {
        let exporter = service.metrics.exporter.as_ref();
        exporter.is_some_and(|exporter| exporter.kind == kind)
    };
    services.filter(is).collect()
}

/// The name under which people reach the stack: what `render.domain` says, else the first host of its routes.
pub(crate) fn domain(stack: &Stack) -> Option<String> {
    let mut hosts = stack.routes.iter().flat_map(|route| &route.hosts);
    let first = hosts.find(|host| !host.starts_with('*'));
    stack.render.domain.clone().or_else(|| first.cloned())
}

/// What a server is tuned for: the machine that is named, else the limits of its service.
pub(crate) fn machine(project: &Project, service: &Service) -> Machine {
    if let Some(machine) = project.machine {
        return machine;
    }
    let plain = Machine::default();
    let cpus = service.limits.cpus.map(|cpus| cpus.ceil().max(1.0) as u32);
    Machine {
        memory: service.limits.memory.unwrap_or(plain.memory),
        cpus: cpus.unwrap_or(plain.cpus),
    }
}

/// From where the size is, for a comment.
pub(crate) fn sized_by(project: &Project, service: &Service) -> String {
    let Machine { memory, cpus } = machine(project, service);
    let mib = memory.0 >> 20;
    let from = match project.machine {
        Some(_) => "of the machine that was named".to_owned(),
        None if service.limits.memory.is_some() => {
            format!("that the limits of `{}` give it", service.name)
        }
        None => "of a small machine: nothing says how large it is".to_owned(),
    };
    let processors = if cpus == 1 { "processor" } else { "processors" };
    format!("For {mib} MiB of memory and {cpus} {processors}, {from}.")
}

/// Where the files of one of several servers stand: nowhere below where there is only one.
pub(crate) fn folder(servers: &[&Service], service: &Service) -> String {
    match servers {
        [_] => String::new(),
        _ => format!("{}/", service.name),
    }
}
