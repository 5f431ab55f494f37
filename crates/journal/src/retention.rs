//! Retention: old events go, and the chain goes on from an anchor.

use crate::chain::{HASH_BYTES, Head};
use crate::error::JournalError;
use crate::event::NewEvent;
use crate::journal::Writer;
use mainstay_model::Timestamp;
use rusqlite::{OptionalExtension as _, params};
use serde_json::json;

impl Writer<'_> {
    /// Removes the events from the oldest on that are older than `before`, but not the newest
    /// one; how many. The events that follow still verify, and an event says what was removed.
    pub fn prune_events(&mut self, before: Timestamp, now: Timestamp) -> Result<u64, JournalError> {
        let Some(anchor) = self.last_to_go(before)? else {
            return Ok(0);
        };
        let removed = self
            .transaction
            .execute("DELETE FROM events WHERE seq <= ?1", [anchor.seq as i64])?;
        self.transaction.execute(
            "UPDATE chain SET anchor_seq = ?1, anchor_hash = ?2, removed = removed + ?3",
            params![anchor.seq as i64, anchor.hash, removed as i64],
        )?;
        let message = format!("{removed} events up to {} were removed", anchor.seq);
        let mut event = NewEvent::new(now, "journal.pruned", message);
        event.data = json!({
            "removed": removed,
            "anchor_seq": anchor.seq,
            "anchor_hash": anchor.hash_hex(),
        });
        self.append(&event)?;
        Ok(removed as u64)
    }

    /// The last of the events, from the oldest on, that are all older than `before`. Times need
    /// not ascend: the first young one ends the search.
    fn last_to_go(&self, before: Timestamp) -> Result<Option<Head>, JournalError> {
        let young: Option<i64> = self.transaction.query_row(
            "SELECT min(seq) FROM events WHERE time >= ?1",
            [before.as_millis()],
            |row| row.get(0),
        )?;
        let newest = self.head.seq as i64;
        let end = young.unwrap_or(newest).min(newest);
        let last = self.transaction.query_row(
            "SELECT seq, hash FROM events WHERE seq < ?1 ORDER BY seq DESC LIMIT 1",
            [end],
            |row| {
                let seq: i64 = row.get(0)?;
                let hash: [u8; HASH_BYTES] = row.get(1)?;
                let seq = u64::try_from(seq).unwrap_or(0);
                Ok(Head { seq, hash })
            },
        );
        Ok(last.optional()?)
    }
}
