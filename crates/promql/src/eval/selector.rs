//! Selectors: series from the store, and what they show at each step.

use mainstay_series::{Labels, Matcher, Samples, Selection, Series, is_stale};

use super::column::{ABSENT, Row};
use super::grid::Reference;
use super::{Column, Done, Evaluator, Grid, Sink};
use crate::ast::{Expr, Selector};
use crate::error::QueryError;

/// How a selector is asked of the store.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) matchers: &'a [Matcher],
    pub(super) reference: Reference,
    /// How far back it looks.
    pub(super) back_ms: i64,
    /// The range of a range selector, else 0.
    pub(super) range_ms: i64,
    pub(super) step_ms: i64,
    /// What will read it.
    pub(super) function: &'a str,
}

impl Evaluator<'_> {
    /// Reads every series that is wanted and gives it to `each`, one by one, in one buffer. `keep`
    /// says whether stale markers stay.
    pub(super) fn each_series(
        &self,
        wanted: Wanted<'_>,
        each: &mut dyn FnMut(&Labels, &mut Samples) -> Done,
    ) -> Done {
        let window = wanted.reference.window(wanted.back_ms);
        let selection = Selection {
            matchers: wanted.matchers,
            window,
            function: wanted.function,
            range_ms: wanted.range_ms,
            step_ms: wanted.step_ms,
        };
        let found: Vec<Box<dyn Series + '_>> = self.storage.select(&selection)?;
        let limit = self.options.max_series;
        let total = self.series.get() + found.len();
        if total > limit {
            return Err(QueryError::TooManySeries { limit });
        }
        self.series.set(total);
        let parts = wanted.reference.parts(wanted.back_ms);
        let mut samples = Samples::default();
        for series in found {
            self.tick()?;
            samples.clear();
            for part in &parts {
                series.read(*part, &mut samples)?;
            }
            self.samples.set(self.samples.get() + samples.len());
            let held = samples.len();
            self.arena.hold(held)?;
            let done = each(series.labels(), &mut samples);
            self.arena.release(held);
            done?;
        }
        Ok(())
    }

    /// The rows of an instant selector: at each step the latest sample within the lookback, unless
    /// the series has ended.
    pub(super) fn selector(&self, selector: &Selector, grid: Grid, sink: Sink<'_>) -> Done {
        let mut look = |samples: &Samples, reference: Reference, column: &mut Column| {
            latest(samples, reference, self.options.lookback_ms, column, |i| {
                samples.values.get(i).copied().unwrap_or(ABSENT)
            });
        };
        self.instant_rows(selector, grid, "", &mut look, sink)
    }

    /// `timestamp(x)`: when the sample was that the selector shows.
    pub(super) fn selector_times(&self, selector: &Selector, grid: Grid, sink: Sink<'_>) -> Done {
        let mut look = |samples: &Samples, reference: Reference, column: &mut Column| {
            latest(samples, reference, self.options.lookback_ms, column, |i| {
                samples
                    .times
                    .get(i)
                    .map_or(ABSENT, |ms| *ms as f64 / 1000.0)
            });
        };
        self.instant_rows(selector, grid, "timestamp", &mut look, sink)
    }

    fn instant_rows(
        &self,
        selector: &Selector,
        grid: Grid,
        function: &str,
        look: &mut dyn FnMut(&Samples, Reference, &mut Column),
        sink: Sink<'_>,
    ) -> Done {
        let reference = Reference::new(selector.time, grid, self.query);
        let wanted = Wanted {
            matchers: &selector.matchers,
            reference,
            back_ms: self.options.lookback_ms,
            range_ms: 0,
            step_ms: if grid.steps > 1 { grid.step } else { 0 },
            function,
        };
        self.each_series(wanted, &mut |labels, samples| {
            if samples.is_empty() {
                return Ok(());
            }
            let mut values = self.column(grid, ABSENT)?;
            look(samples, reference, &mut values);
            if values.is_empty() {
                return Ok(());
            }
            sink(Row {
                labels: labels.clone(),
                drop_name: false,
                values,
            })
        })
    }

    /// The samples of a range selector or a subquery, of an instant query.
    pub(super) fn matrix(&self, expr: &Expr) -> Result<Vec<(Labels, Samples)>, QueryError> {
        let mut out = Vec::new();
        match expr.bare() {
            Expr::Matrix(matrix) => {
                let reference = Reference::new(matrix.selector.time, self.top, self.query);
                let wanted = Wanted {
                    matchers: &matrix.selector.matchers,
                    reference,
                    back_ms: matrix.range_ms,
                    range_ms: matrix.range_ms,
                    step_ms: 0,
                    function: "",
                };
                self.each_series(wanted, &mut |labels, samples| {
                    drop_stale(samples);
                    if !samples.is_empty() {
                        self.arena.hold(samples.len())?;
                        out.push((labels.clone(), samples.clone()));
                    }
                    Ok(())
                })?;
            }
            Expr::Subquery(subquery) => {
                let reference = Reference::new(subquery.time, self.top, self.query);
                let step = subquery.step_ms.unwrap_or(self.options.subquery_step_ms);
                let grid = reference.subquery(subquery.range_ms, step);
                let grid = grid.ok_or(QueryError::TooManySamples)?;
                let mut rows = self.rows(&subquery.expr, grid)?;
                if self.options.delayed_name_removal {
                    rows = super::names::resolved(rows)?;
                }
                for row in rows {
                    out.push((row.labels.clone(), grid.samples(&row.values)));
                }
            }
            _ => {}
        }
        Ok(out)
    }
}

/// Takes stale markers out: no function of a range sees them.
pub(super) fn drop_stale(samples: &mut Samples) {
    if !samples.values.iter().any(|value| is_stale(*value)) {
        return;
    }
    let mut kept = Samples::default();
    for sample in samples.iter().filter(|sample| !is_stale(sample.value)) {
        kept.push(sample.time_ms, sample.value);
    }
    *samples = kept;
}

/// Fills a column: at each step `value` of the last sample that is not after the step and less than
/// `lookback` before it.
fn latest(
    samples: &Samples,
    reference: Reference,
    lookback: i64,
    column: &mut [f64],
    value: impl Fn(usize) -> f64,
) {
    let mut after = 0;
    for (step, into) in column.iter_mut().enumerate() {
        let time = reference.time(step);
        while samples.times.get(after).is_some_and(|t| *t <= time) {
            after += 1;
        }
        let Some(last) = after.checked_sub(1) else {
            continue;
        };
        let (Some(when), Some(what)) = (samples.times.get(last), samples.values.get(last)) else {
            continue;
        };
        if *when > time.saturating_sub(lookback) && !is_stale(*what) {
            *into = value(last);
        }
    }
}
