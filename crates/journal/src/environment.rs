//! Environments: one small JSON document of the server per scope.

use crate::error::JournalError;
use crate::journal::{Rows, Writer};
use crate::row;
use mainstay_model::{Scope, Timestamp};
use rusqlite::{OptionalExtension as _, Row, params};
use serde_json::Value;

#[derive(Debug, Clone, PartialEq)]
pub struct EnvironmentRow {
    pub scope: Scope,
    /// The server's: what ought to run, overrides of replicas. No secret values.
    pub data: Value,
    pub updated_at: Timestamp,
}

impl Writer<'_> {
    /// Writes the whole document, new or instead of the one before.
    pub fn put_environment(
        &mut self,
        scope: &Scope,
        data: &Value,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let mut insert = self.transaction.prepare_cached(
            "INSERT INTO environments (stack, environment, data, updated_at)
             VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (stack, environment) DO UPDATE SET data = ?3, updated_at = ?4",
        )?;
        insert.execute(params![
            scope.stack.as_str(),
            scope.environment.as_str(),
            data.to_string(),
            now.as_millis(),
        ])?;
        Ok(())
    }

    /// Forgets the document; releases, rollouts and events of the scope stay.
    pub fn drop_environment(&mut self, scope: &Scope) -> Result<(), JournalError> {
        let mut delete = self
            .transaction
            .prepare_cached("DELETE FROM environments WHERE stack = ?1 AND environment = ?2")?;
        delete.execute(params![scope.stack.as_str(), scope.environment.as_str()])?;
        Ok(())
    }
}

impl Rows<'_> {
    pub fn environment(&self, scope: &Scope) -> Result<Option<EnvironmentRow>, JournalError> {
        let mut select = self
            .connection
            .prepare_cached("SELECT * FROM environments WHERE stack = ?1 AND environment = ?2")?;
        let key = params![scope.stack.as_str(), scope.environment.as_str()];
        Ok(select.query_row(key, environment).optional()?)
    }

    /// By stack, then by environment.
    pub fn environments(&self) -> Result<Vec<EnvironmentRow>, JournalError> {
        let mut select = self
            .connection
            .prepare_cached("SELECT * FROM environments ORDER BY stack, environment")?;
        let rows = select.query_map([], environment)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn environment(row: &Row<'_>) -> Result<EnvironmentRow, rusqlite::Error> {
    Ok(EnvironmentRow {
        scope: row::scope(row)?,
        data: row::json(row, "data")?,
        updated_at: row::time(row, "updated_at")?,
    })
}
