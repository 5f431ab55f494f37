//! Jobs, users and sessions, in SQLite or in PostgreSQL.
//!
//! The statements are written once, in the SQL that both engines speak; an engine only runs them.
//! **Invariant:** a job that was acknowledged is in the store, and exactly one worker at a time
//! holds it: by a lease that ends, and by the number of the attempt, which each write names.

mod accounts;
mod jobs;
mod postgres;
mod sqlite;
mod value;

pub(crate) use accounts::User;
pub(crate) use jobs::{Claim, Filter, NewJob};

use postgres::Postgres;
use sqlite::Sqlite;
use std::path::PathBuf;
use value::{Row, Statement};

/// Both engines take it: SQLite reads `BYTEA` and `DOUBLE PRECISION` as mere hints.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL, bytes BIGINT NOT NULL,
    state TEXT NOT NULL, progress DOUBLE PRECISION NOT NULL, attempts BIGINT NOT NULL,
    worker TEXT, lease_until_ms BIGINT, created_ms BIGINT NOT NULL, started_ms BIGINT,
    finished_ms BIGINT, result TEXT, error TEXT);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, created_ms);
CREATE INDEX IF NOT EXISTS jobs_by_owner ON jobs (owner, created_ms);
CREATE TABLE IF NOT EXISTS recordings (job TEXT PRIMARY KEY, content BYTEA NOT NULL);
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

impl Store {
    /// Opens it and lays the tables that are missing.
    pub(crate) async fn open(location: &Location) -> Result<Self, StoreError> {
        let engine = match location {
            Location::Sqlite(path) => Engine::Sqlite(Sqlite::open(path, SCHEMA).await?),
            Location::Postgres(url) => {
                Engine::Postgres(Box::new(Postgres::open(&url.0, SCHEMA).await?))
            }
        };
        Ok(Self { engine })
    }

    /// Whether it answers.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        // A table of ours: a database without them answers as well, but is of no use.
        self.user_count().await.map(drop)
    }

    async fn run(&self, statements: Vec<Statement>) -> Result<Vec<Row>, StoreError> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.run(statements).await,
            Engine::Postgres(postgres) => postgres.run(statements).await,
        }
    }
}

#[cfg(test)]
mod tests;
