//! Opening a file: settings, version check, backup, migration.
//!
//! The tables are described in `docs/formats/journal.md`.

use crate::error::JournalError;
use rusqlite::Connection;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `MSTJ`
const APPLICATION_ID: i32 = 0x4D53_544A;

/// Each brings the database to its version (`major × 1000 + minor`), in order.
pub(crate) const MIGRATIONS: &[(i32, &str)] =
    &[(1000, V1_0), (1001, V1_1), (1002, V1_2), (1003, V1_3)];

const V1_0: &str = "
CREATE TABLE releases (
    stack TEXT NOT NULL,
    environment TEXT NOT NULL,
    number INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    by TEXT NOT NULL,
    description TEXT,
    tag TEXT,
    revision TEXT,
    definition TEXT NOT NULL,
    services TEXT NOT NULL,
    artifacts TEXT NOT NULL,
    status TEXT NOT NULL,
    PRIMARY KEY (stack, environment, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE rollouts (
    id TEXT PRIMARY KEY,
    stack TEXT NOT NULL,
    environment TEXT NOT NULL,
    kind TEXT NOT NULL,
    from_release INTEGER,
    to_release INTEGER NOT NULL,
    phase TEXT NOT NULL CHECK (phase IN ('running', 'finished')),
    state TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    finished_at INTEGER,
    by TEXT NOT NULL,
    outcome TEXT,
    reason TEXT,
    data TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_running_rollout ON rollouts (stack, environment) WHERE phase = 'running';
CREATE INDEX rollouts_by_scope ON rollouts (stack, environment, started_at);

CREATE TABLE environments (
    stack TEXT NOT NULL,
    environment TEXT NOT NULL,
    data TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (stack, environment)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    stack TEXT,
    environment TEXT,
    kind TEXT NOT NULL,
    subject TEXT,
    rollout TEXT,
    release INTEGER,
    message TEXT NOT NULL,
    data TEXT NOT NULL,
    actor TEXT,
    hash BLOB NOT NULL
) STRICT;
CREATE INDEX events_by_scope ON events (stack, environment, seq);
CREATE INDEX events_by_rollout ON events (rollout, seq) WHERE rollout IS NOT NULL;

CREATE TABLE chain (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    anchor_seq INTEGER NOT NULL,
    anchor_hash BLOB NOT NULL,
    removed INTEGER NOT NULL
) STRICT;
INSERT INTO chain VALUES (1, 0, zeroblob(32), 0, zeroblob(32), 0);

CREATE TABLE idempotency (
    key TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    operation TEXT NOT NULL,
    result TEXT,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (created_at);
";

/// What a release went through, and requests that wait for approval.
const V1_1: &str = "
ALTER TABLE releases ADD COLUMN record TEXT;
ALTER TABLE releases ADD COLUMN verified_at INTEGER;

CREATE TABLE pipelines (
    rollout TEXT PRIMARY KEY,
    stack TEXT NOT NULL,
    environment TEXT NOT NULL,
    release INTEGER NOT NULL,
    state TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX pipelines_by_release ON pipelines (stack, environment, release, rollout);

CREATE TABLE requests (
    id TEXT PRIMARY KEY,
    stack TEXT NOT NULL,
    environment TEXT NOT NULL,
    by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    decided_at INTEGER,
    reason TEXT,
    data TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX open_requests ON requests (id) WHERE state IN ('pending', 'approved');
";

/// What alerting remembers.
const V1_2: &str = "
CREATE TABLE alerting (
    key TEXT PRIMARY KEY,
    data TEXT NOT NULL
) STRICT, WITHOUT ROWID;
";

/// Restore points, and jobs about them.
const V1_3: &str = "
CREATE TABLE restore_points (
    id TEXT PRIMARY KEY,
    stack TEXT NOT NULL,
    environment TEXT NOT NULL,
    name TEXT NOT NULL,
    began_at INTEGER NOT NULL,
    data TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX restore_points_by_name ON restore_points (stack, environment, name);

CREATE TABLE backup_jobs (
    id TEXT PRIMARY KEY,
    stack TEXT NOT NULL,
    environment TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed')),
    began_at INTEGER NOT NULL,
    ended_at INTEGER,
    data TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX backup_jobs_by_scope ON backup_jobs (stack, environment, began_at);
CREATE INDEX running_backup_jobs ON backup_jobs (id) WHERE state = 'running';
";

/// Opens for writing, brings it up to date, and makes what is committed durable.
pub(crate) fn open(path: &Path, migrations: &[(i32, &str)]) -> Result<Connection, JournalError> {
    private_file(path)?;
    let mut connection = Connection::open(path)?;
    check(&connection, path, migrations)?;
    configure(&connection)?;
    migrate(&mut connection, Some(path), migrations)?;
    Ok(connection)
}

pub(crate) fn open_in_memory() -> Result<Connection, JournalError> {
    let mut connection = Connection::open_in_memory()?;
    configure(&connection)?;
    migrate(&mut connection, None, MIGRATIONS)?;
    Ok(connection)
}

/// A second connection that cannot write.
pub(crate) fn open_to_read(path: &Path) -> Result<Connection, JournalError> {
    let connection = Connection::open(path)?;
    configure(&connection)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// The file holds who did what: for its owner only, from its first byte on.
fn private_file(path: &Path) -> Result<(), JournalError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let opened = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(path);
    opened.map(drop).map_err(|source| JournalError::Io {
        what: "open",
        path: path.to_owned(),
        source,
    })
}

fn configure(connection: &Connection) -> Result<(), JournalError> {
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// Refuses what is no journal or comes from a newer major, before anything is written to it.
fn check(
    connection: &Connection,
    path: &Path,
    migrations: &[(i32, &str)],
) -> Result<(), JournalError> {
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        return Ok(());
    }
    let application: i32 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application != APPLICATION_ID {
        let path = path.to_owned();
        return Err(JournalError::NotAJournal { path });
    }
    let found = version(connection)?;
    let known = migrations.last().map_or(0, |(version, _)| *version);
    if found / 1000 > known / 1000 {
        return Err(JournalError::NewerFormat {
            path: path.to_owned(),
            found: words(found),
            known: words(known),
        });
    }
    Ok(())
}

fn version(connection: &Connection) -> Result<i32, JournalError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

fn words(version: i32) -> String {
    format!("{}.{}", version / 1000, version % 1000)
}

fn migrate(
    connection: &mut Connection,
    path: Option<&Path>,
    migrations: &[(i32, &str)],
) -> Result<(), JournalError> {
    let found = version(connection)?;
    let missing = migrations.iter().filter(|(version, _)| *version > found);
    let missing: Vec<_> = missing.collect();
    if missing.is_empty() {
        return Ok(());
    }
    if let Some(path) = path.filter(|_| found > 0) {
        back_up(connection, path, found)?;
    }
    let transaction = connection.transaction()?;
    for (version, sql) in missing {
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", version)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.commit()?;
    Ok(())
}

/// Where the copy of a journal of that version goes.
pub(crate) fn backup_path(path: &Path, version: i32) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".v{}.bak", words(version)));
    path.with_file_name(name)
}

/// A copy as it was before the migration. One left by a migration that did not end is made anew.
fn back_up(connection: &Connection, path: &Path, version: i32) -> Result<(), JournalError> {
    let backup = backup_path(path, version);
    let io = |what, source| JournalError::Io {
        what,
        path: backup.clone(),
        source,
    };
    match std::fs::remove_file(&backup) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            return Err(io("replace the backup of", source));
        }
        _ => {}
    }
    private_file(&backup)?;
    connection.execute("VACUUM INTO ?1", [backup.to_string_lossy()])?;
    let synced = File::open(&backup).and_then(|file| file.sync_all());
    synced.map_err(|source| io("write the backup of", source))
}
