//! Pieces of a log that were saved, and that nobody wrote down: the server was killed in between.
//!
//! They are taken up, and never swept: until the segments in them are saved once more they are all that the
//! repository has of that time, and a machine that is recovered finds them by their tags as well.
//!
//! **Invariant:** only pieces of a stretch that was received here are taken up. Another server may have saved into the
//! same repository under the same name, before a fail-over or beside us: what is its own stays as it is.

use super::Trouble;
use super::ledger::{Ledger, Piece};
use crate::control::Control;
use mainstay_backup::{FailureKind, Location, Row};
use mainstay_model::{Scope, Timestamp};
use mainstay_recovery::LogPiece;
use std::collections::{BTreeMap, BTreeSet};

impl Control {
    /// Writes down what the repository has of a log, and its ledger has not. Done twice is done once.
    pub(super) async fn take_up_pieces(
        &self,
        scope: &Scope,
        source: &str,
        location: &Location,
    ) -> Result<(), Trouble> {
        let rows = match self.backups.client.list(location).await {
            Ok(rows) => rows,
            // Nothing was ever saved there.
            Err(failure) if failure.kind == FailureKind::Missing => return Ok(()),
            Err(failure) => return Err(failure.into()),
        };
        let place = self.ledger_place(scope, source);
        let mut ledger = Ledger::read(&place)?;
        let left = left(&ledger, &rows, scope, source);
        if left.is_empty() {
            return Ok(());
        }
        tracing::info!(%scope, source, pieces = left.len(), "pieces of the log were saved and not written down; they are taken up");
        ledger.take_up(left);
        ledger.write(&place)
    }
}

fn left(ledger: &Ledger, rows: &[Row], scope: &Scope, source: &str) -> Vec<LogPiece> {
    let host = scope.to_string();
    let stored = ledger.pieces.iter().filter(|piece| piece.here);
    let ours: BTreeSet<Timestamp> = stored
        .map(|piece| piece.since)
        .chain(ledger.since)
        .collect();
    let written: BTreeSet<&str> = ledger.pieces.iter().flat_map(snapshots).collect();
    let of = rows.iter().filter(|row| row.host == host);
    let pieces = of.filter_map(|row| LogPiece::of(&row.snapshot, &row.tags));
    pieces
        .filter(|piece| piece.source == source && ours.contains(&piece.since))
        .filter(|piece| !written.contains(piece.snapshot.as_str()))
        .collect()
}

fn snapshots(piece: &Piece) -> impl Iterator<Item = &str> {
    let there = piece.copies.values().map(String::as_str);
    there.chain([piece.snapshot.as_str()])
}

impl Ledger {
    fn take_up(&mut self, left: Vec<LogPiece>) {
        self.pieces.extend(left.into_iter().map(|piece| Piece {
            snapshot: piece.snapshot,
            here: true,
            copies: BTreeMap::new(),
            since: piece.since,
            until: piece.until,
            saved: Some(piece.saved),
        }));
        // What a copy lacks is told by the order in which they were stored.
        self.pieces
            .sort_by_key(|piece| piece.saved.unwrap_or(piece.until));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn scope() -> Scope {
        crate::testing::stack([]).scope()
    }

    fn row(snapshot: &str, source: &str, since: i64, until: i64) -> Row {
        let tags = LogPiece::tags(source, at(since), at(until), at(until + 1));
        let marked = ["mainstay".to_owned()].into_iter().chain(tags);
        Row {
            snapshot: snapshot.to_owned(),
            time: at(until + 1),
            host: scope().to_string(),
            tags: marked.collect(),
            paths: Vec::new(),
            bytes: 1,
        }
    }

    fn piece(snapshot: &str, since: i64, until: i64) -> Piece {
        Piece {
            snapshot: snapshot.to_owned(),
            here: true,
            copies: BTreeMap::new(),
            since: at(since),
            until: at(until),
            saved: Some(at(until + 1)),
        }
    }

    fn taken_up(ledger: &Ledger, rows: &[Row]) -> Vec<String> {
        let mut whole = ledger.clone();
        whole.take_up(left(ledger, rows, &scope(), "db"));
        let pieces = whole.pieces.into_iter();
        pieces.map(|piece| piece.snapshot).collect()
    }

    #[test]
    fn what_was_saved_and_not_written_down_is_taken_up_in_its_place() {
        let ledger = Ledger {
            since: Some(at(0)),
            pieces: vec![piece("a", 0, 10), piece("c", 0, 30)],
        };
        let rows = [
            row("a", "db", 0, 10),
            row("b", "db", 0, 20),
            row("c", "db", 0, 30),
            row("d", "db", 0, 40),
        ];
        assert_eq!(taken_up(&ledger, &rows), ["a", "b", "c", "d"]);
        let mut twice = ledger.clone();
        twice.take_up(left(&ledger, &rows, &scope(), "db"));
        assert!(left(&twice, &rows, &scope(), "db").is_empty());
        // The very first one, and one of a stretch that ended with a gap since then.
        let first = Ledger {
            since: Some(at(0)),
            pieces: Vec::new(),
        };
        assert_eq!(taken_up(&first, &rows[..1]), ["a"]);
        let gap = Ledger {
            since: None,
            pieces: vec![piece("a", 0, 10)],
        };
        assert_eq!(taken_up(&gap, &rows[..2]), ["a", "b"]);
    }

    #[test]
    fn what_is_somebody_elses_stays_as_it_is() {
        let mut came = piece("came", 5, 10);
        came.here = false;
        let there = ("recovered-from".to_owned(), "came".to_owned());
        came.copies.extend([there]);
        let ledger = Ledger {
            since: Some(at(100)),
            pieces: vec![came],
        };
        let mut elsewhere = row("elsewhere", "db", 100, 110);
        elsewhere.host = "blog/production".to_owned();
        let rows = [
            // Of the server that this one was recovered from, which may run again.
            row("came", "db", 5, 10),
            row("later", "db", 5, 20),
            row("other", "orders", 100, 110),
            elsewhere,
        ];
        assert!(left(&ledger, &rows, &scope(), "db").is_empty());
    }
}
