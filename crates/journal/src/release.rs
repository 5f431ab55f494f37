//! Releases: immutable, numbered per scope; only their status and the server's record change.

use crate::error::JournalError;
use crate::journal::{Rows, Writer};
use crate::row;
use mainstay_model::{ReleaseNumber, Scope, ServiceName, Timestamp};
use rusqlite::{OptionalExtension as _, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Where a release is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseStatus {
    RollingOut,
    Current,
    /// Was current once; can be rolled back to.
    Superseded,
    /// Never became current.
    Failed,
}

/// What a release says of one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceGeneration {
    /// The release whose rollout started the instances of this service.
    pub generation: ReleaseNumber,
    /// Equal fingerprints run the same thing the same way.
    pub fingerprint: String,
}

/// A release to be written. `definition` is the redacted stack: no secret values.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRelease {
    pub scope: Scope,
    pub created_at: Timestamp,
    pub by: String,
    pub description: Option<String>,
    pub tag: Option<String>,
    pub commit: Option<String>,
    pub definition: Value,
    pub services: BTreeMap<ServiceName, ServiceGeneration>,
    /// Path as the stack names it → SHA-256 in hex.
    pub artifacts: BTreeMap<String, String>,
    /// The server's own: where it came from, its notes, the schema's revision.
    pub record: Value,
}

/// A release as it stands in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Release {
    pub scope: Scope,
    pub number: ReleaseNumber,
    pub created_at: Timestamp,
    pub by: String,
    pub description: Option<String>,
    pub tag: Option<String>,
    pub commit: Option<String>,
    pub definition: Value,
    pub services: BTreeMap<ServiceName, ServiceGeneration>,
    pub artifacts: BTreeMap<String, String>,
    pub status: ReleaseStatus,
    /// Null for releases of older versions.
    pub record: Value,
    /// When a rollout to it was last watched through.
    pub verified_at: Option<Timestamp>,
}

impl Writer<'_> {
    /// Writes a release under the next number of its scope, with status *rolling out*.
    pub fn add_release(&mut self, release: &NewRelease) -> Result<ReleaseNumber, JournalError> {
        let number = self.rows().next_release(&release.scope)?;
        let services = release.services.clone();
        self.add_release_as(release, number, &services)?;
        Ok(number)
    }

    /// As [`Writer::add_release`], where the generations depend on the number
    /// ([`Rows::next_release`] in the same transaction).
    pub fn add_release_as(
        &mut self,
        release: &NewRelease,
        number: ReleaseNumber,
        services: &BTreeMap<ServiceName, ServiceGeneration>,
    ) -> Result<(), JournalError> {
        let mut insert = self.transaction.prepare_cached(
            "INSERT INTO releases (stack, environment, number, created_at, by, description, tag,
                                   revision, definition, services, artifacts, status, record)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?;
        insert.execute(params![
            release.scope.stack.as_str(),
            release.scope.environment.as_str(),
            number.0,
            release.created_at.as_millis(),
            release.by,
            release.description,
            release.tag,
            release.commit,
            release.definition.to_string(),
            row::to_json(services)?,
            row::to_json(&release.artifacts)?,
            row::to_word(&ReleaseStatus::RollingOut)?,
            release.record.to_string(),
        ])?;
        Ok(())
    }

    /// Writes the server's own part anew.
    pub fn set_release_record(
        &mut self,
        scope: &Scope,
        number: ReleaseNumber,
        record: &Value,
    ) -> Result<(), JournalError> {
        self.transaction
            .prepare_cached(
                "UPDATE releases SET record = ?4
                 WHERE stack = ?1 AND environment = ?2 AND number = ?3",
            )?
            .execute(params![
                scope.stack.as_str(),
                scope.environment.as_str(),
                number.0,
                record.to_string()
            ])?;
        Ok(())
    }

    /// Notes that a rollout to it has been watched through.
    pub fn set_verified(
        &mut self,
        scope: &Scope,
        number: ReleaseNumber,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        self.transaction
            .prepare_cached(
                "UPDATE releases SET verified_at = ?4
                 WHERE stack = ?1 AND environment = ?2 AND number = ?3",
            )?
            .execute(params![
                scope.stack.as_str(),
                scope.environment.as_str(),
                number.0,
                at.as_millis()
            ])?;
        Ok(())
    }

    /// `Current` makes the one that was current *superseded*.
    pub fn set_release_status(
        &mut self,
        scope: &Scope,
        number: ReleaseNumber,
        status: ReleaseStatus,
    ) -> Result<(), JournalError> {
        let (stack, environment) = (scope.stack.as_str(), scope.environment.as_str());
        if status == ReleaseStatus::Current {
            self.transaction
                .prepare_cached(
                    "UPDATE releases SET status = 'superseded'
                 WHERE stack = ?1 AND environment = ?2 AND status = 'current' AND number <> ?3",
                )?
                .execute(params![stack, environment, number.0])?;
        }
        let changed = self.transaction.prepare_cached(
            "UPDATE releases SET status = ?4 WHERE stack = ?1 AND environment = ?2 AND number = ?3",
        )?.execute(params![stack, environment, number.0, row::to_word(&status)?])?;
        if changed == 0 {
            return Err(JournalError::NoRelease {
                scope: scope.clone(),
                number: number.0,
            });
        }
        Ok(())
    }
}

impl Rows<'_> {
    /// The number that the next release of the scope will get.
    pub fn next_release(&self, scope: &Scope) -> Result<ReleaseNumber, JournalError> {
        let mut select = self.connection.prepare_cached(
            "SELECT coalesce(max(number), 0) + 1 FROM releases WHERE stack = ?1 AND environment = ?2",
        )?;
        let scope = params![scope.stack.as_str(), scope.environment.as_str()];
        Ok(ReleaseNumber(select.query_row(scope, |row| row.get(0))?))
    }

    pub fn release(
        &self,
        scope: &Scope,
        number: ReleaseNumber,
    ) -> Result<Option<Release>, JournalError> {
        let mut select = self.connection.prepare_cached(
            "SELECT * FROM releases WHERE stack = ?1 AND environment = ?2 AND number = ?3",
        )?;
        let key = params![scope.stack.as_str(), scope.environment.as_str(), number.0];
        Ok(select.query_row(key, release).optional()?)
    }

    /// Newest first.
    pub fn releases(&self, scope: &Scope, limit: u32) -> Result<Vec<Release>, JournalError> {
        let mut select = self.connection.prepare_cached(
            "SELECT * FROM releases WHERE stack = ?1 AND environment = ?2
             ORDER BY number DESC LIMIT ?3",
        )?;
        let key = params![scope.stack.as_str(), scope.environment.as_str(), limit];
        let rows = select.query_map(key, release)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn release(row: &Row<'_>) -> Result<Release, rusqlite::Error> {
    let record: Option<String> = row::get(row, "record")?;
    let verified: Option<i64> = row::get(row, "verified_at")?;
    Ok(Release {
        scope: row::scope(row)?,
        number: ReleaseNumber(row::get(row, "number")?),
        created_at: row::time(row, "created_at")?,
        by: row::get(row, "by")?,
        description: row::get(row, "description")?,
        tag: row::get(row, "tag")?,
        commit: row::get(row, "revision")?,
        definition: row::json(row, "definition")?,
        services: row::json(row, "services")?,
        artifacts: row::json(row, "artifacts")?,
        status: row::word(row, "status")?,
        record: match record {
            Some(_) => row::json(row, "record")?,
            None => Value::Null,
        },
        verified_at: verified.map(Timestamp::from_millis),
    })
}
