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

    /// How far a base of that moment can be played: through what is stored of its stretch, and what is here
    /// beyond it where the stretch goes on. `local`: since when, until when.
    pub(super) fn reach(
        &self,
        base: Timestamp,
        local: Option<(Timestamp, Timestamp)>,
    ) -> Option<Timestamp> {
        let stored = self.stretch(base).iter().map(|piece| piece.until).max();
        let here = local
            .filter(|(since, until)| *since <= base && base <= *until)
            .map(|(_, until)| until);
        stored.max(here)
    }

    /// The pieces that a base of that moment is played with.
    pub(super) fn stretch(&self, base: Timestamp) -> Vec<&Piece> {
        // The newest stretch that had begun by then.
        let since = self
            .pieces
            .iter()
            .filter(|piece| piece.since <= base)
            .map(|piece| piece.since)
            .max();
        let pieces = self.pieces.iter();
        pieces
            .filter(|piece| Some(piece.since) == since && piece.until >= base)
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
        }
    }

    #[test]
    fn a_base_reaches_to_the_end_of_its_stretch_and_not_past_a_gap() {
        let ledger = Ledger {
            since: None,
            pieces: vec![piece("a", 0, 10), piece("b", 0, 20), piece("c", 30, 40)],
        };
        assert_eq!(ledger.reach(at(5), None), Some(at(20)));
        assert_eq!(ledger.reach(at(35), None), Some(at(40)));
        // The stretch goes on here, not yet stored.
        assert_eq!(ledger.reach(at(35), Some((at(30), at(50)))), Some(at(50)));
        // What is here is another stretch than the base's.
        assert_eq!(ledger.reach(at(5), Some((at(30), at(50)))), Some(at(20)));
        assert_eq!(ledger.reach(at(25), None), None, "in the gap");
        let names: Vec<&str> = ledger
            .stretch(at(15))
            .iter()
            .map(|piece| piece.snapshot.as_str())
            .collect();
        assert_eq!(names, ["b"]);
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
