//! MySQL and MariaDB: copies as SQL, by the dump program of the place, whichever it has.
//!
//! The dump is one transaction's view; its rows are counted as they pass ([`scan`]), so the figures are of the
//! same moment. A copy is loaded into a database of its own and takes the place of the old by renaming tables,
//! which the server does at once; what was there goes into a third database until it is settled.

mod client;
mod dump;
mod find;
mod left;
mod load;
mod login;
mod objects;
mod scan;
mod scratch;
mod swap;
mod undo;

use crate::database::{Database, Dump, Failure, Load, Undo};
use crate::place::{Answer, Place};
use mainstay_recovery::Figures;
use std::sync::Arc;
use tokio::io::AsyncRead;

pub use login::{MysqlAt, MysqlLogin};

/// One database of a server of MySQL or MariaDB.
#[derive(Debug, Clone)]
pub struct Mysql {
    pub login: MysqlLogin,
    pub database: String,
}

impl Database for Mysql {
    fn dump(&self, place: Arc<dyn Place>) -> Answer<'_, Result<Dump, Failure>> {
        Box::pin(async move { dump::dump(self, &*place).await })
    }

    fn figures(&self, place: Arc<dyn Place>) -> Answer<'_, Result<Figures, Failure>> {
        Box::pin(async move { dump::figures(self, &*place).await })
    }

    fn scratch(&self, place: Arc<dyn Place>) -> Answer<'_, Result<Box<dyn Database>, Failure>> {
        Box::pin(async move {
            let scratch = scratch::start(&*place, &self.database).await?;
            Ok(Box::new(scratch) as Box<dyn Database>)
        })
    }

    fn load<'a>(
        &'a self,
        place: Arc<dyn Place>,
        mut data: Box<dyn AsyncRead + Send + Unpin + 'a>,
        load: Load,
    ) -> Answer<'a, Result<Undo, Failure>> {
        Box::pin(async move { load::load(self, &*place, &mut *data, load).await })
    }

    fn undo<'a>(
        &'a self,
        place: Arc<dyn Place>,
        undo: &'a Undo,
    ) -> Answer<'a, Result<(), Failure>> {
        Box::pin(async move { undo::undo(self, &*place, undo).await })
    }

    fn settle<'a>(
        &'a self,
        place: Arc<dyn Place>,
        undo: &'a Undo,
    ) -> Answer<'a, Result<(), Failure>> {
        Box::pin(async move { undo::settle(self, &*place, undo).await })
    }

    fn ask<'a>(
        &'a self,
        place: Arc<dyn Place>,
        query: &'a str,
    ) -> Answer<'a, Result<String, Failure>> {
        Box::pin(async move { client::ask(self, &*place, query).await })
    }
}
