//! Whether two answers are the same.

use mainstay_promql::{QueryError, Value};
use mainstay_series::{Labels, Samples};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Our answer.
pub(crate) type Mine = Result<Value, QueryError>;

/// Values may differ by rounding: the order of sums is not the same.
const TOLERANCE: f64 = 1e-6;

type Points = BTreeMap<Labels, Vec<(i64, f64)>>;

/// An answer of theirs as ours are; times are less by `since_ms`.
pub(crate) fn value(data: &Json, since_ms: i64) -> Value {
    let kind = data["resultType"].as_str().unwrap_or_default();
    let result = &data["result"];
    if kind == "string" {
        let value = result[1].as_str().unwrap_or_default().to_owned();
        return Value::String { time_ms: 0, value };
    }
    let points = their_points(result, kind);
    let first = |points: &[(i64, f64)]| points.first().map_or(f64::NAN, |(_, value)| *value);
    match kind {
        "scalar" => Value::Scalar {
            time_ms: 0,
            value: points
                .values()
                .next()
                .map_or(f64::NAN, |points| first(points)),
        },
        "vector" => Value::Vector {
            time_ms: 0,
            samples: points
                .iter()
                .map(|(labels, points)| (labels.clone(), first(points)))
                .collect(),
        },
        _ => {
            let series = points.into_iter().map(|(labels, points)| {
                let mut samples = Samples::default();
                for (time, value) in points {
                    samples.push(time - since_ms, value);
                }
                (labels, samples)
            });
            Value::Matrix(series.collect())
        }
    }
}

#[allow(clippy::float_cmp, reason = "infinities are equal only to themselves")]
fn near(a: f64, b: f64) -> bool {
    a == b
        || (a.is_nan() && b.is_nan())
        || (a - b).abs() <= TOLERANCE * (1.0 + a.abs().max(b.abs()))
}

/// What is different, if anything. That both fail is the same, whatever the words.
pub(crate) fn differ(mine: &Mine, theirs: &Result<Json, String>) -> Option<String> {
    let (mine, theirs) = match (mine, theirs) {
        (Err(_), Err(_)) => return None,
        (Err(mine), Ok(theirs)) => return Some(format!("ours: {mine}\n  theirs: {theirs}")),
        (Ok(mine), Err(theirs)) => return Some(format!("ours: {mine:?}\n  theirs: {theirs}")),
        (Ok(mine), Ok(theirs)) => (mine, theirs),
    };
    let kind = mine.value_type().as_str();
    if theirs["resultType"] != kind {
        return Some(format!("ours is a {kind}, theirs {}", theirs["resultType"]));
    }
    let (ours, their_points) = (our_points(mine), their_points(&theirs["result"], kind));
    let same = ours.len() == their_points.len()
        && ours
            .iter()
            .zip(&their_points)
            .all(|((a, ours), (b, theirs))| {
                a == b
                    && ours.len() == theirs.len()
                    && ours
                        .iter()
                        .zip(theirs)
                        .all(|((t, ours), (u, theirs))| t == u && near(*ours, *theirs))
            });
    (!same).then(|| format!("ours:   {ours:?}\n  theirs: {their_points:?}"))
}

fn our_points(value: &Value) -> Points {
    let column = |samples: &Samples| samples.iter().map(|s| (s.time_ms, s.value)).collect();
    match value {
        Value::Scalar { time_ms, value } => [(Labels::empty(), vec![(*time_ms, *value)])].into(),
        Value::String { .. } => Points::new(),
        Value::Vector { time_ms, samples } => samples
            .iter()
            .map(|(labels, value)| (labels.clone(), vec![(*time_ms, *value)]))
            .collect(),
        Value::Matrix(series) => series
            .iter()
            .map(|(labels, samples)| (labels.clone(), column(samples)))
            .collect(),
    }
}

fn their_points(result: &Json, kind: &str) -> Points {
    if kind == "scalar" {
        return [(Labels::empty(), vec![point(result)])].into();
    }
    let series = result.as_array().into_iter().flatten();
    series
        .map(|series| {
            let metric = series["metric"].as_object().into_iter().flatten();
            let labels = metric.map(|(name, value)| (name.as_str(), value.as_str().unwrap_or("")));
            let points = match series["values"].as_array() {
                Some(values) => values.iter().map(point).collect(),
                None => vec![point(&series["value"])],
            };
            (Labels::from_pairs(labels), points)
        })
        .collect()
}

/// `[1700000000.123, "1.5"]`
fn point(pair: &Json) -> (i64, f64) {
    let time = pair[0].as_f64().unwrap_or_default();
    let value = match pair[1].as_str().unwrap_or_default() {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        text => text.parse().unwrap_or(f64::NAN),
    };
    ((time * 1000.0).round() as i64, value)
}
