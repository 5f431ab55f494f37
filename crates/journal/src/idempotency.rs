//! Idempotency keys: the same request asked twice is one operation.

use crate::error::JournalError;
use crate::journal::Writer;
use mainstay_model::Timestamp;
use rusqlite::{OptionalExtension as _, params};
use serde_json::Value;

/// A key is forgotten after this.
const KEPT_MS: i64 = 24 * 3600 * 1000;

/// What is known of a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// First seen: go on.
    Fresh,
    /// Seen before; the result is `None` while it is not known yet.
    Known {
        operation: String,
        result: Option<Value>,
    },
}

impl Writer<'_> {
    /// Takes a key for an operation. `request` is a fingerprint of what was asked: the same key
    /// with another one is refused.
    pub fn claim(
        &mut self,
        key: &str,
        request: &str,
        operation: &str,
        now: Timestamp,
    ) -> Result<Claim, JournalError> {
        let now = now.as_millis();
        self.transaction
            .prepare_cached("DELETE FROM idempotency WHERE created_at < ?1")?
            .execute([now.saturating_sub(KEPT_MS)])?;
        let mut select = self
            .transaction
            .prepare_cached("SELECT request, operation, result FROM idempotency WHERE key = ?1")?;
        let known = select.query_row([key], |row| {
            let result: Option<String> = row.get(2)?;
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, result))
        });
        let Some((known_request, operation, result)) = known.optional()? else {
            let mut insert = self.transaction.prepare_cached(
                "INSERT INTO idempotency (key, request, operation, created_at)
                 VALUES (?1, ?2, ?3, ?4)",
            )?;
            insert.execute(params![key, request, operation, now])?;
            return Ok(Claim::Fresh);
        };
        if known_request != request {
            return Err(JournalError::KeyReused {
                key: key.to_owned(),
            });
        }
        let result = result.map(|text| serde_json::from_str(&text)).transpose();
        let result = result.map_err(|error| JournalError::row(format!("key {key}"), &error))?;
        Ok(Claim::Known { operation, result })
    }

    /// Notes what came of the operation of a key.
    pub fn settle(&mut self, key: &str, result: &Value) -> Result<(), JournalError> {
        self.transaction
            .prepare_cached("UPDATE idempotency SET result = ?2 WHERE key = ?1")?
            .execute(params![key, result.to_string()])?;
        Ok(())
    }

    /// Gives a key back whose operation never began, so that it can be asked again.
    pub fn release_claim(&mut self, key: &str) -> Result<(), JournalError> {
        self.transaction
            .prepare_cached("DELETE FROM idempotency WHERE key = ?1 AND result IS NULL")?
            .execute([key])?;
        Ok(())
    }
}
