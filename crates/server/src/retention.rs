//! What is not kept for ever: old events of the journal, after the time that `server.yaml` says.
//! The chain goes on from an anchor that the journal keeps.

use crate::control::{Control, now};
use mainstay_journal::{Journal, JournalError};
use mainstay_model::Timestamp;
use std::sync::Arc;
use std::time::Duration;

const BETWEEN: Duration = Duration::from_secs(86_400);

/// Removes what is too old, at the start and once a day, until the server stops.
pub(crate) async fn run(control: Arc<Control>) {
    loop {
        let now = now();
        let before = Timestamp::from_millis(now.as_millis() - control.retention.as_millis() as i64);
        let prune =
            move |journal: &mut Journal| journal.write(|writer| writer.prune_events(before, now));
        let journal = control.store.journal();
        if let Err(error) = journal.write::<_, JournalError>(prune).await {
            tracing::warn!(%error, "old events are still kept");
        }
        tokio::select! {
            () = tokio::time::sleep(BETWEEN) => {}
            () = control.stopping() => return,
        }
    }
}
