//! Which stretches of a log are stored, and in which snapshots: a file beside what is received.

use super::Trouble;
use crate::versioned;
use mainstay_model::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// See the module. Pieces are in the order in which they were stored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Ledger {
    /// Since when what is received has no gap; `None`: nothing is received yet.
    #[serde(default)]
    pub(super) since: Option<Timestamp>,
    pub(super) pieces: Vec<Piece>,
}

/// What was received between two moments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Piece {
    pub(super) snapshot: String,
    /// Whether the repository has it; one that came with a machine lies in a copy alone.
    #[serde(default = "here")]
    pub(super) here: bool,
    /// Its snapshots in the copies that have it, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) copies: BTreeMap<String, String>,
    /// When the log began without a gap: of the same stretch where it is the same.
    pub(super) since: Timestamp,
    /// What was committed until then is in it, or in an earlier one of the stretch.
    pub(super) until: Timestamp,
    /// See [`mainstay_recovery::LogPiece::saved`]; `None`: from before it was written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) saved: Option<Timestamp>,
}

impl Piece {
    /// Whether nothing in it is of that moment or later.
    pub(super) fn ended_before(&self, moment: Timestamp) -> bool {
        self.saved.unwrap_or(self.until).max(self.until) < moment
    }
}

/// The moments of a base.
#[derive(Debug, Clone, Copy)]
pub(super) struct Base {
    /// Before its making began: it is played from what was written then on.
    pub(super) began: Timestamp,
    /// When it was whole.
    pub(super) taken: Timestamp,
}

const fn here() -> bool {
    true
}

impl Ledger {
    /// What a copy lacks: all that was stored after the last piece that it has.
    pub(super) fn lacking(&self, copy: &str) -> Vec<String> {
        let newest_first = self.pieces.iter().rev();
        let lacking = newest_first.take_while(|piece| !piece.copies.contains_key(copy));
        let mut snapshots: Vec<String> = lacking
            .filter(|piece| piece.here)
            .map(|piece| piece.snapshot.clone())
            .collect();
        snapshots.reverse();
        snapshots
    }

    pub(super) fn read(path: &Path) -> Result<Self, Trouble> {
        let read: Result<Option<Self>, _> = versioned::read(path);
        let read = read.map_err(|error| Trouble::new(error.to_string()))?;
        Ok(read.unwrap_or_default())
    }

    /// It is on disk when this answers.
    pub(super) fn write(&self, path: &Path) -> Result<(), Trouble> {
        versioned::write(path, self)
            .map_err(|error| Trouble::new(error.to_string()).hint("see that the disk has room"))
    }

    /// The newest moment that is stored.
    pub(super) fn stored(&self) -> Option<Timestamp> {
        self.pieces.iter().map(|piece| piece.until).max()
    }

    /// How far a base can be played: through what is stored of its stretch, and what is here
    /// beyond it where the stretch goes on. `local`: since when, until when.
    pub(super) fn reach(
        &self,
        base: Base,
        local: Option<(Timestamp, Timestamp)>,
    ) -> Option<Timestamp> {
        let stored = self.stretch(base).iter().map(|piece| piece.until).max();
        let here = local
            .filter(|(since, _)| *since <= base.taken)
            .map(|(_, until)| until);
        stored.max(here).filter(|until| *until >= base.taken)
    }

    /// The pieces that a base is played with: also those that were saved while it was made, since its log begins
    /// where its making did.
    pub(super) fn stretch(&self, base: Base) -> Vec<&Piece> {
        // The newest stretch that had begun by then.
        let since = self
            .pieces
            .iter()
            .filter(|piece| piece.since <= base.taken)
            .map(|piece| piece.since)
            .max();
        let pieces = self.pieces.iter();
        pieces
            .filter(|piece| Some(piece.since) == since && !piece.ended_before(base.began))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn piece(name: &str, since: i64, until: i64) -> Piece {
        Piece {
            snapshot: name.to_owned(),
            here: true,
            copies: BTreeMap::new(),
            since: at(since),
            until: at(until),
            saved: Some(at(until + 1)),
        }
    }

    /// A base that was made within a second.
    fn base(taken: i64) -> Base {
        Base {
            began: at(taken - 1),
            taken: at(taken),
        }
    }

    #[test]
    fn a_base_reaches_to_the_end_of_its_stretch_and_not_past_a_gap() {
        let ledger = Ledger {
            since: None,
            pieces: vec![piece("a", 0, 10), piece("b", 0, 20), piece("c", 30, 40)],
        };
        assert_eq!(ledger.reach(base(5), None), Some(at(20)));
        assert_eq!(ledger.reach(base(35), None), Some(at(40)));
        // The stretch goes on here, not yet stored.
        assert_eq!(ledger.reach(base(35), Some((at(30), at(50)))), Some(at(50)));
        // What is here is another stretch than the base's.
        assert_eq!(ledger.reach(base(5), Some((at(30), at(50)))), Some(at(20)));
        assert_eq!(ledger.reach(base(25), None), None, "in the gap");
        let names: Vec<&str> = ledger
            .stretch(base(15))
            .iter()
            .map(|piece| piece.snapshot.as_str())
            .collect();
        assert_eq!(names, ["b"]);
    }

    /// Both were found by a restore that missed the segment in which its base begins.
    #[test]
    fn what_was_saved_while_a_base_was_made_is_played_with_it() {
        let mut ledger = Ledger {
            since: None,
            pieces: vec![
                piece("before", 0, 10),
                piece("while", 0, 20),
                piece("after", 0, 40),
            ],
        };
        let long = Base {
            began: at(15),
            taken: at(30),
        };
        let names = |ledger: &Ledger| {
            let pieces = ledger.stretch(long).into_iter();
            pieces
                .map(|piece| piece.snapshot.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&ledger), ["while", "after"]);
        // The server said nothing new for long, while segments were switched.
        ledger.pieces[1].until = at(12);
        assert_eq!(names(&ledger), ["while", "after"]);
        ledger.pieces.pop();
        assert_eq!(ledger.reach(long, None), None, "it is not consistent yet");
    }

    #[test]
    fn a_copy_is_brought_what_came_after_the_last_that_it_has() {
        let mut ledger = Ledger {
            since: None,
            pieces: vec![piece("a", 0, 10), piece("b", 0, 20), piece("c", 0, 30)],
        };
        assert_eq!(ledger.lacking("far"), ["a", "b", "c"]);
        let there = ("far".to_owned(), "there".to_owned());
        ledger.pieces[1].copies.extend([there]);
        // The first was given up there, and is not brought again.
        assert_eq!(ledger.lacking("far"), ["c"]);
        assert_eq!(ledger.lacking("near"), ["a", "b", "c"]);
    }
}
