//! What all supervisors of one target share.

use super::Options;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) changes: watch::Sender<u64>,
    /// Every task of the target; none outlives it, but for those that only reap a shim.
    pub(crate) tasks: TaskTracker,
    pub(crate) cancel: CancellationToken,
}

impl Shared {
    pub(crate) fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }
}
