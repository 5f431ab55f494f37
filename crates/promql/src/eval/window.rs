//! Windows that slide over the samples of one series.

use mainstay_series::Samples;

use super::grid::Reference;
use super::{Evaluator, Grid};

/// The samples of a series that one step sees: later than `start_ms`, not later than `end_ms`.
/// There is at least one.
#[derive(Debug)]
pub(super) struct Window<'a> {
    pub(super) times: &'a [i64],
    pub(super) values: &'a [f64],
    /// Which of the series' samples the first is.
    pub(super) first: usize,
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    /// The step, and its time.
    pub(super) step: usize,
    pub(super) time_ms: i64,
}

/// How far back a range selector or subquery looks, and from where.
#[derive(Clone, Copy)]
pub(super) struct Ranged<'a> {
    pub(super) evaluator: &'a Evaluator<'a>,
    pub(super) range_ms: i64,
    pub(super) reference: Reference,
    pub(super) grid: Grid,
}

/// Slides a window over a series and fills a column.
pub(super) fn slide(
    samples: &Samples,
    of: Ranged<'_>,
    column: &mut [f64],
    mut function: impl FnMut(&Window<'_>) -> Option<f64>,
) {
    let (mut from, mut to) = (0, 0);
    for (step, into) in column.iter_mut().enumerate() {
        let end_ms = of.reference.time(step);
        let start_ms = end_ms.saturating_sub(of.range_ms);
        while samples.times.get(to).is_some_and(|time| *time <= end_ms) {
            to += 1;
        }
        while from < to
            && samples
                .times
                .get(from)
                .is_some_and(|time| *time <= start_ms)
        {
            from += 1;
        }
        if from == to {
            continue;
        }
        let window = Window {
            times: samples.times.get(from..to).unwrap_or_default(),
            values: samples.values.get(from..to).unwrap_or_default(),
            first: from,
            start_ms,
            end_ms,
            step,
            time_ms: of.grid.time(step),
        };
        if !of.evaluator.spend(window.values.len()) {
            return;
        }
        if let Some(value) = function(&window) {
            *into = value;
        }
    }
}
