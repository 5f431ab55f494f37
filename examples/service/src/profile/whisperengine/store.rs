//! What is asked of the store about memories and conversations, in the tables that the guide
//! indexes.

use super::gateway::Message;
use crate::moment::Moment;
use crate::store::{Store, StoreError, statement};

pub(crate) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS user_memories (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, content TEXT NOT NULL, created_at BIGINT NOT NULL);
CREATE INDEX IF NOT EXISTS user_memories_by_user ON user_memories (user_id, id);
CREATE TABLE IF NOT EXISTS conversations (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, guild_id TEXT NOT NULL, message TEXT NOT NULL,
    answer TEXT NOT NULL, created_at BIGINT NOT NULL);
";

impl Store {
    pub(crate) async fn remember(
        &self,
        user: &str,
        content: &str,
        now: Moment,
    ) -> Result<(), StoreError> {
        let id = uuid::Uuid::now_v7().to_string();
        self.run(vec![statement!(
            "INSERT INTO user_memories (id, user_id, content, created_at) VALUES ($1, $2, $3, $4)",
            id.as_str(),
            user,
            content,
            now.0
        )])
        .await
        .map(drop)
    }

    /// The newest first, at most `depth`.
    pub(crate) async fn recall(&self, user: &str, depth: u32) -> Result<Vec<String>, StoreError> {
        let rows = self
            .run(vec![statement!(
                "SELECT content FROM user_memories WHERE user_id = $1 ORDER BY id DESC LIMIT $2",
                user,
                i64::from(depth)
            )])
            .await?;
        rows.iter().map(|row| Ok(row.text(0)?.to_owned())).collect()
    }

    pub(crate) async fn forget(&self, user: &str) -> Result<(), StoreError> {
        self.run(vec![statement!(
            "DELETE FROM user_memories WHERE user_id = $1",
            user
        )])
        .await
        .map(drop)
    }

    /// Once for each message: a bot that was there twice would show here.
    pub(crate) async fn add_conversation(
        &self,
        message: &Message,
        answer: &str,
        now: Moment,
    ) -> Result<(), StoreError> {
        self.run(vec![statement!(
            "INSERT INTO conversations (id, user_id, guild_id, message, answer, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6)",
            message.id.as_str(),
            message.author.id.as_str(),
            message.guild_id.as_str(),
            message.content.as_str(),
            answer,
            now.0
        )])
        .await
        .map(drop)
    }

    pub(crate) async fn user_memory_count(&self) -> Result<i64, StoreError> {
        self.one("SELECT count(*) FROM user_memories").await
    }

    pub(crate) async fn conversation_count(&self) -> Result<i64, StoreError> {
        self.one("SELECT count(*) FROM conversations").await
    }

    async fn one(&self, sql: &'static str) -> Result<i64, StoreError> {
        let rows = self.run(vec![statement!(sql)]).await?;
        rows.first().map_or(Ok(0), |row| row.integer(0))
    }
}
