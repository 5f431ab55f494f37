//! What is written under `sources`, joined with what was found.

use super::discover::{self, MOST_SOURCES, OWN, TIMEOUT, discover};
use super::section::KINDS;
use super::{Reader, unknown};
use crate::decode::{DatabaseEngine, command, duration, flag, size, text, texts};
use crate::resolved::{
    BackupSource, CommandSource, DirectorySource, FilesSource, MysqlSource, PostgresqlSource,
    RedisSource, SourceFound, SourceKind, SqliteSource, VolumeSource, Wal,
};
use crate::tree::{Entry, Node};
use mainstay_model::ServiceName;
use std::collections::BTreeMap;
use std::time::Duration;

/// How old the log in the repository may get.
const WAL_EVERY: Duration = Duration::from_mins(1);
const SHORTEST_WAL: Duration = Duration::from_secs(1);

impl Reader<'_, '_> {
    /// All of them, by name.
    pub(super) fn sources(&mut self, node: Option<&Node>) -> BTreeMap<String, BackupSource> {
        let mut all = discover(self.around);
        for entry in node.map(Node::entries).unwrap_or_default() {
            if OWN.contains(&entry.key.as_str()) {
                let message = format!("`{}` is a name of Mainstay's own", entry.key);
                let hint = "the stack's files, its certificates and its journal are in every full restore point; call it something else";
                self.wrong(&entry.at, message, hint);
            } else if all.len() > MOST_SOURCES {
                break;
            } else if self.is_named(&entry.key, "source", &entry.at) {
                self.source(entry, &mut all);
            }
        }
        if all.len() > MOST_SOURCES {
            let message = format!("more than {MOST_SOURCES} things to back up");
            let at = node.map(|node| node.at.clone());
            let at = at.or_else(|| {
                let mut services = self.around.services.values();
                services.next().map(|found| found.at.clone())
            });
            if let Some(at) = at {
                let hint = "make several stacks of it, or copy a directory in place of many files";
                self.wrong(&at, message, hint);
            }
        }
        all
    }

    fn source(&mut self, entry: &Entry, all: &mut BTreeMap<String, BackupSource>) {
        let node = &entry.value;
        let said: Vec<&str> = (KINDS.into_iter())
            .filter(|kind| node.get(kind).is_some())
            .collect();
        let base = match said.as_slice() {
            [] => match all.get(&entry.key) {
                Some(found) => found.clone(),
                None if self.is_off => return,
                None => return self.kindless(entry, all),
            },
            [kind] => {
                let Some(kind) = node.get(kind).and_then(|inner| self.kind(kind, inner)) else {
                    return;
                };
                discover::source(self.alone(entry, kind, all), SourceFound::Written)
            }
            [_, second, ..] => {
                let at = super::at(node, &[second]).clone();
                let message = format!("source `{}` is of two kinds", entry.key);
                return self.wrong(&at, message, "make two sources of it");
            }
        };
        let source = BackupSource {
            enabled: flag(node, "enabled").unwrap_or(base.enabled),
            timeout: duration(node, "timeout").unwrap_or(TIMEOUT),
            minimum: size(node, "minimum").unwrap_or_default(),
            query: text(node, "query").filter(|query| !query.trim().is_empty()),
            ..base
        };
        if source.timeout.is_zero() {
            let at = super::at(node, &["timeout"]).clone();
            self.wrong(&at, "`timeout` leaves no time", "such as `2h`");
        }
        if source.query.is_some() && !can_be_asked(&source.kind) {
            let at = super::at(node, &["query"]).clone();
            let message = format!("`{}` cannot be asked a query", entry.key);
            self.wrong(
                &at,
                message,
                "`postgresql`, `mysql`, `sqlite` and `redis` can",
            );
        }
        all.insert(entry.key.clone(), source);
    }

    /// What is written takes the place of what was found of the same thing, whatever that is called. Databases
    /// that lie in a directory stay out of its files.
    fn alone(
        &mut self,
        entry: &Entry,
        mut kind: SourceKind,
        all: &mut BTreeMap<String, BackupSource>,
    ) -> SourceKind {
        let twice = all.iter().find(|(name, other)| {
            other.found == SourceFound::Written
                && **name != entry.key
                && is_same(&other.kind, &kind)
        });
        if let Some((name, _)) = twice {
            let message = format!("`{}` and `{name}` are the same", entry.key);
            self.wrong(&entry.at, message, "take one out");
        }
        all.retain(|_, other| {
            let covered = other.found != SourceFound::Written && covers(&kind, &other.kind);
            if covered
                && let (Some(files), Some(found)) = (files_mut(&mut kind), files_of(&other.kind))
            {
                files.exclude.extend(found.exclude.iter().cloned());
            }
            !covered
        });
        kind
    }

    /// One without a kind says more about one that was found.
    fn kindless(&mut self, entry: &Entry, all: &BTreeMap<String, BackupSource>) {
        let message = format!("source `{}` is of no kind", entry.key);
        let known: Vec<&str> = all.keys().map(String::as_str).collect();
        let hint = match mainstay_model::did_you_mean(&entry.key, known.iter().copied()) {
            Some(word) => format!("did you mean `{word}`, which was found?"),
            None if known.is_empty() => format!("write one of {}", crate::check::list(&KINDS)),
            None => format!(
                "write one of {}; without one it says more about what was found, which is {}",
                crate::check::list(&KINDS),
                crate::check::list(&known)
            ),
        };
        self.wrong(&entry.at, message, hint);
    }

    fn kind(&mut self, word: &str, node: &Node) -> Option<SourceKind> {
        Some(match word {
            "postgresql" => SourceKind::Postgresql(self.postgresql(node)?),
            "redis" => SourceKind::Redis(RedisSource {
                service: self.engine(node, DatabaseEngine::Redis)?,
                secret: self.secret(node, "secret"),
            }),
            "mysql" => SourceKind::Mysql(self.mysql(node)?),
            "sqlite" => SourceKind::Sqlite(self.sqlite(node)?),
            "volume" => SourceKind::Volume(self.volume(node)?),
            "directory" => {
                let hint = "a directory, relative to the project";
                self.needed(node, "path", hint)?;
                let path = node.get("path")?;
                SourceKind::Directory(DirectorySource {
                    path: path.at.path(path.as_text().unwrap_or_default()),
                    files: self.files(node),
                })
            }
            _ => SourceKind::Command(self.command(node)?),
        })
    }

    /// The service of an engine. One that is another engine is told.
    fn engine(&mut self, node: &Node, wanted: DatabaseEngine) -> Option<ServiceName> {
        self.needed(node, "service", "the service that is the database")?;
        let name = self.service(node, "service")?;
        let engine = self.around.services.get(&name)?.engine;
        if let Some(engine) = engine.filter(|engine| *engine != wanted) {
            let at = super::at(node, &["service"]).clone();
            let message = format!("`{name}` is {}, not {}", called(engine), called(wanted));
            let hint = match engine {
                DatabaseEngine::Other(_) => "write a `command` that dumps it".to_owned(),
                _ => format!("write `{}: {name}`", word(engine)),
            };
            self.wrong(&at, message, hint);
            return None;
        }
        Some(name)
    }

    fn postgresql(&mut self, node: &Node) -> Option<PostgresqlSource> {
        let name = self.engine(node, DatabaseEngine::Postgresql)?;
        let service = &self.around.services.get(&name)?.service;
        let found = discover::postgresql(service, self.around.target.runs_containers());
        Some(PostgresqlSource {
            database: text(node, "database").or(found.database),
            user: text(node, "user").or(found.user),
            secret: self.secret(node, "secret"),
            wal: self.wal(node.get("wal")),
            checksums: flag(node, "checksums").unwrap_or(true),
            service: name,
        })
    }

    fn wal(&mut self, node: Option<&Node>) -> Option<Wal> {
        let node = node?;
        let every = duration(node, "every").unwrap_or(WAL_EVERY);
        if every < SHORTEST_WAL {
            let at = super::at(node, &["every"]).clone();
            self.wrong(&at, "`every` is below a second", "such as `1m`");
        }
        // A word that is neither was not checked where it stands in short.
        if let Some(enabled) = node.get("enabled")
            && flag(node, "enabled").is_none()
        {
            self.wrong(
                &enabled.at.clone(),
                "`wal` is neither `true` nor `false`",
                "such as `wal: true`",
            );
        }
        flag(node, "enabled")
            .unwrap_or(true)
            .then_some(Wal { every })
    }

    fn mysql(&mut self, node: &Node) -> Option<MysqlSource> {
        let name = self.engine(node, DatabaseEngine::Mysql)?;
        let found = discover::mysql(&self.around.services.get(&name)?.service);
        Some(MysqlSource {
            database: text(node, "database").or(found.database),
            user: text(node, "user").or(found.user),
            secret: self.secret(node, "secret"),
            checksums: flag(node, "checksums").unwrap_or(true),
            service: name,
        })
    }

    fn sqlite(&mut self, node: &Node) -> Option<SqliteSource> {
        let written = self.needed(node, "path", "the file of the database")?;
        let target = self.around.target;
        let service = match node.get("service") {
            Some(_) => Some(self.service(node, "service")?),
            None => None,
        };
        let seen_by = service
            .as_ref()
            .and_then(|name| self.around.services.get(name));
        let path = match seen_by {
            Some(found) => {
                super::paths::absolute(&found.service, &written, target, self.around.directory)
            }
            None => node.get("path")?.at.path(&written).display().to_string(),
        };
        Some(SqliteSource { service, path })
    }

    fn volume(&mut self, node: &Node) -> Option<VolumeSource> {
        let volume = self.needed(node, "volume", "its name in the Compose files")?;
        if !self.around.volumes.contains_key(&volume) {
            if self.is_off {
                return None;
            }
            let known = self.around.volumes.keys().map(String::as_str);
            let otherwise = "it must be one of the Compose files";
            let problem = unknown("volume", &volume, known, otherwise);
            let at = super::at(node, &["volume"]);
            self.problems.push(problem.at(at.place()));
            return None;
        }
        let mut files = self.files(node);
        files.service = files.service.or_else(|| self.writer(&volume));
        Some(VolumeSource { volume, files })
    }

    /// The first service that has the volume.
    fn writer(&self, volume: &str) -> Option<ServiceName> {
        let mut services = self.around.services.values();
        let has = services.find(|found| {
            let mut mounts = found.service.mounts.iter();
            mounts.any(|mount| mount.source == volume)
        });
        has.map(|found| found.service.name.clone())
    }

    fn files(&mut self, node: &Node) -> FilesSource {
        FilesSource {
            service: self.service(node, "service"),
            exclude: texts(node.get("exclude")),
            before: self.commands(node.get("before")),
            after: self.commands(node.get("after")),
        }
    }

    fn commands(&mut self, node: Option<&Node>) -> Vec<Vec<String>> {
        let items = node.map(Node::items).unwrap_or_default();
        let words = items
            .iter()
            .filter_map(|item| command(item, self.problems))
            .filter(|words| !words.is_empty());
        words.collect()
    }

    fn command(&mut self, node: &Node) -> Option<CommandSource> {
        let mut words = |key: &str| {
            let words = node.get(key).and_then(|node| command(node, self.problems));
            words.filter(|words| !words.is_empty())
        };
        let (dump, restore) = (words("dump"), words("restore"));
        let service = match node.get("service") {
            Some(_) => Some(self.service(node, "service")?),
            None => None,
        };
        if dump.is_none() {
            let hint = "such as `dump: terraform state pull`: what it prints is saved";
            self.wrong(&node.at.clone(), "`dump` is missing", hint);
        }
        Some(CommandSource {
            service,
            dump: dump?,
            restore,
        })
    }
}

/// Whether what is written covers what was found: it says which databases of a server are meant.
fn covers(written: &SourceKind, found: &SourceKind) -> bool {
    match (written, found) {
        (SourceKind::Postgresql(a), SourceKind::Postgresql(b)) => a.service == b.service,
        (SourceKind::Mysql(a), SourceKind::Mysql(b)) => a.service == b.service,
        _ => is_same(written, found),
    }
}

/// Whether two sources would copy the same thing.
fn is_same(one: &SourceKind, other: &SourceKind) -> bool {
    match (one, other) {
        (SourceKind::Postgresql(a), SourceKind::Postgresql(b)) => {
            a.service == b.service && a.database == b.database
        }
        (SourceKind::Mysql(a), SourceKind::Mysql(b)) => {
            a.service == b.service && a.database == b.database
        }
        (SourceKind::Redis(a), SourceKind::Redis(b)) => a.service == b.service,
        (SourceKind::Sqlite(a), SourceKind::Sqlite(b)) => a.path == b.path,
        (SourceKind::Volume(a), SourceKind::Volume(b)) => a.volume == b.volume,
        (SourceKind::Directory(a), SourceKind::Directory(b)) => a.path == b.path,
        _ => false,
    }
}

fn files_of(kind: &SourceKind) -> Option<&FilesSource> {
    match kind {
        SourceKind::Volume(source) => Some(&source.files),
        SourceKind::Directory(source) => Some(&source.files),
        _ => None,
    }
}

fn files_mut(kind: &mut SourceKind) -> Option<&mut FilesSource> {
    match kind {
        SourceKind::Volume(source) => Some(&mut source.files),
        SourceKind::Directory(source) => Some(&mut source.files),
        _ => None,
    }
}

const fn can_be_asked(kind: &SourceKind) -> bool {
    matches!(
        kind,
        SourceKind::Postgresql(_)
            | SourceKind::Mysql(_)
            | SourceKind::Sqlite(_)
            | SourceKind::Redis(_)
    )
}

pub(super) const fn called(engine: DatabaseEngine) -> &'static str {
    match engine {
        DatabaseEngine::Postgresql => "PostgreSQL",
        DatabaseEngine::Redis => "Redis",
        DatabaseEngine::Mysql => "MySQL or MariaDB",
        DatabaseEngine::Other(image) => image,
    }
}

/// The key of a source for it.
pub(super) const fn word(engine: DatabaseEngine) -> &'static str {
    match engine {
        DatabaseEngine::Postgresql => "postgresql",
        DatabaseEngine::Redis => "redis",
        DatabaseEngine::Mysql => "mysql",
        DatabaseEngine::Other(_) => "command",
    }
}
