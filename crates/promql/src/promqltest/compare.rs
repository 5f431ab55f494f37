//! Whether an answer is the expected one.

use mainstay_series::{Labels, Samples};

use super::{Eval, Expectation, Times};
use crate::answer::Value;
use crate::format::float;
use crate::nearly::nearly_equal;

/// The relative error that values may have.
pub(super) const TOLERANCE: f64 = 1e-6;

type ExpectedSeries = [(Labels, Vec<Option<f64>>)];

/// How an answer is compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    /// The order of a vector counts.
    pub(super) ordered: bool,
    pub(super) tolerance: f64,
}

/// Compares an answer with what an evaluation expects.
pub(super) fn value(eval: &Eval, found: &Value, how: How) -> Result<(), String> {
    match (found, &eval.expected) {
        (Value::Scalar { value, .. }, Expectation::Scalar(wanted)) => {
            if nearly_equal(*value, *wanted, how.tolerance) {
                return Ok(());
            }
            Err(format!(
                "expected scalar {}, got {}",
                float(*wanted),
                float(*value)
            ))
        }
        (Value::String { value, .. }, Expectation::String(wanted)) => {
            if value == wanted {
                return Ok(());
            }
            Err(format!("expected string {wanted:?}, got {value:?}"))
        }
        (Value::Vector { samples, .. }, Expectation::Series(wanted)) => {
            vector(wanted, samples, how)
        }
        (Value::Matrix(series), Expectation::Series(wanted)) => {
            let times = match (eval.range_vector, eval.times) {
                (Some(times), _) => times,
                (None, Times::Range { start, end, step }) => (start, end, step),
                (None, Times::Instant(time)) => (time, time, 1),
            };
            matrix(wanted, series, times, how)
        }
        (found, wanted) => Err(format!("expected {wanted:?}, got {found:?}")),
    }
}

fn vector(wanted: &ExpectedSeries, found: &[(Labels, f64)], how: How) -> Result<(), String> {
    for (at, (labels, value)) in found.iter().enumerate() {
        // Of two lines with the same labels the later one holds.
        let Some((position, (_, values))) =
            wanted.iter().enumerate().rfind(|(_, (l, _))| l == labels)
        else {
            let value = float(*value);
            return Err(format!("unexpected {labels} with value {value}"));
        };
        if how.ordered && position != at {
            return Err(format!(
                "expected {labels} at position {position}, is at {at}"
            ));
        }
        let wanted = values.first().copied().flatten().unwrap_or_default();
        if !nearly_equal(*value, wanted, how.tolerance) {
            let (wanted, value) = (float(wanted), float(*value));
            return Err(format!("expected {wanted} for {labels}, got {value}"));
        }
    }
    missing(wanted, |labels| found.iter().any(|(l, _)| l == labels))
}

fn missing(wanted: &ExpectedSeries, is_there: impl Fn(&Labels) -> bool) -> Result<(), String> {
    match wanted.iter().find(|(labels, _)| !is_there(labels)) {
        Some((labels, values)) => Err(format!("expected {labels} with {values:?}, not found")),
        None => Ok(()),
    }
}

fn matrix(
    wanted: &ExpectedSeries,
    found: &[(Labels, Samples)],
    (start, end, step): (i64, i64, i64),
    how: How,
) -> Result<(), String> {
    if !found.windows(2).all(|pair| pair[0].0 <= pair[1].0) {
        return Err("series are not sorted by labels".to_owned());
    }
    for (labels, samples) in found {
        let Some((_, values)) = wanted.iter().rfind(|(l, _)| l == labels) else {
            return Err(format!("unexpected {labels} with {samples:?}"));
        };
        let mut expected = Samples::default();
        for (i, value) in values.iter().enumerate() {
            let time = start + step * i as i64;
            if time > end {
                return Err(format!(
                    "more values expected for {labels} than there are steps"
                ));
            }
            if let Some(value) = value {
                expected.push(time, *value);
            }
        }
        let same = expected.times == samples.times
            && expected
                .values
                .iter()
                .zip(&samples.values)
                .all(|(a, b)| nearly_equal(*a, *b, how.tolerance));
        if !same {
            return Err(format!(
                "expected {expected:?} for {labels}, got {samples:?}"
            ));
        }
    }
    missing(wanted, |labels| found.iter().any(|(l, _)| l == labels))
}
