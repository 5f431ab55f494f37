//! The schedule in virtual time.

use super::*;
use proptest::prelude::*;

const DAY: Duration = Duration::from_secs(86_400);

fn hosts(names: &[&str]) -> Event {
    Event::Wanted(names.iter().map(ToString::to_string).collect())
}

fn order(host: &str) -> Vec<Action> {
    vec![Action::Order {
        host: host.to_owned(),
    }]
}

fn issued(host: &str, from: Timestamp, days: u32) -> Event {
    Event::Issued {
        host: host.to_owned(),
        not_before: from,
        not_after: from + DAY * days,
    }
}

fn failed(host: &str, limited: Option<Duration>) -> Event {
    Event::Failed {
        host: host.to_owned(),
        reason: "no such host".to_owned(),
        limited,
    }
}

fn start() -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000)
}

#[test]
fn what_is_wanted_and_not_there_is_ordered_one_after_the_other() {
    let mut schedule = Schedule::default();
    assert_eq!(schedule.step(Event::Tick, start()), []);
    assert_eq!(
        schedule.step(hosts(&["a.test", "b.test"]), start()),
        order("a.test")
    );
    assert_eq!(schedule.step(Event::Tick, start() + DAY / 1000), []);
    assert_eq!(
        schedule.step(issued("a.test", start(), 90), start()),
        order("b.test")
    );
    assert_eq!(schedule.step(issued("b.test", start(), 90), start()), []);
    assert_eq!(
        schedule.step(hosts(&["a.test", "b.test"]), start() + DAY),
        []
    );
}

#[test]
fn it_is_renewed_after_two_thirds_of_its_life() {
    let mut schedule = Schedule::default();
    schedule.step(hosts(&["a.test"]), start());
    schedule.step(issued("a.test", start(), 90), start());
    let due = schedule.next_due().unwrap();
    assert!(due <= start() + DAY * 60, "{due}");
    assert!(due >= start() + DAY * 55, "{due}");
    assert_eq!(schedule.due_of("a.test"), Some(due));
    let just_before = Timestamp::from_millis(due.as_millis() - 1);
    assert_eq!(schedule.step(Event::Tick, just_before), []);
    assert_eq!(schedule.step(Event::Tick, due), order("a.test"));
}

#[test]
fn failures_are_tried_again_later_each_time() {
    let mut schedule = Schedule::default();
    let mut now = start();
    schedule.step(hosts(&["a.test"]), now);
    let mut waits = Vec::new();
    for _ in 0..10 {
        assert_eq!(schedule.step(failed("a.test", None), now), []);
        let due = schedule.next_due().unwrap();
        waits.push(due.since(now));
        now = due;
        assert_eq!(schedule.step(Event::Tick, now), order("a.test"));
    }
    assert!(waits.is_sorted(), "{waits:?}");
    assert!(waits[0] >= Duration::from_secs(60) && waits[0] < Duration::from_secs(70));
    assert!(waits[9] <= DAY, "not for ever: {waits:?}");
    let trouble = &schedule.troubles()["a.test"];
    assert_eq!((trouble.failures, trouble.since), (10, start()));
    schedule.step(issued("a.test", now, 90), now);
    assert!(schedule.troubles().is_empty());
}

#[test]
fn a_failure_of_one_host_holds_no_other_up() {
    let mut schedule = Schedule::default();
    schedule.step(hosts(&["a.test", "b.test"]), start());
    assert_eq!(
        schedule.step(failed("a.test", None), start()),
        order("b.test")
    );
}

#[test]
fn an_authority_that_asks_for_time_gets_it() {
    let mut schedule = Schedule::default();
    schedule.step(hosts(&["a.test"]), start());
    schedule.step(failed("a.test", Some(DAY * 3)), start());
    assert!(schedule.next_due().unwrap() >= start() + DAY * 3);
}

#[test]
fn what_was_kept_of_failures_holds_after_a_restart() {
    let mut before = Schedule::default();
    before.step(hosts(&["a.test"]), start());
    before.step(failed("a.test", None), start());
    let mut schedule = Schedule::new(before.troubles());
    assert_eq!(schedule.step(hosts(&["a.test"]), start()), []);
    let due = schedule.next_due().unwrap();
    assert_eq!(schedule.step(Event::Tick, due), order("a.test"));
}

#[test]
fn who_asks_gets_a_new_one_at_once_if_it_is_wanted() {
    let mut schedule = Schedule::default();
    schedule.step(hosts(&["a.test"]), start());
    schedule.step(issued("a.test", start(), 90), start());
    assert_eq!(
        schedule.step(Event::Asked("b.test".to_owned()), start()),
        []
    );
    assert_eq!(
        schedule.step(Event::Asked("a.test".to_owned()), start()),
        order("a.test")
    );
    // The answer settles it, whichever it is.
    schedule.step(failed("a.test", None), start());
    assert!(schedule.next_due().unwrap() > start() + DAY);
}

#[test]
fn an_order_that_is_lost_is_given_again() {
    let mut schedule = Schedule::default();
    schedule.step(hosts(&["a.test"]), start());
    assert_eq!(schedule.next_due(), Some(start() + LOST));
    assert_eq!(schedule.step(Event::Tick, start() + LOST), order("a.test"));
}

#[test]
fn what_is_no_longer_wanted_is_forgotten() {
    let mut schedule = Schedule::default();
    schedule.step(hosts(&["a.test"]), start());
    schedule.step(failed("a.test", None), start());
    assert_eq!(schedule.step(hosts(&[]), start() + DAY), []);
    assert_eq!((schedule.next_due(), schedule.troubles().len()), (None, 0));
}

proptest! {
    /// Whatever happens in whatever order: one order at a time, only for what is wanted, and at
    /// most so many failures an hour as an authority allows.
    #[test]
    fn the_authority_is_never_hammered(steps in proptest::collection::vec((0_u8..5, 0_u8..3, 0_u64..4000), 1..200)) {
        let mut schedule = Schedule::default();
        let mut now = start();
        let mut running: Option<String> = None;
        let mut ordered: Vec<(String, Timestamp)> = Vec::new();
        for (what, which, seconds) in steps {
            now = now + Duration::from_secs(seconds);
            let host = ["a.test", "b.test", "c.test"][which as usize].to_owned();
            let event = match (what, &running) {
                (0, _) => hosts(&["a.test", "b.test", "c.test"][..=which as usize]),
                (1, Some(host)) => issued(host, now, 30),
                (2 | 3, Some(host)) => failed(host, None),
                _ => Event::Tick,
            };
            if matches!(event, Event::Issued { .. } | Event::Failed { .. }) {
                running = None;
            }
            let _ = host;
            for Action::Order { host } in schedule.step(event, now) {
                prop_assert!(schedule.wanted().contains(&host));
                running = Some(host.clone());
                ordered.push((host, now));
            }
        }
        for (host, at) in &ordered {
            let within = ordered.iter().filter(|(other, when)| {
                other == host && *when >= *at && when.since(*at) < Duration::from_secs(3600)
            });
            prop_assert!(within.count() <= 5, "{ordered:?}");
        }
    }
}
