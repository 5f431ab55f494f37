//! SQLite: one file, one connection on a thread of its own, other instances beside it.
//!
//! Write-ahead log, `synchronous=FULL`: what was committed is on the disk, also after the machine
//! lost power. Instances of one machine share the file; a network file system would lose data.

use super::StoreError;
use super::value::{Row, Statement, Value};
use rusqlite::types::{ToSqlOutput, Value as Field, ValueRef};
use rusqlite::{Connection, ToSql, TransactionBehavior, params_from_iter};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Transactions that wait for the thread; who comes then waits too.
const QUEUE: usize = 64;

/// How long another instance's write may take before ours fails.
const BUSY: Duration = Duration::from_secs(5);

const PRAGMAS: &str = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-2000;";

type Answer = oneshot::Sender<Result<Vec<Row>, StoreError>>;

/// A handle on the thread that holds the connection; the thread ends with the last handle.
#[derive(Debug, Clone)]
pub(super) struct Sqlite {
    jobs: mpsc::Sender<(Vec<Statement>, Answer)>,
    busy: Arc<AtomicBool>,
}

impl Sqlite {
    /// Opens or creates the file, with the folder it stands in.
    pub(super) async fn open(path: &Path, schema: String) -> Result<Self, StoreError> {
        let path = path.to_owned();
        let mut connection = tokio::task::spawn_blocking(move || prepare(&path, &schema))
            .await
            .map_err(|_| StoreError::Closed)??;
        let (jobs, mut queue) = mpsc::channel::<(Vec<Statement>, Answer)>(QUEUE);
        let busy = Arc::new(AtomicBool::new(false));
        let works = busy.clone();
        std::thread::Builder::new()
            .name("sqlite".to_owned())
            .spawn(move || {
                while let Some((statements, answer)) = queue.blocking_recv() {
                    works.store(true, Ordering::Relaxed);
                    let outcome = transaction(&mut connection, &statements);
                    works.store(false, Ordering::Relaxed);
                    // Whoever asked may have gone; what was asked is done all the same.
                    let _ = answer.send(outcome);
                }
            })
            .map_err(|_| StoreError::Closed)?;
        Ok(Self { jobs, busy })
    }

    /// Whether a transaction runs just now.
    pub(super) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    /// Runs all of it or none; gives the last statement's rows.
    pub(super) async fn run(&self, statements: Vec<Statement>) -> Result<Vec<Row>, StoreError> {
        let (answer, result) = oneshot::channel();
        self.jobs
            .send((statements, answer))
            .await
            .map_err(|_| StoreError::Closed)?;
        result.await.map_err(|_| StoreError::Closed)?
    }
}

fn prepare(path: &Path, schema: &str) -> Result<Connection, StoreError> {
    if let Some(folder) = path.parent().filter(|path| !path.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| StoreError::Folder {
            path: folder.to_owned(),
            error,
        })?;
    }
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    // The change to WAL needs the file for itself and does not wait for it of its own accord.
    let deadline = Instant::now() + BUSY;
    while let Err(error) = connection.execute_batch(PRAGMAS) {
        if !is_busy(&error) || Instant::now() > deadline {
            return Err(error.into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    connection.execute_batch(&format!("BEGIN IMMEDIATE; {schema} COMMIT;"))?;
    Ok(connection)
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
    )
}

fn transaction(
    connection: &mut Connection,
    statements: &[Statement],
) -> Result<Vec<Row>, StoreError> {
    // A write that began as a read cannot wait for another writer, so say at once what it is.
    let reads = statements.iter().all(|s| s.sql.starts_with("SELECT"));
    let behavior = if reads {
        TransactionBehavior::Deferred
    } else {
        TransactionBehavior::Immediate
    };
    let transaction = connection.transaction_with_behavior(behavior)?;
    let mut rows = Vec::new();
    for statement in statements {
        rows = query(&transaction, statement)?;
    }
    transaction.commit()?;
    Ok(rows)
}

fn query(connection: &Connection, statement: &Statement) -> Result<Vec<Row>, StoreError> {
    // SQLite takes `$1` for a name; `?1` is the number that PostgreSQL means by it.
    let mut prepared = connection.prepare_cached(&statement.sql.replace('$', "?"))?;
    let columns = prepared.column_count();
    let rows = prepared.query_map(params_from_iter(&statement.parameters), |row| {
        (0..columns)
            .map(|column| row.get::<_, Field>(column).map(Value::from))
            .collect::<Result<_, _>>()
            .map(Row)
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(value) => ValueRef::Integer(*value),
            Self::Real(value) => ValueRef::Real(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
        }))
    }
}

impl From<Field> for Value {
    fn from(field: Field) -> Self {
        match field {
            Field::Null => Self::Null,
            Field::Integer(value) => Self::Integer(value),
            Field::Real(value) => Self::Real(value),
            Field::Text(value) => Self::Text(value),
            Field::Blob(value) => Self::Bytes(value.into()),
        }
    }
}
