//! `rate`, `increase`, `delta`, and the instantaneous `irate` and `idelta`.

use super::window::Window;

/// What kind of rate is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    /// It only goes up, and where it goes down it began anew.
    pub(super) counter: bool,
    /// Per second rather than over the range.
    pub(super) per_second: bool,
}

/// Where a counter went down: the positions of the values that are less than the one before.
///
/// Resets are rare, so a window looks at this list rather than at each of its samples.
#[derive(Debug, Default)]
pub(super) struct Resets(Vec<usize>);

impl Resets {
    /// Finds those of a series.
    pub(super) fn find(&mut self, values: &[f64]) {
        self.0.clear();
        let pairs = values.windows(2).enumerate();
        let downs = pairs.filter(|(_, pair)| pair[1] < pair[0]);
        self.0.extend(downs.map(|(i, _)| i + 1));
    }

    /// What a window's difference must be raised by: the value before each reset in it.
    #[inline]
    fn correction(&self, window: &Window<'_>, mut difference: f64) -> f64 {
        if self.0.is_empty() {
            return difference;
        }
        let from = self.0.partition_point(|at| *at <= window.first);
        for at in self.0.iter().skip(from) {
            match at.checked_sub(window.first + 1) {
                Some(before) if before + 1 < window.values.len() => {
                    difference += window.values[before];
                }
                _ => break,
            }
        }
        difference
    }
}

/// The increase within the window, extrapolated to its ends where samples are near enough: up to
/// 1.1 times the average distance of samples, else by half of it, and never below zero for a
/// counter.
#[inline]
pub(super) fn extrapolated(window: &Window<'_>, kind: Kind, resets: &Resets) -> Option<f64> {
    let ([first, .., last], [first_ms, .., last_ms]) = (window.values, window.times) else {
        return None;
    };
    let mut result = last - first;
    if kind.counter {
        result = resets.correction(window, result);
    }
    let mut to_start = first_ms.saturating_sub(window.start_ms) as f64 / 1000.0;
    let mut to_end = window.end_ms.saturating_sub(*last_ms) as f64 / 1000.0;
    let sampled = last_ms.saturating_sub(*first_ms) as f64 / 1000.0;
    let average = sampled / (window.values.len() - 1) as f64;
    let threshold = average * 1.1;
    if to_start >= threshold {
        to_start = average / 2.0;
    }
    if kind.counter {
        let mut to_zero = to_start;
        if result > 0.0 && *first >= 0.0 {
            to_zero = sampled * (first / result);
        }
        if to_zero < to_start {
            to_start = to_zero;
        }
    }
    if to_end >= threshold {
        to_end = average / 2.0;
    }
    let mut factor = (sampled + to_start + to_end) / sampled;
    if kind.per_second {
        factor /= window.end_ms.saturating_sub(window.start_ms) as f64 / 1000.0;
    }
    Some(result * factor)
}

/// From the last two samples; a counter that went down began at zero.
pub(super) fn instant(window: &Window<'_>, rate: bool) -> Option<f64> {
    let ([.., before, last], [.., before_ms, last_ms]) = (window.values, window.times) else {
        return None;
    };
    let seconds = last_ms.saturating_sub(*before_ms) as f64 / 1000.0;
    if seconds == 0.0 {
        return None;
    }
    let difference = if rate && last < before {
        *last
    } else {
        last - before
    };
    Some(if rate {
        difference / seconds
    } else {
        difference
    })
}
