//! The one contract that every engine keeps, and one conformance suite checks.

use crate::spec::InstanceSpec;
use crate::status::InstanceStatus;
use mainstay_model::{InstanceId, Scope};
use std::future::Future;
use std::time::Duration;
use tokio::sync::watch;

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

    /// Counts up at every change that [`Target::observe`] would show.
    fn changes(&self) -> watch::Receiver<u64>;
}
