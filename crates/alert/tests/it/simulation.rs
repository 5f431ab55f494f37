//! Ten thousand alerts, a receiver that is down half of the time, and crashes between any two steps:
//! nothing is lost, and nothing is told twice but what a crash made us forget.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mainstay_alert::config::Configuration;
use mainstay_alert::engine::{Action, AttemptId, Change, Engine, Event, PostedAlert, Record};
use mainstay_alert::{AlertStatus, Fingerprint};
use mainstay_model::Timestamp;
use mainstay_series::Labels;

use crate::timeline::{START, configuration};

/// A small generator (xorshift64*), so that a seed is a run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

const CONFIG: &str = "
route:
  receiver: ops
  group_by: [service]
  group_wait: 5s
  group_interval: 1m
  repeat_interval: 100d
receivers: [{name: ops, webhook_configs: [{url: 'http://ops/'}]}]
";

/// What one seed showed.
#[derive(Debug, Default)]
struct Seen {
    delivered: usize,
    crashes: usize,
    /// Deliveries that were made and forgotten by a crash.
    forgotten: usize,
    /// Alerts told to fire more often than once for a time they fired.
    doubled: usize,
}

struct World {
    random: Random,
    config: Arc<Configuration>,
    engine: Engine,
    rows: BTreeMap<String, Record>,
    now: Timestamp,
    /// One delivery in so many ends in a crash.
    odds: u64,
    /// Deliveries under way, and when each is answered.
    under_way: Vec<(Timestamp, AttemptId, bool)>,
    /// Of each alert: what the receiver believes, and how often it was told that it fires.
    believed: BTreeMap<Fingerprint, (AlertStatus, usize)>,
    /// Alerts of deliveries whose answer a crash swallowed.
    forgiven: BTreeSet<Fingerprint>,
    carried: BTreeMap<AttemptId, Vec<Fingerprint>>,
    seen: Seen,
}

impl World {
    fn new(seed: u64, odds: u64) -> Self {
        let config = configuration(CONFIG);
        Self {
            random: Random(seed | 1),
            engine: Engine::new(Arc::clone(&config), START),
            config,
            rows: BTreeMap::new(),
            now: START,
            odds,
            under_way: Vec::new(),
            believed: BTreeMap::new(),
            forgiven: BTreeSet::new(),
            carried: BTreeMap::new(),
            seen: Seen::default(),
        }
    }

    /// The receiver is down every other two minutes.
    fn is_down(&self) -> bool {
        self.now.since(START).as_secs() / 120 % 2 == 1
    }

    fn step(&mut self, event: Event) {
        let actions = self.engine.step(event, self.now);
        // A crash before the disk has it: the event never happened, and nothing was done.
        for Change { key, record } in self.engine.take_changes() {
            match record {
                Some(record) => self.rows.insert(key, record),
                None => self.rows.remove(&key),
            };
        }
        for action in actions {
            match action {
                // A crash before this delivery, or after the last.
                Action::Deliver(_) if self.random.below(self.odds) == 0 => return self.crash(),
                Action::Deliver(delivery) => self.deliver(&delivery),
                Action::Cancel(attempt) => self.under_way.retain(|(_, other, _)| *other != attempt),
                Action::Refused(error) => panic!("{error}"),
                Action::Decided(_) => {}
            }
        }
        if self.random.below(self.odds * 4) == 0 {
            self.crash();
        }
    }

    fn deliver(&mut self, delivery: &mainstay_alert::engine::Delivery) {
        let answered = self.now + Duration::from_millis(1 + self.random.below(3000));
        let reached = !self.is_down();
        self.under_way.push((answered, delivery.attempt, reached));
        if !reached {
            return;
        }
        self.seen.delivered += 1;
        let alerts = &delivery.notification.alerts;
        self.carried.insert(
            delivery.attempt,
            alerts.iter().map(|a| a.fingerprint).collect(),
        );
        for alert in alerts {
            let told = self
                .believed
                .entry(alert.fingerprint)
                .or_insert((alert.status, 0));
            told.0 = alert.status;
            told.1 += usize::from(alert.status == AlertStatus::Firing);
        }
    }

    fn crash(&mut self) {
        self.seen.crashes += 1;
        for (_, attempt, reached) in std::mem::take(&mut self.under_way) {
            if reached {
                self.seen.forgotten += 1;
                self.forgiven
                    .extend(self.carried.remove(&attempt).into_iter().flatten());
            }
        }
        let rows: Vec<Record> = self.rows.values().cloned().collect();
        self.engine = Engine::restore(Arc::clone(&self.config), rows, self.now);
    }

    /// Time passes to the next thing that happens, at most to `until`.
    fn pass(&mut self, until: Timestamp) {
        loop {
            let answer = self.under_way.iter().map(|(at, ..)| *at).min();
            let next = self.engine.next_deadline().into_iter().chain(answer).min();
            let Some(next) = next.filter(|next| *next <= until) else {
                self.now = until;
                return;
            };
            self.now = next.max(self.now);
            let due = self.under_way.iter().position(|(at, ..)| *at <= self.now);
            let event = match due.map(|index| self.under_way.swap_remove(index)) {
                Some((_, attempt, true)) => Event::Delivered(attempt),
                Some((_, attempt, false)) => Event::Failed {
                    attempt,
                    error: "down".to_owned(),
                    retryable: true,
                },
                None => Event::Tick,
            };
            self.step(event);
        }
    }

    fn post(&mut self, number: usize, starts: Timestamp, over: bool) {
        let far = START + Duration::from_hours(1000);
        let alert = PostedAlert {
            labels: labels(number),
            annotations: BTreeMap::new(),
            starts_at: Some(starts),
            ends_at: Some(if over { self.now } else { far }),
            generator_url: String::new(),
        };
        self.step(Event::Alerts(vec![alert]));
    }
}

fn labels(number: usize) -> Labels {
    Labels::from_pairs([
        ("alertname", format!("a{number}")),
        ("service", format!("s{}", number % 200)),
    ])
}

/// Each alert fires once at a random time within an hour; half of them end half an hour later.
fn run(seed: u64, alerts: usize) -> World {
    let mut world = World::new(seed, 4000);
    let mut plan: Vec<(u64, usize, bool)> = Vec::new();
    for number in 0..alerts {
        let fires = world.random.below(3600);
        plan.push((fires, number, false));
        if number % 2 == 0 {
            plan.push((fires + 1800, number, true));
        }
    }
    plan.sort_unstable();
    let mut began = vec![START; alerts];
    for (second, number, over) in plan {
        world.pass(START + Duration::from_secs(second));
        if !over {
            began[number] = world.now;
        }
        world.post(number, began[number], over);
    }
    world.pass(START + Duration::from_hours(2));
    for number in 0..alerts {
        let fingerprint = Fingerprint::of(&labels(number));
        let Some((status, told)) = world.believed.get(&fingerprint) else {
            panic!("seed {seed}: alert {number} was never told");
        };
        let is = if number % 2 == 0 {
            AlertStatus::Resolved
        } else {
            AlertStatus::Firing
        };
        assert_eq!(*status, is, "seed {seed}: alert {number}");
        assert!(
            *told > 0,
            "seed {seed}: alert {number} was never told to fire"
        );
    }
    world
}

#[test]
fn nothing_is_lost_in_ten_thousand_alerts_with_crashes_and_a_receiver_that_is_down_half_of_the_time()
 {
    let world = run(7, 10_000);
    let seen = &world.seen;
    assert!(
        seen.crashes > 5 && seen.forgotten > 0 && seen.delivered > 1000,
        "{seen:?}"
    );
}

#[test]
fn a_notification_is_repeated_only_when_something_changed_or_a_crash_forgot_it() {
    // One alert for each group: whatever is told twice was told for want of memory.
    for seed in 1..=20 {
        let mut world = World::new(seed, 200);
        for number in 0..200 {
            let began = world.now;
            world.post(number, began, false);
            world.pass(began + Duration::from_secs(10));
        }
        world.pass(START + Duration::from_hours(2));
        for number in 0..200 {
            let fingerprint = Fingerprint::of(&labels(number));
            let told = world
                .believed
                .get(&fingerprint)
                .map_or(0, |(_, told)| *told);
            assert!(told >= 1, "seed {seed}: alert {number} was never told");
            if told > 1 {
                world.seen.doubled += 1;
                assert!(
                    world.forgiven.contains(&fingerprint),
                    "seed {seed}: alert {number} was told {told} times"
                );
            }
        }
        assert!(
            world.seen.doubled <= world.seen.forgotten,
            "{:?}",
            world.seen
        );
    }
}
