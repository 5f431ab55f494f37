//! What a restore has to do with which services.
//!
//! A service is stopped when it uses what is brought back: it mounts it, it names it, or it waits for somebody
//! who does. Where nobody is known to use a database, everybody may, and all stand still.

use super::used::Names;
use crate::order::dependency_order;
use crate::resolved::{MountKind, Service, SourceKind, Stack};
use mainstay_model::ServiceName;
use mainstay_recovery::plan::{Kind, Source, Wanted};
use mainstay_recovery::{Part, PartKind, RestorePoint};
use std::collections::BTreeSet;

impl Stack {
    /// What has to be done to bring `point` back, or one source of it, in this stack. Parts that are Mainstay's own
    /// are no sources of it: they are files of a machine that has nothing, see [`Kind::Recover`].
    pub fn wanted(&self, point: &RestorePoint, only: Option<&str>, kind: Kind) -> Wanted {
        let parts = point.parts.iter();
        let parts: Vec<&Part> = parts
            .filter(|part| !is_own(part.kind))
            .filter(|part| only.is_none_or(|only| part.source == only))
            .collect();
        // Somebody may use a database without saying that he waits for it: databases start first.
        let below = self.below(&parts);
        let (first, rest): (Vec<_>, Vec<_>) = dependency_order(self)
            .into_iter()
            .partition(|name| below.contains(name));
        let order: Vec<ServiceName> = first.into_iter().chain(rest).collect();
        let touched = match kind {
            Kind::Recover => order.iter().cloned().collect(),
            Kind::Restore => self.touched(&parts),
        };
        let secrets = point.parts.iter();
        let secrets = secrets.filter(|part| part.kind == PartKind::Secrets);
        Wanted {
            kind,
            sources: parts.into_iter().map(source).collect(),
            services: order
                .into_iter()
                .filter(|name| touched.contains(name))
                .collect(),
            safety: kind == Kind::Restore,
            secrets: kind == Kind::Recover && secrets.count() > 0,
        }
    }

    /// The databases of the parts, and what these wait for.
    fn below(&self, parts: &[&Part]) -> BTreeSet<ServiceName> {
        let mut below = BTreeSet::new();
        let mut next: Vec<ServiceName> =
            parts.iter().filter_map(|part| self.engine(part)).collect();
        while let Some(name) = next.pop() {
            let service = self.services.get(&name);
            if below.insert(name)
                && let Some(service) = service
            {
                next.extend(service.depends_on.keys().cloned());
            }
        }
        below
    }

    /// Every service that uses one of the parts, and whoever waits for such a one.
    fn touched(&self, parts: &[&Part]) -> BTreeSet<ServiceName> {
        let mut touched = BTreeSet::new();
        // Nobody stands still for a command: it takes the copy in, or a file is put beside.
        let parts = parts.iter().filter(|part| part.kind != PartKind::Command);
        for part in parts {
            let users = self.users(part);
            if users.is_empty() {
                return self.services.keys().cloned().collect();
            }
            touched.extend(users);
            touched.extend(self.engine(part));
        }
        // Each round adds one at least, or is the last.
        loop {
            let waiting = self.services.values().filter(|service| {
                let mut others = service.depends_on.keys();
                !touched.contains(&service.name) && others.any(|other| touched.contains(other))
            });
            let waiting: Vec<ServiceName> = waiting.map(|service| service.name.clone()).collect();
            if waiting.is_empty() {
                return touched;
            }
            touched.extend(waiting);
        }
    }

    /// The database's own service, where it is still there.
    fn engine(&self, part: &Part) -> Option<ServiceName> {
        let name = part.service.as_ref().filter(|_| is_engine(part.kind))?;
        self.services.contains_key(name).then(|| name.clone())
    }

    /// Whoever reads or writes it, its own database aside.
    fn users(&self, part: &Part) -> BTreeSet<ServiceName> {
        let services = self.services.values();
        if let Some(engine) = self.engine(part) {
            let names = Names::of(std::iter::once(&self.services[&engine]));
            let uses = |service: &&Service| {
                service.name != engine
                    && (service.depends_on.contains_key(&engine)
                        || names.named_by(service).contains(&engine))
            };
            return services.filter(uses).map(|one| one.name.clone()).collect();
        }
        // Nothing is mounted for a process: who knows who opens a path.
        let is_known = self.target.runs_containers();
        let kind = self.backups.sources.get(&part.source).filter(|_| is_known);
        let Some(kind) = kind.map(|source| &source.kind) else {
            return BTreeSet::new();
        };
        let uses = |service: &&Service| match kind {
            SourceKind::Volume(source) => mounts(service, MountKind::Volume, &source.volume),
            SourceKind::Directory(source) => {
                mounts(service, MountKind::Bind, &source.path.to_string_lossy())
            }
            SourceKind::Sqlite(source) => {
                let owner = source.service.as_ref();
                let owner = owner.and_then(|name| self.services.get(name));
                owner.is_some_and(|owner| shares(service, owner))
            }
            SourceKind::Command(_)
            | SourceKind::Postgresql(_)
            | SourceKind::Redis(_)
            | SourceKind::Mysql(_) => false,
        };
        services.filter(uses).map(|one| one.name.clone()).collect()
    }
}

const fn is_own(kind: PartKind) -> bool {
    matches!(
        kind,
        PartKind::Stack | PartKind::Secrets | PartKind::Certificates | PartKind::Journal
    )
}

const fn is_engine(kind: PartKind) -> bool {
    matches!(
        kind,
        PartKind::Postgresql | PartKind::PostgresqlBase | PartKind::Redis | PartKind::Mysql
    )
}

fn source(part: &Part) -> Source {
    Source {
        name: part.source.clone(),
        engine: part.service.clone().filter(|_| is_engine(part.kind)),
        // A base and its log are put below a server that stands still; all others are taken in by a running one.
        engine_runs: is_engine(part.kind) && part.kind != PartKind::PostgresqlBase,
        last: part.kind == PartKind::Command,
    }
}

fn mounts(service: &Service, kind: MountKind, source: &str) -> bool {
    let mut mounts = service.mounts.iter();
    mounts.any(|mount| mount.kind == kind && mount.source == source)
}

/// Whether one has a volume or directory of the other's, or is the other.
fn shares(service: &Service, owner: &Service) -> bool {
    let own = owner.mounts.iter();
    let mut own = own.filter(|mount| mount.kind != MountKind::Tmpfs);
    service.name == owner.name || own.any(|mount| mounts(service, mount.kind, &mount.source))
}
