//! Forgetting an environment in which nothing runs: its row, and what is sealed of it.
//!
//! What happened stays: releases, rollouts and events are the journal's. Without their sealed
//! stacks the releases cannot be rolled back to; a later environment of the same name goes on
//! counting behind them.

use crate::api::Actor;
use crate::api::types::ApiError;
use crate::control::{Control, now};
use mainstay_journal::{Journal, JournalError, NewEvent};
use mainstay_model::Scope;

impl Control {
    pub async fn forget(&self, scope: &Scope, actor: &Actor) -> Result<(), ApiError> {
        let environment = self.environment(scope)?;
        let _gate = environment.gate.lock().await;
        let up = {
            let inner = environment.inner();
            inner.running.is_some() || inner.kept.desired.release.is_some()
        };
        if up {
            return Err(ApiError::conflict(format!("{scope} is up"))
                .hint("take it down first: `mainstay down`"));
        }
        let waiting = environment.inner().requests.len();
        if waiting > 0 {
            let message = format!("waiting for approval in {scope}: {waiting}");
            return Err(ApiError::conflict(message).hint(
                "decide on them first: `mainstay status` lists them, `mainstay reject ID` ends one",
            ));
        }
        let now = now();
        let event = NewEvent {
            scope: Some(scope.clone()),
            actor: Some(actor.name.clone()),
            ..NewEvent::new(now, "environment.deleted", format!("{scope} was deleted"))
        };
        let row = scope.clone();
        let write = move |journal: &mut Journal| {
            journal.write(|writer| {
                writer.drop_environment(&row)?;
                writer.append(&event)
            })
        };
        self.store.journal().write::<_, JournalError>(write).await?;
        self.remove(scope);
        let (path, _) = self.bundle_place(scope, mainstay_model::ReleaseNumber(0));
        if let Some(directory) = path.parent()
            && let Err(error) = std::fs::remove_dir_all(directory)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%scope, %error, "sealed stacks of a deleted environment are still there");
        }
        Ok(())
    }
}
