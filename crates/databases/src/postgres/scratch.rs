//! An empty server of its own, into which a dump is loaded to prove it.

use super::Postgres;
use super::dump::LIBRARIES;
use super::engine::Engine;
use crate::database::Failure;
use crate::held::Held;
use crate::place::Place;
use std::time::Duration;

const UP: Duration = Duration::from_secs(120);

/// Nothing of it must outlive anything: no syncs, no log to follow.
const PREPARE: &str = r#"
user=$1; shift
become initdb -D "$data" -U "$user" -A trust -E UTF8 --locale=C --no-sync >/dev/null
set -- -c fsync=off -c full_page_writes=off -c autovacuum=off -c synchronous_commit=off -c wal_level=minimal -c max_wal_senders=0 -c max_wal_size=2GB "$@"
"#;

/// Starts a scratch server; it ends with what is answered.
pub(super) async fn start(
    postgres: &Postgres,
    place: &dyn Place,
) -> Result<Held<Postgres, Engine>, Failure> {
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
    Ok(within(engine, postgres))
}

/// The database in a server that is up.
pub(super) fn within(engine: Engine, postgres: &Postgres) -> Held<Postgres, Engine> {
    let user = &postgres.login.user;
    let database = Postgres {
        login: engine.login(user, &postgres.login.database),
        checksums: postgres.checksums,
        details: postgres.details.clone(),
    };
    Held::new(database, engine)
}
