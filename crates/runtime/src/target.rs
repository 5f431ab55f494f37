//! The one contract that every engine keeps, and one conformance suite checks.

use crate::exec::Exec;
use crate::logs::{LogLine, LogQuery};
use crate::spec::InstanceSpec;
use crate::status::{InstanceStatus, Resources};
use mainstay_model::{InstanceId, Scope};
use std::future::Future;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Why a target could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct TargetError {
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl TargetError {
    pub fn new(message: String) -> Self {
        Self {
            message,
            hint: None,
        }
    }

    #[must_use]
    pub fn hint(mut self, hint: &str) -> Self {
        self.hint = Some(hint.to_owned());
        self
    }
}

/// What starts, watches and stops instances. Every verb is idempotent: asked twice is done once,
/// also by two control planes one after the other.
pub trait Target: Send + Sync + 'static {
    /// Makes the instance run and be watched, or adopts it where it runs already. Returns once the
    /// intent is on disk; what becomes of it is seen in [`Target::observe`]. An instance that ended
    /// for good is not started again: remove it first.
    fn start(&self, spec: InstanceSpec) -> impl Future<Output = Result<(), TargetError>> + Send;

    /// Asks the instance to end within `grace`, then kills all of it. Returns at once.
    fn stop(
        &self,
        scope: &Scope,
        id: &InstanceId,
        grace: Duration,
    ) -> impl Future<Output = Result<(), TargetError>> + Send;

    /// Forgets an instance that has ended, with its log. Refused while it runs.
    fn remove(
        &self,
        scope: &Scope,
        id: &InstanceId,
    ) -> impl Future<Output = Result<(), TargetError>> + Send;

    /// Everything of ours that this target knows, running or ended and not yet removed.
    fn observe(&self) -> Vec<InstanceStatus>;

    /// The log of an instance, running or ended: the receiver is bounded, and dropping it ends the
    /// reading.
    fn read_logs(
        &self,
        scope: &Scope,
        id: &InstanceId,
        query: LogQuery,
    ) -> Result<mpsc::Receiver<LogLine>, TargetError>;

    /// Runs a command beside an instance, in its environment, directory and user.
    fn exec(
        &self,
        scope: &Scope,
        id: &InstanceId,
        command: &[String],
        tty: bool,
    ) -> impl Future<Output = Result<Exec, TargetError>> + Send;

    /// What each running instance uses.
    fn resources(&self) -> impl Future<Output = Vec<(Scope, InstanceId, Resources)>> + Send;

    /// Counts up at every change that [`Target::observe`] would show.
    fn changes(&self) -> watch::Receiver<u64>;
}
