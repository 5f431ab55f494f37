//! The engine against itself: what a range query gives at a step, an instant query gives at that time.
//! The two go different ways through windows, columns and repeated constants.

use crate::data::{self, START_MS};
use crate::generate;
use crate::random::Random;
use mainstay_promql::promqltest::MemoryStorage;
use mainstay_promql::{Engine, Options, Query, Value, uninterrupted};
use mainstay_series::Labels;
use std::collections::BTreeMap;

/// How many queries are tried.
const COUNT: u64 = 1500;

/// The bits of every value: nothing may differ, not even by rounding.
type Vector = BTreeMap<Labels, u64>;

fn instant(
    engine: &Engine,
    storage: &MemoryStorage,
    query: &Query,
    time: i64,
) -> Result<Vector, String> {
    let answer = engine.instant(storage, query, time, &uninterrupted);
    match answer.map_err(|error| error.to_string())?.value {
        Value::Scalar { value, .. } => Ok([(Labels::empty(), bits(value))].into()),
        Value::Vector { samples, .. } => Ok(samples
            .into_iter()
            .map(|(labels, value)| (labels, bits(value)))
            .collect()),
        other => panic!("{other:?}"),
    }
}

/// Of all NaN one.
fn bits(value: f64) -> u64 {
    if value.is_nan() {
        f64::NAN.to_bits()
    } else {
        value.to_bits()
    }
}

#[test]
fn a_range_is_its_instants() {
    let storage = data::store();
    let mut compared = 0;
    for seed in 0..COUNT {
        let mut random = Random::new(1_000_000 + seed);
        let (text, _) = generate::query(&mut random);
        // These mean another time in a range query.
        if text.contains("start()") || text.contains("end()") {
            continue;
        }
        let engine = Engine::new(Options {
            delayed_name_removal: random.one_in(2),
            ..Options::default()
        });
        let query = Query::parse(&text).expect("a query");
        // Any times, also those at which samples and subqueries have an edge.
        let start = START_MS + 1000 * random.below(3600) as i64;
        let step = 1 + random.below(400_000) as i64;
        let end = start + 7 * step + random.below(step as usize) as i64;
        let answer = engine.range(&storage, &query, (start, end, step), &uninterrupted);
        let Ok(Value::Matrix(series)) = answer.map(|answer| answer.value) else {
            continue;
        };
        let mut steps: BTreeMap<i64, Vector> = BTreeMap::new();
        for (labels, samples) in &series {
            for sample in samples.iter() {
                let at = steps.entry(sample.time_ms).or_default();
                at.insert(labels.clone(), bits(sample.value));
            }
        }
        for time in (0..8).map(|at| start + at * step) {
            let ours = steps.remove(&time).unwrap_or_default();
            let theirs = instant(&engine, &storage, &query, time);
            assert_eq!(Ok(ours), theirs, "seed {seed}: {text} at {time}");
            compared += 1;
        }
        assert!(steps.is_empty(), "{text}: {steps:?}");
    }
    assert!(compared > COUNT, "{compared} steps");
}
