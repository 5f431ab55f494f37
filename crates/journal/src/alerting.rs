//! What alerting has to remember over a restart: rows by key, whose meaning is the server's.

use crate::error::JournalError;
use crate::journal::{Rows, Writer};
use crate::row;
use rusqlite::params;
use serde_json::Value;

impl Writer<'_> {
    /// Puts a row under its key, or takes it away. No secret values.
    pub fn put_alerting(&mut self, key: &str, value: Option<&Value>) -> Result<(), JournalError> {
        match value {
            Some(value) => self
                .transaction
                .prepare_cached(
                    "INSERT INTO alerting (key, data) VALUES (?1, ?2)
                     ON CONFLICT (key) DO UPDATE SET data = ?2",
                )?
                .execute(params![key, value.to_string()])?,
            None => self
                .transaction
                .prepare_cached("DELETE FROM alerting WHERE key = ?1")?
                .execute([key])?,
        };
        Ok(())
    }
}

impl Rows<'_> {
    /// Every row, by key.
    pub fn alerting(&self) -> Result<Vec<(String, Value)>, JournalError> {
        let mut select = self
            .connection
            .prepare_cached("SELECT key, data FROM alerting ORDER BY key")?;
        let rows = select.query_map([], |row| {
            Ok((row::get(row, "key")?, row::json(row, "data")?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
