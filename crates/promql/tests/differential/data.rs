//! The data that both have.
//!
//! Samples lie at odd milliseconds and queries at whole seconds, so that no sample is ever on the
//! edge of a range: there 2.42 and 3 differ. Counters start high and have no gaps, so that
//! extrapolation to zero, which differs too, never begins.

use crate::peer::Prometheus;
use crate::random::Random;
use mainstay_promql::promqltest::MemoryStorage;
use mainstay_series::{Labels, STALE, Samples};
use std::collections::BTreeMap;

/// When the data begins: a whole minute.
pub(crate) const START_MS: i64 = 1_700_000_040_000;

/// How far samples of a series are apart.
const EVERY_MS: i64 = 15_000;

/// How many there are: an hour.
const COUNT: usize = 240;

/// When a query is evaluated.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Times {
    Instant(i64),
    /// Start, end, step.
    Range(i64, i64, i64),
}

fn labels(name: &str, pairs: &[(&str, &str)]) -> Labels {
    let name = [("__name__", name)];
    Labels::from_pairs(name.iter().chain(pairs).copied())
}

/// All series with their samples.
pub(crate) fn series() -> BTreeMap<Labels, Samples> {
    let mut random = Random::new(42);
    let mut all = All::new();
    counters(&mut random, &mut all);
    gauges(&mut random, &mut all);
    others(&mut random, &mut all);
    all.into_iter()
        .map(|(labels, values)| {
            let offset = 1 + random.below(997) as i64;
            let mut samples = Samples::default();
            for (at, value) in values.iter().enumerate() {
                if let Some(value) = value {
                    samples.push(START_MS + at as i64 * EVERY_MS + offset, *value);
                }
            }
            (labels, samples)
        })
        .collect()
}

/// The data for us.
pub(crate) fn store() -> MemoryStorage {
    let mut storage = MemoryStorage::default();
    for (labels, samples) in series() {
        storage.append(&labels, &samples);
    }
    storage
}

/// The data for Prometheus, in the order of time, as samples come in life.
pub(crate) fn write(prometheus: &Prometheus) {
    let series = series();
    let mut samples: Vec<(&Labels, i64, f64)> = series
        .iter()
        .flat_map(|(labels, samples)| samples.iter().map(move |s| (labels, s.time_ms, s.value)))
        .collect();
    samples.sort_by_key(|(_, time, _)| *time);
    for chunk in samples.chunks(1000) {
        prometheus.write(chunk);
    }
}

type All = BTreeMap<Labels, Vec<Option<f64>>>;

fn counters(random: &mut Random, all: &mut All) {
    for job in ["api", "web"] {
        for instance in ["a", "b", "c"] {
            for code in ["200", "404", "500"] {
                let pairs = [("job", job), ("instance", instance), ("code", code)];
                let mut value = 1e6;
                let reset = random.one_in(2).then(|| random.below(COUNT));
                let values = (0..COUNT).map(|at| {
                    value += random.below(100) as f64;
                    if Some(at) == reset {
                        value = 5e5;
                    }
                    Some(value)
                });
                let values = values.collect();
                all.insert(labels("requests_total", &pairs), values);
            }
        }
        for (i, le) in ["0.1", "0.5", "1", "5", "+Inf"].into_iter().enumerate() {
            let values = (0..COUNT).map(|at| Some(1e6 + (at * (i + 1) * 7) as f64));
            let pairs = [("job", job), ("le", le)];
            all.insert(labels("latency_bucket", &pairs), values.collect());
        }
    }
}

fn gauges(random: &mut Random, all: &mut All) {
    for job in ["api", "web", "db"] {
        for instance in ["a", "b"] {
            let pairs = [("job", job), ("instance", instance)];
            let mut value = 20.0;
            let walk = (0..COUNT).map(|_| {
                value += random.fraction() * 4.0 - 2.0;
                Some(value)
            });
            let walk: Vec<Option<f64>> = walk.collect();
            all.insert(labels("temperature", &pairs), walk.clone());
            // The same with holes, short and long, some of them told by a stale marker.
            let mut hole = 0_usize;
            let holes = walk.iter().map(|value| {
                if hole > 0 {
                    hole -= 1;
                    return None;
                }
                if random.one_in(25) {
                    hole = random.below(40);
                    return random.one_in(2).then_some(STALE);
                }
                *value
            });
            let holes = holes.collect();
            all.insert(labels("flaky", &pairs), holes);
            let up = (0..COUNT).map(|_| Some(f64::from(u8::from(!random.one_in(10)))));
            let up = up.collect();
            all.insert(labels("up", &pairs), up);
        }
    }
}

fn others(random: &mut Random, all: &mut All) {
    for (job, team) in [("api", "red"), ("web", "blue"), ("db", "red")] {
        let pairs = [("job", job), ("team", team)];
        all.insert(labels("owner_info", &pairs), vec![Some(1.0); COUNT]);
    }
    let odd = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        -2.5,
        1e-9,
        1e15,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ];
    for kind in ["x", "y"] {
        let values = (0..COUNT).map(|_| Some(odd[random.below(odd.len())]));
        let values = values.collect();
        all.insert(labels("odd", &[("kind", kind)]), values);
    }
}
