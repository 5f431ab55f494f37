//! The top-level `volumes`.

use super::{flag, text};
use crate::resolved::{Driver, Volume};
use crate::tree::Node;
use std::collections::{BTreeMap, BTreeSet};

/// The volumes, and those that have an `x-mainstay`. `prefix` keeps two environments of one stack
/// apart in an engine.
pub(crate) fn volumes(tree: &Node, prefix: &str) -> (BTreeMap<String, Volume>, BTreeSet<String>) {
    let mut volumes = BTreeMap::new();
    let mut thought_of = BTreeSet::new();
    for entry in tree.get("volumes").map(Node::entries).unwrap_or_default() {
        let node = &entry.value;
        let x = node.get("x-mainstay");
        if x.is_some() {
            thought_of.insert(entry.key.clone());
        }
        let volume = Volume {
            name: name(node, &entry.key, prefix),
            shared: x.and_then(|x| flag(x, "shared")).unwrap_or(false),
            external: external(node),
            driver: driver(node),
            labels: pairs(node.get("labels")),
        };
        volumes.insert(entry.key.clone(), volume);
    }
    (volumes, thought_of)
}

/// What an engine calls a volume or a network.
pub(super) fn name(node: &Node, key: &str, prefix: &str) -> String {
    // `external: {name: …}` is the old form of `external: true` with a `name`.
    let old = node.get("external").and_then(|node| text(node, "name"));
    text(node, "name").or(old).unwrap_or_else(|| {
        if external(node) {
            key.to_owned()
        } else {
            format!("{prefix}{key}")
        }
    })
}

pub(super) fn external(node: &Node) -> bool {
    let long = node
        .get("external")
        .is_some_and(|node| !node.entries().is_empty());
    long || flag(node, "external").unwrap_or(false)
}

pub(super) fn driver(node: &Node) -> Driver {
    Driver {
        name: text(node, "driver").unwrap_or_default(),
        options: pairs(node.get("driver_opts")),
    }
}

pub(super) fn pairs(node: Option<&Node>) -> BTreeMap<String, String> {
    let entries = node.map(Node::entries).unwrap_or_default().iter();
    entries
        .map(|entry| {
            let text = entry.value.as_text().unwrap_or_default();
            (entry.key.clone(), text.to_owned())
        })
        .collect()
}
