//! Which databases the services really use, by the addresses and files that their variables name.
//!
//! It exists for one mistake above all: the dump of a database that nobody writes to, made faithfully every
//! night, while the service writes another.

use super::{Around, paths, sqlite};
use crate::decode::DatabaseEngine;
use crate::resolved::{MountKind, Service};
use mainstay_model::ServiceName;
use std::collections::{BTreeMap, BTreeSet};

/// Names of this machine, as a process is told them.
const HERE: [&str; 5] = [
    "localhost",
    "127.0.0.1",
    "::1",
    "[::1]",
    "host.docker.internal",
];
/// Parts of names of secrets and variables that may hold an address.
const ADDRESSES: [&str; 6] = ["URL", "URI", "DSN", "DATABASE", "CONNECTION", "HOST"];

/// What the services use.
#[derive(Debug, Default)]
pub(super) struct Used {
    /// Services that name each database's service.
    engines: BTreeMap<ServiceName, Vec<ServiceName>>,
    /// Files of SQLite, and who writes them.
    pub(super) files: Vec<File>,
    /// Somebody is given an address that is not known before it is fetched.
    is_hidden: bool,
}

/// A database of SQLite.
#[derive(Debug)]
pub(super) struct File {
    pub(super) service: ServiceName,
    pub(super) path: String,
    pub(super) variable: String,
    /// It lies in no volume and no directory of the machine.
    pub(super) is_lost: bool,
}

impl Used {
    pub(super) fn of(around: &Around<'_>) -> Self {
        let mut used = Self::default();
        for user in around.services.values() {
            let named = sqlite::named(user, around.target, around.directory);
            used.files.extend(named.into_iter().map(|named| File {
                service: user.service.name.clone(),
                is_lost: around.target.runs_containers() && is_lost(&user.service, &named.path),
                path: named.path,
                variable: named.variable,
            }));
            used.is_hidden |= has_hidden_address(&user.service);
        }
        let engines = around.services.values().filter(|one| one.engine.is_some());
        let names = Names::of(engines.map(|engine| &engine.service));
        for name in &names.engines {
            used.engines.insert((*name).clone(), Vec::new());
        }
        for user in around.services.values() {
            let mut named = names.named_by(&user.service);
            named.remove(&user.service.name);
            for engine in named {
                let users = used.engines.entry(engine.clone()).or_default();
                users.push(user.service.name.clone());
            }
        }
        used
    }

    /// Whether somebody names it, or may.
    pub(super) fn is_used(&self, engine: &ServiceName) -> bool {
        let known = self.engines.get(engine);
        self.is_hidden || known.is_none_or(|users| !users.is_empty())
    }

    /// Other databases that somebody uses, for a message: who, and what.
    pub(super) fn instead_of(
        &self,
        engine: Option<&ServiceName>,
        around: &Around<'_>,
    ) -> Vec<String> {
        let files = self.files.iter();
        let files = files.map(|file| format!("`{}` uses SQLite at `{}`", file.service, file.path));
        let others = self.engines.iter().filter(|(name, users)| {
            let is_cache = around
                .services
                .get(*name)
                .is_some_and(|found| found.engine == Some(DatabaseEngine::Redis));
            Some(*name) != engine && !users.is_empty() && !is_cache
        });
        let others = others.map(|(name, users)| format!("`{}` uses `{name}`", users[0]));
        files.chain(others).collect()
    }

    /// Whether an engine of the kind is used by somebody, or may be.
    pub(super) fn uses_kind(&self, kind: DatabaseEngine, around: &Around<'_>) -> bool {
        let is = |name: &ServiceName| {
            let found = around.services.get(name);
            found.is_some_and(|found| found.engine == Some(kind))
        };
        let mut engines = self.engines.keys();
        self.is_hidden || engines.any(|name| is(name) && self.is_used(name))
    }
}

/// Whether a path of a container goes with it.
fn is_lost(service: &Service, path: &str) -> bool {
    path.starts_with('/')
        && paths::mount_of(service, path).is_none_or(|(mount, _)| mount.kind == MountKind::Tmpfs)
}

/// A service that gets a secret which may be the address of a database.
fn has_hidden_address(service: &Service) -> bool {
    let is_address = |name: &str| {
        let name = name.to_ascii_uppercase();
        ADDRESSES.iter().any(|part| name.contains(part)) && !name.contains("PASSWORD")
    };
    let variables = service.secrets.iter();
    let mut variables = variables.flat_map(|(variable, secret)| [variable, secret]);
    let mut files = service.files.iter();
    variables.any(|name| is_address(name)) || files.any(|file| is_address(&file.name))
}

/// What engines are called by.
#[derive(Default)]
pub(super) struct Names<'a> {
    engines: BTreeSet<&'a ServiceName>,
    hosts: BTreeMap<&'a str, Vec<&'a ServiceName>>,
    ports: BTreeMap<String, Vec<&'a ServiceName>>,
}

impl<'a> Names<'a> {
    pub(super) fn of(engines: impl Iterator<Item = &'a Service>) -> Self {
        let mut names = Self::default();
        for service in engines {
            names.engines.insert(&service.name);
            for host in hosts(service) {
                names.hosts.entry(host).or_default().push(&service.name);
            }
            for port in &service.ports {
                for port in port.published.into_iter().chain([port.target]) {
                    let of_port = names.ports.entry(port.to_string()).or_default();
                    of_port.push(&service.name);
                }
            }
        }
        names
    }

    /// Engines that the service's variables or its command name: by their host, or by this machine with their port.
    pub(super) fn named_by(&self, user: &Service) -> BTreeSet<&'a ServiceName> {
        let process = user.process.iter().flat_map(|process| &process.command);
        let container = [&user.container.entrypoint, &user.container.command];
        let container = container.into_iter().flatten().flatten();
        let values = user.environment.values().map(|value| value.text.expose());
        let mut named = BTreeSet::new();
        for text in values.chain(process).chain(container) {
            let is_here = HERE.iter().any(|here| text.contains(here));
            for word in words(text) {
                let by_host = self.hosts.get(word);
                let by_port = self.ports.get(word).filter(|_| is_here || word == text);
                named.extend(by_host.into_iter().chain(by_port).flatten().copied());
            }
        }
        named
    }
}

/// What the engine can be called by others.
fn hosts(service: &Service) -> Vec<&str> {
    let network = &service.container.network;
    let aliases = network.networks.values().flat_map(|one| &one.aliases);
    let mut hosts: Vec<&str> = aliases.map(String::as_str).collect();
    hosts.push(service.name.as_str());
    hosts.extend(network.hostname.as_deref());
    hosts
}

/// Parts of a text that may be a host or a port.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.split(move |c| !is_part(c))
}
