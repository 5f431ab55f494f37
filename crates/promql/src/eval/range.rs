//! Functions of ranges: which series, which windows, which names.

use mainstay_series::{Labels, Samples};

use super::column::{ABSENT, Row};
use super::grid::Reference;
use super::invariant::keeps_name;
use super::kernel::Kernel;
use super::names::{Same, has_one_name};
use super::selector::{Wanted, drop_stale};
use super::window::{Ranged, slide};
use super::{Column, Done, Evaluator, Grid, Sink};
use crate::ast::{Call, Expr, Span, ValueType};
use crate::error::QueryError;
use crate::functions::RangeFn;

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
                    self.interrupted()?;
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
        each: &mut dyn FnMut(&Labels, bool, &Samples, Ranged<'_>) -> Done,
    ) -> Done {
        match expr {
            Expr::Matrix(matrix) => {
                let reference = Reference::new(matrix.selector.time, grid, self.query);
                let range_ms = matrix.range_ms;
                let of = Ranged {
                    evaluator: self,
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
                    evaluator: self,
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
            self.interrupted()?;
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
