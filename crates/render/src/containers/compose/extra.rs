//! Services that the overlays add, all kept alike: few rights, a log that ends, a health check of their own.

use mainstay_stack::Stack;
use mainstay_yaml::write::{Doc, Map};

/// The network of what watches.
pub(super) const NETWORK: &str = "monitoring";

/// A name that no service of the stack has.
pub(super) fn name(stack: &Stack, wanted: &str) -> String {
    let taken = |name: &str| stack.services.keys().any(|key| key.as_str() == name);
    let mut name = wanted.to_owned();
    while taken(&name) {
        name.insert_str(0, "extra-");
    }
    name
}

/// A key of networks or volumes that the stack has not.
pub(super) fn network(stack: &Stack) -> String {
    let mut key = NETWORK.to_owned();
    while stack.networks.contains_key(&key) {
        key.insert_str(0, "extra-");
    }
    key
}

/// Image, command, limits; `memory` as Compose writes it.
pub(super) fn service(image: &str, command: &[String], memory: &str) -> Map {
    Map::new()
        .set("image", image)
        .some("command", command)
        .set("restart", "unless-stopped")
        .set("read_only", true)
        .set("cap_drop", ["ALL"])
        .set("security_opt", ["no-new-privileges:true"])
        .set("logging", log())
        .set("deploy", limits(memory))
}

fn log() -> Map {
    let options = Map::new().set("max-size", "10m").set("max-file", "3");
    Map::new()
        .set("driver", "json-file")
        .set("options", options)
}

fn limits(memory: &str) -> Map {
    let limits = Map::new().set("cpus", "1").set("memory", memory);
    Map::new().set("resources", Map::new().set("limits", limits))
}

/// On loopback: whoever is to see it from elsewhere comes through a web server that asks who they are.
pub(super) fn published(port: u16, target: u16) -> Vec<Doc> {
    vec![Doc::Text(format!("127.0.0.1:{port}:{target}"))]
}

/// A check by the busybox that the image has.
pub(super) fn asked(address: &str) -> Map {
    Map::new()
        .set("test", ["CMD", "wget", "--quiet", "--spider", address])
        .set("interval", "30s")
        .set("timeout", "5s")
        .set("retries", 3)
}

pub(super) fn read_only(source: &str, target: &str) -> Doc {
    Doc::Text(format!("{source}:{target}:ro"))
}
