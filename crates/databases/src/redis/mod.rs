//! Redis, and Valkey: copies as RDB files, by `redis-cli` of the place.
//!
//! A copy comes over the replication protocol: the server forks and sends the state of that moment while it
//! goes on serving. What is counted is read from that same stream ([`rdb`]), so it is of the same moment. A
//! copy is loaded by a second server in the same place, which the live one follows for a moment: it takes
//! everything over at once, also where it appends to a file.

mod cli;
mod copy;
mod file;
mod follow;
mod rdb;
mod scratch;

use crate::command;
use crate::database::{Database, Dump, Failure, Load, Undo};
use crate::password::Password;
use crate::place::{Answer, Place};
use mainstay_recovery::Figures;
use std::sync::Arc;
use tokio::io::AsyncRead;

/// Where a Redis server is, seen from its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedisAt {
    /// On the loopback of the place, or a host.
    Port { host: String, port: u16 },
    /// The path of a socket.
    Socket(String),
}

/// One Redis server with all its databases.
#[derive(Debug, Clone)]
pub struct Redis {
    pub at: RedisAt,
    /// Of an access list; none: the default user. It needs `sync` and `replconf`; to load, `replicaof`, `config`,
    /// `info` and `bgsave` besides.
    pub user: Option<String>,
    pub password: Password,
}

impl Redis {
    /// On the loopback of its place, without a password.
    pub fn on_port(port: u16) -> Self {
        Self {
            at: RedisAt::Port {
                host: "127.0.0.1".to_owned(),
                port,
            },
            user: None,
            password: Password::None,
        }
    }

    /// As a service has it: on its port, with the password that its own environment has, if any.
    pub fn of_service(port: u16) -> Self {
        let names = ["REDISCLI_AUTH", "REDIS_PASSWORD", "VALKEY_PASSWORD"];
        Self::on_port(port).with_password(Password::Either(names.map(str::to_owned).into()))
    }

    #[must_use]
    pub fn with_password(mut self, password: Password) -> Self {
        self.password = password;
        self
    }
}

impl Database for Redis {
    fn dump(&self, place: Arc<dyn Place>) -> Answer<'_, Result<Dump, Failure>> {
        Box::pin(async move { copy::dump(self, &*place).await })
    }

    fn figures(&self, place: Arc<dyn Place>) -> Answer<'_, Result<Figures, Failure>> {
        Box::pin(async move { drained(copy::dump(self, &*place).await?).await })
    }

    fn scratch(&self, place: Arc<dyn Place>) -> Answer<'_, Result<Box<dyn Database>, Failure>> {
        Box::pin(async move {
            let scratch = scratch::RedisScratch::start(&*place).await?;
            Ok(Box::new(scratch) as Box<dyn Database>)
        })
    }

    fn load<'a>(
        &'a self,
        place: Arc<dyn Place>,
        mut data: Box<dyn AsyncRead + Send + Unpin + 'a>,
        load: Load,
    ) -> Answer<'a, Result<Undo, Failure>> {
        Box::pin(async move {
            match load {
                Load::Replace => follow::replace(self, &*place, &mut *data).await,
                Load::Beside { .. } | Load::Tables { .. } => Err(only_whole()),
            }
        })
    }

    fn undo<'a>(
        &'a self,
        place: Arc<dyn Place>,
        undo: &'a Undo,
    ) -> Answer<'a, Result<(), Failure>> {
        Box::pin(async move { follow::undo(self, &*place, undo).await })
    }

    fn settle<'a>(
        &'a self,
        place: Arc<dyn Place>,
        undo: &'a Undo,
    ) -> Answer<'a, Result<(), Failure>> {
        Box::pin(async move { file::remove(&*place, file::kept(undo)?).await })
    }

    fn ask<'a>(
        &'a self,
        place: Arc<dyn Place>,
        query: &'a str,
    ) -> Answer<'a, Result<String, Failure>> {
        Box::pin(async move { cli::ask(self, &*place, query).await })
    }
}

/// What a copy counts, when nobody wants its bytes.
async fn drained(dump: Dump) -> Result<Figures, Failure> {
    let Dump { mut data, end } = dump;
    let read = tokio::io::copy(&mut data, &mut tokio::io::sink()).await;
    read.map_err(|error| Failure::new(format!("reading a copy: {error}")))?;
    Ok(end.await?.figures)
}

fn only_whole() -> Failure {
    Failure::new(
        "a copy of Redis holds a whole server: it cannot be brought back in part or beside another",
    )
    .hint("restore it in place, or start a second service and restore into that")
}

/// For a program of Redis, or the one of Valkey where the place has that.
fn either(program: &str) -> String {
    format!("C=redis-{program}; command -v $C >/dev/null 2>&1 || C=valkey-{program}")
}

/// Commands that answer at once.
const SOON: std::time::Duration = command::START;
