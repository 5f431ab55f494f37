//! Pipelines: the record of what a release went through, beside its rollout.

use crate::error::JournalError;
use crate::journal::{Rows, Writer};
use crate::row;
use mainstay_model::{ReleaseNumber, Scope, Timestamp};
use rusqlite::{OptionalExtension as _, Row, params};
use uuid::Uuid;

/// The pipeline of one rollout.
#[derive(Debug, Clone, PartialEq)]
pub struct PipelineRow {
    pub rollout: Uuid,
    pub scope: Scope,
    pub release: ReleaseNumber,
    /// JSON of the pipeline engine's state, as it was last saved.
    pub state: String,
    pub updated_at: Timestamp,
}

impl Writer<'_> {
    /// Writes the whole state, new or instead of the one before.
    pub fn put_pipeline(&mut self, pipeline: &PipelineRow) -> Result<(), JournalError> {
        let mut insert = self.transaction.prepare_cached(
            "INSERT INTO pipelines (rollout, stack, environment, release, state, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (rollout) DO UPDATE SET state = ?5, updated_at = ?6",
        )?;
        insert.execute(params![
            pipeline.rollout.to_string(),
            pipeline.scope.stack.as_str(),
            pipeline.scope.environment.as_str(),
            pipeline.release.0,
            pipeline.state,
            pipeline.updated_at.as_millis(),
        ])?;
        Ok(())
    }
}

impl Rows<'_> {
    /// That of one rollout.
    pub fn pipeline(&self, rollout: Uuid) -> Result<Option<PipelineRow>, JournalError> {
        let mut select = self
            .connection
            .prepare_cached("SELECT * FROM pipelines WHERE rollout = ?1")?;
        Ok(select
            .query_row([rollout.to_string()], pipeline)
            .optional()?)
    }

    /// Those of all rollouts to a release, oldest first: its deploy, then rollbacks to it.
    pub fn pipelines_of(
        &self,
        scope: &Scope,
        release: ReleaseNumber,
    ) -> Result<Vec<PipelineRow>, JournalError> {
        // Ids of rollouts ascend with time.
        let mut select = self.connection.prepare_cached(
            "SELECT * FROM pipelines WHERE stack = ?1 AND environment = ?2 AND release = ?3
             ORDER BY rollout",
        )?;
        let key = params![scope.stack.as_str(), scope.environment.as_str(), release.0];
        let rows = select.query_map(key, pipeline)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn pipeline(row: &Row<'_>) -> Result<PipelineRow, rusqlite::Error> {
    Ok(PipelineRow {
        rollout: row::parsed(row, "rollout")?,
        scope: row::scope(row)?,
        release: ReleaseNumber(row::get(row, "release")?),
        state: row::get(row, "state")?,
        updated_at: row::time(row, "updated_at")?,
    })
}
