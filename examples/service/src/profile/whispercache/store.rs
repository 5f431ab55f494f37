//! What is asked of the store about memories.

use super::merkle::Hash;
use crate::account::{hex, unhex};
use crate::moment::Moment;
use crate::store::{Row, Store, StoreError, statement};
use bytes::Bytes;

pub(crate) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS memories (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, content BYTEA NOT NULL, sealed BIGINT NOT NULL,
    leaf TEXT NOT NULL, created_ms BIGINT NOT NULL);
CREATE INDEX IF NOT EXISTS memories_by_owner ON memories (owner, id);
";

/// Of one owner; a tree over more would have to be kept rather than made for each proof.
pub(crate) const MAX_MEMORIES: i64 = 10_000;

/// One memory. Its id begins with its time, so that ids are in the order of storing.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    pub(crate) id: String,
    pub(crate) owner: String,
    pub(crate) content: Bytes,
    pub(crate) sealed: bool,
    pub(crate) leaf: Hash,
    pub(crate) created: Moment,
}

impl Store {
    pub(crate) async fn put_memory(&self, memory: Memory) -> Result<(), StoreError> {
        self.run(vec![statement!(
            "INSERT INTO memories (id, owner, content, sealed, leaf, created_ms) \
             VALUES ($1, $2, $3, $4, $5, $6)",
            memory.id.as_str(),
            memory.owner.as_str(),
            memory.content,
            i64::from(memory.sealed),
            hex(&memory.leaf).as_str(),
            memory.created.0
        )])
        .await
        .map(drop)
    }

    pub(crate) async fn memory(&self, id: &str) -> Result<Option<Memory>, StoreError> {
        let rows = self
            .run(vec![statement!(
                "SELECT id, owner, content, sealed, leaf, created_ms FROM memories WHERE id = $1",
                id
            )])
            .await?;
        rows.first().map(memory).transpose()
    }

    /// Ids and leaves of one owner, in the order of storing.
    pub(crate) async fn leaves(&self, owner: &str) -> Result<Vec<(String, Hash)>, StoreError> {
        let rows = self
            .run(vec![statement!(
                "SELECT id, leaf FROM memories WHERE owner = $1 ORDER BY id LIMIT $2",
                owner,
                MAX_MEMORIES
            )])
            .await?;
        let leaf = |row: &Row| Ok((row.text(0)?.to_owned(), hash(row, 1)?));
        rows.iter().map(leaf).collect()
    }

    pub(crate) async fn memory_count(&self, owner: Option<&str>) -> Result<i64, StoreError> {
        let rows = self
            .run(vec![statement!(
                "SELECT count(*) FROM memories WHERE $1 = '' OR owner = $1",
                owner.unwrap_or_default()
            )])
            .await?;
        rows.first().map_or(Ok(0), |row| row.integer(0))
    }
}

fn memory(row: &Row) -> Result<Memory, StoreError> {
    Ok(Memory {
        id: row.text(0)?.to_owned(),
        owner: row.text(1)?.to_owned(),
        content: row.bytes(2)?,
        sealed: row.integer(3)? != 0,
        leaf: hash(row, 4)?,
        created: Moment(row.integer(5)?),
    })
}

fn hash(row: &Row, column: usize) -> Result<Hash, StoreError> {
    unhex(row.text(column)?)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(StoreError::Field { column })
}
