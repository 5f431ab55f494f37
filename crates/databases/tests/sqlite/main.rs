//! SQLite under write load: a ledger in which every transfer is one transaction, so that its sum holds at every
//! moment, and whose log leads to exactly the balances that stand beside it.

#![allow(clippy::unwrap_used, reason = "tests, also outside of their functions")]

#[path = "../support/mod.rs"]
mod support;

use mainstay_databases::sqlite::{Sqlite, SqliteAt};
use mainstay_databases::{Database, Load};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;
use support::{Local, boxed, breaking, program, read, until};

const SCHEMA: &str = "
CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);
CREATE TABLE log (n INTEGER PRIMARY KEY AUTOINCREMENT, source REFERENCES account, target REFERENCES account, amount INTEGER);
CREATE TABLE note (id INTEGER PRIMARY KEY, bytes BLOB, words TEXT, f REAL, odd);
CREATE INDEX by_words ON note (words);
CREATE TRIGGER noted AFTER INSERT ON note BEGIN UPDATE note SET odd = 'n' || new.id WHERE id = new.id; END;
CREATE VIEW rich AS SELECT * FROM account WHERE balance > 1000;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) INSERT INTO account SELECT i, 1000 FROM n;
INSERT INTO note (bytes, words, f) VALUES (x'00ff27', 'it''s é', 0.1), (NULL, NULL, NULL);
";

const WRONG: &str = "SELECT count(*) FROM account WHERE balance <> 1000 + (SELECT coalesce(sum(amount), 0) FROM log WHERE \
                     target = account.id) - (SELECT coalesce(sum(amount), 0) FROM log WHERE source = account.id)";

fn open(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(Duration::from_secs(30)).unwrap();
    // What a crash leaves is not what is tried here.
    connection
        .execute_batch("PRAGMA synchronous = off")
        .unwrap();
    connection
}

fn made(path: &Path, mode: &str) {
    let connection = open(path);
    connection
        .execute_batch(&format!("PRAGMA journal_mode = {mode};"))
        .unwrap();
    connection.execute_batch(SCHEMA).unwrap();
}

fn transfer(connection: &mut Connection, number: i64) {
    try_transfer(connection, number).unwrap();
}

fn try_transfer(connection: &mut Connection, number: i64) -> rusqlite::Result<()> {
    let (from, to) = (1 + number * 7 % 50, 1 + number * 13 % 50);
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let change = "UPDATE account SET balance = balance + ?1 WHERE id = ?2";
    transaction.execute(change, (-3, from))?;
    transaction.execute(change, (3, to))?;
    transaction.execute(
        "INSERT INTO log (source, target, amount) VALUES (?1, ?2, 3)",
        (from, to),
    )?;
    transaction.commit()
}

fn write(path: &Path, stop: &Arc<AtomicBool>) -> JoinHandle<()> {
    let (path, stop) = (path.to_owned(), Arc::clone(stop));
    spawn(move || {
        let mut connection = open(&path);
        let mut number = 0;
        while !stop.load(Ordering::Relaxed) {
            number += 1;
            // In the older modes one who waits may wait in vain.
            let _ = try_transfer(&mut connection, number);
        }
    })
}

fn number(path: &Path, sql: &str) -> i64 {
    open(path).query_row(sql, [], |row| row.get(0)).unwrap()
}

/// The number of the state: its sum holds, and its log leads to its balances.
fn judged(path: &Path) -> i64 {
    assert_eq!(number(path, "SELECT sum(balance) FROM account"), 50_000);
    assert_eq!(number(path, WRONG), 0);
    let last = number(path, "SELECT coalesce(max(n), 0) FROM log");
    assert_eq!(number(path, "SELECT count(*) FROM log"), last);
    last
}

fn place() -> Arc<Local> {
    Arc::new(Local::default())
}

/// A place that has no program but Python, or none at all.
fn place_with(folder: &Path, programs: &[&str]) -> Arc<Local> {
    for program in ["sh", "cat", "rm", "mv", "mktemp"].iter().chain(programs) {
        let found = std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|path| path.join(program))
            .find(|path| path.is_file())
            .unwrap();
        std::os::unix::fs::symlink(found, folder.join(program)).unwrap();
    }
    let path = ("PATH".to_owned(), folder.display().to_string());
    Arc::new(Local {
        environment: vec![path],
        ..Local::default()
    })
}

fn left_over(folder: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    all.filter(|path| path.to_string_lossy().contains("mainstay"))
        .collect()
}

async fn under_load(mode: &str, at: fn(PathBuf) -> SqliteAt, place: Arc<Local>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    made(&path, mode);
    let stop = Arc::new(AtomicBool::new(false));
    let writers = [write(&path, &stop), write(&path, &stop)];
    let database = Sqlite::new(at(path.clone()), folder.path().to_owned());
    for round in 0..4 {
        let wanted = number(&path, "SELECT count(*) FROM log") + 20;
        until("writers go on", async || {
            number(&path, "SELECT count(*) FROM log") > wanted
        })
        .await;
        let before = number(&path, "SELECT count(*) FROM log");
        let (bytes, end) = read(database.dump(place.clone()).await.unwrap()).await;
        let (dumped, after) = (end.unwrap(), number(&path, "SELECT count(*) FROM log"));
        let name = format!("copy-{round}.db");
        let beside = Load::Beside { name: name.clone() };
        let undo = database
            .load(place.clone(), boxed(&bytes), beside)
            .await
            .unwrap();
        let copy = folder.path().join(name);
        let seq = judged(&copy);
        assert!((before..=after).contains(&seq), "{before} {seq} {after}");
        assert_eq!(dumped.figures.tables["log"].rows, seq as u64);
        let scratch = database.scratch(place.clone()).await.unwrap();
        scratch
            .load(place.clone(), boxed(&bytes), Load::Replace)
            .await
            .unwrap();
        assert_eq!(
            scratch.figures(place.clone()).await.unwrap(),
            dumped.figures
        );
        assert_eq!(
            scratch
                .ask(place.clone(), "SELECT odd FROM note")
                .await
                .unwrap(),
            "n1"
        );
        database.undo(place.clone(), &undo).await.unwrap();
        database.undo(place.clone(), &undo).await.unwrap();
        assert!(!copy.exists());
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.join().unwrap();
    }
    judged(&path);
    assert_eq!(left_over(folder.path()), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_under_load_are_states_that_existed() {
    under_load("wal", SqliteAt::Here, place()).await;
    under_load("delete", SqliteAt::Here, place()).await;
}

fn there(path: PathBuf) -> SqliteAt {
    SqliteAt::Place(path.into_os_string().into_string().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_in_a_place_are_states_that_existed() {
    let test = "copies_in_a_place_are_states_that_existed";
    let folder = tempfile::tempdir().unwrap();
    if program("sqlite3", test).is_some() {
        let name = folder.path().join("with-sqlite3");
        std::fs::create_dir(&name).unwrap();
        under_load("wal", there, place_with(&name, &["sqlite3"])).await;
    }
    if program("python3", test).is_some() {
        let name = folder.path().join("with-python");
        std::fs::create_dir(&name).unwrap();
        let python = PathBuf::from("/usr/bin/python3");
        let place = place_with(&name, &[]);
        if python.is_file() {
            std::os::unix::fs::symlink(python, name.join("python3")).unwrap();
            under_load("wal", there, place).await;
        }
    }
    let bare = place_with(folder.path(), &[]);
    let path = folder.path().join("shop.db");
    made(&path, "wal");
    let database = Sqlite::new(there(path), folder.path().to_owned());
    let Err(failure) = database.dump(bare).await else {
        panic!("copied without a program");
    };
    assert!(failure.hint.is_some(), "{failure:?}");
}

/// What breaks replaces nothing, a load goes into a file that others have open, an undo brings the state back.
/// We are killed in the middle of a load, and before anybody wrote down that the next had put its copy in place:
/// what was there before both is still what an undo brings back.
async fn killed(database: &Sqlite, folder: &Path, bytes: &[u8]) {
    std::fs::write(folder.join("shop.db.mainstay-load-killed"), "half").unwrap();
    for _ in 0..2 {
        let replaced = database.load(place(), boxed(bytes), Load::Replace).await;
        replaced.unwrap();
        assert_eq!(left_over(folder).len(), 1);
    }
}

async fn exchanged(at: fn(PathBuf) -> SqliteAt) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    made(&path, "wal");
    let mut connection = open(&path);
    (1..40).for_each(|number| transfer(&mut connection, number));
    let database = Sqlite::new(at(path.clone()), folder.path().to_owned());
    let (bytes, end) = read(database.dump(place()).await.unwrap()).await;
    let copy = end.unwrap().figures;
    (1..30).for_each(|number| transfer(&mut connection, number));
    connection
        .execute_batch("DROP TABLE note; CREATE TABLE newer (id); INSERT INTO newer VALUES (1);")
        .unwrap();
    let before = database.figures(place()).await.unwrap();
    let half = bytes.len() / 2;
    let mut changed = bytes.clone();
    changed[100] ^= 0x7f;
    for data in [
        boxed(&bytes[..half]),
        boxed(&bytes[..bytes.len() - 1]),
        boxed(&[]),
        boxed(&changed),
        boxed(b"no"),
        breaking(&bytes),
    ] {
        database
            .load(place(), data, Load::Replace)
            .await
            .unwrap_err();
        assert_eq!(database.figures(place()).await.unwrap(), before);
        assert_eq!(left_over(folder.path()), Vec::<PathBuf>::new());
    }
    killed(&database, folder.path(), &bytes).await;
    let undo = database
        .load(place(), boxed(&bytes), Load::Replace)
        .await
        .unwrap();
    assert_eq!(database.figures(place()).await.unwrap(), copy);
    // Whoever had it open sees the new, and goes on.
    let seen: i64 = connection
        .query_row("SELECT count(*) FROM note", [], |row| row.get(0))
        .unwrap();
    assert_eq!(seen, 2);
    transfer(&mut connection, 5);
    judged(&path);
    database.undo(place(), &undo).await.unwrap();
    assert_eq!(database.figures(place()).await.unwrap(), before);
    database.undo(place(), &undo).await.unwrap();
    let undo = database
        .load(place(), boxed(&bytes), Load::Replace)
        .await
        .unwrap();
    database.settle(place(), &undo).await.unwrap();
    database.settle(place(), &undo).await.unwrap();
    assert_eq!(database.figures(place()).await.unwrap(), copy);
    assert_eq!(left_over(folder.path()), Vec::<PathBuf>::new());

    // Where nothing is, a file is made, and gone again after an undo.
    let empty = folder.path().join("new.db");
    let database = Sqlite::new(at(empty.clone()), folder.path().to_owned());
    let undo = database
        .load(place(), boxed(&bytes), Load::Replace)
        .await
        .unwrap();
    assert_eq!(database.figures(place()).await.unwrap(), copy);
    database.undo(place(), &undo).await.unwrap();
    assert!(!empty.exists());
    assert!(database.dump(place()).await.is_err());
    assert!(!empty.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_replaces_nothing_and_an_undo_brings_the_state_back() {
    exchanged(SqliteAt::Here).await;
    if program("sqlite3", "what_breaks_replaces_nothing… (in a place)").is_some() {
        exchanged(there).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn some_tables_come_back_without_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    made(&path, "wal");
    let database = Sqlite::new(SqliteAt::Here(path.clone()), folder.path().to_owned());
    let (bytes, end) = read(database.dump(place()).await.unwrap()).await;
    let copy = end.unwrap().figures;
    let mut connection = open(&path);
    (1..30).for_each(|number| transfer(&mut connection, number));
    connection
        .execute_batch("DELETE FROM note; DROP TRIGGER noted; INSERT INTO note (id) VALUES (9)")
        .unwrap();
    let before = database.figures(place()).await.unwrap();
    let tables = |names: &[&str]| Load::Tables {
        names: names.iter().map(|&name| name.to_owned()).collect(),
    };
    for wrong in [&["account", "nothing"][..], &["nothing"]] {
        let failure = database
            .load(place(), boxed(&bytes), tables(wrong))
            .await
            .unwrap_err();
        assert!(failure.message.contains("`nothing`"), "{failure}");
        assert_eq!(database.figures(place()).await.unwrap(), before);
    }
    let undo = database
        .load(place(), boxed(&bytes), tables(&["note"]))
        .await
        .unwrap();
    let now = database.figures(place()).await.unwrap();
    assert_eq!(now.tables["note"], copy.tables["note"]);
    assert_eq!(now.tables["log"], before.tables["log"]);
    assert_eq!(
        number(
            &path,
            "SELECT count(*) FROM sqlite_schema WHERE name IN ('noted', 'by_words')"
        ),
        2
    );
    database.undo(place(), &undo).await.unwrap();
    assert_eq!(database.figures(place()).await.unwrap(), before);
    assert_eq!(
        number(
            &path,
            "SELECT count(*) FROM sqlite_schema WHERE name IN ('noted', 'by_words')"
        ),
        1
    );
}
