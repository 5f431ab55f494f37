//! Functions of a window that look at its values one by one.

use super::kahan::{Kahan, Mean};
use super::quantile;
use super::window::Window;

pub(super) fn sum(window: &Window<'_>) -> f64 {
    let mut sum = Kahan::default();
    for value in window.values {
        sum.add(*value);
    }
    if sum.sum.is_infinite() {
        sum.sum
    } else {
        sum.total()
    }
}

pub(super) fn mean(window: &Window<'_>) -> Option<f64> {
    let (first, rest) = window.values.split_first()?;
    let mut mean = Mean::of(*first);
    for value in rest {
        mean.add(*value);
    }
    Some(mean.value())
}

/// The variance of all values, by Welford's algorithm with compensated sums.
pub(super) fn variance(window: &Window<'_>) -> f64 {
    let mut count = 0.0;
    let (mut mean, mut squares) = (Kahan::default(), Kahan::default());
    for value in window.values {
        count += 1.0;
        let delta = value - mean.total();
        mean.add(delta / count);
        squares.add(delta * (value - mean.total()));
    }
    squares.total() / count
}

pub(super) fn max(window: &Window<'_>) -> Option<f64> {
    extreme(window, |value, so_far| value > so_far)
}

pub(super) fn min(window: &Window<'_>) -> Option<f64> {
    extreme(window, |value, so_far| value < so_far)
}

/// NaN counts only where there is nothing else.
fn extreme(window: &Window<'_>, better: impl Fn(f64, f64) -> bool) -> Option<f64> {
    let (first, rest) = window.values.split_first()?;
    Some(rest.iter().fold(*first, |so_far, value| {
        if better(*value, so_far) || so_far.is_nan() {
            *value
        } else {
            so_far
        }
    }))
}

pub(super) fn quantile(q: f64, window: &Window<'_>, sorted: &mut Vec<f64>) -> f64 {
    sorted.clear();
    sorted.extend_from_slice(window.values);
    quantile::quantile(q, sorted)
}

/// The median of the distances from the median; NaN if there is any.
pub(super) fn deviation(window: &Window<'_>, sorted: &mut Vec<f64>) -> f64 {
    if window.values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let median = quantile(0.5, window, sorted);
    for value in sorted.iter_mut() {
        *value = (*value - median).abs();
    }
    quantile::quantile(0.5, sorted)
}

/// When the value was the best so far, and of equal ones the last.
pub(super) fn when<'a>(window: &Window<'a>, better: impl Fn(f64, f64) -> bool) -> Option<&'a i64> {
    let mut best = (window.times.first()?, *window.values.first()?);
    for (time, value) in window.times.iter().zip(window.values) {
        if better(*value, best.1) || best.1.is_nan() {
            best = (time, *value);
        }
    }
    Some(best.0)
}

/// Holt's linear smoothing: a level and a trend.
pub(super) fn smoothed(window: &Window<'_>, smoothing: f64, trend: f64) -> Option<f64> {
    let [first, second, ..] = window.values else {
        return None;
    };
    let (mut before, mut level, mut slope) = (0.0, *first, second - first);
    for (i, value) in window.values.iter().enumerate().skip(1) {
        if i > 1 {
            slope = trend * (level - before) + (1.0 - trend) * slope;
        }
        let next = smoothing * value + (1.0 - smoothing) * (level + slope);
        (before, level) = (level, next);
    }
    Some(level)
}

/// How often the value changed; NaN after NaN is no change.
pub(super) fn changes(window: &Window<'_>) -> f64 {
    count_pairs(window, |before, after| {
        before != after && !(before.is_nan() && after.is_nan())
    })
}

/// How often the value went down.
pub(super) fn resets(window: &Window<'_>) -> f64 {
    count_pairs(window, |before, after| after < before)
}

fn count_pairs(window: &Window<'_>, counts: impl Fn(f64, f64) -> bool) -> f64 {
    let pairs = window.values.windows(2);
    pairs.filter(|pair| counts(pair[0], pair[1])).count() as f64
}

/// The slope per second of the least-squares line, and its value at `at_ms`.
pub(super) fn regression(window: &Window<'_>, at_ms: i64) -> Option<(f64, f64)> {
    let [first, _, ..] = window.values else {
        return None;
    };
    let n = window.values.len() as f64;
    let mut sums = [Kahan::default(); 4];
    for (time, y) in window.times.iter().zip(window.values) {
        let x = time.saturating_sub(at_ms) as f64 / 1000.0;
        for (sum, term) in sums.iter_mut().zip([x, *y, x * y, x * x]) {
            sum.add(term);
        }
    }
    // A constant has no slope, and rounding shall not give it one.
    if window.values.iter().all(|value| value == first) {
        return Some(if first.is_infinite() {
            (f64::NAN, f64::NAN)
        } else {
            (0.0, *first)
        });
    }
    let [x, y, xy, xx] = sums.map(Kahan::total);
    let covariance = xy - x * y / n;
    let variance = xx - x * x / n;
    let slope = covariance / variance;
    Some((slope, y / n - slope * x / n))
}
