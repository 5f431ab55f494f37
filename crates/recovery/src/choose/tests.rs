//! Questions, and the restore points that answer them.

use super::*;
use crate::point::{Part, PartKind, Reason};
use mainstay_model::Scope;
use std::collections::BTreeMap;
use std::time::Duration;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn part(source: &str, kind: PartKind, taken: Timestamp) -> Part {
    Part {
        source: source.to_owned(),
        kind,
        service: None,
        snapshot: "0".repeat(64),
        path: source.to_owned(),
        taken,
        bytes: 1,
        sha256: None,
        figures: None,
        details: BTreeMap::new(),
    }
}

fn point(number: u128, name: &str, began: &str, kind: PartKind) -> RestorePoint {
    let began = at(began);
    RestorePoint {
        format: 1,
        id: Uuid::from_u128(number << 96),
        name: PointName::new(name).unwrap(),
        scope: Scope {
            stack: "shop".parse().unwrap(),
            environment: "production".parse().unwrap(),
        },
        release: None,
        reason: Reason::Asked {
            by: "me".to_owned(),
        },
        began,
        ended: began + Duration::from_secs(60),
        parts: vec![
            part("db", kind, began + Duration::from_secs(1)),
            part(
                "uploads",
                PartKind::Directory,
                began + Duration::from_secs(30),
            ),
        ],
    }
}

fn points() -> Vec<RestorePoint> {
    vec![
        point(
            0xbbbb_0000,
            "night-2",
            "2026-11-20T22:30:00Z",
            PartKind::PostgresqlBase,
        ),
        point(
            0xaaaa_0000,
            "night-1",
            "2026-11-19T22:30:00Z",
            PartKind::PostgresqlBase,
        ),
        point(
            0xaaab_0000,
            "noon",
            "2026-11-21T12:00:00Z",
            PartKind::Postgresql,
        ),
    ]
}

fn logs() -> Vec<LogRange> {
    let points = points();
    let range = |base: &RestorePoint, to: &str| LogRange {
        source: "db".to_owned(),
        base: base.id,
        from: base.ended,
        to: at(to),
    };
    vec![
        range(&points[1], "2026-11-21T11:00:00Z"),
        range(&points[0], "2026-11-21T11:00:00Z"),
    ]
}

fn found(asked: &Asked) -> Result<Chosen, String> {
    find(&points(), &logs(), asked, None).map_err(|error| error.to_string())
}

fn name(asked: &Asked) -> Result<String, String> {
    found(asked).map(|chosen| chosen.name.to_string())
}

fn day(text: &str, zone: &str) -> Asked {
    Asked::Date {
        day: text.parse().unwrap(),
        zone: zone.to_owned(),
    }
}

#[test]
fn the_latest_and_a_name_and_the_beginning_of_an_id_are_found() {
    let named = |text: &str| name(&Asked::Name(text.to_owned()));
    assert_eq!(name(&Asked::Latest).unwrap(), "noon");
    assert_eq!(named("night-1").unwrap(), "night-1");
    assert_eq!(named("bbbb").unwrap(), "night-2");
    assert_eq!(
        named("aaa").unwrap_err(),
        "no restore point named `aaa`; hint: the nearest are `noon` of 2026-11-21T12:00:00.000Z, `night-2` of \
         2026-11-20T22:30:00.000Z, `night-1` of 2026-11-19T22:30:00.000Z"
    );
    let nothing = find(&[], &[], &Asked::Latest, None)
        .unwrap_err()
        .to_string();
    assert_eq!(nothing, "no restore point at all; hint: there is none yet");
}

#[test]
fn a_day_is_a_day_where_somebody_lives() {
    assert_eq!(name(&day("2026-11-20", "UTC")).unwrap(), "night-2");
    // At half past eleven in Berlin it is still the 20th, in Tokyo it is the 21st.
    assert_eq!(
        name(&day("2026-11-20", "Europe/Berlin")).unwrap(),
        "night-2"
    );
    assert_eq!(name(&day("2026-11-20", "Asia/Tokyo")).unwrap(), "night-1");
    assert_eq!(
        name(&day("2026-11-21", "Asia/Tokyo")).unwrap(),
        "noon",
        "the last of it"
    );
    let error = name(&day("2026-11-25", "UTC")).unwrap_err();
    assert!(
        error.contains("of 2026-11-25 (UTC); hint: the nearest are `noon`"),
        "{error}"
    );
}

#[test]
fn a_moment_is_reached_by_the_log_and_by_the_copy_before_it() {
    let time = at("2026-11-21T03:00:00Z");
    let chosen = found(&Asked::To(time)).unwrap();
    assert_eq!(chosen.name.as_str(), "night-2");
    let [db, uploads] = chosen.sources.as_slice() else {
        panic!("{chosen:?}")
    };
    assert_eq!(
        (db.point, db.to, db.moment),
        (points()[0].id, Some(time), time)
    );
    assert_eq!(
        (uploads.to, uploads.moment),
        (None, at("2026-11-20T22:30:30Z"))
    );
    let (source, lag) = chosen.lag(time).unwrap();
    assert_eq!(
        (source, lag),
        ("uploads", Duration::from_secs(4 * 3600 + 29 * 60 + 30))
    );
    // After the end of the log the copy before it has to do.
    let late = found(&Asked::To(at("2026-11-21T12:30:00Z"))).unwrap();
    assert_eq!((late.name.as_str(), late.sources[0].to), ("noon", None));
    let early = found(&Asked::To(at("2026-11-18T00:00:00Z"))).unwrap_err();
    assert!(early.contains("the nearest are `night-1`"), "{early}");
}

#[test]
fn a_moment_while_a_base_was_taken_is_reached_from_the_one_before() {
    let time = at("2026-11-20T22:30:20Z");
    let chosen = found(&Asked::To(time)).unwrap();
    assert_eq!(
        chosen.sources[0].point,
        points()[1].id,
        "the newer base is not whole yet"
    );
    assert_eq!(chosen.sources[0].to, Some(time));
}

#[test]
fn only_a_point_that_has_the_source_answers_for_it() {
    let mut points = points();
    points[2].parts.remove(1);
    let chosen = find(&points, &[], &Asked::Latest, Some("uploads")).unwrap();
    assert_eq!(chosen.name.as_str(), "night-2");
    assert_eq!(chosen.sources.len(), 1);
    let error = find(&points, &[], &Asked::Latest, Some("redis")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no restore point at all with `redis` in it; hint: there is none yet"
    );
}
