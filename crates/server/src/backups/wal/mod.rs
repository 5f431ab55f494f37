//! The log of a PostgreSQL: received all the time, stored in the repository every so often, and the bases that
//! it is played upon.
//!
//! **Invariants:** what counts as stored is in the repository; a gap is never passed over: what lies before it
//! is kept with its own bases, and a new base is made with the next restore point.

mod back;
mod base;
mod follow;
mod ledger;
mod left;
mod old;

pub(super) use follow::Logs;

use super::adopt::ADOPTED;
use super::job::Trouble;
use crate::api::types::{KeptPoint, LogReceived};
use crate::control::Control;
use ledger::{Base, Ledger, Piece};
use mainstay_model::Scope;
use mainstay_recovery::{LogPiece, LogRange, PartKind};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
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
                let base = Base {
                    began: kept.point.began,
                    taken: part.taken,
                };
                if let Some(to) = ledger.reach(base, local) {
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

    /// Takes over pieces of logs that lie where restore points came from. Done twice is done once.
    pub(super) fn adopt_logs(&self, scope: &Scope, logs: Vec<LogPiece>) -> Result<(), Trouble> {
        let mut ledgers: BTreeMap<String, Ledger> = BTreeMap::new();
        for piece in logs {
            let place = self.ledger_place(scope, &piece.source);
            let ledger = match ledgers.entry(piece.source) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(Ledger::read(&place)?),
            };
            let known = |one: &Piece| one.copies.get(ADOPTED) == Some(&piece.snapshot);
            if !ledger.pieces.iter().any(known) {
                ledger.pieces.push(Piece {
                    copies: BTreeMap::from([(ADOPTED.to_owned(), piece.snapshot.clone())]),
                    snapshot: piece.snapshot,
                    here: false,
                    since: piece.since,
                    until: piece.until,
                    saved: Some(piece.saved),
                });
            }
        }
        for (source, mut ledger) in ledgers {
            ledger.pieces.sort_by_key(|piece| piece.until);
            let place = self.ledger_place(scope, &source);
            if let Some(folder) = place.parent() {
                let made = std::fs::create_dir_all(folder);
                made.map_err(|error| Trouble::new(format!("{}: {error}", folder.display())))?;
            }
            ledger.write(&place)?;
        }
        Ok(())
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
