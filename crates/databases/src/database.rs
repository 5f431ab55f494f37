//! What every engine can do, and one conformance suite checks.

use crate::place::{Answer, Place};
use mainstay_model::Timestamp;
use mainstay_recovery::Figures;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::io::AsyncRead;

/// One database of one engine, and how it is logged in to.
pub trait Database: Send + Sync + 'static {
    /// Begins a copy of one moment. The figures are taken of that same moment.
    fn dump(&self, place: Arc<dyn Place>) -> Answer<'_, Result<Dump, Failure>>;

    /// What can be counted now.
    fn figures(&self, place: Arc<dyn Place>) -> Answer<'_, Result<Figures, Failure>>;

    /// Makes an empty engine of its own in `place`, which has the engine's programs and runs none; what is
    /// answered speaks to it. It lives until the place ends.
    fn scratch(&self, place: Arc<dyn Place>) -> Answer<'_, Result<Box<dyn Database>, Failure>>;

    /// Brings a dump in. Nothing is replaced before all of `data` has been read and taken in: one that ends in
    /// an error leaves everything as it was.
    fn load<'a>(
        &'a self,
        place: Arc<dyn Place>,
        data: Box<dyn AsyncRead + Send + Unpin + 'a>,
        load: Load,
    ) -> Answer<'a, Result<Undo, Failure>>;

    /// Brings back what [`Database::load`] replaced. Asked twice is done once.
    fn undo<'a>(&'a self, place: Arc<dyn Place>, undo: &'a Undo)
    -> Answer<'a, Result<(), Failure>>;

    /// Gives up what was kept for an undo. Asked twice is done once.
    fn settle<'a>(
        &'a self,
        place: Arc<dyn Place>,
        undo: &'a Undo,
    ) -> Answer<'a, Result<(), Failure>>;

    /// The user's smoke query: its first value, as text.
    fn ask<'a>(
        &'a self,
        place: Arc<dyn Place>,
        query: &'a str,
    ) -> Answer<'a, Result<String, Failure>>;
}

/// A copy on its way. All of `data` is read first, then `end` says whether it was whole.
pub struct Dump {
    pub data: Box<dyn AsyncRead + Send + Unpin>,
    pub end: Answer<'static, Result<Dumped, Failure>>,
}

impl std::fmt::Debug for Dump {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dump").finish_non_exhaustive()
    }
}

/// A copy that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dumped {
    /// The moment it is the state of.
    pub taken: Timestamp,
    pub figures: Figures,
    /// Versions, database, whatever helps to bring it back. No secret.
    pub details: BTreeMap<String, String>,
}

/// Where a dump goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Load {
    /// In place of what is there.
    Replace,
    /// Beside it, under a name that is free: a database, a file, a number.
    Beside { name: String },
    /// Only these tables, in place of what is there.
    Tables { names: Vec<String> },
}

/// What [`Database::undo`] needs, also after a restart of the control plane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// In the engine's own words; no secret.
    pub kept: BTreeMap<String, String>,
}

/// Why an engine did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Failure {
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
