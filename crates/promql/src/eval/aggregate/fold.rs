//! Aggregations that take one value after the other: `sum`, `avg`, `count`, `min`, `max`, `group`,
//! `stddev`, `stdvar`.

use super::super::column::{ABSENT, is_absent};
use super::super::kahan::{Kahan, Mean};
use crate::ast::Aggregation;

/// The state of one group, for each step.
pub(super) struct Fold {
    state: State,
    /// A row of it had a name that is to go.
    pub(super) drop_name: bool,
}

enum State {
    Sum(Vec<Kahan>),
    Mean(Vec<Option<Mean>>),
    Count(Vec<f64>),
    Min(Vec<f64>),
    Max(Vec<f64>),
    Group(Vec<f64>),
    Variance { steps: Vec<Spread>, root: bool },
}

/// Welford's algorithm.
#[derive(Clone, Copy, Default)]
struct Spread {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Spread {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        if self.count == 1.0 {
            self.mean = value;
            self.squares = if value.is_finite() { 0.0 } else { f64::NAN };
            return;
        }
        let delta = value - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (value - self.mean);
    }
}

impl Fold {
    pub(super) fn new(op: Aggregation, steps: usize) -> Self {
        let absent = || vec![ABSENT; steps];
        let state = match op {
            Aggregation::Avg => State::Mean(vec![None; steps]),
            Aggregation::Count => State::Count(vec![0.0; steps]),
            Aggregation::Min => State::Min(absent()),
            Aggregation::Max => State::Max(absent()),
            Aggregation::StdDev | Aggregation::StdVar => State::Variance {
                steps: vec![Spread::default(); steps],
                root: op == Aggregation::StdDev,
            },
            Aggregation::Sum => State::Sum(vec![Kahan::of(ABSENT); steps]),
            // The others are no folds and come never here.
            Aggregation::Group
            | Aggregation::BottomK
            | Aggregation::CountValues
            | Aggregation::Quantile
            | Aggregation::TopK => State::Group(absent()),
        };
        Self {
            state,
            drop_name: false,
        }
    }

    /// How many numbers are held for each step.
    pub(super) fn weight(op: Aggregation) -> usize {
        match op {
            Aggregation::Sum => 2,
            Aggregation::Avg => 5,
            Aggregation::StdDev | Aggregation::StdVar => 3,
            _ => 1,
        }
    }

    /// Takes in a row.
    pub(super) fn add(&mut self, values: &[f64]) {
        match &mut self.state {
            State::Sum(steps) => each(steps, values, |sum, value| {
                if is_absent(sum.sum) {
                    *sum = Kahan::of(value);
                } else {
                    sum.add(value);
                }
            }),
            State::Mean(steps) => each(steps, values, |mean, value| match mean {
                Some(mean) => mean.add(value),
                None => *mean = Some(Mean::of(value)),
            }),
            State::Count(steps) => each(steps, values, |count, _| *count += 1.0),
            State::Group(steps) => each(steps, values, |group, _| *group = 1.0),
            State::Min(steps) => each(steps, values, |min, value| {
                // What is absent is NaN as well.
                if *min > value || min.is_nan() {
                    *min = value;
                }
            }),
            State::Max(steps) => each(steps, values, |max, value| {
                if *max < value || max.is_nan() {
                    *max = value;
                }
            }),
            State::Variance { steps, .. } => each(steps, values, Spread::add),
        }
    }

    /// The results.
    pub(super) fn finish(self, into: &mut [f64]) {
        match self.state {
            State::Sum(steps) => give(into, &steps, |sum| {
                if is_absent(sum.sum) {
                    ABSENT
                } else {
                    sum.total()
                }
            }),
            State::Mean(steps) => give(into, &steps, |mean| mean.map_or(ABSENT, Mean::value)),
            State::Count(steps) => give(
                into,
                &steps,
                |count| {
                    if count == 0.0 { ABSENT } else { count }
                },
            ),
            State::Min(steps) | State::Max(steps) | State::Group(steps) => {
                give(into, &steps, |value| value);
            }
            State::Variance { steps, root } => give(into, &steps, |spread| {
                let variance = spread.squares / spread.count;
                if spread.count == 0.0 {
                    ABSENT
                } else if root {
                    variance.sqrt()
                } else {
                    variance
                }
            }),
        }
    }
}

#[inline]
fn each<T>(steps: &mut [T], values: &[f64], mut take: impl FnMut(&mut T, f64)) {
    for (state, value) in steps.iter_mut().zip(values) {
        if !is_absent(*value) {
            take(state, *value);
        }
    }
}

fn give<T: Copy>(into: &mut [f64], steps: &[T], value: impl Fn(T) -> f64) {
    for (into, state) in into.iter_mut().zip(steps) {
        *into = value(*state);
    }
}
