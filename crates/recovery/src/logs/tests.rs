//! How far a base can be played with what lies in a repository.

use super::*;
use crate::point::{Part, PointName, Reason};
use std::collections::BTreeMap;

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(second * 1000)
}

fn piece(since: i64, until: i64) -> LogPiece {
    LogPiece {
        source: "db".to_owned(),
        snapshot: format!("{since}-{until}"),
        since: at(since),
        until: at(until),
        saved: at(until + 1),
    }
}

fn base(taken: i64) -> RestorePoint {
    let part = Part {
        source: "db".to_owned(),
        kind: PartKind::PostgresqlBase,
        service: None,
        snapshot: String::new(),
        path: String::new(),
        taken: at(taken),
        bytes: 1,
        sha256: None,
        figures: None,
        details: BTreeMap::new(),
    };
    RestorePoint {
        format: 1,
        id: Uuid::from_u128(taken as u128),
        name: PointName::new(format!("of-{taken}")).unwrap(),
        scope: mainstay_model::Scope {
            stack: "shop".parse().unwrap(),
            environment: "production".parse().unwrap(),
        },
        release: None,
        reason: Reason::Asked {
            by: "me".to_owned(),
        },
        began: at(taken),
        ended: at(taken),
        parts: vec![part],
    }
}

#[test]
fn a_base_reaches_to_the_end_of_its_stretch_and_not_past_a_gap() {
    let pieces = [piece(0, 10), piece(0, 20), piece(30, 40)];
    let of = |taken| {
        let ranges = log_ranges(&[base(taken)], &pieces);
        let ends = ranges.iter().map(|range| (range.from, range.to));
        ends.collect::<Vec<_>>()
    };
    assert_eq!(of(5), [(at(5), at(20))]);
    assert_eq!(of(35), [(at(35), at(40))]);
    assert_eq!(of(25), [], "in the gap");
    assert_eq!(of(50), [], "after all of it");
    let other = LogPiece {
        source: "other".to_owned(),
        ..piece(0, 100)
    };
    assert!(log_ranges(&[base(5)], &[other]).is_empty());
}

#[test]
fn a_piece_is_found_by_its_tags() {
    let mut tags = vec!["mainstay".to_owned()];
    tags.extend(LogPiece::tags("db", at(3), at(7), at(8)));
    let found = LogPiece::of("3-7", &tags);
    assert_eq!(found, Some(piece(3, 7)));
    tags.pop();
    let found = LogPiece::of("3-7", &tags).unwrap();
    assert_eq!(found.saved, at(7), "one from before they said so");
    tags.pop();
    assert_eq!(
        LogPiece::of("3-7", &tags),
        None,
        "one from before they said so"
    );
}
