//! What is backed up of a stack: what, when, where to, for how long, and how it is proven.

use mainstay_model::{Bytes, ServiceName, duration_ms};
use mainstay_recovery::{Keep, Objectives, Schedule};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

/// The section `backups`, with everything that goes without saying.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backups {
    /// Off: nothing is done by itself, and nothing is wrong about that.
    pub enabled: bool,
    pub repository: BackupRepository,
    /// Where it is copied to, each under its name.
    pub copies: BTreeMap<String, BackupCopy>,
    pub schedules: BTreeMap<String, BackupSchedule>,
    /// What stays in the repository.
    pub keep: Keep,
    pub objectives: Objectives,
    /// `None`: nothing is drilled by itself.
    pub drill: Option<Drill>,
    pub secrets: BackupSecrets,
    pub before_deploy: BeforeDeploy,
    pub sources: BTreeMap<String, BackupSource>,
}

/// Where restore points lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupRepository {
    pub at: RepositoryAt,
    /// The secret that opens it. `None`: the server makes a key, and keeps it.
    pub key: Option<String>,
    /// Of zstd, 1 to 22; 0: none.
    pub compression: u8,
    /// A second, to and from it. `None`: as much as there is.
    pub bandwidth: Option<Bytes>,
}

/// Where its files are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "in", rename_all = "kebab-case")]
pub enum RepositoryAt {
    /// Below the server's own data directory.
    Server,
    /// Absolute.
    Directory {
        path: PathBuf,
    },
    S3(S3Repository),
}

/// A bucket of S3, or of what speaks like it. Credentials are named, not held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct S3Repository {
    pub endpoint: String,
    pub bucket: String,
    /// Without slashes at its ends; may be empty.
    pub prefix: String,
    pub region: String,
    /// `endpoint/bucket/…` in place of `bucket.endpoint/…`.
    pub path_style: bool,
    /// Names of secrets.
    pub access_key: String,
    pub secret_key: String,
    pub session_token: Option<String>,
}

/// A second repository, with its own key and its own time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupCopy {
    pub repository: BackupRepository,
    pub keep: Keep,
}

/// When restore points are made by themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackupSchedule {
    #[serde(flatten)]
    pub when: Schedule,
    /// Names of sources that are enabled; all of them, and Mainstay's own, where it is full.
    pub what: BackupWhat,
}

/// Everything, or some of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackupWhat {
    Full,
    /// By their names under [`Backups::sources`].
    Sources(BTreeSet<String>),
}

impl BackupWhat {
    pub fn has(&self, source: &str) -> bool {
        match self {
            Self::Full => true,
            Self::Sources(names) => names.contains(source),
        }
    }
}

/// A restore into a scratch engine, on a schedule of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drill {
    #[serde(flatten)]
    pub when: Schedule,
    pub sources: BackupWhat,
    /// The service that is started against the copy, and asked whether it is healthy.
    pub boot: Option<ServiceName>,
    /// Of the whole drill.
    #[serde(with = "duration_ms")]
    pub timeout: Duration,
}

/// What becomes of the values of secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackupSecrets {
    /// They are in the restore point, and whoever has the key has them.
    Include,
    #[default]
    Leave,
}

/// When a deploy makes a restore point first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BeforeDeploy {
    Always,
    /// Where the schema is to be changed.
    Migrations,
    #[default]
    Never,
}

/// One thing that is backed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupSource {
    pub enabled: bool,
    #[serde(flatten)]
    pub kind: SourceKind,
    /// Of one copy.
    #[serde(with = "duration_ms")]
    pub timeout: Duration,
    /// A smaller copy is a failure. 0: any size will do, but none at all.
    pub minimum: Bytes,
    /// Asked of the restored copy in a drill; its first value has to be true.
    pub query: Option<String>,
    pub found: SourceFound,
}

/// How it comes to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceFound {
    /// It stands in mainstay.yaml.
    Written,
    /// By the image or the program that a service runs.
    Engine,
    /// By a variable of a service.
    Variable,
    /// By a volume or a directory that a service writes to.
    Mount,
}

/// What it is, which decides how it is copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum SourceKind {
    Postgresql(PostgresqlSource),
    Redis(RedisSource),
    Mysql(MysqlSource),
    Sqlite(SqliteSource),
    Volume(VolumeSource),
    Directory(DirectorySource),
    Command(CommandSource),
}

/// One database of a PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostgresqlSource {
    pub service: ServiceName,
    /// `None`: the files do not say, the service's own variables will (`POSTGRES_DB` from a secret or a file).
    pub database: Option<String>,
    /// As the database: `POSTGRES_USER`.
    pub user: Option<String>,
    /// The secret that is the password. `None`: the one that the service has itself.
    pub secret: Option<String>,
    /// Its log is received all the time. `None`: only copies.
    pub wal: Option<Wal>,
    /// Whether content is compared in drills, beside the number of rows.
    pub checksums: bool,
}

/// The log of a PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wal {
    /// What is received is in the repository after this time at the latest: what can be lost.
    #[serde(with = "duration_ms")]
    pub every: Duration,
}

/// A Redis, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedisSource {
    pub service: ServiceName,
    pub secret: Option<String>,
}

/// One database of a MySQL or MariaDB; see [`PostgresqlSource`] for `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MysqlSource {
    pub service: ServiceName,
    pub database: Option<String>,
    pub user: Option<String>,
    pub secret: Option<String>,
    pub checksums: bool,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqliteSource {
    /// Whose path it is; `None`: the machine's, and nobody's.
    pub service: Option<ServiceName>,
    /// As the service sees it: absolute for a process and without a service; in a container absolute, or relative
    /// to its working directory.
    pub path: String,
}

/// A volume of containers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeSource {
    /// Its key in the files.
    pub volume: String,
    #[serde(flatten)]
    pub files: FilesSource,
}

/// A directory of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectorySource {
    /// Absolute.
    pub path: PathBuf,
    #[serde(flatten)]
    pub files: FilesSource,
}

/// What volumes and directories have in common.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FilesSource {
    /// Where `before` and `after` are run; `None`: on the machine, in the stack's directory.
    pub service: Option<ServiceName>,
    /// Patterns of paths within it that are left out.
    pub exclude: Vec<String>,
    /// Run before the files are read; one that fails makes the copy fail.
    pub before: Vec<Vec<String>>,
    /// Run when they were read, also where that failed.
    pub after: Vec<Vec<String>>,
}

/// What a command prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandSource {
    /// Where it is run; `None`: on the machine, in the stack's directory.
    pub service: Option<ServiceName>,
    /// What it prints is saved; exit code 0 says it was all of it.
    pub dump: Vec<String>,
    /// Gets it back on its standard input. `None`: it is restored as a file beside.
    pub restore: Option<Vec<String>>,
}

impl Default for Backups {
    /// Off, as in a release from before there were any.
    fn default() -> Self {
        Self {
            enabled: false,
            repository: BackupRepository::default(),
            copies: BTreeMap::new(),
            schedules: BTreeMap::new(),
            keep: Keep::USUAL,
            objectives: Objectives::default(),
            drill: None,
            secrets: BackupSecrets::default(),
            before_deploy: BeforeDeploy::default(),
            sources: BTreeMap::new(),
        }
    }
}

impl Default for BackupRepository {
    fn default() -> Self {
        Self {
            at: RepositoryAt::Server,
            key: None,
            compression: Self::COMPRESSION,
            bandwidth: None,
        }
    }
}

impl BackupRepository {
    /// As zstd has it.
    pub const COMPRESSION: u8 = 3;

    /// Every secret that it names.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let s3 = match &self.at {
            RepositoryAt::S3(s3) => Some(s3),
            RepositoryAt::Server | RepositoryAt::Directory { .. } => None,
        };
        let credentials = s3.into_iter().flat_map(|s3| {
            [&s3.access_key, &s3.secret_key]
                .into_iter()
                .chain(&s3.session_token)
        });
        credentials.chain(&self.key).map(String::as_str)
    }
}

impl Backups {
    /// Names of all secrets that are needed for it; none where it is off.
    pub fn secret_names(&self) -> BTreeSet<&str> {
        if !self.enabled {
            return BTreeSet::new();
        }
        let copies = self.copies.values().map(|copy| &copy.repository);
        let repositories = std::iter::once(&self.repository).chain(copies);
        let sources = self.sources.values();
        repositories
            .flat_map(BackupRepository::secrets)
            .chain(sources.filter_map(|source| source.kind.secret()))
            .collect()
    }

    /// Sources that are copied.
    pub fn active(&self) -> impl Iterator<Item = (&String, &BackupSource)> {
        self.sources.iter().filter(|(_, source)| source.enabled)
    }
}

impl SourceKind {
    /// As mainstay.yaml and a restore point call it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Postgresql(_) => "postgresql",
            Self::Redis(_) => "redis",
            Self::Mysql(_) => "mysql",
            Self::Sqlite(_) => "sqlite",
            Self::Volume(_) => "volume",
            Self::Directory(_) => "directory",
            Self::Command(_) => "command",
        }
    }

    /// The service that it belongs to, where there is one.
    pub const fn service(&self) -> Option<&ServiceName> {
        match self {
            Self::Postgresql(source) => Some(&source.service),
            Self::Redis(source) => Some(&source.service),
            Self::Mysql(source) => Some(&source.service),
            Self::Sqlite(source) => source.service.as_ref(),
            Self::Volume(source) => source.files.service.as_ref(),
            Self::Directory(source) => source.files.service.as_ref(),
            Self::Command(source) => source.service.as_ref(),
        }
    }

    pub fn secret(&self) -> Option<&str> {
        let secret = match self {
            Self::Postgresql(source) => &source.secret,
            Self::Redis(source) => &source.secret,
            Self::Mysql(source) => &source.secret,
            Self::Sqlite(_) | Self::Volume(_) | Self::Directory(_) | Self::Command(_) => &None,
        };
        secret.as_deref()
    }
}
