//! How the database of a source is spoken to, and where: from what the files say and what the service has.
//!
//! **Invariant:** a password stands in a `Secret` and in no error.

use super::job::Trouble;
use super::place::Beside;
use crate::control::Control;
use crate::credentials::{self, Given};
use crate::environment::Environment;
use crate::specs::Bundle;
use mainstay_databases::mysql::{Mysql, MysqlAt, MysqlLogin};
use mainstay_databases::postgres::{Login, Postgres};
use mainstay_databases::redis::Redis;
use mainstay_databases::sqlite::{Sqlite, SqliteAt};
use mainstay_databases::{Database, Nowhere, Password, Place};
use mainstay_model::{InstanceId, Secret, ServiceName};
use mainstay_runtime::status::Phase;
use mainstay_stack::{
    BackupSource, MountKind, MysqlSource, PostgresqlSource, RedisSource, SourceKind, SqliteSource,
    Stack, TargetKind,
};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the official images listen.
const POSTGRES_PORT: u16 = 5432;
const REDIS_PORT: u16 = 6379;

/// A database of a source, and where it is spoken to.
pub(super) struct Opened {
    pub(super) database: Box<dyn Database>,
    pub(super) place: Arc<dyn Place>,
}

impl Control {
    /// Where a copy of a file is kept while it is looked at and handed on.
    pub(super) fn spool(&self) -> PathBuf {
        self.data().backups().join("spool")
    }

    /// For a dump with these details.
    pub(super) fn database_for(
        &self,
        environment: &Environment,
        bundle: &Bundle,
        source: &BackupSource,
        details: &BTreeMap<String, String>,
    ) -> Result<Opened, Trouble> {
        let opened = self.open_database(environment, bundle, source, details)?;
        opened.ok_or_else(|| {
            let word = source.kind.word();
            Trouble::new(format!(
                "the source is a {word} now, and was a database when it was saved"
            ))
        })
    }

    /// `None`: the source is no database.
    pub(super) fn database(
        &self,
        environment: &Environment,
        bundle: &Bundle,
        source: &BackupSource,
    ) -> Result<Option<Opened>, Trouble> {
        self.open_database(environment, bundle, source, &BTreeMap::new())
    }

    fn open_database(
        &self,
        environment: &Environment,
        bundle: &Bundle,
        source: &BackupSource,
        details: &BTreeMap<String, String>,
    ) -> Result<Option<Opened>, Trouble> {
        let stack = &bundle.stack;
        let service = source.kind.service();
        let here = stack.target == TargetKind::Process;
        let (address, place): (_, Arc<dyn Place>) = match (&source.kind, service) {
            (SourceKind::Sqlite(_), None) => (None, Arc::new(Nowhere)),
            (SourceKind::Sqlite(_), Some(_)) if here => (None, Arc::new(Nowhere)),
            (SourceKind::Volume(_) | SourceKind::Directory(_) | SourceKind::Command(_), _) => {
                return Ok(None);
            }
            (_, Some(service)) => {
                let id = self.running(environment, service)?;
                let address = self.address_of(environment, &id, stack);
                (address, Arc::new(self.beside_one(environment, id)))
            }
            (_, None) => return Ok(None),
        };
        let database = database_of(stack, source, address, details, &self.spool())?;
        Ok(database.map(|database| Opened { database, place }))
    }

    /// A healthy instance before another that runs.
    pub(super) fn running(
        &self,
        environment: &Environment,
        service: &ServiceName,
    ) -> Result<InstanceId, Trouble> {
        let statuses = self.observe(&environment.scope);
        let of = |phase: &dyn Fn(&Phase) -> bool| {
            let found = statuses
                .iter()
                .find(|status| status.id.service == *service && phase(&status.phase));
            found.map(|status| status.id.clone())
        };
        of(&|phase| matches!(phase, Phase::Healthy))
            .or_else(|| of(&|phase| matches!(phase, Phase::Starting | Phase::Unhealthy)))
            .ok_or_else(|| {
                Trouble::new(format!("{service} does not run")).hint("`mainstay ps` says why")
            })
    }

    pub(super) fn beside(
        &self,
        environment: &Environment,
        service: &ServiceName,
    ) -> Result<Beside, Trouble> {
        let id = self.running(environment, service)?;
        Ok(self.beside_one(environment, id))
    }

    pub(super) fn beside_one(&self, environment: &Environment, id: InstanceId) -> Beside {
        Beside::new(Arc::clone(self.targets()), environment.scope.clone(), id)
    }

    /// Where an instance listens, seen from its place: a container has its port to itself.
    pub(super) fn address_of(
        &self,
        environment: &Environment,
        id: &InstanceId,
        stack: &Stack,
    ) -> Option<SocketAddr> {
        if stack.target != TargetKind::Process {
            return None;
        }
        let statuses = self.observe(&environment.scope);
        statuses.iter().find(|status| status.id == *id)?.address
    }

    /// An instance that has the volume, running or not, and where it sees it.
    pub(super) fn volume_seen(
        &self,
        environment: &Environment,
        stack: &Stack,
        volume: &str,
    ) -> Result<(InstanceId, String), Trouble> {
        let statuses = self.observe(&environment.scope);
        let services = stack.services.values();
        let seen = services
            .flat_map(|service| {
                let mounts = service.mounts.iter();
                mounts.map(move |mount| (service, mount))
            })
            .filter(|(_, mount)| mount.kind == MountKind::Volume && mount.source == volume)
            .find_map(|(service, mount)| {
                let mut instances = statuses.iter();
                let status = instances.find(|status| status.id.service == service.name)?;
                Some((status.id.clone(), mount.target.clone()))
            });
        seen.ok_or_else(|| {
            Trouble::new(format!("no instance has the volume `{volume}`"))
                .hint("start the service that mounts it")
        })
    }
}

/// How the database of a source is spoken to; `address`: where it listens, where that is not the usual place.
/// `None`: the source is no database.
pub(super) fn database_of(
    stack: &Stack,
    source: &BackupSource,
    address: Option<SocketAddr>,
    details: &BTreeMap<String, String>,
    spool: &Path,
) -> Result<Option<Box<dyn Database>>, Trouble> {
    Ok(Some(match &source.kind {
        SourceKind::Postgresql(postgres) => {
            let mut database = postgres_at(stack, postgres, address)?;
            database.details.clone_from(details);
            Box::new(database)
        }
        SourceKind::Redis(redis) => Box::new(redis_at(stack, redis, address)?),
        SourceKind::Mysql(mysql) => Box::new(mysql_at(stack, mysql, address)?),
        SourceKind::Sqlite(sqlite) => Box::new(sqlite_at(stack, sqlite, spool)),
        SourceKind::Volume(_) | SourceKind::Directory(_) | SourceKind::Command(_) => {
            return Ok(None);
        }
    }))
}

fn service_of<'a>(stack: &'a Stack, name: &ServiceName) -> Result<Given<'a>, Trouble> {
    let service = stack.services.get(name);
    let service = service.ok_or_else(|| Trouble::new(format!("the release has no `{name}`")))?;
    Ok(Given {
        service,
        secrets: &stack.secrets,
    })
}

pub(super) fn postgres_at(
    stack: &Stack,
    source: &PostgresqlSource,
    address: Option<SocketAddr>,
) -> Result<Postgres, Trouble> {
    let given = service_of(stack, &source.service)?;
    let user = source.user.clone();
    let user = user.or_else(|| given.variable(&credentials::USER));
    let user = user.unwrap_or_else(|| credentials::POSTGRES.to_owned());
    let database = source.database.clone();
    let database = database.or_else(|| given.variable(&credentials::DATABASE));
    let password = match &source.secret {
        Some(name) => Some(super::location::secret(stack, name)?),
        None => given.variable(&credentials::PASSWORD).map(Secret::new),
    };
    let mut postgres = Postgres::new(Login {
        database: database.unwrap_or_else(|| user.clone()),
        user,
        password,
        host: address.map(|address| address.ip().to_string()),
        port: address.map_or(POSTGRES_PORT, |address| address.port()),
    });
    postgres.checksums = source.checksums;
    Ok(postgres)
}

/// A file that this process can open, or one that only its container has.
fn sqlite_at(stack: &Stack, source: &SqliteSource, spool: &Path) -> Sqlite {
    let here = stack.target == TargetKind::Process || source.service.is_none();
    let at = if here {
        SqliteAt::Here(stack.directory.join(&source.path))
    } else {
        SqliteAt::Place(source.path.clone())
    };
    Sqlite::new(at, spool.to_owned())
}

fn redis_at(
    stack: &Stack,
    source: &RedisSource,
    address: Option<SocketAddr>,
) -> Result<Redis, Trouble> {
    let given = service_of(stack, &source.service)?;
    let redis = Redis::on_port(address.map_or(REDIS_PORT, |address| address.port()));
    let password = match &source.secret {
        Some(name) => Some(super::location::secret(stack, name)?),
        None => given.required_password().map(Secret::new),
    };
    Ok(match password {
        Some(password) => redis.with_password(Password::Given(password)),
        None => redis,
    })
}

fn mysql_at(
    stack: &Stack,
    source: &MysqlSource,
    address: Option<SocketAddr>,
) -> Result<Mysql, Trouble> {
    const USERS: [&str; 2] = ["MYSQL_USER", "MARIADB_USER"];
    const DATABASES: [&str; 2] = ["MYSQL_DATABASE", "MARIADB_DATABASE"];
    const ROOT: [&str; 2] = ["MYSQL_ROOT_PASSWORD", "MARIADB_ROOT_PASSWORD"];
    const OWN: [&str; 2] = ["MYSQL_PASSWORD", "MARIADB_PASSWORD"];
    let given = service_of(stack, &source.service)?;
    let database = source.database.clone();
    let database = database.or_else(|| given.variable(&DATABASES));
    let database = database.ok_or_else(|| {
        Trouble::new("which database is meant cannot be told")
            .hint("say `database` in the source, or set MYSQL_DATABASE")
    })?;
    let root = given.variable(&ROOT);
    let (user, password) = match (&source.user, &source.secret, root) {
        (user, Some(secret), _) => {
            let user = user.clone().or_else(|| given.variable(&USERS));
            (user, Some(super::location::secret(stack, secret)?))
        }
        (None, None, Some(root)) => {
            let root = Secret::new(root);
            (Some("root".to_owned()), Some(root))
        }
        (user, None, _) => {
            let user = user.clone().or_else(|| given.variable(&USERS));
            let own = given.variable(&OWN).map(Secret::new);
            (user, own)
        }
    };
    let at = address.map_or(MysqlAt::Usual, |address| MysqlAt::Port {
        host: address.ip().to_string(),
        port: address.port(),
    });
    let user = user.unwrap_or_else(|| "root".to_owned());
    let password = password.map_or(Password::None, Password::Given);
    let login = MysqlLogin { at, user, password };
    Ok(Mysql { login, database })
}
