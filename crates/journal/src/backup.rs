//! Restore points, and jobs about them: what was begun, what became of it, what proves it.

use crate::error::JournalError;
use crate::journal::{Rows, Writer};
use crate::row;
use mainstay_model::{Scope, Timestamp};
use rusqlite::{OptionalExtension as _, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// A restore point that is whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PointRow {
    pub id: Uuid,
    pub scope: Scope,
    /// Unique within the scope.
    pub name: String,
    pub began_at: Timestamp,
    /// The server's: parts, copies, proofs. No secret values.
    pub data: Value,
}

/// Where a job is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    Running,
    Done,
    Failed,
}

/// One job: a backup, a drill, a restore.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRow {
    pub id: Uuid,
    pub scope: Scope,
    /// The server's word for what it does.
    pub kind: String,
    pub state: JobState,
    pub began_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// The server's: how far it came, what has to be undone. No secret values.
    pub data: Value,
}

impl Writer<'_> {
    pub fn put_point(&mut self, point: &PointRow) -> Result<(), JournalError> {
        let mut insert = self.transaction.prepare_cached(
            "INSERT INTO restore_points (id, stack, environment, name, began_at, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (id) DO UPDATE SET data = ?6",
        )?;
        insert.execute(params![
            point.id.to_string(),
            point.scope.stack.as_str(),
            point.scope.environment.as_str(),
            point.name,
            point.began_at.as_millis(),
            point.data.to_string(),
        ])?;
        Ok(())
    }

    /// Forgets a restore point; nothing where there is none.
    pub fn remove_point(&mut self, id: Uuid) -> Result<(), JournalError> {
        self.transaction
            .prepare_cached("DELETE FROM restore_points WHERE id = ?1")?
            .execute([id.to_string()])?;
        Ok(())
    }

    pub fn put_job(&mut self, job: &JobRow) -> Result<(), JournalError> {
        let mut insert = self.transaction.prepare_cached(
            "INSERT INTO backup_jobs (id, stack, environment, kind, state, began_at, ended_at, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (id) DO UPDATE SET state = ?5, ended_at = ?7, data = ?8",
        )?;
        insert.execute(params![
            job.id.to_string(),
            job.scope.stack.as_str(),
            job.scope.environment.as_str(),
            job.kind,
            row::to_word(&job.state)?,
            job.began_at.as_millis(),
            job.ended_at.map(Timestamp::as_millis),
            job.data.to_string(),
        ])?;
        Ok(())
    }
}

impl Rows<'_> {
    /// Newest first.
    pub fn points(&self, scope: &Scope) -> Result<Vec<PointRow>, JournalError> {
        let mut select = self.connection.prepare_cached(
            "SELECT * FROM restore_points WHERE stack = ?1 AND environment = ?2
             ORDER BY began_at DESC, id DESC",
        )?;
        let scope = params![scope.stack.as_str(), scope.environment.as_str()];
        let rows = select.query_map(scope, point)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub fn job(&self, id: Uuid) -> Result<Option<JobRow>, JournalError> {
        let mut select = self
            .connection
            .prepare_cached("SELECT * FROM backup_jobs WHERE id = ?1")?;
        Ok(select.query_row([id.to_string()], job).optional()?)
    }

    /// Newest first.
    pub fn jobs(&self, scope: &Scope, limit: u32) -> Result<Vec<JobRow>, JournalError> {
        let mut select = self.connection.prepare_cached(
            "SELECT * FROM backup_jobs WHERE stack = ?1 AND environment = ?2
             ORDER BY began_at DESC, id DESC LIMIT ?3",
        )?;
        let scope = params![scope.stack.as_str(), scope.environment.as_str(), limit];
        let rows = select.query_map(scope, job)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Those that nothing has ended yet: after a crash, what has to be taken up.
    pub fn running_jobs(&self) -> Result<Vec<JobRow>, JournalError> {
        let mut select = self
            .connection
            .prepare_cached("SELECT * FROM backup_jobs WHERE state = 'running' ORDER BY id")?;
        let rows = select.query_map([], job)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn point(row: &Row<'_>) -> Result<PointRow, rusqlite::Error> {
    Ok(PointRow {
        id: row::parsed(row, "id")?,
        scope: row::scope(row)?,
        name: row::get(row, "name")?,
        began_at: row::time(row, "began_at")?,
        data: row::json(row, "data")?,
    })
}

fn job(row: &Row<'_>) -> Result<JobRow, rusqlite::Error> {
    let ended: Option<i64> = row::get(row, "ended_at")?;
    Ok(JobRow {
        id: row::parsed(row, "id")?,
        scope: row::scope(row)?,
        kind: row::get(row, "kind")?,
        state: row::word(row, "state")?,
        began_at: row::time(row, "began_at")?,
        ended_at: ended.map(Timestamp::from_millis),
        data: row::json(row, "data")?,
    })
}
