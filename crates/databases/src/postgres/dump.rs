//! A dump and the figures of the same snapshot.
//!
//! One session exports its snapshot and stays in its transaction; `pg_dump` joins that snapshot. The figures
//! are counted in the session while the dump streams. The archive is not compressed: the repository
//! does that, and finds again what did not change.

use super::Postgres;
use super::figures;
use super::globals::{self, Globals};
use super::login::{Client, QUICK};
use super::session::Session;
use super::sql::literal;
use crate::command::outflow;
use crate::database::{Dump, Dumped, Failure};
use crate::place::Place;
use mainstay_model::Timestamp;
use mainstay_recovery::Figures;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::task::{AbortHandle, JoinHandle};

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;";

/// The first statement of the transaction takes its snapshot; its own time is not after that.
const MOMENT: &str = "\
SELECT json_build_object(
 'taken', floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint,
 'snapshot', pg_export_snapshot(),
 'lsn', CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text,
 'server-version', current_setting('server_version'),
 'encoding', current_setting('server_encoding'),
 'bytes', pg_database_size(current_database()),
 'libraries', (SELECT setting FROM pg_settings WHERE name = 'shared_preload_libraries'))::text;";

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Moment {
    taken: i64,
    snapshot: String,
    lsn: String,
    server_version: String,
    encoding: String,
    bytes: u64,
    /// Only for whoever may see it.
    libraries: Option<String>,
}

/// Begins a dump.
pub(crate) async fn begin(postgres: &Postgres, place: Arc<dyn Place>) -> Result<Dump, Failure> {
    let database = postgres.login.database.clone();
    let client = Client::open(&*place, &postgres.login, &database).await?;
    let (mut session, moment) = moment(&*place, &client, &database).await?;
    let query = globals::QUERY.replace("NAME", &literal(&database));
    let globals = Globals::parse(&session.ask(&query, QUICK).await?.concat())?;
    let arguments = [
        "--format=custom".to_owned(),
        "--compress=0".to_owned(),
        "--lock-wait-timeout=600000".to_owned(),
        format!("--snapshot={}", moment.snapshot),
    ];
    let words = client.words("pg_dump", &database, &arguments);
    let flow = outflow(&*place, "pg_dump", &words, &client.head()).await?;
    let details = details(&database, &moment, globals)?;
    let checksums = postgres.checksums;
    let counted = Counted::begin(tokio::spawn(async move {
        let figures = figures::take(&mut session, &client, checksums).await?;
        Ok((session, figures))
    }));
    let end = async move {
        flow.end.await?;
        let (session, figures) = counted.end().await?;
        session.close().await?;
        Ok(Dumped {
            taken: Timestamp::from_millis(moment.taken),
            figures,
            details,
        })
    };
    Ok(Dump {
        data: flow.data,
        end: Box::pin(end),
    })
}

/// Figures on their way; dropped, they end.
struct Counted {
    task: JoinHandle<Result<(Session, Figures), Failure>>,
    abort: AbortHandle,
}

impl Counted {
    fn begin(task: JoinHandle<Result<(Session, Figures), Failure>>) -> Self {
        let abort = task.abort_handle();
        Self { task, abort }
    }

    async fn end(mut self) -> Result<(Session, Figures), Failure> {
        let counted = (&mut self.task).await;
        counted.map_err(|error| Failure::new(format!("the figures were not taken: {error}")))?
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.abort.abort();
    }
}

/// Opens a session, and takes a snapshot in it.
async fn moment(
    place: &dyn Place,
    client: &Client,
    database: &str,
) -> Result<(Session, Moment), Failure> {
    let mut session = Session::open(place, client, database).await?;
    let lines = session.ask(&format!("{BEGIN}\n{MOMENT}"), QUICK).await?;
    let moment = serde_json::from_str(&lines.concat());
    let moment = moment
        .map_err(|error| Failure::new(format!("the snapshot of a dump cannot be read: {error}")))?;
    Ok((session, moment))
}

fn details(
    database: &str,
    moment: &Moment,
    mut globals: Globals,
) -> Result<BTreeMap<String, String>, Failure> {
    let left_out: Vec<String> = globals.without_own_settings().into_iter().collect();
    let globals = serde_json::to_string(&globals)
        .map_err(|error| Failure::new(format!("roles and settings of a dump: {error}")))?;
    let mut details = BTreeMap::from([
        ("engine".to_owned(), "postgresql".to_owned()),
        ("database".to_owned(), database.to_owned()),
        ("server-version".to_owned(), moment.server_version.clone()),
        ("lsn".to_owned(), moment.lsn.clone()),
        ("encoding".to_owned(), moment.encoding.clone()),
        ("database-bytes".to_owned(), moment.bytes.to_string()),
        (globals::KEY.to_owned(), globals),
    ]);
    let libraries = moment.libraries.clone().filter(|text| !text.is_empty());
    if let Some(libraries) = libraries {
        details.insert(LIBRARIES.to_owned(), libraries);
    }
    if !left_out.is_empty() {
        details.insert("settings-left-out".to_owned(), left_out.join(", "));
    }
    Ok(details)
}

/// The key among the details of what the server loads when it starts.
pub(crate) const LIBRARIES: &str = "shared-preload-libraries";

/// The figures of now.
pub(crate) async fn figures(postgres: &Postgres, place: &dyn Place) -> Result<Figures, Failure> {
    let database = &postgres.login.database;
    let client = Client::open(place, &postgres.login, database).await?;
    let mut session = Session::open(place, &client, database).await?;
    session.ask(BEGIN, QUICK).await?;
    let figures = figures::take(&mut session, &client, postgres.checksums).await?;
    session.close().await?;
    Ok(figures)
}
