//! `render`: what is said for files that other engines read.

use super::health::unknown;
use crate::check::shown;
use crate::decode::{Found, number, size, text, texts};
use crate::resolved::{
    Autoscale, Compute, Language, Layout, Render, RenderCi, RenderCloud, RenderKubernetes,
    RenderNginx, RenderService, Service,
};
use crate::tree::{Entry, Node};
use mainstay_model::{Problem, Problems, ServiceName};
use std::collections::{BTreeMap, BTreeSet};

/// Lines of `layout`.
const MOST_LINES: usize = 200;
/// As many zones as the largest regions have.
const ZONES: std::ops::RangeInclusive<u8> = 2..=6;

/// The section, with everything that goes without saying. `inactive` are services that do not run here.
pub(crate) fn render(
    tree: &Node,
    found: &BTreeMap<ServiceName, Found>,
    inactive: &BTreeSet<String>,
    problems: &mut Problems,
) -> Render {
    let Some(section) = tree.get("render") else {
        return Render::default();
    };
    Render {
        domain: text(section, "domain"),
        contact: text(section, "contact"),
        registry: text(section, "registry").map(|name| name.trim_end_matches('/').to_owned()),
        services: services(section.get("services"), found, inactive, problems),
        volumes: volumes(section.get("volumes")),
        kubernetes: kubernetes(section.get("kubernetes")),
        cloud: cloud(section.get("cloud"), problems),
        ci: ci(section.get("ci")),
        nginx: nginx(section.get("nginx"), problems),
        layout: layout(section.get("layout"), problems),
    }
}

fn wrong(node: &Node, message: String, hint: &str) -> Problem {
    Problem::error("mainstay/value", message)
        .at(node.at.place())
        .hint(hint)
}

fn services(
    section: Option<&Node>,
    found: &BTreeMap<ServiceName, Found>,
    inactive: &BTreeSet<String>,
    problems: &mut Problems,
) -> BTreeMap<ServiceName, RenderService> {
    let mut all = BTreeMap::new();
    for entry in section.map(Node::entries).unwrap_or_default() {
        if inactive.contains(&entry.key) {
            continue;
        }
        let Some((name, one)) = found.get_key_value(entry.key.as_str()) else {
            let names = found.keys().map(ServiceName::as_str);
            problems.push(unknown(&entry.key, names).at(entry.at.place()));
            continue;
        };
        let autoscale = entry.value.get("autoscale");
        let language = text(&entry.value, "language");
        let said = RenderService {
            autoscale: autoscale.and_then(|node| autoscaled(node, &one.service, problems)),
            language: language.and_then(|word| match word.as_str() {
                "rust" => Some(Language::Rust),
                "python" => Some(Language::Python),
                "node" => Some(Language::Node),
                _ => None,
            }),
        };
        all.insert(name.clone(), said);
    }
    all
}

fn autoscaled(node: &Node, service: &Service, problems: &mut Problems) -> Option<Autoscale> {
    if service.singleton || service.stateful.is_some() {
        let name = service.name.as_str();
        let message = format!("`{name}` cannot be scaled: there is never more than one of it");
        problems.push(wrong(node, message, "take `autoscale` out"));
        return None;
    }
    let min: u32 = number(node, "min").unwrap_or(service.replicas);
    let Some(max) = number::<u32>(node, "max") else {
        let message = "`autoscale` does not say `max`".to_owned();
        problems.push(wrong(node, message, "such as `max: 10`"));
        return None;
    };
    if min == 0 || max < min {
        let message = format!("`autoscale` from {min} to {max} instances is none");
        problems.push(wrong(node, message, "`min` is 1 or more, `max` not less"));
        return None;
    }
    let mut percent = |key: &str| -> Option<u8> {
        let value: u32 = number(node, key)?;
        let fits = (1..=100).contains(&value);
        if !fits {
            let message = format!("`{key}` of {value} percent is none");
            problems.push(wrong(
                node,
                message,
                "1 to 100, of what the service asks for",
            ));
        }
        fits.then_some(value as u8)
    };
    let (cpu, memory) = (percent("cpu"), percent("memory"));
    let cpu = if memory.is_none() {
        cpu.or(Some(70))
    } else {
        cpu
    };
    Some(Autoscale {
        min,
        max,
        cpu,
        memory,
    })
}

/// A volume that is not there is no mistake: environments differ.
fn volumes(section: Option<&Node>) -> BTreeMap<String, mainstay_model::Bytes> {
    let entries = section.map(Node::entries).unwrap_or_default();
    let sizes = entries.iter().filter_map(|entry: &Entry| {
        let size = size(section?, &entry.key)?;
        Some((entry.key.clone(), size))
    });
    sizes.collect()
}

fn kubernetes(section: Option<&Node>) -> RenderKubernetes {
    let plain = RenderKubernetes::default();
    let Some(node) = section else {
        return plain;
    };
    RenderKubernetes {
        namespace: text(node, "namespace"),
        ingress_class: text(node, "ingress_class").unwrap_or(plain.ingress_class),
        issuer: text(node, "issuer").unwrap_or(plain.issuer),
        storage_class: text(node, "storage_class"),
    }
}

fn cloud(section: Option<&Node>, problems: &mut Problems) -> RenderCloud {
    let plain = RenderCloud::default();
    let Some(node) = section else {
        return plain;
    };
    let mut small = |key: &str, fits: std::ops::RangeInclusive<u8>, plain: u8| {
        let Some(value) = number::<u32>(node, key) else {
            return plain;
        };
        let small = u8::try_from(value)
            .ok()
            .filter(|value| fits.contains(value));
        if small.is_none() {
            let message = format!("`{key}` cannot be {value}");
            let hint = format!("{} to {}", fits.start(), fits.end());
            problems.push(wrong(node.get(key).unwrap_or(node), message, &hint));
        }
        small.unwrap_or(plain)
    };
    RenderCloud {
        compute: match text(node, "compute").as_deref() {
            Some("ecs") => Compute::Ecs,
            _ => plain.compute,
        },
        zones: small("zones", ZONES, plain.zones),
        database_replicas: small("database_replicas", 0..=15, plain.database_replicas),
        region: text(node, "region").unwrap_or(plain.region),
        standby_region: text(node, "standby_region"),
        state_bucket: text(node, "state_bucket"),
        database_class: text(node, "database_class").unwrap_or(plain.database_class),
        database_storage: size(node, "database_storage").unwrap_or(plain.database_storage),
        cache_class: text(node, "cache_class").unwrap_or(plain.cache_class),
        node_class: text(node, "node_class").unwrap_or(plain.node_class),
    }
}

fn ci(section: Option<&Node>) -> RenderCi {
    let plain = RenderCi::default();
    let Some(node) = section else {
        return plain;
    };
    let checks = node.get("checks").map(Node::entries).unwrap_or_default();
    let checks = checks.iter().filter_map(|entry| {
        let command = entry.value.as_text()?;
        Some((entry.key.clone(), command.to_owned()))
    });
    RenderCi {
        branch: text(node, "branch").unwrap_or(plain.branch),
        checks: checks.collect(),
        versions: texts(node.get("versions")),
    }
}

fn nginx(section: Option<&Node>, problems: &mut Problems) -> RenderNginx {
    let plain = RenderNginx::default();
    let Some(node) = section else {
        return plain;
    };
    let mut rate = |key: &str, plain: u32| {
        let Some(value) = number::<u32>(node, key) else {
            return plain;
        };
        if value == 0 {
            let message = format!("`{key}` of 0 lets nothing through");
            let at = node.get(key).unwrap_or(node);
            problems.push(wrong(at, message, "requests a second, 1 or more"));
        }
        value
    };
    RenderNginx {
        client_rate: rate("client_rate", plain.client_rate),
        route_rate: rate("route_rate", plain.route_rate),
    }
}

fn layout(section: Option<&Node>, problems: &mut Problems) -> Vec<Layout> {
    let mut lines = Vec::new();
    let mut seen = BTreeSet::new();
    for node in section.map(Node::items).unwrap_or_default() {
        if lines.len() == MOST_LINES {
            let message = format!("more than {MOST_LINES} lines");
            problems.push(wrong(node, message, "name folders instead of files"));
            break;
        }
        let (Some(path), Some(of)) = (text(node, "path"), text(node, "of")) else {
            let message = "`path` and `of` are both needed".to_owned();
            problems.push(wrong(
                node,
                message,
                "such as `{path: k8s, of: kubernetes}`",
            ));
            continue;
        };
        let path = path.trim_end_matches('/').to_owned();
        if !is_within(&path) {
            let message = format!("`{}` is not below the stack's directory", shown(&path));
            problems.push(wrong(node, message, "such as `k8s` or `ops/alerts.yml`"));
        } else if seen.insert(path.clone()) {
            lines.push(Layout {
                path,
                of: of.trim_end_matches('/').to_owned(),
                environment: text(node, "environment"),
            });
        } else {
            let message = format!("`{}` stands twice", shown(&path));
            problems.push(wrong(node, message, "each path is written once"));
        }
    }
    lines
}

/// Whether it can only lead to something below the directory that it starts in.
fn is_within(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let good = |part: &&str| !part.is_empty() && !matches!(*part, "." | "..");
    parts.iter().all(good)
}
