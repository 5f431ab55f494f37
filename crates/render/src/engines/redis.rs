//! Settings for the size of the machine.
//!
//! Source: <https://redis.io/docs/latest/operate/oss_and_stack/management/config/>; what is said holds from version 7
//! on. What the service's own command sets is kept, since it counts more than a file.

use super::place;
use crate::output::Rendering;
use crate::project::{Machine, Project};
use mainstay_stack::{Exporter, MountKind, Service};
use std::collections::BTreeMap;
use std::fmt::Write as _;

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let stack = project.main();
    let servers = place::servers(stack, Exporter::Redis);
    if servers.is_empty() {
        out.refused(
            "services",
            "none of them is a Redis",
            "say so where one is: `metrics: {NAME: {exporter: redis}}` in mainstay.yaml",
        );
    }
    for service in &servers {
        let folder = place::folder(&servers, service);
        out.text(format!("{folder}redis.conf"), "#", &text(project, service));
    }
}

fn text(project: &Project, service: &Service) -> String {
    let machine = place::machine(project, service);
    let said = said(service);
    let mut text = format!(
        "# {}\n# Start with it: `redis-server /etc/redis/redis.conf`.\n",
        place::sized_by(project, service)
    );
    let has_password = !service.files.is_empty() || !service.secrets.is_empty();
    let sections = [
        ("", network(service, has_password)),
        (
            "The password and users stand in files of their own, which are not written here: `requirepass …`,\n# \
             or `aclfile …`. None is no mistake.",
            vec![("include", "/etc/redis/secrets/*.conf".to_owned())],
        ),
        (
            "Memory: three quarters; the rest is for connections and for pages that change while it saves.",
            memory(machine),
        ),
        ("What survives a restart.", persistence(service)),
        (
            "Commands that take longer than 10 ms, and what made the server wait.",
            watching(),
        ),
    ];
    for (about, settings) in sections {
        if about.is_empty() {
            text.push('\n');
        } else {
            let _ = writeln!(text, "\n# {about}");
        }
        for (name, value) in settings {
            let value = said.get(name).cloned().unwrap_or(value);
            let _ = writeln!(text, "{name} {value}");
        }
    }
    let others: Vec<_> = said
        .iter()
        .filter(|(name, _)| !KNOWN.contains(&name.as_str()))
        .collect();
    if !others.is_empty() {
        let _ = writeln!(text, "\n# What the service's command says beside that.");
    }
    for (name, value) in others {
        let _ = writeln!(text, "{name} {value}");
    }
    text
}

/// Settings that are written in any case.
const KNOWN: [&str; 24] = [
    "bind",
    "port",
    "protected-mode",
    "tcp-keepalive",
    "timeout",
    "maxclients",
    "maxmemory",
    "maxmemory-policy",
    "maxmemory-samples",
    "io-threads",
    "lazyfree-lazy-eviction",
    "lazyfree-lazy-expire",
    "lazyfree-lazy-server-del",
    "dir",
    "save",
    "stop-writes-on-bgsave-error",
    "rdbcompression",
    "rdbchecksum",
    "appendonly",
    "appendfsync",
    "auto-aof-rewrite-percentage",
    "slowlog-log-slower-than",
    "slowlog-max-len",
    "latency-monitor-threshold",
];

type Settings = Vec<(&'static str, String)>;

fn settings<const N: usize>(pairs: [(&'static str, &str); N]) -> Settings {
    let pairs = pairs.into_iter();
    pairs
        .map(|(name, value)| (name, value.to_owned()))
        .collect()
}

fn network(service: &Service, has_password: bool) -> Settings {
    let port = place::port(service).unwrap_or(6379);
    // Without a password it answers nobody from elsewhere while it is protected: then the network has to keep others out.
    let protected = if has_password { "yes" } else { "no" };
    let mut all = settings([
        ("bind", "* -::*"),
        ("protected-mode", protected),
        ("tcp-keepalive", "300"),
        ("timeout", "0"),
        ("maxclients", "10000"),
    ]);
    all.insert(1, ("port", port.to_string()));
    all
}

fn memory(machine: Machine) -> Settings {
    let mib = (machine.memory.0 >> 20) * 3 / 4;
    let threads = (machine.cpus / 2).clamp(1, 8);
    let mut all = settings([
        ("maxmemory-policy", "allkeys-lru"),
        ("maxmemory-samples", "5"),
        ("lazyfree-lazy-eviction", "yes"),
        ("lazyfree-lazy-expire", "yes"),
        ("lazyfree-lazy-server-del", "yes"),
    ]);
    all.insert(0, ("maxmemory", format!("{}mb", mib.max(16))));
    all.push(("io-threads", threads.to_string()));
    all
}

/// A log of every change where there is a volume to keep it, and a snapshot now and then in any case.
fn persistence(service: &Service) -> Settings {
    let kept = service
        .mounts
        .iter()
        .find(|mount| mount.kind != MountKind::Tmpfs && !mount.read_only);
    let (dir, append) = match kept {
        Some(mount) => (mount.target.as_str(), "yes"),
        None => ("/data", "no"),
    };
    settings([
        ("dir", dir),
        ("save", "900 1 300 10 60 10000"),
        ("stop-writes-on-bgsave-error", "yes"),
        ("rdbcompression", "yes"),
        ("rdbchecksum", "yes"),
        ("appendonly", append),
        ("appendfsync", "everysec"),
        ("auto-aof-rewrite-percentage", "100"),
    ])
}

fn watching() -> Settings {
    settings([
        ("slowlog-log-slower-than", "10000"),
        ("slowlog-max-len", "256"),
        ("latency-monitor-threshold", "100"),
    ])
}

/// What the command line sets: `--maxmemory 200mb`. Passwords are left where they are.
fn said(service: &Service) -> BTreeMap<String, String> {
    const SECRET: [&str; 3] = ["requirepass", "masterauth", "user"];
    let words: Vec<&String> = service.container.command.iter().flatten().collect();
    let mut said = BTreeMap::new();
    let mut name: Option<String> = None;
    for word in words {
        if let Some(setting) = word.strip_prefix("--") {
            name = Some(setting.to_owned()).filter(|name| !SECRET.contains(&name.as_str()));
            continue;
        }
        let Some(name) = &name else { continue };
        let value: &mut String = said.entry(name.clone()).or_default();
        if !value.is_empty() {
            value.push(' ');
        }
        value.push_str(&word_of(word));
    }
    said
}

/// One word of the file.
fn word_of(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:*,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    // The save points of a command line stand in one word.
    if word.chars().all(|c| plain(c) || c == ' ') && !word.trim().is_empty() {
        return word.trim().to_owned();
    }
    let escaped = word.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", escaped.replace('\n', "\\n"))
}
