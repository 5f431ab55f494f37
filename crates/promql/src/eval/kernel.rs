//! Which function is evaluated over each window of a series.

use mainstay_series::Samples;

use super::rate::{self, Kind, Resets};
use super::window::{Ranged, slide};
use super::{Column, over_time};
use crate::functions::RangeFn;

/// A function with what it keeps from window to window and from series to series.
pub(super) struct Kernel<'a> {
    function: RangeFn,
    /// The scalar arguments, for each step.
    parameters: &'a [Column],
    resets: Resets,
    sorted: Vec<f64>,
    /// Quantiles outside of 0 to 1 that were asked for.
    pub(super) invalid: Vec<f64>,
    /// An argument that cannot be.
    pub(super) failed: Option<String>,
}

impl<'a> Kernel<'a> {
    pub(super) fn new(function: RangeFn, parameters: &'a [Column]) -> Self {
        Self {
            function,
            parameters,
            resets: Resets::default(),
            sorted: Vec::new(),
            invalid: Vec::new(),
            failed: None,
        }
    }

    /// Evaluates over one series.
    pub(super) fn fill(&mut self, samples: &Samples, of: Ranged<'_>, into: &mut Column) {
        let counter = |per_second| Kind {
            counter: true,
            per_second,
        };
        let gauge = Kind {
            counter: false,
            per_second: false,
        };
        match self.function {
            RangeFn::Rate => self.rate(samples, of, into, counter(true)),
            RangeFn::Increase => self.rate(samples, of, into, counter(false)),
            RangeFn::Delta => self.rate(samples, of, into, gauge),
            RangeFn::Irate => slide(samples, of, into, |w| rate::instant(w, true)),
            RangeFn::Idelta => slide(samples, of, into, |w| rate::instant(w, false)),
            RangeFn::AvgOverTime => slide(samples, of, into, over_time::mean),
            RangeFn::SumOverTime => slide(samples, of, into, |w| Some(over_time::sum(w))),
            RangeFn::MaxOverTime => slide(samples, of, into, over_time::max),
            RangeFn::MinOverTime => slide(samples, of, into, over_time::min),
            RangeFn::CountOverTime => slide(samples, of, into, |w| Some(w.values.len() as f64)),
            RangeFn::PresentOverTime | RangeFn::AbsentOverTime => {
                slide(samples, of, into, |_| Some(1.0));
            }
            RangeFn::FirstOverTime => slide(samples, of, into, |w| w.values.first().copied()),
            RangeFn::LastOverTime => slide(samples, of, into, |w| w.values.last().copied()),
            RangeFn::StdvarOverTime => slide(samples, of, into, |w| Some(over_time::variance(w))),
            RangeFn::StddevOverTime => {
                slide(samples, of, into, |w| Some(over_time::variance(w).sqrt()));
            }
            RangeFn::Changes => slide(samples, of, into, |w| Some(over_time::changes(w))),
            RangeFn::Resets => slide(samples, of, into, |w| Some(over_time::resets(w))),
            RangeFn::Deriv => slide(samples, of, into, |w| {
                let at = w.times.first()?;
                over_time::regression(w, *at).map(|(slope, _)| slope)
            }),
            RangeFn::PredictLinear => slide(samples, of, into, |w| {
                let (slope, now) = over_time::regression(w, w.time_ms)?;
                Some(slope * parameter(self.parameters, 0, w.step) + now)
            }),
            RangeFn::QuantileOverTime => self.quantile(samples, of, into),
            RangeFn::MadOverTime => {
                let sorted = &mut self.sorted;
                slide(samples, of, into, |w| Some(over_time::deviation(w, sorted)));
            }
            RangeFn::DoubleExponentialSmoothing => self.smoothed(samples, of, into),
            RangeFn::TsOfFirstOverTime => slide(samples, of, into, |w| seconds(w.times.first())),
            RangeFn::TsOfLastOverTime => slide(samples, of, into, |w| seconds(w.times.last())),
            RangeFn::TsOfMaxOverTime => {
                slide(samples, of, into, |w| {
                    seconds(over_time::when(w, |a, b| a >= b))
                });
            }
            RangeFn::TsOfMinOverTime => {
                slide(samples, of, into, |w| {
                    seconds(over_time::when(w, |a, b| a <= b))
                });
            }
        }
    }

    fn rate(&mut self, samples: &Samples, of: Ranged<'_>, into: &mut Column, kind: Kind) {
        if kind.counter {
            self.resets.find(&samples.values);
        }
        let resets = &self.resets;
        slide(samples, of, into, |w| rate::extrapolated(w, kind, resets));
    }

    fn smoothed(&mut self, samples: &Samples, of: Ranged<'_>, into: &mut Column) {
        let (parameters, failed) = (self.parameters, &mut self.failed);
        slide(samples, of, into, |w| {
            let factor = |which| parameter(parameters, which, w.step);
            for (which, what) in [(0, "smoothing"), (1, "trend")] {
                let (value, short) = (factor(which), &what[..1]);
                if value <= 0.0 || value >= 1.0 {
                    failed.get_or_insert_with(|| {
                        format!(
                            "invalid {what} factor. Expected: 0 < {short}f < 1, got: {value:.6}"
                        )
                    });
                }
            }
            over_time::smoothed(w, factor(0), factor(1))
        });
    }

    fn quantile(&mut self, samples: &Samples, of: Ranged<'_>, into: &mut Column) {
        let parameters = self.parameters;
        let (sorted, invalid) = (&mut self.sorted, &mut self.invalid);
        slide(samples, of, into, |w| {
            let q = parameter(parameters, 0, w.step);
            let known = |known: &f64| known.to_bits() == q.to_bits();
            if !(0.0..=1.0).contains(&q) && !invalid.iter().any(known) {
                invalid.push(q);
            }
            Some(over_time::quantile(q, w, sorted))
        });
    }
}

/// A scalar argument at a step.
fn parameter(parameters: &[Column], which: usize, step: usize) -> f64 {
    let column = parameters.get(which);
    let value = column.and_then(|column| column.get(step).copied());
    value.unwrap_or(f64::NAN)
}

fn seconds(ms: Option<&i64>) -> Option<f64> {
    ms.map(|ms| *ms as f64 / 1000.0)
}
