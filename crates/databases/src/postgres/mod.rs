//! PostgreSQL, by the programs of its own image.
//!
//! `dump` and `figures` copy one moment, `load` and `tables` bring it back, `scratch` makes a server that
//! nobody else sees. [`replication`] and [`wal`] follow the log, [`recover`] goes to a point in time.

mod dump;
mod engine;
mod figures;
mod globals;
mod load;
mod log;
mod login;
mod lsn;
pub mod recover;
pub mod replication;
mod scratch;
mod session;
mod sql;
mod tables;
pub mod wal;

pub use login::Login;
pub use lsn::{Lsn, LsnError, Segment, SegmentSize};

use crate::command::{late, run};
use crate::database::{Database, Dump, Failure, Load, Undo};
use crate::place::{Answer, Place};
use login::Client;
use mainstay_recovery::Figures;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncRead;

/// For a smoke query.
const ASK: Duration = Duration::from_secs(5 * 60);

/// One database of one server.
#[derive(Debug, Clone)]
pub struct Postgres {
    pub login: Login,
    /// Whether figures hold a checksum for each table: it costs about as much as reading the table.
    pub checksums: bool,
    /// Of the dump that is to be loaded ([`Dumped::details`](crate::Dumped)): roles, encoding and settings are
    /// taken from them. Empty: from what is there.
    pub details: BTreeMap<String, String>,
}

impl Postgres {
    /// With checksums.
    pub fn new(login: Login) -> Self {
        Self {
            login,
            checksums: true,
            details: BTreeMap::new(),
        }
    }

    async fn answer(&self, place: &dyn Place, query: &str) -> Result<String, Failure> {
        if query.trim_start().starts_with('\\') {
            return Err(Failure::new("a query is SQL, not a command of psql"));
        }
        let database = &self.login.database;
        let client = Client::open(place, &self.login, database).await?;
        let arguments = [
            "--no-psqlrc",
            "--quiet",
            "--no-align",
            "--tuples-only",
            "--set=ON_ERROR_STOP=1",
            "--field-separator-zero",
            "--record-separator-zero",
            "--command",
            query,
        ];
        let words = client.words("psql", database, &arguments.map(str::to_owned));
        let words = login::read_only(words, ASK);
        let answer = run(place, "psql", &words, &client.head(), ASK).await?;
        let first = answer.split(|byte| *byte == 0).next().unwrap_or_default();
        let text = String::from_utf8_lossy(first);
        Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
    }
}

impl Database for Postgres {
    fn dump(&self, place: Arc<dyn Place>) -> Answer<'_, Result<Dump, Failure>> {
        Box::pin(dump::begin(self, place))
    }

    fn figures(&self, place: Arc<dyn Place>) -> Answer<'_, Result<Figures, Failure>> {
        Box::pin(async move { dump::figures(self, &*place).await })
    }

    fn scratch(&self, place: Arc<dyn Place>) -> Answer<'_, Result<Box<dyn Database>, Failure>> {
        Box::pin(async move {
            let scratch = scratch::start(self, &*place).await?;
            Ok(Box::new(scratch) as Box<dyn Database>)
        })
    }

    fn load<'a>(
        &'a self,
        place: Arc<dyn Place>,
        mut data: Box<dyn AsyncRead + Send + Unpin + 'a>,
        load: Load,
    ) -> Answer<'a, Result<Undo, Failure>> {
        Box::pin(async move {
            match load {
                Load::Replace => load::replace(self, &*place, &mut data).await,
                Load::Beside { name } => load::beside(self, &*place, &mut data, &name).await,
                Load::Tables { names } => tables::load(self, &*place, &mut data, &names).await,
            }
        })
    }

    fn undo<'a>(
        &'a self,
        place: Arc<dyn Place>,
        undo: &'a Undo,
    ) -> Answer<'a, Result<(), Failure>> {
        Box::pin(async move {
            match undo.kept.get("kind").map(String::as_str) {
                Some("tables") => tables::undo(self, &*place, undo).await,
                Some("recovery") => recover::undo(&*place, undo).await,
                _ => load::undo(self, &*place, undo).await,
            }
        })
    }

    fn settle<'a>(
        &'a self,
        place: Arc<dyn Place>,
        undo: &'a Undo,
    ) -> Answer<'a, Result<(), Failure>> {
        Box::pin(async move {
            match undo.kept.get("kind").map(String::as_str) {
                Some("tables") => tables::settle(self, &*place, undo).await,
                Some("recovery") => recover::settle(&*place, undo).await,
                _ => load::settle(self, &*place, undo).await,
            }
        })
    }

    fn ask<'a>(
        &'a self,
        place: Arc<dyn Place>,
        query: &'a str,
    ) -> Answer<'a, Result<String, Failure>> {
        Box::pin(async move {
            let answer = tokio::time::timeout(ASK, self.answer(&*place, query)).await;
            answer.unwrap_or_else(|_| Err(late("the query", ASK)))
        })
    }
}
