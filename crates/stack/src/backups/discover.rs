//! What the services keep, found by what they run, by their variables and by their mounts.
//!
//! What a database owns is left to its dump: its volume is no source of its own. On the process target nothing is
//! mounted, so there a directory is found by the variable that names it.

use super::{Around, paths, sqlite};
use crate::decode::{DatabaseEngine, Found};
use crate::resolved::{
    BackupSource, DirectorySource, FilesSource, MountKind, MysqlSource, PostgresqlSource,
    RedisSource, Service, SourceFound, SourceKind, SqliteSource, VolumeSource,
};
use crate::stateful::{Surroundings, written_path};
use mainstay_model::{Bytes, ServiceName};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Of one copy.
pub(super) const TIMEOUT: Duration = Duration::from_hours(2);
/// Sources of one stack.
pub(super) const MOST_SOURCES: usize = 500;
/// Names that are Mainstay's own in a restore point.
pub(super) const OWN: [&str; 4] = ["stack", "journal", "certificates", "secrets"];
/// Parts of names of variables that hold a directory of data.
const KEPT: [&str; 8] = [
    "UPLOAD",
    "MEDIA",
    "STORAGE",
    "ATTACHMENT",
    "DATA",
    "MODEL",
    "FILES",
    "VECTOR",
];
/// How such a name ends.
const PLACES: [&str; 5] = ["_DIR", "_DIRECTORY", "_PATH", "_ROOT", "_FOLDER"];
/// What SQLite keeps beside its file.
const BESIDE: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// Everything that was found, under names that mean something.
pub(super) fn discover(around: &Around<'_>) -> BTreeMap<String, BackupSource> {
    let mut all = Discovered {
        around,
        sources: BTreeMap::new(),
        files: BTreeSet::new(),
    };
    for found in around.services.values() {
        all.engine(found);
    }
    for found in around.services.values() {
        all.sqlite(found);
    }
    if around.target.runs_containers() {
        all.mounts();
    } else {
        for found in around.services.values() {
            all.directories(found);
        }
    }
    all.sources
}

pub(super) fn source(kind: SourceKind, found: SourceFound) -> BackupSource {
    BackupSource {
        enabled: true,
        kind,
        timeout: TIMEOUT,
        minimum: Bytes(0),
        query: None,
        found,
    }
}

struct Discovered<'a, 'b> {
    around: &'a Around<'b>,
    sources: BTreeMap<String, BackupSource>,
    /// SQLite's, as [`paths::identity`] has them.
    files: BTreeSet<String>,
}

impl Discovered<'_, '_> {
    /// Under a name that is free.
    fn add(&mut self, name: &str, kind: SourceKind, found: SourceFound) {
        if self.sources.len() > MOST_SOURCES {
            return;
        }
        let is_free =
            |name: &String| !self.sources.contains_key(name) && !OWN.contains(&name.as_str());
        let others = (2_u32..).map(|number| format!("{name}-{number}"));
        let mut names = std::iter::once(name.to_owned()).chain(others);
        if let Some(name) = names.find(is_free) {
            self.sources.insert(name, source(kind, found));
        }
    }

    fn engine(&mut self, found: &Found) {
        let containers = self.around.target.runs_containers();
        let service = &found.service;
        let kind = match found.engine {
            Some(DatabaseEngine::Postgresql) => {
                SourceKind::Postgresql(postgresql(service, containers))
            }
            Some(DatabaseEngine::Mysql) => SourceKind::Mysql(mysql(service)),
            Some(DatabaseEngine::Redis) if is_kept(service, containers) => {
                SourceKind::Redis(RedisSource {
                    service: service.name.clone(),
                    secret: None,
                })
            }
            _ => return,
        };
        self.add(service.name.as_str(), kind, SourceFound::Engine);
    }

    fn sqlite(&mut self, found: &Found) {
        let (target, directory) = (self.around.target, self.around.directory);
        for named in sqlite::named(found, target, directory) {
            let service = Some(&found.service);
            if !self
                .files
                .insert(paths::identity(service, &named.path, target))
            {
                continue;
            }
            let stem = Path::new(&named.path).file_stem().unwrap_or_default();
            let name = fit(&stem.to_string_lossy(), "sqlite");
            let kind = SourceKind::Sqlite(SqliteSource {
                service: Some(found.service.name.clone()),
                path: named.path,
            });
            self.add(&name, kind, SourceFound::Variable);
        }
    }

    /// Volumes and directories of the machine that somebody writes to, and no database owns.
    fn mounts(&mut self) {
        let around = self.around;
        let owns = |engine: Option<DatabaseEngine>| {
            matches!(
                engine,
                Some(DatabaseEngine::Postgresql | DatabaseEngine::Redis | DatabaseEngine::Mysql)
            )
        };
        let owned: BTreeSet<&String> = (around.services.values())
            .filter(|found| owns(found.engine))
            .flat_map(|found| &found.service.mounts)
            .map(|mount| &mount.source)
            .collect();
        let surroundings = Surroundings {
            volumes: around.volumes,
            loader: around.loader,
            containers: true,
        };
        let mut seen = BTreeSet::new();
        for found in around.services.values() {
            let service = &found.service;
            for mount in service.mounts.iter().filter(|mount| !mount.read_only) {
                let is_known = owned.contains(&mount.source) || !seen.insert(&mount.source);
                if is_known || self.is_file(&mount.source) {
                    continue;
                }
                match mount.kind {
                    MountKind::Volume if around.volumes.contains_key(&mount.source) => {
                        let kind = SourceKind::Volume(VolumeSource {
                            volume: mount.source.clone(),
                            files: self
                                .files_of(&service.name, &format!("volume {}: ", mount.source)),
                        });
                        self.add(&mount.source, kind, SourceFound::Mount);
                    }
                    MountKind::Bind if written_path(mount, &surroundings).is_some() => {
                        let path = PathBuf::from(&mount.source);
                        let last = path.file_name().unwrap_or_default().to_string_lossy();
                        let name = fit(&last, "files");
                        let within = format!("{}/", mount.source);
                        let files = self.files_of(&service.name, &within);
                        let kind = SourceKind::Directory(DirectorySource { path, files });
                        self.add(&name, kind, SourceFound::Mount);
                    }
                    _ => {}
                }
            }
        }
    }

    /// Whether it is a database itself, mounted as one file.
    fn is_file(&self, path: &str) -> bool {
        self.files.contains(path)
    }

    /// Without the databases that lie in it: those are copied as databases.
    fn files_of(&self, service: &ServiceName, within: &str) -> FilesSource {
        FilesSource {
            service: Some(service.clone()),
            exclude: self.excluded(within),
            before: Vec::new(),
            after: Vec::new(),
        }
    }

    fn excluded(&self, within: &str) -> Vec<String> {
        let inside = self
            .files
            .iter()
            .filter_map(|file| file.strip_prefix(within));
        inside
            .flat_map(|file| BESIDE.map(|end| format!("{file}{end}")))
            .collect()
    }

    /// Directories of a process, by the variables that name them.
    fn directories(&mut self, found: &Found) {
        let (target, directory) = (self.around.target, self.around.directory);
        if found.engine.is_some() {
            return;
        }
        for (variable, value) in &found.service.environment {
            let name = variable.to_ascii_uppercase();
            let is_place = PLACES.iter().any(|end| name.ends_with(end))
                && KEPT.iter().any(|part| name.contains(part));
            let value = value.text.expose();
            let is_path = value.contains('/') || !value.contains([':', ' ', '.']);
            if !is_place || value.is_empty() || !is_path || value.contains("://") {
                continue;
            }
            let path = paths::absolute(&found.service, value, target, directory);
            let is_known = self.sources.values().any(|source| match &source.kind {
                SourceKind::Directory(other) => other.path == Path::new(&path),
                SourceKind::Sqlite(other) => other.path == path,
                _ => false,
            });
            // The whole project would be copied with everything that was built in it.
            if is_known || directory.starts_with(&path) {
                continue;
            }
            let last = Path::new(&path).file_name().unwrap_or_default();
            let name = fit(&last.to_string_lossy(), "files");
            let files = FilesSource {
                service: None,
                exclude: self.excluded(&format!("{path}/")),
                ..FilesSource::default()
            };
            let kind = SourceKind::Directory(DirectorySource {
                path: path.into(),
                files,
            });
            self.add(&name, kind, SourceFound::Variable);
        }
    }
}

/// A variable of the service, where its value is known and no secret.
fn plain(service: &Service, name: &str) -> Option<String> {
    let value = service.environment.get(name)?;
    let text = value.text.expose();
    (!text.is_empty() && !value.secret).then(|| text.clone())
}

fn has(service: &Service, name: &str) -> bool {
    let of_file = format!("{name}_FILE");
    service.environment.contains_key(name) || service.environment.contains_key(&of_file)
}

/// As the image reads them: database as the user, user `postgres`.
pub(super) fn postgresql(service: &Service, containers: bool) -> PostgresqlSource {
    let user = match plain(service, "POSTGRES_USER") {
        None if containers && !has(service, "POSTGRES_USER") => Some("postgres".to_owned()),
        user => user,
    };
    let database = match plain(service, "POSTGRES_DB") {
        None if containers && !has(service, "POSTGRES_DB") => user.clone(),
        database => database,
    };
    PostgresqlSource {
        service: service.name.clone(),
        database,
        user,
        secret: None,
        wal: None,
        checksums: true,
    }
}

pub(super) fn mysql(service: &Service) -> MysqlSource {
    let one = |names: [&str; 2]| names.into_iter().find_map(|name| plain(service, name));
    let root = ["MYSQL_ROOT_PASSWORD", "MARIADB_ROOT_PASSWORD"];
    let user = if root.into_iter().any(|name| has(service, name)) {
        Some("root".to_owned())
    } else {
        one(["MYSQL_USER", "MARIADB_USER"])
    };
    MysqlSource {
        service: service.name.clone(),
        database: one(["MYSQL_DATABASE", "MARIADB_DATABASE"]),
        user,
        secret: None,
        checksums: true,
    }
}

/// Whether a Redis keeps anything: it has somewhere to, and is not told to forget.
fn is_kept(service: &Service, containers: bool) -> bool {
    let process = service.process.iter().flat_map(|process| &process.command);
    let words: Vec<&str> = process.map(String::as_str).collect();
    let forgets = words
        .windows(2)
        .any(|pair| pair[0] == "--save" && pair[1].is_empty());
    let appends = words.windows(2).any(|pair| pair == ["--appendonly", "yes"]);
    let mounts = service.mounts.iter();
    let mut mounts = mounts.filter(|mount| mount.kind != MountKind::Tmpfs && !mount.read_only);
    if containers {
        mounts.next().is_some()
    } else {
        appends || !forgets
    }
}

/// A text made a name: `My Data` → `My-Data`.
fn fit(text: &str, otherwise: &str) -> String {
    let fits = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') {
            c
        } else {
            '-'
        }
    };
    let name: String = text.chars().map(fits).take(48).collect();
    let name = name.trim_start_matches(['-', '_', '.']);
    if name.is_empty() {
        otherwise.to_owned()
    } else {
        name.to_owned()
    }
}
