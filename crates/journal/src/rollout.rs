//! Rollouts: a running row is the lease of its scope, and holds the engine's whole state.

use crate::error::JournalError;
use crate::journal::{Rows, Writer};
use crate::row;
use mainstay_model::{ReleaseNumber, Scope, Timestamp};
use rusqlite::{OptionalExtension as _, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutKind {
    Deploy,
    Rollback,
    Scale,
    Restart,
    Down,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutPhase {
    Running,
    Finished,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutOutcome {
    Succeeded,
    RolledBack,
    Failed,
}

/// A rollout to begin. `data` is the server's own, fixed for its life.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRollout {
    pub id: Uuid,
    pub scope: Scope,
    pub kind: RolloutKind,
    pub from: Option<ReleaseNumber>,
    pub to: ReleaseNumber,
    pub started_at: Timestamp,
    pub by: String,
    pub data: Value,
}

/// How a rollout ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishRollout {
    pub finished_at: Timestamp,
    pub outcome: RolloutOutcome,
    pub reason: String,
}

/// A rollout as it stands in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutRow {
    pub id: Uuid,
    pub scope: Scope,
    pub kind: RolloutKind,
    pub from: Option<ReleaseNumber>,
    pub to: ReleaseNumber,
    pub phase: RolloutPhase,
    /// JSON of the rollout engine's state, as it was last saved.
    pub state: String,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub by: String,
    pub outcome: Option<RolloutOutcome>,
    pub reason: Option<String>,
    pub data: Value,
}

impl Writer<'_> {
    /// Takes the lease of the scope. Refused while another rollout runs there.
    pub fn begin_rollout(&mut self, new: &NewRollout, state: &str) -> Result<(), JournalError> {
        if let Some(running) = self.rows().running_rollout(&new.scope)? {
            return Err(JournalError::RolloutRunning {
                scope: running.scope,
                id: running.id,
            });
        }
        let mut insert = self.transaction.prepare_cached(
            "INSERT INTO rollouts (id, stack, environment, kind, from_release, to_release, phase,
                                   state, started_at, by, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'running', ?7, ?8, ?9, ?10)",
        )?;
        insert.execute(params![
            new.id.to_string(),
            new.scope.stack.as_str(),
            new.scope.environment.as_str(),
            row::to_word(&new.kind)?,
            new.from.map(|release| release.0),
            new.to.0,
            state,
            new.started_at.as_millis(),
            new.by,
            new.data.to_string(),
        ])?;
        Ok(())
    }

    pub fn save_rollout(&mut self, id: Uuid, state: &str) -> Result<(), JournalError> {
        let mut update = self
            .transaction
            .prepare_cached("UPDATE rollouts SET state = ?2 WHERE id = ?1 AND phase = 'running'")?;
        match update.execute(params![id.to_string(), state])? {
            0 => Err(JournalError::NotRunning { id }),
            _ => Ok(()),
        }
    }

    /// Gives the lease back.
    pub fn finish_rollout(
        &mut self,
        id: Uuid,
        state: &str,
        finish: &FinishRollout,
    ) -> Result<(), JournalError> {
        let mut update = self.transaction.prepare_cached(
            "UPDATE rollouts
             SET state = ?2, phase = 'finished', finished_at = ?3, outcome = ?4, reason = ?5
             WHERE id = ?1 AND phase = 'running'",
        )?;
        let changed = update.execute(params![
            id.to_string(),
            state,
            finish.finished_at.as_millis(),
            row::to_word(&finish.outcome)?,
            finish.reason,
        ])?;
        match changed {
            0 => Err(JournalError::NotRunning { id }),
            _ => Ok(()),
        }
    }
}

impl Rows<'_> {
    pub fn rollout(&self, id: Uuid) -> Result<Option<RolloutRow>, JournalError> {
        let mut select = self
            .connection
            .prepare_cached("SELECT * FROM rollouts WHERE id = ?1")?;
        Ok(select.query_row([id.to_string()], rollout).optional()?)
    }

    /// The one that holds the scope's lease.
    pub fn running_rollout(&self, scope: &Scope) -> Result<Option<RolloutRow>, JournalError> {
        let mut select = self.connection.prepare_cached(
            "SELECT * FROM rollouts
             WHERE stack = ?1 AND environment = ?2 AND phase = 'running'",
        )?;
        let key = params![scope.stack.as_str(), scope.environment.as_str()];
        Ok(select.query_row(key, rollout).optional()?)
    }

    /// All that a server that starts up has to resume.
    pub fn running_rollouts(&self) -> Result<Vec<RolloutRow>, JournalError> {
        let mut select = self.connection.prepare_cached(
            "SELECT * FROM rollouts WHERE phase = 'running' ORDER BY started_at, id",
        )?;
        let rows = select.query_map([], rollout)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Newest first.
    pub fn rollouts(&self, scope: &Scope, limit: u32) -> Result<Vec<RolloutRow>, JournalError> {
        let mut select = self.connection.prepare_cached(
            "SELECT * FROM rollouts WHERE stack = ?1 AND environment = ?2
             ORDER BY started_at DESC, id DESC LIMIT ?3",
        )?;
        let key = params![scope.stack.as_str(), scope.environment.as_str(), limit];
        let rows = select.query_map(key, rollout)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn rollout(row: &Row<'_>) -> Result<RolloutRow, rusqlite::Error> {
    let finished: Option<i64> = row::get(row, "finished_at")?;
    Ok(RolloutRow {
        id: row::parsed(row, "id")?,
        scope: row::scope(row)?,
        kind: row::word(row, "kind")?,
        from: row::release(row, "from_release")?,
        to: ReleaseNumber(row::get(row, "to_release")?),
        phase: row::word(row, "phase")?,
        state: row::get(row, "state")?,
        started_at: row::time(row, "started_at")?,
        finished_at: finished.map(Timestamp::from_millis),
        by: row::get(row, "by")?,
        outcome: row::word_if(row, "outcome")?,
        reason: row::get(row, "reason")?,
        data: row::json(row, "data")?,
    })
}
