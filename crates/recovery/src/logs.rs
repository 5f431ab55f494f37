//! What is kept of a database's log beside its bases: between which moments any one can be gone to.

#[cfg(test)]
mod tests;

use crate::point::{PartKind, RestorePoint};
use mainstay_model::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Begins of the tags that say of a snapshot which piece of which log it is.
const LOG: &str = "log:";
const SINCE: &str = "since:";
const UNTIL: &str = "until:";
const SAVED: &str = "saved:";

/// A stretch of log without a hole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRange {
    /// Its name under `backups.sources`.
    pub source: String,
    /// The restore point whose base it begins with.
    pub base: Uuid,
    /// The earliest moment that can be gone to: when the base was whole.
    pub from: Timestamp,
    /// The latest.
    pub to: Timestamp,
}

impl LogRange {
    pub fn covers(&self, time: Timestamp) -> bool {
        self.from <= time && time <= self.to
    }
}

/// A piece of a log, as it lies in a repository: whoever has nothing else finds it by its tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPiece {
    pub source: String,
    /// In hex.
    pub snapshot: String,
    /// When the log began without a gap: of the same stretch where it is the same.
    pub since: Timestamp,
    /// What was committed until then is in it, or in an earlier one of the stretch.
    pub until: Timestamp,
    /// When it was saved, by the clock of who saved it. Segments that were whole by then are in it or in an earlier
    /// one, and in no later one: more than `until` promises, which is as old as the server's last word.
    pub saved: Timestamp,
}

impl LogPiece {
    /// What its snapshot is marked with.
    pub fn tags(source: &str, since: Timestamp, until: Timestamp, saved: Timestamp) -> [String; 4] {
        [
            format!("{LOG}{source}"),
            format!("{SINCE}{}", since.as_millis()),
            format!("{UNTIL}{}", until.as_millis()),
            format!("{SAVED}{}", saved.as_millis()),
        ]
    }

    /// `None`: the snapshot is no piece of a log, or one that does not say of when.
    pub fn of(snapshot: &str, tags: &[String]) -> Option<Self> {
        let tagged = |begin: &str| tags.iter().find_map(|tag| tag.strip_prefix(begin));
        let moment = |begin: &str| {
            let millis = tagged(begin)?.parse().ok()?;
            Some(Timestamp::from_millis(millis))
        };
        let until = moment(UNTIL)?;
        Some(Self {
            source: tagged(LOG)?.to_owned(),
            snapshot: snapshot.to_owned(),
            since: moment(SINCE)?,
            until,
            saved: moment(SAVED).unwrap_or(until),
        })
    }
}

/// Between which moments any can be gone to: from each base to the end of the stretch that it lies in.
pub fn log_ranges(points: &[RestorePoint], pieces: &[LogPiece]) -> Vec<LogRange> {
    let mut ranges = Vec::new();
    for point in points {
        let parts = point.parts.iter();
        for base in parts.filter(|part| part.kind == PartKind::PostgresqlBase) {
            let of = pieces.iter().filter(|piece| piece.source == base.source);
            // The newest stretch that had begun by then.
            let begun = of.clone().filter(|piece| piece.since <= base.taken);
            let Some(since) = begun.map(|piece| piece.since).max() else {
                continue;
            };
            let stretch = of.filter(|piece| piece.since == since);
            let to = stretch.map(|piece| piece.until).max();
            if let Some(to) = to.filter(|to| *to >= base.taken) {
                ranges.push(LogRange {
                    source: base.source.clone(),
                    base: point.id,
                    from: base.taken,
                    to,
                });
            }
        }
    }
    ranges
}
