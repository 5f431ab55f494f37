//! One database into another, page by page, by SQLite's online backup; and whether one is whole.

use super::failed;
use crate::database::Failure;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use std::fmt::Write as _;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// To get at a file that others write to.
pub(super) const BUSY: Duration = Duration::from_secs(60);
/// Between two tries.
const AGAIN: Duration = Duration::from_millis(20);
/// All pages at once: in smaller steps a copy begins anew whenever somebody writes.
const ALL: std::ffi::c_int = -1;

/// Begins every database that is not empty.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Opens a file that is there.
pub(super) fn open(path: &Path) -> Result<Connection, Failure> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let wrong = failed(path, "opening");
    let connection = Connection::open_with_flags(path, flags).map_err(|error| {
        let failure = wrong(error);
        if path.exists() {
            return failure;
        }
        failure.hint("name the file that the service really uses")
    })?;
    connection.busy_timeout(BUSY).map_err(&wrong)?;
    Ok(connection)
}

/// Opens a file that nobody writes to.
pub(super) fn open_still(path: &Path) -> Result<Connection, Failure> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let mut url = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                url.push(char::from(*byte));
            }
            _ => {
                let _ = write!(url, "%{byte:02x}");
            }
        }
    }
    url.push_str("?immutable=1");
    Connection::open_with_flags(url, flags).map_err(failed(path, "opening"))
}

/// Copies what is in `from` at one moment. `to` is replaced; whoever reads it sees the old or the new.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let source = open(from)?;
    let mut target = open(to)?;
    over(&source, &mut target, to)
}

/// Puts a copy that nobody writes to in the place of what `to` has.
pub(super) fn restore(from: &Path, to: &Path) -> Result<(), Failure> {
    let mut target = open(to)?;
    let size = |connection: &Connection| {
        connection.query_row("PRAGMA page_size", [], |row| row.get::<_, i64>(0))
    };
    let mode = |connection: &Connection| {
        connection.query_row("PRAGMA journal_mode", [], |row| row.get::<_, String>(0))
    };
    let source = open_still(from)?;
    let wrong = failed(to, "restoring");
    let (old, new) = (
        size(&target).map_err(&wrong)?,
        size(&source).map_err(&wrong)?,
    );
    if old != new && mode(&target).map_err(&wrong)? == "wal" {
        // In write-ahead mode the size of pages cannot change: the copy is made to fit.
        drop(source);
        let fitting = open(from)?;
        let sql = format!("PRAGMA journal_mode = delete; PRAGMA page_size = {old}; VACUUM;");
        fitting
            .execute_batch(&sql)
            .map_err(failed(from, "fitting"))?;
        return over(&fitting, &mut target, to);
    }
    over(&source, &mut target, to)
}

fn over(source: &Connection, target: &mut Connection, path: &Path) -> Result<(), Failure> {
    let wrong = failed(path, "copying into");
    let deadline = Instant::now() + BUSY;
    let backup = Backup::new(source, target).map_err(&wrong)?;
    loop {
        match backup.step(ALL).map_err(&wrong)? {
            StepResult::Done => return Ok(()),
            // Somebody holds one of both.
            _ if Instant::now() < deadline => sleep(AGAIN),
            _ => {
                let text = format!("{} is locked by somebody all the time", path.display());
                return Err(Failure::new(text).hint("stop what writes to it"));
            }
        }
    }
}

/// Whether a file that nobody writes to is a database and whole.
pub(super) fn check(path: &Path) -> Result<(), Failure> {
    let mut begin = Vec::new();
    let file = std::fs::File::open(path);
    let read = file.and_then(|file| {
        std::io::Read::read_to_end(
            &mut std::io::Read::take(file, MAGIC.len() as u64),
            &mut begin,
        )
    });
    read.map_err(|error| Failure::new(format!("reading {}: {error}", path.display())))?;
    if begin != MAGIC {
        return Err(Failure::new("the copy is no SQLite database"));
    }
    let connection = open_still(path)?;
    let wrong = |error| Failure::new(format!("the copy is not whole: {error}"));
    let said: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(wrong)?;
    if said != "ok" {
        return Err(Failure::new(format!("the copy is not whole: {said}")));
    }
    // A file that was cut behind pages that nothing uses is cut all the same.
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let pages = number("PRAGMA page_count").map_err(wrong)?;
    let bytes = (pages * number("PRAGMA page_size").map_err(wrong)?) as u64;
    let there = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    if there != bytes {
        let text = format!("the copy is not whole: it has {there} bytes of {bytes}");
        return Err(Failure::new(text));
    }
    Ok(())
}
