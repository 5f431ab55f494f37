//! What a database holds, counted in one reading transaction; and a user's question.

use super::copy::{open, open_still};
use super::failed;
use crate::database::Failure;
use mainstay_recovery::{Figures, TableFigures};
use ring::digest::{Context, SHA256};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};
use std::collections::BTreeMap;
use std::path::Path;

/// Ordinary tables: those of an extension keep what they have in others, which are counted.
const TABLES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND \
                      sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name";

/// `still`: nobody writes to it.
pub(super) fn figures(path: &Path, still: bool) -> Result<Figures, Failure> {
    let connection = if still {
        open_still(path)?
    } else {
        open(path)?
    };
    let wrong = failed(path, "counting");
    // All that follows sees one state.
    connection.execute_batch("BEGIN").map_err(&wrong)?;
    let mut figures = Figures::default();
    let counted = tables(&connection).and_then(|names| {
        for name in names {
            let table = table(&connection, &name)?;
            figures.tables.insert(name, table);
        }
        Ok(())
    });
    counted.map_err(&wrong)?;
    Ok(figures)
}

fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(TABLES)?;
    let names = statement.query_map(params![], |row| row.get(0))?;
    names.collect()
}

fn table(connection: &Connection, name: &str) -> rusqlite::Result<TableFigures> {
    let mut statement = connection.prepare(&format!("SELECT * FROM {}", quoted(name)))?;
    let columns = statement.column_count();
    let mut all = statement.query([])?;
    let (mut rows, mut sum) = (0, 0_u128);
    while let Some(row) = all.next()? {
        rows += 1;
        sum = sum.wrapping_add(digest(row, columns)?);
    }
    let checksum = Some(format!("{sum:032x}"));
    Ok(TableFigures { rows, checksum })
}

/// Half of the SHA-256 of a row; the kind of each value counts.
fn digest(row: &Row<'_>, columns: usize) -> rusqlite::Result<u128> {
    let mut context = Context::new(&SHA256);
    let mut part = |kind: u8, bytes: &[u8]| {
        context.update(&[kind]);
        context.update(&(bytes.len() as u64).to_le_bytes());
        context.update(bytes);
    };
    for column in 0..columns {
        match row.get_ref(column)? {
            ValueRef::Null => part(0, &[]),
            ValueRef::Integer(number) => part(1, &number.to_le_bytes()),
            ValueRef::Real(number) => part(2, &number.to_bits().to_le_bytes()),
            ValueRef::Text(text) => part(3, text),
            ValueRef::Blob(bytes) => part(4, bytes),
        }
    }
    let whole = context.finish();
    let half: [u8; 16] = std::array::from_fn(|at| whole.as_ref()[at]);
    Ok(u128::from_le_bytes(half))
}

/// An identifier as a statement has it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What is worth knowing of a copy.
pub(super) fn details(path: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let connection = open_still(path)?;
    let mut details = BTreeMap::new();
    for name in ["page_size", "user_version", "application_id"] {
        let value: i64 = connection
            .query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
            .map_err(failed(path, "looking at"))?;
        details.insert(name.replace('_', "-"), value.to_string());
    }
    details.insert("version".to_owned(), rusqlite::version().to_owned());
    Ok(details)
}

/// The first value of a question that changes nothing.
pub(super) fn ask(path: &Path, query: &str) -> Result<String, Failure> {
    let connection = open(path)?;
    let wrong = |error| Failure::new(format!("asking: {error}"));
    connection
        .execute_batch("PRAGMA query_only = on")
        .map_err(wrong)?;
    let answer = connection.query_row(query, [], |row| {
        Ok(match row.get_ref(0)? {
            ValueRef::Null => String::new(),
            ValueRef::Integer(number) => number.to_string(),
            ValueRef::Real(number) => number.to_string(),
            ValueRef::Text(text) | ValueRef::Blob(text) => {
                String::from_utf8_lossy(text).into_owned()
            }
        })
    });
    match answer {
        Err(rusqlite::Error::QueryReturnedNoRows) => Ok(String::new()),
        answer => answer.map_err(wrong),
    }
}
