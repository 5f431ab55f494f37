//! Which services of a stack become databases and caches of AWS, and how.

use mainstay_stack::{FileKind, Service, SourceKind, Stack};

/// An engine that RDS has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    Postgres,
    Mysql,
    Mariadb,
}

impl Engine {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Mariadb => "mariadb",
        }
    }

    pub(super) const fn port(self) -> u16 {
        match self {
            Self::Postgres => 5432,
            Self::Mysql | Self::Mariadb => 3306,
        }
    }

    /// A family of parameters that RDS has; what a tag says where it says one.
    fn version(self, tag: &str) -> String {
        let mut numbers = tag
            .split(|c: char| !c.is_ascii_digit() && c != '.')
            .find(|part| part.starts_with(|c: char| c.is_ascii_digit()))
            .unwrap_or_default()
            .split('.');
        let major: Option<u16> = numbers.next().and_then(|text| text.parse().ok());
        let minor: Option<u16> = numbers.next().and_then(|text| text.parse().ok());
        match (self, major, minor) {
            (Self::Postgres, Some(major), _) => major.to_string(),
            (Self::Postgres, None, _) => "17".to_owned(),
            (Self::Mysql, Some(8), Some(minor)) => format!("8.{minor}"),
            (Self::Mysql, _, _) => "8.4".to_owned(),
            (Self::Mariadb, Some(major), Some(minor)) => format!("{major}.{minor}"),
            (Self::Mariadb, _, _) => "11.4".to_owned(),
        }
    }
}

/// A service that RDS runs.
#[derive(Debug, Clone)]
pub(super) struct Database {
    pub(super) service: String,
    pub(super) engine: Engine,
    pub(super) version: String,
    pub(super) schema: String,
    pub(super) username: String,
    /// Secrets of the stack that are its password: RDS makes its own in their place.
    pub(super) passwords: Vec<String>,
}

/// A service that `ElastiCache` runs.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    pub(super) service: String,
    pub(super) policy: Option<String>,
    /// Whether anything of it is kept.
    pub(super) backed_up: bool,
}

/// The last part of an image's name, and its tag.
fn image(service: &Service) -> Option<(&str, &str)> {
    let image = service.image.as_deref()?;
    let image = image.split('@').next()?;
    let last = image.rsplit('/').next()?;
    Some(last.split_once(':').unwrap_or((last, "")))
}

pub(super) fn database(stack: &Stack, service: &Service) -> Option<Database> {
    let (name, tag) = image(service)?;
    let (engine, prefix) = match name {
        "postgres" | "postgresql" | "pgvector" | "timescaledb" | "postgis" => {
            (Engine::Postgres, "POSTGRES")
        }
        "mysql" => (Engine::Mysql, "MYSQL"),
        "mariadb" => (Engine::Mariadb, "MARIADB"),
        _ => return None,
    };
    // MariaDB takes MySQL's names too.
    let variable = |what: &str| {
        [prefix, "MYSQL"].iter().find_map(|prefix| {
            let value = service.environment.get(&format!("{prefix}_{what}"))?;
            (!value.secret).then(|| value.text.expose().clone())
        })
    };
    let source = stack.backups.sources.values().find_map(|source| {
        let (of, database, user) = match &source.kind {
            SourceKind::Postgresql(one) => (&one.service, &one.database, &one.user),
            SourceKind::Mysql(one) => (&one.service, &one.database, &one.user),
            _ => return None,
        };
        (*of == service.name).then(|| (database.clone(), user.clone()))
    });
    let (database, user) = source.unwrap_or_default();
    let named = variable(if engine == Engine::Postgres {
        "DB"
    } else {
        "DATABASE"
    });
    let username = variable("USER").or(user);
    let username = username.unwrap_or_else(|| engine.word().to_owned());
    Some(Database {
        service: service.name.to_string(),
        engine,
        version: engine.version(tag),
        schema: identifier(&named.or(database).unwrap_or_else(|| username.clone())),
        username: identifier(&username),
        passwords: passwords(service),
    })
}

/// What RDS takes as a name: letters, digits and `_`.
fn identifier(name: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    name.chars().map(fit).collect()
}

/// The secrets that a database service is given: its passwords.
fn passwords(service: &Service) -> Vec<String> {
    let files = service.files.iter();
    let files = files.filter(|file| file.kind == FileKind::Secret);
    let mut names: Vec<String> = files.map(|file| file.name.clone()).collect();
    names.extend(service.secrets.values().cloned());
    names.sort();
    names.dedup();
    names
}

pub(super) fn cache(stack: &Stack, service: &Service) -> Option<Cache> {
    let (name, _) = image(service)?;
    if !matches!(
        name,
        "redis" | "valkey" | "redis-stack" | "redis-stack-server"
    ) {
        return None;
    }
    let command = service.container.command.clone().unwrap_or_default();
    let mut words = command.iter();
    let policy = words
        .find(|word| *word == "--maxmemory-policy")
        .and_then(|_| words.next().cloned());
    let sources = stack.backups.sources.values();
    let kept = sources.filter(|source| source.enabled).any(
        |source| matches!(&source.kind, SourceKind::Redis(one) if one.service == service.name),
    );
    Some(Cache {
        service: service.name.to_string(),
        policy,
        backed_up: stack.backups.enabled && kept,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_families_of_parameters() {
        for (engine, tag, version) in [
            (Engine::Postgres, "15", "15"),
            (Engine::Postgres, "16.4-alpine", "16"),
            (Engine::Postgres, "pg16", "16"),
            (Engine::Postgres, "latest", "17"),
            (Engine::Mysql, "8.0.36", "8.0"),
            (Engine::Mysql, "8", "8.4"),
            (Engine::Mariadb, "10.11", "10.11"),
            (Engine::Mariadb, "", "11.4"),
        ] {
            assert_eq!(engine.version(tag), version, "{tag}");
        }
    }
}
