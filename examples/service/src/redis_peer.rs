//! Redis, where there is one: news between instances, counters, and finished jobs kept at hand.
//!
//! **Invariant:** the service works without it. Every use has a deadline and a way to go on; what
//! is only in Redis may be lost at any time.

use crate::settings::RedisUrl;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError};
use std::time::Duration;
use tokio::sync::Mutex;

const DEADLINE: Duration = Duration::from_secs(1);

/// One connection, shared, opened again after an error.
#[derive(Debug)]
pub(crate) struct RedisPeer {
    client: Client,
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl RedisPeer {
    /// Does not connect yet: Redis may come later.
    ///
    /// # Errors
    /// When the address is none.
    pub(crate) fn new(url: &RedisUrl) -> anyhow::Result<Self> {
        // Without the value and the parser's words: both hold a password.
        let client = Client::open(url.0.as_str()).map_err(|_| {
            anyhow::anyhow!("REDIS_URL is not understood\n  hint: write redis://HOST:PORT")
        })?;
        Ok(Self {
            client,
            connection: Mutex::new(None),
        })
    }

    pub(crate) async fn ping(&self) -> Result<(), RedisError> {
        self.ask(&redis::cmd("PING")).await
    }

    pub(crate) async fn publish(&self, channel: &str, message: &str) -> Result<(), RedisError> {
        self.ask(redis::cmd("PUBLISH").arg(channel).arg(message))
            .await
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<String>, RedisError> {
        self.ask(redis::cmd("GET").arg(key)).await
    }

    pub(crate) async fn put(
        &self,
        key: &str,
        value: &str,
        keep: Duration,
    ) -> Result<(), RedisError> {
        self.ask(
            redis::cmd("SET")
                .arg(key)
                .arg(value)
                .arg("EX")
                .arg(keep.as_secs()),
        )
        .await
    }

    /// Counts up and gives the new count; the counter goes after `keep`.
    pub(crate) async fn count(&self, key: &str, keep: Duration) -> Result<u64, RedisError> {
        let mut both = redis::pipe();
        both.atomic()
            .cmd("INCR")
            .arg(key)
            .cmd("EXPIRE")
            .arg(key)
            .arg(keep.as_secs())
            .ignore();
        let mut connection = self.connection().await?;
        let counted: Result<(u64,), _> = both.query_async(&mut connection).await;
        Ok(self.settle(counted).await?.0)
    }

    /// A connection of its own that hears what is said on a channel.
    pub(crate) async fn listen(&self, channel: &str) -> Result<redis::aio::PubSub, RedisError> {
        let mut listener = tokio::time::timeout(DEADLINE, self.client.get_async_pubsub())
            .await
            .map_err(|_| too_late())??;
        listener.subscribe(channel).await?;
        Ok(listener)
    }

    async fn ask<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, RedisError> {
        let mut connection = self.connection().await?;
        let answer = command.query_async(&mut connection).await;
        self.settle(answer).await
    }

    async fn connection(&self) -> Result<MultiplexedConnection, RedisError> {
        let mut slot = self.connection.lock().await;
        if let Some(connection) = slot.as_ref() {
            return Ok(connection.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(DEADLINE))
            .set_response_timeout(Some(DEADLINE));
        let connection = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        *slot = Some(connection.clone());
        Ok(connection)
    }

    /// After any error the next request gets a new connection.
    async fn settle<T>(&self, answer: Result<T, RedisError>) -> Result<T, RedisError> {
        if answer.is_err() {
            *self.connection.lock().await = None;
        }
        answer
    }
}

fn too_late() -> RedisError {
    (redis::ErrorKind::Io, "no connection in time").into()
}
