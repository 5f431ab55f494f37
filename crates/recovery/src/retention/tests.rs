//! What is kept, by table and by any history.

use super::*;
use proptest::prelude::*;

const HOURS: i64 = 3_600_000;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-11-27T12:00:00Z")
}

fn standing(number: u128, taken: Timestamp) -> Standing {
    Standing {
        id: Uuid::from_u128(number),
        name: PointName::new(format!("p{number}")).unwrap(),
        taken,
        whole: true,
        in_use: false,
        sources: BTreeSet::from(["db".to_owned()]),
        bases: BTreeSet::new(),
    }
}

/// One a day at 02:00, number 0 today.
fn daily(count: u128) -> Vec<Standing> {
    let first = at("2026-11-27T02:00:00Z").as_millis();
    let times = (0..count).map(|day| first - day as i64 * 24 * HOURS);
    times
        .enumerate()
        .map(|(number, taken)| standing(number as u128, Timestamp::from_millis(taken)))
        .collect()
}

fn kept(points: &[Standing], keep: &Keep, proven: &[u128]) -> Vec<(u128, String)> {
    let proven = proven.iter().map(|number| Uuid::from_u128(*number));
    let decisions = decide(points, keep, now(), &proven.collect());
    let kept = decisions.into_iter();
    let kept = kept.filter_map(|one| Some((one.id.as_u128(), one.keep?.to_string())));
    kept.collect()
}

fn numbers(points: &[Standing], keep: &Keep, proven: &[u128]) -> Vec<u128> {
    let kept = kept(points, keep, proven);
    kept.into_iter().map(|(number, _)| number).collect()
}

#[test]
fn the_newest_of_each_day_week_and_month_stays() {
    let keep = Keep {
        daily: 3,
        weekly: 3,
        monthly: 2,
        ..Keep::default()
    };
    // Friday is number 0; Sundays are 5 and 12; October ends with 27.
    assert_eq!(
        kept(&daily(60), &keep, &[]),
        [
            (0, "day 1 of 3".to_owned()),
            (1, "day 2 of 3".to_owned()),
            (2, "day 3 of 3".to_owned()),
            (5, "week 2 of 3".to_owned()),
            (12, "week 3 of 3".to_owned()),
            (27, "month 2 of 2".to_owned()),
        ]
    );
    let within = Keep {
        within: Duration::from_hours(48),
        ..Keep::default()
    };
    assert_eq!(numbers(&daily(60), &within, &[]), [0, 1]);
    let last = Keep {
        last: 2,
        yearly: 2,
        ..Keep::default()
    };
    assert_eq!(numbers(&daily(400), &last, &[]), [0, 1, 331]);
}

#[test]
fn the_last_proven_point_and_the_newest_whole_one_are_never_given_up() {
    let keep = Keep {
        last: 1,
        ..Keep::default()
    };
    let mut points = daily(5);
    assert_eq!(numbers(&points, &keep, &[3, 4]), [0, 3]);
    for point in &mut points[..2] {
        point.whole = false;
    }
    let kept = kept(&points, &keep, &[4]);
    assert_eq!(kept[1], (2, "the newest that is whole".to_owned()));
    assert_eq!(kept[2], (4, "the last that a drill restored".to_owned()));
    assert_eq!(
        numbers(&points, &Keep::default(), &[]),
        [2],
        "also without rules"
    );
}

#[test]
fn a_broken_copy_does_not_take_the_place_of_a_whole_one() {
    let mut points = daily(1);
    points.push(standing(1, at("2026-11-27T08:00:00Z")));
    points[1].whole = false;
    let keep = Keep {
        daily: 7,
        ..Keep::default()
    };
    assert_eq!(numbers(&points, &keep, &[]), [0]);
}

#[test]
fn a_nightly_dump_does_not_push_out_the_weekly_whole() {
    let mut points = daily(14);
    let mut full = standing(100, at("2026-11-22T03:00:00Z"));
    full.sources.insert("uploads".to_owned());
    points.push(full);
    let keep = Keep {
        last: 2,
        ..Keep::default()
    };
    assert_eq!(numbers(&points, &keep, &[]), [0, 1, 100]);
}

#[test]
fn what_a_log_begins_with_is_kept_and_so_is_what_is_in_use() {
    let mut points = daily(20);
    for number in [9, 12] {
        points[number].bases = BTreeSet::from(["db".to_owned()]);
    }
    points[15].in_use = true;
    let keep = Keep {
        daily: 3,
        within: Duration::from_hours(24 * 7),
        ..Keep::default()
    };
    let kept = kept(&points, &keep, &[]);
    let others: Vec<_> = kept.iter().filter(|(number, _)| *number > 6).collect();
    let expected = [
        (9, "the log of `db` begins with it".to_owned()),
        (15, "in use".to_owned()),
    ];
    assert_eq!(others, expected.iter().collect::<Vec<_>>());
}

#[test]
fn a_log_is_needed_from_the_oldest_base_that_reaches_and_while_others_were_taken() {
    use crate::point::{Part, Reason};
    let point = |number: u128, began: &str| RestorePoint {
        format: 1,
        id: Uuid::from_u128(number),
        name: PointName::new(format!("p{number}")).unwrap(),
        scope: mainstay_model::Scope {
            stack: "s".parse().unwrap(),
            environment: "e".parse().unwrap(),
        },
        release: None,
        reason: Reason::Asked {
            by: "me".to_owned(),
        },
        began: at(began),
        ended: at(began) + HOUR,
        parts: vec![Part {
            source: "db".to_owned(),
            kind: PartKind::PostgresqlBase,
            service: None,
            snapshot: String::new(),
            path: String::new(),
            taken: at(began),
            bytes: 1,
            sha256: None,
            figures: None,
            details: BTreeMap::new(),
        }],
    };
    let points = [
        point(1, "2026-10-31T02:00:00Z"),
        point(2, "2026-11-23T02:00:00Z"),
        point(3, "2026-11-26T02:00:00Z"),
    ];
    let keep = Keep {
        monthly: 2,
        within: DAY * 3,
        ..Keep::default()
    };
    let standing: Vec<Standing> = points.iter().map(|one| Standing::of(one, true)).collect();
    let decisions = decide(&standing, &keep, now(), &BTreeSet::new());
    let needed = log_needed(&points, &decisions, "db", &keep, now());
    let shown: Vec<_> = (needed.iter())
        .map(|range| (range.base.as_u128(), range.from, range.to))
        .collect();
    assert_eq!(
        shown,
        [
            (1, points[0].began, points[0].ended),
            (2, points[1].began, now()),
        ]
    );
    assert_eq!(log_needed(&points, &decisions, "other", &keep, now()), []);
}

fn any_point() -> impl Strategy<Value = Standing> {
    let parts = (any::<u64>(), 0_i64..24 * 800, any::<[bool; 4]>());
    parts.prop_map(|(id, age, [whole, in_use, more, base])| {
        let taken = Timestamp::from_millis(now().as_millis() - age * HOURS);
        let mut point = standing(u128::from(id), taken);
        (point.whole, point.in_use) = (whole, in_use && base);
        if more {
            point.sources.insert("uploads".to_owned());
        }
        if base {
            point.bases.insert("db".to_owned());
        }
        point
    })
}

fn any_keep() -> impl Strategy<Value = Keep> {
    (any::<[u8; 6]>(), 0_u64..60).prop_map(|(counts, days)| {
        let [last, hourly, daily, weekly, monthly, yearly] =
            counts.map(|count| u32::from(count % 9));
        Keep {
            last,
            hourly,
            daily,
            weekly,
            monthly,
            yearly,
            within: Duration::from_hours(24 * days),
        }
    })
}

fn ids(points: &[Standing], keep: &Keep, proven: &BTreeSet<Uuid>) -> BTreeSet<Uuid> {
    let decisions = decide(points, keep, now(), proven).into_iter();
    let kept = decisions.filter(|decision| decision.keep.is_some());
    kept.map(|decision| decision.id).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nothing_that_is_needed_is_ever_given_up(
        points in prop::collection::vec(any_point(), 1..60),
        keep in any_keep(),
        proven in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let proven: BTreeSet<Uuid> = proven.iter().map(|index| index.get(&points).id).collect();
        let kept = ids(&points, &keep, &proven);
        let newest = |is: &dyn Fn(&Standing) -> bool| {
            let points = points.iter().filter(|point| is(point));
            points.max_by_key(|point| (point.taken, point.id)).map(|point| point.id)
        };
        if let Some(id) = newest(&|point| proven.contains(&point.id)) {
            prop_assert!(kept.contains(&id), "the last proven");
        }
        if let Some(id) = newest(&|point| point.whole) {
            prop_assert!(kept.contains(&id), "the newest that is whole");
        }
        for point in points.iter().filter(|point| point.in_use) {
            prop_assert!(kept.contains(&point.id), "in use");
        }
        for point in points.iter().filter(|point| now().since(point.taken) < keep.within) {
            prop_assert!(kept.contains(&point.id), "young");
        }
    }

    /// Given up is given up: what is kept is kept again when the others are gone, and in any order.
    #[test]
    fn deciding_twice_gives_nothing_more_up(
        points in prop::collection::vec(any_point(), 1..60),
        keep in any_keep(),
        proven in any::<prop::sample::Index>(),
    ) {
        let proven = BTreeSet::from([proven.get(&points).id]);
        let first = ids(&points, &keep, &proven);
        let mut rest: Vec<Standing> = points;
        rest.retain(|point| first.contains(&point.id));
        rest.reverse();
        prop_assert_eq!(ids(&rest, &keep, &proven), first);
    }

    #[test]
    fn a_longer_time_gives_no_more_up(
        points in prop::collection::vec(any_point(), 1..60),
        keep in any_keep(),
    ) {
        let more = Keep { daily: keep.daily + 1, last: keep.last + 1, ..keep };
        // One that is kept only because it is whole, or because a log begins with it, may be replaced.
        let by_rules = |keep: &Keep| {
            let decisions = decide(&points, keep, now(), &BTreeSet::new()).into_iter();
            let by_rule = decisions.filter(|one| {
                one.keep.as_ref().is_some_and(|why| !matches!(why, Why::NewestWhole | Why::Base { .. }))
            });
            by_rule.map(|decision| decision.id).collect::<BTreeSet<Uuid>>()
        };
        prop_assert!(by_rules(&keep).is_subset(&by_rules(&more)));
    }
}
