//! `compose.debug.yaml`: every service within reach of this machine, talkative, and open to a debugger.
//!
//! For an hour, not for good: it takes back what keeps intruders out.

use super::ports::Ports;
use crate::output::Rendering;
use crate::project::Project;
use mainstay_stack::{NetworkMode, Service};
use mainstay_yaml::write::{Doc, Map};

/// Variables by which programs are told how much to say, as users name them.
const LEVELS: [(&str, &str); 5] = [
    ("LOG_LEVEL", "debug"),
    ("LOGLEVEL", "debug"),
    ("RUST_LOG", "debug"),
    ("DEBUG", "true"),
    ("VERBOSE", "true"),
];

pub(super) fn write(project: &Project, ports: &mut Ports, out: &mut Rendering) {
    let stack = project.main();
    let services = stack.services.values();
    let mut key = "debug".to_owned();
    while stack.networks.contains_key(&key) {
        key.insert_str(0, "extra-");
    }
    let services: Map = services
        .map(|service| (service.name.as_str(), changed(service, &key, ports)))
        .collect();
    let file = Map::new()
        .comment("docker compose -f compose.prod.yaml -f compose.debug.yaml up --detach")
        .comment(
            "To look for a fault and be taken away again: ports on loopback, ptrace, loud logs.",
        )
        .set("services", services)
        .comment("No port is open to the machine on a network that has no way out.")
        .set("networks", Map::new().set(key, Map::new()));
    out.yaml("compose.debug.yaml", &[file.into()]);
}

fn changed(service: &Service, network: &str, ports: &mut Ports) -> Map {
    let levels: Map = LEVELS
        .iter()
        .filter(|(name, _)| service.environment.contains_key(*name))
        .map(|(name, level)| (*name, *level))
        .collect();
    let within_reach = service.container.network.mode == NetworkMode::Networks;
    // A port of the machine is one container's alone.
    let one = service.replicas == 1 && within_reach;
    let closed = service
        .ports
        .iter()
        .filter(|port| port.published.is_none() && one);
    let opened: Vec<Doc> = closed
        .map(|port| {
            let published = ports.take(port.target.saturating_add(10_000));
            Doc::Text(format!("127.0.0.1:{published}:{}", port.target))
        })
        .collect();
    let joined = (!opened.is_empty()).then(|| Map::new().set(network, Doc::Null));
    Map::new()
        .some("environment", levels)
        .some("ports", opened)
        .maybe("networks", joined)
        .set("cap_add", ["SYS_PTRACE"])
}
