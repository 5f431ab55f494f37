//! Requests that wait for somebody's approval, and what became of them.

use crate::error::JournalError;
use crate::journal::{Rows, Writer};
use crate::row;
use mainstay_model::{Scope, Timestamp};
use rusqlite::{OptionalExtension as _, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// Where a request is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestState {
    Pending,
    /// Enough people agreed; its operation is begun, also after a crash.
    Approved,
    /// Its operation has begun.
    Begun,
    Rejected,
    Expired,
    /// Approved, and then refused for a reason of its own.
    Refused,
}

/// A request as it stands in the journal. What is to be done stands sealed elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestRow {
    /// Also that of the operation.
    pub id: Uuid,
    pub scope: Scope,
    pub by: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub state: RequestState,
    pub decided_at: Option<Timestamp>,
    pub reason: Option<String>,
    /// The server's: what is asked for, what is needed, who agreed. No secret values.
    pub data: Value,
}

impl Writer<'_> {
    pub fn put_request(&mut self, request: &RequestRow) -> Result<(), JournalError> {
        let mut insert = self.transaction.prepare_cached(
            "INSERT INTO requests (id, stack, environment, by, created_at, expires_at, state,
                                   decided_at, reason, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (id) DO UPDATE SET state = ?7, decided_at = ?8, reason = ?9, data = ?10",
        )?;
        insert.execute(params![
            request.id.to_string(),
            request.scope.stack.as_str(),
            request.scope.environment.as_str(),
            request.by,
            request.created_at.as_millis(),
            request.expires_at.as_millis(),
            row::to_word(&request.state)?,
            request.decided_at.map(Timestamp::as_millis),
            request.reason,
            request.data.to_string(),
        ])?;
        Ok(())
    }

    /// Notes that the operation of an approved request has begun; nothing where there is none.
    pub fn begin_request(&mut self, id: Uuid) -> Result<(), JournalError> {
        self.transaction
            .prepare_cached(
                "UPDATE requests SET state = 'begun' WHERE id = ?1 AND state = 'approved'",
            )?
            .execute([id.to_string()])?;
        Ok(())
    }
}

impl Rows<'_> {
    pub fn request(&self, id: Uuid) -> Result<Option<RequestRow>, JournalError> {
        let mut select = self
            .connection
            .prepare_cached("SELECT * FROM requests WHERE id = ?1")?;
        Ok(select.query_row([id.to_string()], request).optional()?)
    }

    /// All that somebody has to decide on, or that the server has to begin; oldest first.
    pub fn open_requests(&self) -> Result<Vec<RequestRow>, JournalError> {
        let mut select = self.connection.prepare_cached(
            "SELECT * FROM requests WHERE state IN ('pending', 'approved') ORDER BY id",
        )?;
        let rows = select.query_map([], request)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn request(row: &Row<'_>) -> Result<RequestRow, rusqlite::Error> {
    let decided: Option<i64> = row::get(row, "decided_at")?;
    Ok(RequestRow {
        id: row::parsed(row, "id")?,
        scope: row::scope(row)?,
        by: row::get(row, "by")?,
        created_at: row::time(row, "created_at")?,
        expires_at: row::time(row, "expires_at")?,
        state: row::word(row, "state")?,
        decided_at: decided.map(Timestamp::from_millis),
        reason: row::get(row, "reason")?,
        data: row::json(row, "data")?,
    })
}
