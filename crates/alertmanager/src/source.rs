//! What this crate needs from others, as a trait and values of its own: the server joins them.
//!
//! Every method may be called at any time from any thread; all are called on blocking threads, since
//! those that change something come back only when it is on the disk.

use std::collections::BTreeMap;

use mainstay_alert::IntegrationKind;
use mainstay_alert::engine::{
    AlertError, AlertView, Counters, GroupView, PostedAlert, Silence, SilenceDraft, SilenceError,
};
use mainstay_model::Timestamp;

/// Why a source could not do what it was asked for: one line, for whoever asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    #[error(transparent)]
    Silence(#[from] SilenceError),
    #[error("{0}")]
    Failed(String),
}

/// Which program answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Build {
    /// The version of Alertmanager whose API this is.
    pub version: String,
    pub revision: String,
}

/// How many alerts are told, and how many are kept quiet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Suppression {
    pub active: usize,
    pub suppressed: usize,
}

/// What stands in `/metrics`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Figures {
    pub counters: Counters,
    pub alerts: Suppression,
    /// Active, pending, expired.
    pub silences: [usize; 3],
    pub groups: usize,
    pub receivers: usize,
    pub integrations: BTreeMap<IntegrationKind, usize>,
    pub reload_succeeded: bool,
    pub reloaded_at: Option<Timestamp>,
}

/// An engine of alerts.
pub trait Alerting: Send + Sync {
    /// What time it is.
    fn now(&self) -> Timestamp;

    /// Since when it runs.
    fn started_at(&self) -> Timestamp;

    fn build(&self) -> Build;

    /// The configuration as YAML, without secrets.
    fn configuration(&self) -> String;

    fn receivers(&self) -> Vec<String>;

    /// Alerts that fire.
    fn alerts(&self) -> Vec<AlertView>;

    fn groups(&self) -> Vec<GroupView>;

    /// In the order they are shown.
    fn silences(&self) -> Vec<Silence>;

    fn silence(&self, id: &str) -> Option<Silence>;

    /// Takes alerts; comes back when they are kept. Those that are none are answered.
    fn post(&self, alerts: Vec<PostedAlert>) -> Result<Vec<AlertError>, SourceError>;

    /// Sets or changes a silence; answers the one that holds. New ones are named by UUIDs.
    fn set_silence(&self, draft: SilenceDraft) -> Result<String, SourceError>;

    fn expire_silence(&self, id: &str) -> Result<(), SourceError>;

    /// Reads the configuration again.
    fn reload(&self) -> Result<(), SourceError>;

    fn figures(&self) -> Figures;
}
