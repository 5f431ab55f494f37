//! Users, sessions and what a profile keeps, in SQLite or in PostgreSQL.
//!
//! The statements are written once, in the SQL that both engines speak; an engine only runs them.
//! What a profile asks stands with the profile. **Invariant:** what was acknowledged is on the
//! disk.

mod accounts;
mod postgres;
mod sqlite;
mod value;

pub(crate) use accounts::User;
pub(crate) use value::{Row, Statement, Value, statement};

use postgres::Postgres;
use sqlite::Sqlite;
use std::path::PathBuf;

/// Of every profile. Both engines take it: SQLite reads `BYTEA` and `DOUBLE PRECISION` as mere
/// hints.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS users (
    name TEXT PRIMARY KEY, password TEXT NOT NULL, admin BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS sessions (
    token TEXT PRIMARY KEY, name TEXT NOT NULL, expires_ms BIGINT NOT NULL);
";

/// Why the store could not do what it was asked. No value of a row stands in it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("sqlite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("postgresql: {}", reason(.0))]
    Postgres(#[from] tokio_postgres::Error),
    #[error("cannot make the folder {}: {error}", path.display())]
    Folder {
        path: PathBuf,
        error: std::io::Error,
    },
    // Without the value: it holds a password.
    #[error(
        "DATABASE_URL is not understood\n  hint: write sqlite:PATH or postgresql://USER@HOST:PORT/NAME"
    )]
    Url,
    #[error("the database did not answer in time")]
    Deadline,
    #[error("the database's thread has ended")]
    Closed,
    #[error("column {column} holds something else than it should")]
    Field { column: usize },
}

/// tokio-postgres says only "db error"; what happened stands one level below.
fn reason(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Where the data is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    Sqlite(PathBuf),
    /// Holds a password: never printed.
    Postgres(Url),
}

/// A connection string that cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Url(String);

impl std::fmt::Debug for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Url(…)")
    }
}

impl Location {
    /// `sqlite:PATH`, `sqlite:///PATH` or `postgres[ql]://…`.
    pub(crate) fn parse(url: &str) -> Result<Self, StoreError> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return Ok(Self::Sqlite(path.into()));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(Url(url.to_owned())));
        }
        Err(StoreError::Url)
    }

    /// From its parts, as libpq writes them: `key='value'`.
    pub(crate) fn postgres<'a>(parts: impl Iterator<Item = (&'a str, String)>) -> Self {
        let parts: Vec<String> = parts
            .map(|(key, value)| {
                let value = value.replace('\\', "\\\\").replace('\'', "\\'");
                format!("{key}='{value}'")
            })
            .collect();
        Self::Postgres(Url(parts.join(" ")))
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgresql",
        }
    }
}

/// The store, whichever engine is below.
#[derive(Debug)]
pub(crate) struct Store {
    engine: Engine,
}

#[derive(Debug)]
enum Engine {
    Sqlite(Sqlite),
    Postgres(Box<Postgres>),
}

/// Connections to the database, of this instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Connections {
    pub(crate) active: u32,
    pub(crate) most: u32,
}

impl Store {
    /// Opens it and lays the tables that are missing.
    pub(crate) async fn open(
        location: &Location,
        schema: &str,
        connections: u32,
    ) -> Result<Self, StoreError> {
        let schema = format!("{SCHEMA}{schema}");
        let engine = match location {
            Location::Sqlite(path) => Engine::Sqlite(Sqlite::open(path, schema).await?),
            Location::Postgres(url) => {
                Engine::Postgres(Box::new(Postgres::open(&url.0, schema, connections).await?))
            }
        };
        Ok(Self { engine })
    }

    /// Whether it answers.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        // A table of ours: a database without them answers as well, but is of no use.
        self.user_count().await.map(drop)
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.engine, Engine::Postgres(_))
    }

    pub(crate) fn connections(&self) -> Connections {
        match &self.engine {
            Engine::Sqlite(sqlite) => Connections {
                active: u32::from(sqlite.is_busy()),
                most: 1,
            },
            Engine::Postgres(postgres) => postgres.connections(),
        }
    }

    /// What it takes on the disk.
    pub(crate) async fn size_bytes(&self) -> Result<u64, StoreError> {
        let sql = match self.engine {
            Engine::Sqlite(_) => {
                "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
            }
            Engine::Postgres(_) => "SELECT pg_database_size(current_database())",
        };
        let rows = self.run(vec![statement!(sql)]).await?;
        rows.first().map_or(Ok(0), |row| Ok(row.integer(0)? as u64))
    }

    /// Runs all of it or none; gives the last statement's rows.
    pub(crate) async fn run(&self, statements: Vec<Statement>) -> Result<Vec<Row>, StoreError> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.run(statements).await,
            Engine::Postgres(postgres) => postgres.run(statements).await,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
