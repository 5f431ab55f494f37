//! What no base that is kept needs any more of a log.

use super::Trouble;
use super::ledger::Ledger;
use crate::api::types::KeptPoint;
use crate::backups::keeping::decisions;
use crate::control::{Control, now};
use mainstay_backup::Location;
use mainstay_model::Timestamp;
use mainstay_recovery::{Keep, RestorePoint, log_needed};
use mainstay_stack::{SourceKind, Stack};

impl Control {
    /// Gives up the pieces of every log that lie before all that is needed: in the repository, or in the copy that
    /// is named.
    pub(in crate::backups) async fn give_up_logs(
        &self,
        stack: &Stack,
        copy: Option<&str>,
        location: &Location,
        keep: &Keep,
    ) -> Result<(), Trouble> {
        let scope = stack.scope();
        let all = self.points(&scope).await?.into_iter();
        let there = all.filter(|kept| match copy {
            Some(copy) => kept.copies.contains_key(copy),
            None => kept.here,
        });
        let there: Vec<KeptPoint> = there.collect();
        let kept = decisions(&there, keep);
        let points: Vec<RestorePoint> = there.into_iter().map(|kept| kept.point).collect();
        for (name, source) in &stack.backups.sources {
            if !matches!(source.kind, SourceKind::Postgresql(_)) {
                continue;
            }
            let place = self.ledger_place(&scope, name);
            let mut ledger = Ledger::read(&place)?;
            let needed = log_needed(&points, &kept, name, keep, now());
            let Some(first) = needed.iter().map(|range| range.from).min() else {
                continue;
            };
            let old = ledger.before(first, copy);
            if old.is_empty() {
                continue;
            }
            self.backups.client.forget(location, &old).await?;
            ledger.give_up(first, copy);
            ledger.write(&place)?;
        }
        Ok(())
    }
}

impl Ledger {
    /// Snapshots of what was written before a moment, in the repository or a copy.
    fn before(&self, moment: Timestamp, copy: Option<&str>) -> Vec<String> {
        let old = self
            .pieces
            .iter()
            .filter(|piece| piece.ended_before(moment));
        let there = old.filter_map(|piece| match copy {
            Some(copy) => piece.copies.get(copy),
            None => Some(&piece.snapshot).filter(|_| piece.here),
        });
        there.cloned().collect()
    }

    /// Writes down that they are gone there; a piece that lies nowhere any more is forgotten.
    fn give_up(&mut self, moment: Timestamp, copy: Option<&str>) {
        let old = self.pieces.iter_mut();
        for piece in old.filter(|piece| piece.ended_before(moment)) {
            match copy {
                Some(copy) => drop(piece.copies.remove(copy)),
                None => piece.here = false,
            }
        }
        self.pieces
            .retain(|piece| piece.here || !piece.copies.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::super::ledger::Piece;
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn what_reaches_the_moment_stays() {
        let piece = |until: i64| Piece {
            snapshot: until.to_string(),
            here: true,
            copies: BTreeMap::from([("far".to_owned(), format!("far-{until}"))]),
            since: Timestamp::from_millis(0),
            until: Timestamp::from_millis(until),
            saved: None,
        };
        let mut ledger = Ledger {
            since: None,
            pieces: vec![piece(10), piece(20), piece(30)],
        };
        let first = Timestamp::from_millis(20);
        assert_eq!(ledger.before(first, None), ["10"]);
        assert_eq!(ledger.before(first, Some("far")), ["far-10"]);
        ledger.give_up(first, None);
        assert_eq!(ledger.pieces.len(), 3, "the copy still has it");
        assert!(ledger.before(first, None).is_empty());
        ledger.give_up(first, Some("far"));
        assert_eq!(ledger.pieces.len(), 2);
    }
}
