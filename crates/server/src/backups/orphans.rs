//! Snapshots that a kill left in a repository: parts of a restore point whose record was never written.
//!
//! **Invariant:** only what this environment made is swept, only where no restore point names it here or in any
//! copy, and only when it is so old that no job can still be about it. A point with a record that is not known
//! here is somebody else's, or was cut off by its very last step: it is whole, and stays.

use super::create::POINT_TAG;
use super::job::{Job, Trouble};
use super::keeping::snapshots;
use crate::api::types::KeptPoint;
use crate::control::{Control, now};
use mainstay_backup::{FailureKind, Location, Row};
use mainstay_model::{Scope, Timestamp};
use std::collections::BTreeSet;
use std::time::Duration;

/// Longer than any job lasts.
const SAFE_AGE: Duration = Duration::from_hours(24);
/// What every snapshot of ours is marked with, and what those of a restore point have besides.
const OURS: &str = "mainstay";
const POINT: &str = "point:";

impl Control {
    /// Forgets them in one repository; their data goes with the prune that follows. Answers how many there were.
    pub(super) async fn sweep_orphans(
        &self,
        scope: &Scope,
        location: &Location,
        job: &Job,
    ) -> Result<usize, Trouble> {
        let rows = match self.backups.client.list(location).await {
            Ok(rows) => rows,
            // Nothing was ever saved there.
            Err(failure) if failure.kind == FailureKind::Missing => return Ok(0),
            Err(failure) => {
                job.note(format!(
                    "warning: what a kill left is not looked for: {failure}"
                ));
                return Ok(0);
            }
        };
        let points = self.points(scope).await?;
        let found = orphans(&rows, &points, scope, now());
        if found.is_empty() {
            return Ok(0);
        }
        self.backups.client.forget(location, &found).await?;
        let count = found.len();
        job.note(format!(
            "{count} snapshots in {} belonged to no restore point: a job was cut off; they are given up",
            location.store
        ));
        Ok(count)
    }
}

fn orphans(rows: &[Row], points: &[KeptPoint], scope: &Scope, now: Timestamp) -> Vec<String> {
    let host = scope.to_string();
    let known = known(points);
    // Of points with a record that nobody here knows: whatever bears their name may be theirs.
    let foreign: BTreeSet<&str> = rows
        .iter()
        .filter(|row| row.tags.iter().any(|tag| tag == POINT_TAG))
        .filter(|row| !known.contains(&row.snapshot))
        .filter_map(point)
        .collect();
    let left = rows.iter().filter(|row| {
        let ours = row.host == host && row.tags.iter().any(|tag| tag == OURS);
        let of = point(row).filter(|name| !foreign.contains(name));
        let old = now.since(row.time) >= SAFE_AGE;
        ours && of.is_some() && old && !known.contains(&row.snapshot)
    });
    left.map(|row| row.snapshot.clone()).collect()
}

/// Every snapshot that a point has, here and in its copies.
fn known(points: &[KeptPoint]) -> BTreeSet<String> {
    let here = points.iter().flat_map(snapshots);
    let copies = points.iter().flat_map(|kept| kept.copies.values());
    let there = copies.flat_map(|copy| copy.snapshots.values().cloned());
    here.chain(there).collect()
}

fn point(row: &Row) -> Option<&str> {
    row.tags.iter().find_map(|tag| tag.strip_prefix(POINT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_recovery::{Part, PartKind, PointName, Reason, RestorePoint};
    use std::collections::BTreeMap;

    const DAY: i64 = 86_400_000;
    const NOW: i64 = 100 * DAY;

    fn scope() -> Scope {
        crate::testing::stack([]).scope()
    }

    fn row(snapshot: &str, name: &str, age: i64) -> Row {
        let record = snapshot.ends_with("-record");
        let tags = ["mainstay", &format!("point:{name}")].map(str::to_owned);
        let marked = record.then(|| POINT_TAG.to_owned());
        Row {
            snapshot: snapshot.to_owned(),
            time: Timestamp::from_millis(NOW - age),
            host: scope().to_string(),
            tags: tags.into_iter().chain(marked).collect(),
            paths: Vec::new(),
            bytes: 1,
        }
    }

    fn kept(name: &str, part: &str) -> KeptPoint {
        let at = Timestamp::from_millis(0);
        let part = Part {
            source: "db".to_owned(),
            kind: PartKind::Postgresql,
            service: None,
            snapshot: part.to_owned(),
            path: String::new(),
            taken: at,
            bytes: 1,
            sha256: None,
            figures: None,
            details: BTreeMap::new(),
        };
        KeptPoint {
            point: RestorePoint {
                format: 1,
                id: uuid::Uuid::nil(),
                name: PointName::new(name).unwrap(),
                scope: scope(),
                release: None,
                reason: Reason::Asked {
                    by: "me".to_owned(),
                },
                began: at,
                ended: at,
                parts: vec![part],
            },
            record: format!("{name}-record"),
            here: true,
            copies: BTreeMap::new(),
            proof: None,
        }
    }

    fn swept(rows: &[Row], points: &[KeptPoint]) -> Vec<String> {
        orphans(rows, points, &scope(), Timestamp::from_millis(NOW))
    }

    #[test]
    fn parts_without_a_record_go_when_no_job_can_be_about_them() {
        let points = [kept("nightly", "whole")];
        let rows = [
            row("whole", "nightly", 2 * DAY),
            row("nightly-record", "nightly", 2 * DAY),
            row("cut", "cut", DAY),
            // The name was taken again by one that is whole.
            row("same", "nightly", 3 * DAY),
            row("young", "cut", DAY - 1),
        ];
        assert_eq!(swept(&rows, &points), ["cut", "same"]);
    }

    #[test]
    fn what_somebody_else_may_need_stays() {
        let mut elsewhere = row("elsewhere", "theirs", 2 * DAY);
        elsewhere.host = "shop/production".to_owned();
        let mut by_hand = row("by-hand", "mine", 2 * DAY);
        by_hand.tags.remove(0);
        let mut log = row("log", "", 2 * DAY);
        log.tags = vec!["mainstay".to_owned(), "log:db".to_owned()];
        let rows = [
            elsewhere,
            by_hand,
            log,
            // Recovered from, or cut off before the journal had it.
            row("part", "unknown", 2 * DAY),
            row("unknown-record", "unknown", 2 * DAY),
        ];
        assert!(swept(&rows, &[]).is_empty());
    }

    #[test]
    fn what_lies_in_a_copy_only_is_known() {
        let mut point = kept("old", "here");
        point.here = false;
        let snapshots = BTreeMap::from([("here".to_owned(), "there".to_owned())]);
        let copy = crate::api::types::KeptCopy {
            at: Timestamp::from_millis(0),
            snapshots,
            verified_at: None,
        };
        point.copies.insert("far".to_owned(), copy);
        let rows = [row("there", "old", 9 * DAY), row("cut", "cut", 9 * DAY)];
        assert_eq!(swept(&rows, &[point]), ["cut"]);
    }
}
