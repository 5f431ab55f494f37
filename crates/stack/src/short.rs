//! Short forms of Compose's sections, as their long forms.
//!
//! `"127.0.0.1:8080-8081:80-81/tcp"`, `data:/var/lib:ro`, `./here:/there`, `1024` (ulimits) … The
//! parts keep the place and the variables of the text that they stand in.

use crate::check::found;
use crate::tree::{Entry, Kind, Node, Scalar};
use mainstay_model::Problem;

/// Ports that one entry may open.
const LIMIT_RANGE: u16 = 256;

type Long = Result<Vec<Node>, Box<Problem>>;

/// The long forms of a scalar where `section` is wanted.
pub(crate) fn expand(section: &str, node: &Node) -> Long {
    let one = |keys: &[&str]| {
        let text = node.as_text().unwrap_or_default();
        let pairs: Vec<_> = keys.iter().map(|key| (*key, text.to_owned())).collect();
        Ok(vec![map(node, pairs)])
    };
    match section {
        "port" => ports(node),
        "volume mount" => volume(node).map(|node| vec![node]),
        "build" => one(&["context"]),
        "env_file" | "include" | "sqlite source" | "directory source" => one(&["path"]),
        "engine" => one(&["address"]),
        "repository" => one(&["directory"]),
        "schedule" | "drill" => one(&["cron"]),
        "wal" => one(&["enabled"]),
        "volume source" => one(&["volume"]),
        "extends" | "postgresql source" | "redis source" | "mysql source" => one(&["service"]),
        "pipeline" => one(&["mode"]),
        "approval" => one(&["count"]),
        "auto_deploy" => one(&["branch"]),
        "value or file" => one(&["value"]),
        "ulimit" => one(&["soft", "hard"]),
        "secret or config of a service" => one(&["source", "target"]),
        "device" => {
            let text = node.as_text().unwrap_or_default();
            let mut parts = text.split(':');
            let keys = ["source", "target", "permissions"];
            let pairs = keys
                .into_iter()
                .filter_map(|key| Some((key, parts.next()?.to_owned())));
            Ok(vec![map(node, pairs.collect())])
        }
        _ => Ok(vec![node.clone()]),
    }
}

fn map(node: &Node, pairs: Vec<(&str, String)>) -> Node {
    let variables = node
        .scalar()
        .map(|s| s.variables.clone())
        .unwrap_or_default();
    let entries = pairs.into_iter().map(|(key, text)| Entry {
        key: key.to_owned(),
        at: node.at.clone(),
        value: Node::new(
            node.at.clone(),
            Kind::Scalar(Scalar {
                text,
                plain: false,
                variables: variables.clone(),
            }),
        ),
    });
    Node {
        at: node.at.clone(),
        kind: Kind::Map(entries.collect()),
        tag: node.tag,
    }
}

/// `[[ADDRESS:]PUBLISHED:]TARGET[/PROTOCOL]`, each port one or a range.
fn ports(node: &Node) -> Long {
    let text = node.as_text().unwrap_or_default();
    let wrong = || {
        let found = node.scalar().map(found).unwrap_or_default();
        Box::new(
            Problem::error("compose/port", format!("{found} is not a port"))
                .at(node.at.place())
                .hint("write `TARGET`, `PUBLISHED:TARGET` or `ADDRESS:PUBLISHED:TARGET`, such as `\"8080:80\"`"),
        )
    };
    let (rest, protocol) = match text.split_once('/') {
        Some((rest, protocol)) => (rest, Some(protocol)),
        None => (text, None),
    };
    let (rest, target) = match rest.rsplit_once(':') {
        Some((rest, target)) => (Some(rest), target),
        None => (None, rest),
    };
    let (address, published) = match rest {
        None => (None, None),
        Some(rest) => match rest.rsplit_once(':') {
            Some((address, published)) => (Some(address), Some(published)),
            None => (None, Some(rest)),
        },
    };
    let targets = range(target).ok_or_else(wrong)?;
    let published = match published.filter(|text| !text.is_empty()) {
        Some(text) => Some(range(text).ok_or_else(wrong)?),
        None => None,
    };
    let count = targets.1 - targets.0;
    if published.is_some_and(|(from, to)| to - from != count) {
        return Err(wrong());
    }
    Ok((0..=count)
        .map(|index| {
            let mut pairs = vec![("target", (targets.0 + index).to_string())];
            if let Some((from, _)) = published {
                pairs.push(("published", (from + index).to_string()));
            }
            if let Some(address) = address {
                let address = address.trim_start_matches('[').trim_end_matches(']');
                pairs.push(("host_ip", address.to_owned()));
            }
            if let Some(protocol) = protocol {
                pairs.push(("protocol", protocol.to_owned()));
            }
            map(node, pairs)
        })
        .collect())
}

/// `80` or `80-90`, both ends counted.
fn range(text: &str) -> Option<(u16, u16)> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let (from, to) = (from.parse().ok()?, to.parse().ok()?);
    (from > 0 && from <= to && to - from < LIMIT_RANGE).then_some((from, to))
}

/// `[SOURCE:]TARGET[:MODE]`
fn volume(node: &Node) -> Result<Node, Box<Problem>> {
    let text = node.as_text().unwrap_or_default();
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, mode) = match parts.as_slice() {
        [target] if !target.is_empty() => (None, *target, ""),
        [target, mode] if target.starts_with('/') && is_mode(mode) => (None, *target, *mode),
        [source, target] if !source.is_empty() && !target.is_empty() => {
            (Some(*source), *target, "")
        }
        [source, target, mode] if !source.is_empty() && !target.is_empty() && is_mode(mode) => {
            (Some(*source), *target, *mode)
        }
        _ => {
            let found = node.scalar().map(found).unwrap_or_default();
            return Err(Box::new(
                Problem::error("compose/volume", format!("{found} is not a volume"))
                    .at(node.at.place())
                    .hint("write `NAME:/where`, `./here:/where` or `/where`, with `:ro` for read-only"),
            ));
        }
    };
    let bind = source.is_some_and(|source| source.starts_with(['.', '/', '~']));
    let mut pairs = vec![
        ("type", if bind { "bind" } else { "volume" }.to_owned()),
        ("target", target.to_owned()),
    ];
    if let Some(source) = source {
        pairs.push(("source", source.to_owned()));
    }
    if mode.split(',').any(|option| option == "ro") {
        pairs.push(("read_only", "true".to_owned()));
    }
    let mut long = map(node, pairs);
    for option in mode.split(',') {
        let (section, key, value) = match option {
            "z" | "Z" => ("bind", "selinux", option),
            "nocopy" => ("volume", "nocopy", "true"),
            option if PROPAGATIONS.contains(&option) => ("bind", "propagation", option),
            // `rw` goes without saying, the others belong to engines on other systems.
            _ => continue,
        };
        let told = map(node, vec![(key, value.to_owned())]);
        match long.get_mut(section) {
            Some(known) => {
                for entry in told.entries() {
                    known.insert(entry.clone());
                }
            }
            None => long.insert(Entry {
                key: section.to_owned(),
                at: node.at.clone(),
                value: told,
            }),
        }
    }
    Ok(long)
}

const PROPAGATIONS: &[&str] = &[
    "shared", "slave", "private", "rshared", "rslave", "rprivate",
];

fn is_mode(text: &str) -> bool {
    const OPTIONS: &[&str] = &[
        "ro",
        "rw",
        "z",
        "Z",
        "nocopy",
        "cached",
        "delegated",
        "consistent",
        "shared",
        "slave",
        "private",
        "rshared",
        "rslave",
        "rprivate",
        "U",
    ];
    text.split(',').all(|option| OPTIONS.contains(&option))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{At, Source};
    use std::sync::Arc;

    fn forms(section: &str, text: &str) -> Result<Vec<String>, String> {
        let source = Arc::new(Source {
            display: "f".into(),
            path: "/f".into(),
            base: "/".into(),
        });
        let nodes = expand(section, &Node::text(At::whole(&source), text));
        let line = |node: &Node| {
            let pairs = node.entries().iter();
            let pairs = pairs.map(|e| {
                let inner = e.value.entries().first();
                let (key, value) = match inner {
                    Some(inner) => (format!("{}.{}", e.key, inner.key), &inner.value),
                    None => (e.key.clone(), &e.value),
                };
                format!("{key}={}", value.as_text().unwrap())
            });
            pairs.collect::<Vec<_>>().join(" ")
        };
        nodes
            .map(|nodes| nodes.iter().map(line).collect())
            .map_err(|problem| problem.message)
    }

    #[test]
    fn ports_in_short() {
        for (text, long) in [
            ("80", vec!["target=80"]),
            ("8080:80", vec!["target=80 published=8080"]),
            (
                "127.0.0.1:8080:80/tcp",
                vec!["target=80 published=8080 host_ip=127.0.0.1 protocol=tcp"],
            ),
            ("127.0.0.1::80", vec!["target=80 host_ip=127.0.0.1"]),
            (
                "[::1]:8080:80",
                vec!["target=80 published=8080 host_ip=::1"],
            ),
            ("80-81", vec!["target=80", "target=81"]),
            (
                "90-91:80-81",
                vec!["target=80 published=90", "target=81 published=91"],
            ),
        ] {
            let long = long.into_iter().map(str::to_owned).collect();
            assert_eq!(forms("port", text), Ok(long), "{text}");
        }
        for bad in [
            "", "x", "0", "70000", "80-79", "1-2:3-5", "1-9999", "a:b:c:d",
        ] {
            assert!(forms("port", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn volumes_in_short() {
        for (text, long) in [
            ("data:/d", "type=volume target=/d source=data"),
            (
                "data:/d:ro",
                "type=volume target=/d source=data read_only=true",
            ),
            ("./a:/d", "type=bind target=/d source=./a"),
            (
                "/a:/d:ro,z",
                "type=bind target=/d source=/a read_only=true bind.selinux=z",
            ),
            (
                "/a:/d:rslave",
                "type=bind target=/d source=/a bind.propagation=rslave",
            ),
            (
                "v:/d:nocopy",
                "type=volume target=/d source=v volume.nocopy=true",
            ),
            ("/d", "type=volume target=/d"),
        ] {
            assert_eq!(
                forms("volume mount", text),
                Ok(vec![long.to_owned()]),
                "{text}"
            );
        }
        for bad in ["", ":", "a:", ":b", "a:b:wrong", "a:b:c:d"] {
            assert!(forms("volume mount", bad).is_err(), "{bad}");
        }
    }
}
