//! An empty server of its own, into which a dump is loaded to prove it.

use super::Postgres;
use super::dump::LIBRARIES;
use super::engine::Engine;
use crate::database::{Database, Dump, Failure, Load, Undo};
use crate::place::{Answer, Place};
use mainstay_recovery::Figures;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncRead;

const UP: Duration = Duration::from_secs(120);

/// Nothing of it must outlive anything: no syncs, no log to follow.
const PREPARE: &str = r#"
user=$1; shift
become initdb -D "$data" -U "$user" -A trust -E UTF8 --locale=C --no-sync >/dev/null
set -- -c fsync=off -c full_page_writes=off -c autovacuum=off -c synchronous_commit=off -c wal_level=minimal -c max_wal_senders=0 -c max_wal_size=2GB "$@"
"#;

/// A scratch server; it ends with this.
pub(crate) struct Scratch {
    inner: Postgres,
    /// Only held.
    _engine: Mutex<Engine>,
}

impl Scratch {
    pub(crate) async fn start(postgres: &Postgres, place: &dyn Place) -> Result<Self, Failure> {
        let user = postgres.login.user.as_str();
        let libraries = postgres.details.get(LIBRARIES);
        let libraries = libraries.map(|libraries| format!("shared_preload_libraries={libraries}"));
        let mut arguments = vec![user];
        if let Some(libraries) = &libraries {
            arguments.extend(["-c", libraries.as_str()]);
        }
        let mut engine = Engine::start(place, "data=", PREPARE, &arguments).await?;
        let login = engine.login(user, "postgres");
        engine.ready(place, &login, "postgres", UP).await?;
        Ok(Self::of(engine, postgres))
    }

    /// A server that is up.
    pub(crate) fn of(engine: Engine, postgres: &Postgres) -> Self {
        let user = &postgres.login.user;
        Self {
            inner: Postgres {
                login: engine.login(user, &postgres.login.database),
                checksums: postgres.checksums,
                details: postgres.details.clone(),
            },
            _engine: Mutex::new(engine),
        }
    }
}

impl Database for Scratch {
    fn dump(&self, place: Arc<dyn Place>) -> Answer<'_, Result<Dump, Failure>> {
        self.inner.dump(place)
    }

    fn figures(&self, place: Arc<dyn Place>) -> Answer<'_, Result<Figures, Failure>> {
        self.inner.figures(place)
    }

    fn scratch(&self, place: Arc<dyn Place>) -> Answer<'_, Result<Box<dyn Database>, Failure>> {
        self.inner.scratch(place)
    }

    fn load<'a>(
        &'a self,
        place: Arc<dyn Place>,
        data: Box<dyn AsyncRead + Send + Unpin + 'a>,
        load: Load,
    ) -> Answer<'a, Result<Undo, Failure>> {
        self.inner.load(place, data, load)
    }

    fn undo<'a>(
        &'a self,
        place: Arc<dyn Place>,
        undo: &'a Undo,
    ) -> Answer<'a, Result<(), Failure>> {
        self.inner.undo(place, undo)
    }

    fn settle<'a>(
        &'a self,
        place: Arc<dyn Place>,
        undo: &'a Undo,
    ) -> Answer<'a, Result<(), Failure>> {
        self.inner.settle(place, undo)
    }

    fn ask<'a>(
        &'a self,
        place: Arc<dyn Place>,
        query: &'a str,
    ) -> Answer<'a, Result<String, Failure>> {
        self.inner.ask(place, query)
    }
}
