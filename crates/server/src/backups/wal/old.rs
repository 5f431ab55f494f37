//! What no base that is kept needs any more of a log.

use super::Trouble;
use super::ledger::Ledger;
use crate::api::types::KeptPoint;
use crate::backups::keeping::decisions;
use crate::control::{Control, now};
use mainstay_backup::Location;
use mainstay_model::Timestamp;
use mainstay_recovery::{RestorePoint, log_needed};
use mainstay_stack::{SourceKind, Stack};

impl Control {
    /// Gives up the pieces of every log that lie before all that is needed.
    pub(in crate::backups) async fn give_up_logs(
        &self,
        stack: &Stack,
        location: &Location,
    ) -> Result<(), Trouble> {
        let scope = stack.scope();
        let here: Vec<KeptPoint> = self.points(&scope).await?;
        let here: Vec<KeptPoint> = here.into_iter().filter(|kept| kept.here).collect();
        let keep = &stack.backups.keep;
        let kept = decisions(&here, keep);
        let points: Vec<RestorePoint> = here.into_iter().map(|kept| kept.point).collect();
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
            let old = ledger.before(first);
            if old.is_empty() {
                continue;
            }
            self.backups.client.forget(location, &old).await?;
            ledger.pieces.retain(|piece| !old.contains(&piece.snapshot));
            ledger.write(&place)?;
        }
        Ok(())
    }
}

impl Ledger {
    /// Snapshots of what was committed before a moment.
    fn before(&self, moment: Timestamp) -> Vec<String> {
        let old = self.pieces.iter().filter(|piece| piece.until < moment);
        old.map(|piece| piece.snapshot.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::ledger::Piece;
    use super::*;

    #[test]
    fn what_reaches_the_moment_stays() {
        let piece = |until: i64| Piece {
            snapshot: until.to_string(),
            since: Timestamp::from_millis(0),
            until: Timestamp::from_millis(until),
        };
        let ledger = Ledger {
            since: None,
            pieces: vec![piece(10), piece(20), piece(30)],
        };
        assert_eq!(ledger.before(Timestamp::from_millis(20)), ["10"]);
    }
}
