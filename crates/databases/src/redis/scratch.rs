//! An empty server of our own, into which copies are brought to be looked at.
//!
//! It follows a server that is not there: so it neither drops nor expires a key whose time is over, and what
//! was counted with the copy can be counted again.

use super::copy::watched;
use super::{Redis, RedisAt, cli, either, file, follow, only_whole};
use crate::clock::now;
use crate::command::outflow;
use crate::database::{Database, Dump, Failure, Load, Undo};
use crate::password::Password;
use crate::place::{Answer, Place};
use crate::scratch::{Program, Scratch};
use mainstay_recovery::Figures;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::io::AsyncRead;
use tokio::sync::Mutex;

const SETTINGS: &str = "port 0\nunixsocket s\nunixsocketperm 700\ndir .\ndbfilename dump.rdb\nsave \
                        \"\"\nappendonly no\ndaemonize no\nreplicaof 127.0.0.1 1\nreplica-read-only no";

/// The server that has the copy.
pub(super) struct RedisScratch {
    server: Mutex<Arc<Server>>,
}

struct Server {
    scratch: Scratch,
    redis: Redis,
}

impl Server {
    async fn start(place: &dyn Place, prepare: &str, argument: &str) -> Result<Arc<Self>, Failure> {
        let serve = format!("{}\ncd \"$D\" && exec \"$C\" ./settings", either("server"));
        let program = Program {
            what: "a scratch redis-server",
            prepare,
            serve: &serve,
            arguments: &[argument],
            settings: SETTINGS,
            farewell: ":",
            password: &Password::None,
        };
        let scratch = program.start(place).await?;
        let redis = Redis {
            at: RedisAt::Socket(format!("{}/s", scratch.directory)),
            user: None,
            password: Password::None,
        };
        follow::loaded(&redis, place, &scratch).await?;
        Ok(Arc::new(Self { scratch, redis }))
    }

    /// Saves what it has, and reads that.
    async fn dump(&self, place: &dyn Place) -> Result<Dump, Failure> {
        cli::send(&self.redis, place, "SAVE").await?;
        let path = format!("{}/dump.rdb", self.scratch.directory);
        let words = ["cat", &path].map(str::to_owned);
        Ok(watched(outflow(place, "cat", &words, b"").await?, now()))
    }
}

impl RedisScratch {
    pub(super) async fn start(place: &dyn Place) -> Result<Self, Failure> {
        let server = Server::start(place, ":", "").await?;
        Ok(Self {
            server: Mutex::new(server),
        })
    }

    async fn server(&self) -> Arc<Server> {
        Arc::clone(&*self.server.lock().await)
    }
}

impl Database for RedisScratch {
    fn dump(&self, place: Arc<dyn Place>) -> Answer<'_, Result<Dump, Failure>> {
        Box::pin(async move { self.server().await.dump(&*place).await })
    }

    fn figures(&self, place: Arc<dyn Place>) -> Answer<'_, Result<Figures, Failure>> {
        Box::pin(async move { super::drained(self.server().await.dump(&*place).await?).await })
    }

    fn scratch(&self, place: Arc<dyn Place>) -> Answer<'_, Result<Box<dyn Database>, Failure>> {
        Box::pin(async move { Ok(Box::new(Self::start(&*place).await?) as Box<dyn Database>) })
    }

    /// A new server with the copy takes the place of the one before.
    fn load<'a>(
        &'a self,
        place: Arc<dyn Place>,
        mut data: Box<dyn AsyncRead + Send + Unpin + 'a>,
        load: Load,
    ) -> Answer<'a, Result<Undo, Failure>> {
        Box::pin(async move {
            if load != Load::Replace {
                return Err(only_whole());
            }
            let mut server = self.server.lock().await;
            let next = format!("{}/next.rdb", server.scratch.directory);
            file::write(&*place, &next, &mut *data).await?;
            *server = Server::start(&*place, r#"mv "$1" "$D/dump.rdb""#, &next).await?;
            Ok(Undo {
                kept: BTreeMap::new(),
            })
        })
    }

    fn undo<'a>(&'a self, _: Arc<dyn Place>, _: &'a Undo) -> Answer<'a, Result<(), Failure>> {
        Box::pin(async { Err(Failure::new("nothing is undone in a scratch server")) })
    }

    fn settle<'a>(&'a self, _: Arc<dyn Place>, _: &'a Undo) -> Answer<'a, Result<(), Failure>> {
        Box::pin(async { Ok(()) })
    }

    fn ask<'a>(
        &'a self,
        place: Arc<dyn Place>,
        query: &'a str,
    ) -> Answer<'a, Result<String, Failure>> {
        Box::pin(async move { cli::ask(&self.server().await.redis, &*place, query).await })
    }
}
