//! Loads into a file that this process can open, and back.

use super::content::quoted;
use super::copy::{copy, open, restore};
use super::spool::remove;
use super::{failed, kept};
use crate::database::{Failure, Load, Undo};
use rusqlite::{Connection, params};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Ends of the names of what a load makes beside a file: what is not whole yet, and what was there.
const LOAD: &str = ".mainstay-load-";
const UNDO: &str = ".mainstay-undo-";
const STALE: Duration = Duration::from_hours(24);

/// Brings `new`, which is whole, to `live`.
pub(super) fn load(live: &Path, new: &Path, load: &Load, token: &str) -> Result<Undo, Failure> {
    match load {
        Load::Beside { name } => beside(live, new, name, token),
        Load::Replace if !has_content(live) => {
            put(new, live, token)?;
            Ok(kept::new(&text(live)?, None, &[]))
        }
        Load::Replace => {
            let (old, own) = kept_aside(live, token)?;
            restore(new, live).inspect_err(|_| give_up(&old, own))?;
            Ok(kept::new(&text(live)?, Some(&text(&old)?), &[]))
        }
        Load::Tables { names } => {
            let (old, own) = kept_aside(live, token)?;
            tables(live, new, names, false).inspect_err(|_| give_up(&old, own))?;
            Ok(kept::new(&text(live)?, Some(&text(&old)?), names))
        }
    }
}

fn text(path: &Path) -> Result<String, Failure> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| Failure::new(format!("{} is no text", path.display())))
}

fn has_content(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0)
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn beside(live: &Path, new: &Path, name: &str, token: &str) -> Result<Undo, Failure> {
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Err(Failure::new(format!(
            "`{name}` is no name of a file beside another"
        )));
    }
    let path = live.with_file_name(name);
    if path.exists() {
        return Err(Failure::new(format!("{} is there already", path.display()))
            .hint("name one that is not there"));
    }
    put(new, &path, token)?;
    Ok(kept::new(&text(&path)?, None, &[]))
}

/// Makes a file that is there as a whole or not at all, for whoever has the folder.
fn put(new: &Path, path: &Path, token: &str) -> Result<(), Failure> {
    let wrong = |error| Failure::new(format!("making {}: {error}", path.display()));
    let temporary = with_end(path, &format!("{LOAD}{token}"));
    let folder = path.parent().unwrap_or(Path::new("/"));
    let written = fs::copy(new, &temporary).and_then(|_| {
        let owner = fs::metadata(folder)?;
        // Where that is not ours to say, the file is ours.
        let _ = chown(&temporary, Some(owner.uid()), Some(owner.gid()));
        fs::File::open(&temporary)?.sync_all()?;
        fs::rename(&temporary, path)?;
        fs::File::open(folder)?.sync_all()
    });
    written.inspect_err(|_| remove(&temporary)).map_err(wrong)
}

/// A copy of what is there, beside it: whole, where it has its name.
fn keep(live: &Path, token: &str) -> Result<PathBuf, Failure> {
    let old = with_end(live, &format!("{UNDO}{token}"));
    let part = with_end(live, &format!("{LOAD}{token}"));
    let wrong = |error| Failure::new(format!("making {}: {error}", old.display()));
    fs::File::create_new(&part).map_err(wrong)?;
    copy(live, &part).inspect_err(|_| remove(&part))?;
    fs::File::open(&part)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&part, &old))
        .inspect_err(|_| remove(&part))
        .map_err(wrong)?;
    Ok(old)
}

/// What an undo brings back, and whether it was made just now.
fn kept_aside(live: &Path, token: &str) -> Result<(PathBuf, bool), Failure> {
    match left(live)? {
        Some(old) => Ok((old, false)),
        None => Ok((keep(live, token)?, true)),
    }
}

/// Of a load that changed nothing. What one before it kept is still what was there.
fn give_up(old: &Path, own: bool) {
    if own {
        remove(old);
    }
}

/// Sweeps what loads left that were killed. Where one had put its copy in place and nobody knew yet, answers what it
/// kept: that is what an undo must bring back, and not what is there now. A file has one load at a time.
fn left(live: &Path) -> Result<Option<PathBuf>, Failure> {
    let folder = live.parent().unwrap_or(Path::new("/"));
    let wrong = |error| Failure::new(format!("reading {}: {error}", folder.display()));
    let name = live.file_name().unwrap_or_default().to_string_lossy();
    let (load, undo) = (format!("{name}{LOAD}"), format!("{name}{UNDO}"));
    let mut found = None;
    for entry in fs::read_dir(folder).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let whole = name
            .strip_prefix(&undo)
            .is_some_and(|token| !token.contains('-'));
        if whole && is_young(&entry) {
            found = Some(path);
        } else if whole || name.starts_with(&load) {
            remove(&path);
        }
    }
    Ok(found)
}

/// Older ones were kept by a load that ended well: only the giving up failed.
fn is_young(entry: &fs::DirEntry) -> bool {
    let modified = entry.metadata().and_then(|metadata| metadata.modified());
    modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age < STALE))
}

/// Brings back what was there.
pub(super) fn undo(undo: &Undo) -> Result<(), Failure> {
    let live = Path::new(kept::file(undo)?);
    let Some(old) = kept::copy(undo).map(Path::new) else {
        remove(live);
        return Ok(());
    };
    if !old.exists() {
        return Ok(());
    }
    match kept::tables(undo) {
        Some(names) => tables(live, old, &names, true)?,
        None => restore(old, live)?,
    }
    remove(old);
    Ok(())
}

/// Gives up what was there.
pub(super) fn settle(undo: &Undo) -> Result<(), Failure> {
    kept::file(undo)?;
    if let Some(old) = kept::copy(undo) {
        remove(Path::new(old));
    }
    Ok(())
}

/// Replaces some tables with their indexes and triggers, in one transaction. `missing`: one that the copy has not is
/// removed.
fn tables(live: &Path, from: &Path, names: &[String], missing: bool) -> Result<(), Failure> {
    let connection = open(live)?;
    let wrong = failed(live, "restoring tables of");
    // What refers to a table stays as it is while that is replaced.
    let ready = "PRAGMA foreign_keys = off; PRAGMA legacy_alter_table = on;";
    connection.execute_batch(ready).map_err(&wrong)?;
    let from = text(from)?;
    connection
        .execute("ATTACH ?1 AS copy", params![from])
        .map_err(&wrong)?;
    connection
        .execute_batch("BEGIN IMMEDIATE")
        .map_err(&wrong)?;
    for name in names {
        replace(&connection, name, missing)?;
    }
    let broken: i64 = connection
        .query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| {
            row.get(0)
        })
        .map_err(&wrong)?;
    if broken > 0 {
        return Err(
            Failure::new(format!("{broken} foreign keys would point nowhere"))
                .hint("name the tables that they hold together, or restore the whole file"),
        );
    }
    connection.execute_batch("COMMIT").map_err(&wrong)
}

fn replace(connection: &Connection, name: &str, missing: bool) -> Result<(), Failure> {
    let wrong = |error| Failure::new(format!("restoring `{name}`: {error}"));
    let made = "SELECT sql FROM copy.sqlite_schema WHERE tbl_name = ?1 AND sql IS NOT NULL AND type <> 'view' ORDER BY type \
                <> 'table'";
    let mut statement = connection.prepare(made).map_err(wrong)?;
    let made = statement.query_map(params![name], |row| row.get::<_, String>(0));
    let made: Vec<String> = made.and_then(Iterator::collect).map_err(wrong)?;
    let table = quoted(name);
    let drop = format!("DROP TABLE IF EXISTS main.{table}");
    let Some((first, rest)) = made.split_first() else {
        if missing {
            return connection.execute_batch(&drop).map_err(wrong);
        }
        return Err(Failure::new(format!("the copy has no table `{name}`")));
    };
    if first.to_ascii_uppercase().starts_with("CREATE VIRTUAL") {
        let text = format!("`{name}` is a table of an extension");
        return Err(Failure::new(text).hint("restore the whole file"));
    }
    let rows = format!("INSERT INTO main.{table} SELECT * FROM copy.{table}");
    for sql in [&drop, first, &rows].into_iter().chain(rest) {
        connection.execute_batch(sql).map_err(wrong)?;
    }
    Ok(())
}
