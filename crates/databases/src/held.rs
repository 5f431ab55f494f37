//! A database of a server of our own: everything is the database's to do, and the server ends with it.

use crate::database::{Database, Dump, Failure, Load, Undo};
use crate::place::{Answer, Place};
use mainstay_recovery::Figures;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::io::AsyncRead;

/// A database, and the server that it is in.
pub(crate) struct Held<D, S> {
    database: D,
    /// Only held. The lock lets threads share what none of them touches.
    _server: Mutex<S>,
}

impl<D, S> Held<D, S> {
    pub(crate) fn new(database: D, server: S) -> Self {
        Self {
            database,
            _server: Mutex::new(server),
        }
    }
}

impl<D: Database, S: Send + 'static> Database for Held<D, S> {
    fn dump(&self, place: Arc<dyn Place>) -> Answer<'_, Result<Dump, Failure>> {
        self.database.dump(place)
    }

    fn figures(&self, place: Arc<dyn Place>) -> Answer<'_, Result<Figures, Failure>> {
        self.database.figures(place)
    }

    fn scratch(&self, place: Arc<dyn Place>) -> Answer<'_, Result<Box<dyn Database>, Failure>> {
        self.database.scratch(place)
    }

    fn load<'a>(
        &'a self,
        place: Arc<dyn Place>,
        data: Box<dyn AsyncRead + Send + Unpin + 'a>,
        load: Load,
    ) -> Answer<'a, Result<Undo, Failure>> {
        self.database.load(place, data, load)
    }

    fn undo<'a>(
        &'a self,
        place: Arc<dyn Place>,
        undo: &'a Undo,
    ) -> Answer<'a, Result<(), Failure>> {
        self.database.undo(place, undo)
    }

    fn settle<'a>(
        &'a self,
        place: Arc<dyn Place>,
        undo: &'a Undo,
    ) -> Answer<'a, Result<(), Failure>> {
        self.database.settle(place, undo)
    }

    fn ask<'a>(
        &'a self,
        place: Arc<dyn Place>,
        query: &'a str,
    ) -> Answer<'a, Result<String, Failure>> {
        self.database.ask(place, query)
    }
}
