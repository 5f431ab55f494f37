//! What is asked of the store about echoes.

use crate::moment::Moment;
use crate::store::{Row, Store, StoreError, statement};
use serde::Serialize;

pub(crate) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS echoes (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, text TEXT NOT NULL, depth BIGINT NOT NULL,
    created_ms BIGINT NOT NULL);
CREATE INDEX IF NOT EXISTS echoes_by_owner ON echoes (owner, id);
";

/// Listed at once.
const MAX_LISTED: i64 = 50;

/// One call that was answered.
#[derive(Debug, Serialize)]
pub(crate) struct Echo {
    pub(crate) id: String,
    pub(crate) owner: String,
    pub(crate) text: String,
    pub(crate) depth: u32,
    pub(crate) created: Moment,
}

impl Store {
    pub(crate) async fn add_echo(&self, echo: Echo) -> Result<(), StoreError> {
        self.run(vec![statement!(
            "INSERT INTO echoes (id, owner, text, depth, created_ms) VALUES ($1, $2, $3, $4, $5)",
            echo.id.as_str(),
            echo.owner.as_str(),
            echo.text.as_str(),
            i64::from(echo.depth),
            echo.created.0
        )])
        .await
        .map(drop)
    }

    /// Newest first.
    pub(crate) async fn echoes(&self, owner: &str) -> Result<Vec<Echo>, StoreError> {
        let rows = self
            .run(vec![statement!(
                "SELECT id, owner, text, depth, created_ms FROM echoes WHERE owner = $1 \
                 ORDER BY id DESC LIMIT $2",
                owner,
                MAX_LISTED
            )])
            .await?;
        rows.iter().map(echo).collect()
    }

    pub(crate) async fn echo_count(&self) -> Result<i64, StoreError> {
        let rows = self
            .run(vec![statement!("SELECT count(*) FROM echoes")])
            .await?;
        rows.first().map_or(Ok(0), |row| row.integer(0))
    }
}

fn echo(row: &Row) -> Result<Echo, StoreError> {
    Ok(Echo {
        id: row.text(0)?.to_owned(),
        owner: row.text(1)?.to_owned(),
        text: row.text(2)?.to_owned(),
        depth: row.integer(3)? as u32,
        created: Moment(row.integer(4)?),
    })
}
