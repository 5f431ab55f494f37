//! The log of a PostgreSQL: received all the time, stored in the repository every so often, and the bases that
//! it is played upon.
//!
//! **Invariants:** what counts as stored is in the repository; a gap is never passed over: what lies before it
//! is kept with its own bases, and a new base is made with the next restore point.

mod back;
mod base;
mod follow;
mod ledger;
mod old;

pub(super) use follow::Logs;

use super::job::Trouble;
use crate::api::types::{KeptPoint, LogReceived};
use crate::control::Control;
use ledger::Ledger;
use mainstay_model::Scope;
use mainstay_recovery::{LogRange, PartKind};
use std::path::PathBuf;

impl Control {
    /// Between which moments any can be gone to.
    pub(super) fn log_ranges(
        &self,
        scope: &Scope,
        points: &[KeptPoint],
    ) -> Result<Vec<LogRange>, Trouble> {
        let mut ranges = Vec::new();
        for kept in points {
            let parts = kept.point.parts.iter();
            for part in parts.filter(|part| part.kind == PartKind::PostgresqlBase) {
                let ledger = Ledger::read(&self.ledger_place(scope, &part.source))?;
                let local = self.backups.logs.received(scope, &part.source);
                if let Some(to) = ledger.reach(part.taken, local) {
                    ranges.push(LogRange {
                        source: part.source.clone(),
                        base: kept.point.id,
                        from: part.taken,
                        to,
                    });
                }
            }
        }
        Ok(ranges)
    }

    pub(super) fn logs_received(&self, scope: &Scope) -> Vec<LogReceived> {
        let shown = self.backups.logs.shown(scope).into_iter();
        let with_stored = shown.map(|mut log| {
            let ledger = Ledger::read(&self.ledger_place(scope, &log.source));
            log.stored = ledger.ok().and_then(|ledger| ledger.stored());
            log
        });
        with_stored.collect()
    }

    /// What is received, before it is stored.
    fn log_folder(&self, scope: &Scope, source: &str) -> PathBuf {
        let logs = self.data().backups().join("logs");
        logs.join(scope.stack.as_str())
            .join(scope.environment.as_str())
            .join(source)
    }

    fn ledger_place(&self, scope: &Scope, source: &str) -> PathBuf {
        let folder = self.log_folder(scope, source);
        folder.with_file_name(format!("{source}.json"))
    }
}
