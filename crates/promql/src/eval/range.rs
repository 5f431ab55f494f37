//! Functions of ranges: windows that slide over the samples of one series.

use mainstay_series::{Labels, Samples};

use super::column::{ABSENT, Row};
use super::grid::Reference;
use super::invariant::keeps_name;
use super::names::{Same, has_one_name};
use super::rate::{self, Kind, Resets};
use super::selector::{Wanted, drop_stale};
use super::{Column, Done, Evaluator, Grid, Sink, over_time};
use crate::ast::{Call, Expr, Span, ValueType};
use crate::error::QueryError;
use crate::functions::RangeFn;

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
#[derive(Debug, Clone, Copy)]
struct Ranged {
    range_ms: i64,
    reference: Reference,
    grid: Grid,
}

/// Slides a window over a series and fills a column.
fn slide(
    samples: &Samples,
    of: Ranged,
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
        if let Some(value) = function(&window) {
            *into = value;
        }
    }
}

impl Evaluator<'_> {
    /// A call of a function of a range.
    pub(super) fn range_call(
        &self,
        call: &Call,
        function: RangeFn,
        grid: Grid,
        sink: Sink<'_>,
    ) -> Done {
        let is_range = |arg: &&Expr| arg.value_type() == ValueType::Matrix;
        let Some(range) = call.args.iter().find(is_range).map(Expr::bare) else {
            return Ok(());
        };
        let parameters = call.args.iter().filter(|arg| !is_range(arg));
        let parameters = parameters.map(|arg| self.scalar(arg, grid));
        let parameters = parameters.collect::<Result<Vec<_>, _>>()?;
        if function == RangeFn::AbsentOverTime {
            return self.absent_over_time(call, range, grid, sink);
        }
        let mut evaluate = |sink: Sink<'_>| {
            let mut kernel = Kernel::new(function, &parameters);
            let mut counters = NonCounters::default();
            self.each_range(
                range,
                grid,
                call.function.name,
                &mut |labels, gone, samples, of| {
                    let mut values = self.column(grid, ABSENT)?;
                    kernel.fill(samples, of, &mut values);
                    if let Some(message) = kernel.failed.take() {
                        return Err(QueryError::Execution(message));
                    }
                    if matches!(function, RangeFn::Rate | RangeFn::Increase) {
                        counters.look(self, labels, &values, range.span());
                    }
                    sink(Row {
                        labels: labels.clone(),
                        drop_name: gone || !keeps_name(function),
                        values,
                    })
                },
            )?;
            if function == RangeFn::QuantileOverTime {
                // The place of the first argument, as Prometheus has it.
                let span = call.args.first().map(Expr::span).unwrap_or_default();
                kernel.invalid.iter().for_each(|q| {
                    self.annotations.borrow_mut().invalid_quantile(*q, span);
                });
            }
            Ok(())
        };
        if keeps_name(function) {
            return evaluate(sink);
        }
        self.renaming(has_one_name(range), grid, Same::Fails, sink, &mut evaluate)
    }

    /// Gives every series of a range selector or subquery to `each`: its labels, whether its name
    /// is to go already, its samples without stale markers.
    fn each_range(
        &self,
        expr: &Expr,
        grid: Grid,
        function: &str,
        each: &mut dyn FnMut(&Labels, bool, &Samples, Ranged) -> Done,
    ) -> Done {
        match expr {
            Expr::Matrix(matrix) => {
                let reference = Reference::new(matrix.selector.time, grid, self.query);
                let range_ms = matrix.range_ms;
                let of = Ranged {
                    range_ms,
                    reference,
                    grid,
                };
                let wanted = Wanted {
                    matchers: &matrix.selector.matchers,
                    reference,
                    back_ms: range_ms,
                    range_ms,
                    step_ms: if grid.steps > 1 { grid.step } else { 0 },
                    function,
                };
                self.each_series(wanted, &mut |labels, samples| {
                    drop_stale(samples);
                    if samples.is_empty() {
                        return Ok(());
                    }
                    each(labels, false, samples, of)
                })
            }
            Expr::Subquery(subquery) => {
                let reference = Reference::new(subquery.time, grid, self.query);
                let step = subquery.step_ms.unwrap_or(self.options.subquery_step_ms);
                let range_ms = subquery.range_ms;
                let inner = reference.subquery(range_ms, step);
                let inner = inner.ok_or(QueryError::TooManySamples)?;
                let of = Ranged {
                    range_ms,
                    reference,
                    grid,
                };
                self.stream(&subquery.expr, inner, &mut |mut row| {
                    if !self.options.delayed_name_removal {
                        row.resolve();
                    }
                    let samples = inner.samples(&row.values);
                    if samples.is_empty() {
                        return Ok(());
                    }
                    each(&row.labels, row.drop_name, &samples, of)
                })
            }
            _ => Ok(()),
        }
    }

    /// 1 where no series has a sample in its window.
    fn absent_over_time(&self, call: &Call, range: &Expr, grid: Grid, sink: Sink<'_>) -> Done {
        let mut values = self.column(grid, 1.0)?;
        let mut look = self.column(grid, ABSENT)?;
        let name = call.function.name;
        self.each_range(range, grid, name, &mut |_, _, samples, of| {
            look.fill(ABSENT);
            slide(samples, of, &mut look, |_| Some(1.0));
            for (value, found) in values.iter_mut().zip(look.iter()) {
                if !super::column::is_absent(*found) {
                    *value = ABSENT;
                }
            }
            Ok(())
        })?;
        sink(Row {
            labels: super::special::absent_labels(range),
            drop_name: true,
            values,
        })
    }
}

/// A function with what it keeps from window to window and from series to series.
struct Kernel<'a> {
    function: RangeFn,
    /// The scalar arguments, for each step.
    parameters: &'a [Column],
    resets: Resets,
    sorted: Vec<f64>,
    /// Quantiles outside of 0 to 1 that were asked for.
    invalid: Vec<f64>,
    /// An argument that cannot be.
    failed: Option<String>,
}

impl<'a> Kernel<'a> {
    fn new(function: RangeFn, parameters: &'a [Column]) -> Self {
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
    fn fill(&mut self, samples: &Samples, of: Ranged, into: &mut Column) {
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

    fn rate(&mut self, samples: &Samples, of: Ranged, into: &mut Column, kind: Kind) {
        if kind.counter {
            self.resets.find(&samples.values);
        }
        let resets = &self.resets;
        slide(samples, of, into, |w| rate::extrapolated(w, kind, resets));
    }

    fn smoothed(&mut self, samples: &Samples, of: Ranged, into: &mut Column) {
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

    fn quantile(&mut self, samples: &Samples, of: Ranged, into: &mut Column) {
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

/// Says of `rate` and `increase` when a metric does not look like a counter: once per name.
#[derive(Default)]
struct NonCounters {
    said: Option<String>,
}

impl NonCounters {
    fn look(&mut self, evaluator: &Evaluator<'_>, labels: &Labels, values: &Column, span: Span) {
        const COUNTERS: [&str; 4] = ["_total", "_sum", "_count", "_bucket"];
        let Some(name) = labels.metric() else { return };
        if COUNTERS.iter().any(|suffix| name.ends_with(suffix)) || values.is_empty() {
            return;
        }
        if self.said.as_deref() != Some(name) {
            self.said = Some(name.to_owned());
            let mut annotations = evaluator.annotations.borrow_mut();
            annotations.possible_non_counter(name, span);
        }
    }
}
