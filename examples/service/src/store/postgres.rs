//! PostgreSQL: a few connections, opened when they are needed and again when they were lost.
//!
//! A transaction has a connection for itself; who finds none free waits for its turn. Without
//! TLS: meant for a database on the same machine or a private network.

use super::value::{Row, Statement, Value};
use super::{Connections, StoreError};
use bytes::{Bytes, BytesMut};
use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Config, NoTls};

/// For opening a connection, and for each transaction on it.
const DEADLINE: Duration = Duration::from_secs(5);

/// Any number, as long as each instance uses the same: only one lays the schema at a time.
const SCHEMA_LOCK: i64 = 7_261_001;

#[derive(Debug)]
pub(super) struct Postgres {
    config: Config,
    schema: String,
    idle: Mutex<Vec<Client>>,
    /// One for each connection there may be.
    turns: Semaphore,
    most: u32,
}

impl Postgres {
    /// Connects once, so that a wrong address is seen at the start.
    pub(super) async fn open(url: &str, schema: String, most: u32) -> Result<Self, StoreError> {
        let mut config: Config = url.parse().map_err(|_| StoreError::Url)?;
        config
            .connect_timeout(DEADLINE)
            .application_name("sample-service");
        let postgres = Self {
            config,
            schema,
            idle: Mutex::default(),
            turns: Semaphore::new(most as usize),
            most,
        };
        let client = postgres.connect().await?;
        postgres.put_back(client);
        Ok(postgres)
    }

    pub(super) fn connections(&self) -> Connections {
        let free = self.turns.available_permits() as u32;
        Connections {
            active: self.most.saturating_sub(free),
            most: self.most,
        }
    }

    /// Runs all of it or none; gives the last statement's rows.
    ///
    /// Dropped half-way, the transaction is rolled back, and its connection is given up.
    pub(super) async fn run(&self, statements: Vec<Statement>) -> Result<Vec<Row>, StoreError> {
        let work = async {
            let _turn = self.turns.acquire().await.map_err(|_| StoreError::Closed)?;
            let mut client = match self.take() {
                Some(client) => client,
                None => self.connect().await?,
            };
            let outcome = transaction(&mut client, &statements).await;
            self.put_back(client);
            outcome
        };
        tokio::time::timeout(DEADLINE, work)
            .await
            .unwrap_or(Err(StoreError::Deadline))
    }

    fn take(&self) -> Option<Client> {
        let mut idle = self.idle();
        idle.retain(|client| !client.is_closed());
        idle.pop()
    }

    fn put_back(&self, client: Client) {
        self.idle().push(client);
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Client>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> Result<Client, StoreError> {
        let open = async {
            let (client, connection) = self.config.connect(NoTls).await?;
            // Ends with the client, or with the connection.
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::warn!(%error, "lost the connection to PostgreSQL");
                }
            });
            client
                .batch_execute(&format!(
                    "BEGIN; SELECT pg_advisory_xact_lock({SCHEMA_LOCK}); {} COMMIT;",
                    self.schema
                ))
                .await?;
            Ok::<_, tokio_postgres::Error>(client)
        };
        let client = tokio::time::timeout(DEADLINE, open)
            .await
            .map_err(|_| StoreError::Deadline)??;
        Ok(client)
    }
}

async fn transaction(
    client: &mut Client,
    statements: &[Statement],
) -> Result<Vec<Row>, StoreError> {
    let transaction = client.transaction().await?;
    let mut rows = Vec::new();
    for statement in statements {
        let parameters: Vec<&(dyn ToSql + Sync)> = statement
            .parameters
            .iter()
            .map(|value| value as &(dyn ToSql + Sync))
            .collect();
        rows = transaction.query(statement.sql, &parameters).await?;
    }
    transaction.commit().await?;
    rows.iter().map(row).collect()
}

fn row(row: &tokio_postgres::Row) -> Result<Row, StoreError> {
    (0..row.len())
        .map(|column| row.try_get::<_, Value>(column))
        .collect::<Result<_, _>>()
        .map(Row)
        .map_err(StoreError::from)
}

impl ToSql for Value {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(value) => value.to_sql(kind, out),
            Self::Real(value) => value.to_sql(kind, out),
            Self::Text(value) => value.to_sql(kind, out),
            Self::Bytes(value) => value.as_ref().to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::INT8 | Type::FLOAT8 | Type::TEXT | Type::BYTEA)
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(match *kind {
            Type::INT8 => Self::Integer(i64::from_sql(kind, raw)?),
            Type::FLOAT8 => Self::Real(f64::from_sql(kind, raw)?),
            Type::BYTEA => Self::Bytes(Bytes::copy_from_slice(raw)),
            _ => Self::Text(String::from_sql(kind, raw)?),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(kind: &Type) -> bool {
        <Self as ToSql>::accepts(kind)
    }
}
