//! Random batches, late ones among them, cuts, deletions and restarts, beside a map that does the
//! same in the simplest way.

use std::collections::BTreeMap;

use mainstay_series::{LabelQuery, Labels, Matcher, Storage as _, Window};
use mainstay_tsdb::{Durability, Entry, Options, Rejection, Store};
use proptest::prelude::*;

use crate::support::{All, BLOCK, START, labels, open_with, read, read_with};

const WINDOW: i64 = 1_800_000;

fn options() -> Options {
    Options {
        out_of_order_ms: WINDOW,
        segment_bytes: 64 << 10,
        ..Options::default()
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// Series, how long after (or before) the newest, value.
    Append(Vec<(usize, i64, u8)>),
    Delete(usize, i64, i64),
    Maintain,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let time = prop_oneof![
        6 => Just(15_000i64),
        2 => 0..120_000i64,
        2 => -WINDOW * 2..0i64,
        1 => Just(BLOCK / 2 - 1),
        1 => BLOCK..BLOCK * 2,
    ];
    let append = prop::collection::vec((0..4usize, time, 0..3u8), 1..40).prop_map(Step::Append);
    prop_oneof![
        12 => append,
        1 => (0..4usize, 0..BLOCK * 2, 0..BLOCK).prop_map(|(n, back, length)| Step::Delete(n, back, length)),
        3 => Just(Step::Maintain),
        1 => Just(Step::Restart),
    ]
}

/// What the store ought to say.
#[derive(Default)]
struct Model {
    series: BTreeMap<Labels, BTreeMap<i64, f64>>,
    newest: Option<i64>,
    /// Samples whose fate the model does not predict: between what the head may have forgotten.
    accepted: usize,
}

impl Model {
    fn take(&mut self, labels: &Labels, time: i64, value: f64) {
        self.newest = self.newest.max(Some(time));
        let samples = self.series.entry(labels.clone()).or_default();
        self.accepted += usize::from(samples.insert(time, value).is_none());
    }

    fn all(&self, window: Window) -> All {
        let mut all = All::new();
        for (labels, samples) in &self.series {
            let within = samples.iter().filter(|(time, _)| window.contains(**time));
            let samples: Vec<_> = within
                .map(|(time, value)| (*time, value.to_bits()))
                .collect();
            if !samples.is_empty() {
                all.insert(labels.to_string(), samples);
            }
        }
        all
    }
}

fn append(store: &Store, model: &mut Model, all: &[(usize, i64, u8)], now: &mut i64) {
    let series: Vec<Labels> = (0..4).map(|n| labels("m", n)).collect();
    let mut batch = Vec::new();
    for &(n, after, value) in all {
        let time = *now + after;
        *now = (*now).max(time);
        batch.push((n, time, f64::from(value)));
    }
    let entry = |&(n, time, value): &(usize, i64, f64)| Entry::labelled(&series[n], time, value);
    let entries: Vec<_> = batch.iter().map(entry).collect();
    let done = store.append(&entries, Durability::Soon).unwrap();
    let rejected: BTreeMap<_, _> = done.rejected.iter().copied().collect();
    let mut taken = 0;
    for (place, &(n, time, value)) in batch.iter().enumerate() {
        let newest = model.newest.unwrap_or(i64::MIN);
        let known = model
            .series
            .get(&series[n])
            .and_then(|s| s.get(&time))
            .copied();
        match rejected.get(&place) {
            None => {
                let before = model.accepted;
                // Taken again from memory or beside a block: the newest holds only where it is new.
                if known.is_none() || known != Some(value) {
                    model.take(&series[n], time, value);
                }
                taken += model.accepted - before;
            }
            Some(Rejection::TooOld) => assert!(time < newest - WINDOW, "{time} {newest}"),
            Some(Rejection::DuplicateTimestamp) => {
                assert!(
                    known.is_some_and(|known| known.to_bits() != value.to_bits()),
                    "{known:?} {value}"
                );
            }
            Some(other) => panic!("{other}"),
        }
    }
    assert!(done.appended >= taken);
}

fn run(steps: Vec<Step>) {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, _) = open_with(dir.path(), options());
    let (mut model, mut now) = (Model::default(), START);
    for step in steps {
        match step {
            Step::Append(all) => append(&store, &mut model, &all, &mut now),
            Step::Delete(n, back, length) => {
                let window = Window {
                    start_ms: now - back,
                    end_ms: now - back + length,
                };
                let matchers = [Matcher::equal("instance", format!("host-{n}:9100"))];
                store.delete(&matchers, window).unwrap();
                if let Some(samples) = model.series.get_mut(&labels("m", n)) {
                    samples.retain(|time, _| !window.contains(*time));
                }
            }
            Step::Maintain => drop(store.maintain(now).unwrap()),
            Step::Restart => {
                drop(store);
                let (again, report) = open_with(dir.path(), options());
                assert!(report.is_clean() && report.cuts.is_empty(), "{report:?}");
                store = again;
            }
        }
        assert_eq!(read(&store), model.all(Window::ALL));
    }
    check_reads(&store, &model, now);
}

/// Windows and selections, at the end.
fn check_reads(store: &Store, model: &Model, now: i64) {
    for back in [0, 60_000, BLOCK, 3 * BLOCK] {
        let window = Window {
            start_ms: now - back - BLOCK,
            end_ms: now - back,
        };
        assert_eq!(
            read_with(store, &super::support::any(), window),
            model.all(window)
        );
    }
    let even = [
        Matcher::equal("job", "even"),
        Matcher::regex("instance", "host-(0|1).*").unwrap(),
    ];
    let found = read_with(store, &even, Window::ALL);
    let expected = model
        .all(Window::ALL)
        .into_iter()
        .filter(|(name, _)| name.contains("host-0"));
    assert_eq!(found, expected.collect());
    let query = LabelQuery {
        matchers: &even,
        window: Window::ALL,
        limit: 0,
    };
    let values = store.label_values("instance", query).unwrap();
    assert!(
        values.iter().all(|value| value == "host-0:9100"),
        "{values:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn the_store_does_what_a_map_does(steps in prop::collection::vec(step(), 1..40)) {
        run(steps);
    }
}
