//! A stack for Docker Swarm: `docker stack deploy --prune --compose-file stack.yaml NAME`.
//!
//! Secrets are external and have their version in their name; a config's name has the hash of its text, so that a
//! changed one is another. Services on volumes of one machine are bound to the machine that has a label.
//!
//! Source: the Compose file format 3.9 as `docker stack deploy` reads it.

mod lost;
mod service;

use crate::containers::losses::Losses;
use crate::containers::parts;
use crate::containers::words::{pairs, text};
use crate::output::Rendering;
use crate::project::Project;
use mainstay_stack::{HIDDEN, Network, NetworkMode, Stack, Volume};
use mainstay_yaml::write::{Doc, Map};

const FILE: &str = "stack.yaml";

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let stack = project.main();
    let mut losses = Losses::default();
    for service in stack.services.values() {
        lost::refused(service, out);
        lost::service(stack, service, &mut losses);
    }
    let services: Map = stack
        .services
        .values()
        .map(|service| {
            let map = service::service(project, stack, service, &mut losses);
            (service.name.as_str(), map)
        })
        .collect();
    losses.tell(out);
    lost::elsewhere(stack, out);
    let file = Map::new()
        .comment(&format!(
            "docker stack deploy --prune --compose-file {FILE} {}",
            scope(stack)
        ))
        .set("version", "3.9")
        .set("services", services)
        .some("networks", networks(stack, out))
        .some("volumes", volumes(stack))
        .some("secrets", secrets(stack))
        .some("configs", configs(stack, out));
    out.yaml(FILE, &[file.into()]);
    if out.files.values().any(|file| file.text.contains(HIDDEN)) {
        out.refused(
            "services",
            "a secret stands within a command, a label or a config, where there can be no reference to it",
            "give it to the service as a file (`secrets:`) or as a variable of its own",
        );
    }
}

/// What the stack is called in the Swarm: environments of one stack stay apart.
fn scope(stack: &Stack) -> String {
    format!("{}-{}", stack.name, stack.environment)
}

fn networks(stack: &Stack, out: &mut Rendering) -> Map {
    let mut map: Map = stack
        .networks
        .iter()
        .map(|(key, network)| (key.clone(), joined(key, network, out)))
        .collect();
    for (mode, name) in [(NetworkMode::Host, "host"), (NetworkMode::None, "none")] {
        let mut services = stack.services.values();
        if services.any(|service| service.container.network.mode == mode) {
            map.insert(service::own_network(mode), external(name));
        }
    }
    map
}

fn external(name: &str) -> Map {
    Map::new().set("external", true).set("name", text(name))
}

fn joined(key: &str, network: &Network, out: &mut Rendering) -> Map {
    if network.external {
        return external(&network.name);
    }
    lost::network(key, network, out);
    let pools = network
        .ipam
        .pools
        .iter()
        .filter_map(|pool| pool.subnet.as_ref());
    let pools: Vec<Doc> = pools
        .map(|subnet| Map::new().set("subnet", subnet).into())
        .collect();
    let yes = |on: bool| on.then_some(true);
    Map::new()
        .set("name", text(&network.name))
        .set("driver", "overlay")
        .maybe("internal", yes(network.internal))
        .maybe("attachable", yes(network.attachable))
        .some("driver_opts", pairs(&network.driver.options))
        .some("ipam", Map::new().some("config", pools))
        .some("labels", pairs(&network.labels))
}

fn volumes(stack: &Stack) -> Map {
    let volumes = stack.volumes.iter();
    volumes.map(|(key, it)| (key.clone(), volume(it))).collect()
}

fn volume(volume: &Volume) -> Map {
    if volume.external {
        return external(&volume.name);
    }
    let name = Some(&volume.driver.name).filter(|name| !name.is_empty());
    Map::new()
        .set("name", text(&volume.name))
        .maybe("driver", name)
        .some("driver_opts", pairs(&volume.driver.options))
        .some("labels", pairs(&volume.labels))
}

/// Made by whoever looks after the Swarm; a new value is a new secret, and the variable names it.
fn secrets(stack: &Stack) -> Map {
    let mut map = Map::new();
    for name in parts::secrets(stack) {
        let variable = parts::source_variable(stack, name);
        let full = format!("{}_{name}", scope(stack));
        map = map
            .comment(&format!(
                "printf %s \"${variable}\" | docker secret create {full}_1 -"
            ))
            .set(
                name,
                Map::new()
                    .set("external", true)
                    .set("name", format!("{full}_${{{variable}_VERSION:-1}}")),
            );
    }
    map
}

fn configs(stack: &Stack, out: &mut Rendering) -> Map {
    let mut map = Map::new();
    for (name, content) in parts::configs(stack) {
        let content = content.unwrap_or_default();
        let path = format!("configs/{name}");
        map.insert(
            name,
            Map::new().set("file", format!("./{path}")).set(
                "name",
                format!("{}_{name}_{:016x}", scope(stack), hash(content.as_bytes())),
            ),
        );
        out.raw(path, content.to_owned());
    }
    map
}

/// FNV-1a, 64 bits: tells texts apart, and protects nothing.
fn hash(bytes: &[u8]) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325_u64;
    bytes.iter().fold(start, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    /// From the reference of the algorithm (draft-eastlake-fnv).
    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(super::hash(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(super::hash(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
