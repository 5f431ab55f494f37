//! Schedules over changes of the clock, downtime and any history.

use super::*;
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn schedule(cron: &str, zone: &str) -> Schedule {
    Schedule::new(cron, zone, Duration::ZERO).unwrap()
}

/// The runs from `from` on, as times of UTC.
fn runs(schedule: &Schedule, from: &str, count: usize) -> Vec<String> {
    let mut last = at(from);
    let mut all = Vec::new();
    for _ in 0..count {
        let due = next(schedule, Some(last), last, 0).unwrap();
        assert_eq!(due.missed, 0);
        last = due.run;
        all.push(last.to_string().replace(":00.000Z", ""));
    }
    all
}

#[test]
fn a_missed_run_is_caught_up_on_once() {
    let daily = schedule("0 2 * * *", "UTC");
    let now = at("2026-11-05T10:00:00Z");
    let due = next(&daily, Some(at("2026-11-02T02:00:00Z")), now, 7).unwrap();
    assert_eq!(
        (due.at, due.run, due.missed),
        (now, at("2026-11-05T02:00:00Z"), 2)
    );
    let after = next(&daily, Some(due.run), now, 7).unwrap();
    assert_eq!((after.run, after.missed), (at("2026-11-06T02:00:00Z"), 0));
    let fresh = next(&daily, None, now, 7).unwrap();
    assert_eq!(fresh.run, at("2026-11-06T02:00:00Z"), "nothing was missed");
}

#[test]
fn the_jitter_is_the_same_for_the_same_run_and_no_other() {
    let jitter = Duration::from_mins(10);
    let daily = Schedule::new("0 2 * * *", "UTC", jitter).unwrap();
    let last = at("2026-11-02T02:00:00Z");
    let of = |seed| next(&daily, Some(last), last, seed).unwrap();
    assert_eq!(of(1), of(1));
    assert_ne!(of(1).at, of(2).at);
    assert!(of(1).at.since(of(1).run) < jitter);
    // Its time is past, its moment is not.
    let (due, just_after) = (of(1), of(1).run + Duration::from_millis(1));
    assert_eq!(next(&daily, Some(last), just_after, 1), Some(due));
}

#[test]
fn a_jitter_longer_than_the_pauses_puts_nothing_off_forever() {
    let jitter = Duration::from_hours(2);
    let often = Schedule::new("*/7 * * * *", "UTC", jitter).unwrap();
    let mut now = at("2026-11-02T00:00:00Z");
    let (mut last, mut made) = (now, vec![now]);
    for _ in 0..24 * 60 {
        now = now + Duration::from_mins(1);
        let due = next(&often, Some(last), now, 3).unwrap();
        if due.at <= now {
            last = due.run;
            made.push(now);
        }
    }
    assert!(made.len() > 12, "{}", made.len());
    let gaps = made.windows(2).map(|pair| pair[1].since(pair[0]));
    assert!(gaps.max().unwrap() <= often.longest_gap());
}

#[test]
fn a_change_of_the_clock_neither_loses_a_run_nor_doubles_it() {
    // From 2:00 to 3:00 on 29 March, back on 25 October.
    let night = schedule("30 2 * * *", "Europe/Berlin");
    let spring = runs(&night, "2026-03-28T00:00:00Z", 3);
    assert_eq!(spring[0], "2026-03-28T01:30");
    assert!(spring[1].starts_with("2026-03-29T01:"), "{spring:?}");
    assert_eq!(spring[2], "2026-03-30T00:30");
    let autumn = runs(&night, "2026-10-24T12:00:00Z", 2);
    assert!(autumn[0].starts_with("2026-10-25T0"), "{autumn:?}");
    assert_eq!(autumn[1], "2026-10-26T01:30");
    let hourly = schedule("0 * * * *", "Europe/Berlin");
    assert_eq!(
        runs(&hourly, "2026-10-24T23:30:00Z", 3),
        ["2026-10-25T00:00", "2026-10-25T01:00", "2026-10-25T02:00"]
    );
}

#[test]
fn the_longest_gap_is_what_can_be_lost() {
    const HOUR: u64 = 3600;
    for (cron, zone, longest, shortest) in [
        ("0 */6 * * *", "UTC", 6 * HOUR, 6 * HOUR),
        ("0 2 * * *", "UTC", 24 * HOUR, 24 * HOUR),
        ("0 3 * * sun", "UTC", 168 * HOUR, 168 * HOUR),
        ("0 9-17 * * *", "UTC", 16 * HOUR, HOUR),
        ("0 2 * * *", "Europe/Berlin", 25 * HOUR, 23 * HOUR),
        ("@hourly", "UTC", HOUR, HOUR),
    ] {
        let schedule = schedule(cron, zone);
        let gaps = (schedule.longest_gap(), schedule.shortest_gap());
        let expected = (Duration::from_secs(longest), Duration::from_secs(shortest));
        assert_eq!(gaps, expected, "{cron} {zone}");
    }
    let jitter = Duration::from_mins(5);
    let late = Schedule::new("0 * * * *", "UTC", jitter).unwrap();
    assert_eq!(late.longest_gap(), Duration::from_mins(65));
}

#[test]
fn what_is_no_schedule_says_why() {
    let error = |cron: &str, zone: &str| {
        let error = Schedule::new(cron, zone, Duration::ZERO).unwrap_err();
        error.to_string()
    };
    assert_eq!(error("0 0 30 2 *", "UTC"), "`0 0 30 2 *` never fires");
    assert_eq!(
        error("0 2 * * *", "Europe/Bonn"),
        "no time zone `Europe/Bonn`"
    );
    for cron in ["", "0 2 * *", "99 2 * * *", "0 0 2 * * *", "every day"] {
        let error = error(cron, "UTC");
        assert!(error.contains("is not a cron expression"), "{error}");
    }
    assert!(Schedule::new("0 0 29 2 *", "UTC", Duration::ZERO).is_ok());
}

#[test]
fn it_is_written_down_as_it_was_given() {
    let jitter = Duration::from_mins(5);
    let schedule = Schedule::new("0 2 * * *", "Europe/Berlin", jitter).unwrap();
    let json = serde_json::to_string(&schedule).unwrap();
    assert_eq!(
        json,
        r#"{"cron":"0 2 * * *","zone":"Europe/Berlin","jitter":300000}"#
    );
    assert_eq!(serde_json::from_str::<Schedule>(&json).unwrap(), schedule);
    let wrong = json.replace("Berlin", "Bonn");
    assert!(serde_json::from_str::<Schedule>(&wrong).is_err());
}

fn any_schedule() -> impl Strategy<Value = Schedule> {
    const CRONS: [&str; 5] = [
        "0 2 * * *",
        "*/7 * * * *",
        "0 */6 * * *",
        "30 2 * * sun",
        "0 0 31 * *",
    ];
    const ZONES: [&str; 4] = [
        "UTC",
        "Europe/Berlin",
        "America/Sao_Paulo",
        "Australia/Lord_Howe",
    ];
    let parts = (
        prop::sample::select(&CRONS[..]),
        prop::sample::select(&ZONES[..]),
        0_u64..7200,
    );
    parts.prop_map(|(cron, zone, jitter)| {
        Schedule::new(cron, zone, Duration::from_secs(jitter)).unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whenever somebody looks, in whatever pauses: each run is made once, in order, never before its time, and
    /// none is waited for twice.
    #[test]
    fn each_run_is_made_once_whenever_somebody_looks(
        schedule in any_schedule(),
        start in 1_750_000_000_i64..1_850_000_000,
        pauses in prop::collection::vec(1_i64..200_000, 1..20),
        seed: u64,
    ) {
        let mut now = Timestamp::from_millis(start * 1000);
        let mut last = now;
        for pause in pauses {
            now = now + Duration::from_secs(pause as u64);
            let due = next(&schedule, Some(last), now, seed).unwrap();
            prop_assert!(due.run > last);
            prop_assert!(due.at >= due.run);
            prop_assert!(due.at.since(due.run) < schedule.jitter() || due.at == due.run || due.at == now);
            prop_assert_eq!(next(&schedule, Some(last), now, seed), Some(due));
            if due.at <= now {
                last = due.run;
                let after = next(&schedule, Some(last), now, seed).unwrap();
                prop_assert!(after.run > now, "caught up on once: {after:?} at {now}");
            } else {
                prop_assert!(due.missed == 0 || due.run <= now);
            }
        }
    }

    #[test]
    fn no_gap_is_longer_than_the_longest(
        schedule in any_schedule(),
        start in 1_750_000_000_i64..1_850_000_000,
    ) {
        let first = schedule.after(Timestamp::from_millis(start * 1000)).unwrap();
        let second = schedule.after(first).unwrap();
        let gap = second.since(first);
        // Of the others a whole year is looked at.
        let looked_at = schedule.cron() != "*/7 * * * *";
        prop_assert!(!looked_at || gap <= schedule.longest_gap());
        prop_assert!(!looked_at || gap >= schedule.shortest_gap());
    }
}
