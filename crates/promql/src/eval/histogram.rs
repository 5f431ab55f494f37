//! `histogram_quantile`, `histogram_quantiles` and `histogram_fraction` over classic histograms: series with a bound in `le`.

use std::collections::HashMap;

use mainstay_series::Labels;

use super::buckets::{Bucket, Raised, fraction, quantile};
use super::column::{ABSENT, Column, Row};
use super::names::Same;
use super::{Done, Evaluator, Grid, Sink, string};
use crate::annotation::Forced;
use crate::ast::{Call, Expr, Span};
use crate::error::QueryError;
use crate::format::general;

/// The label that holds a bucket's upper bound.
const BOUND: &str = "le";

/// The buckets of one histogram.
struct Histogram {
    /// Without the bound.
    labels: Labels,
    buckets: Vec<(f64, Column)>,
}

impl Histogram {
    /// What there is at a step.
    fn at(&self, step: usize, into: &mut Vec<Bucket>) {
        into.clear();
        for (upper, counts) in &self.buckets {
            let count = counts.get(step).copied().unwrap_or(ABSENT);
            if !super::column::is_absent(count) {
                into.push(Bucket {
                    upper: *upper,
                    count,
                });
            }
        }
    }
}

impl Evaluator<'_> {
    /// The quantile of each histogram.
    pub(super) fn histogram_quantile(&self, call: &Call, grid: Grid, sink: Sink<'_>) -> Done {
        let [q, vector] = call.args.as_slice() else {
            return Ok(());
        };
        let quantiles = self.scalar(q, grid)?;
        for value in quantiles.iter().filter(|q| !(0.0..=1.0).contains(*q)) {
            let mut annotations = self.annotations.borrow_mut();
            annotations.invalid_quantile(*value, q.span());
        }
        let span = vector.span();
        self.histograms(vector, grid, sink, &|labels, step, buckets| {
            let q = quantiles.get(step).copied().unwrap_or(f64::NAN);
            let (value, raised) = quantile(q, buckets);
            if let Some(raised) = raised {
                self.say_raised(labels, grid.time(step), raised, span);
            }
            value
        })
    }

    /// Several quantiles of each histogram, each with a label that says which.
    pub(super) fn histogram_quantiles(&self, call: &Call, grid: Grid, sink: Sink<'_>) -> Done {
        let [vector, label, quantiles @ ..] = call.args.as_slice() else {
            return Ok(());
        };
        let label = string(label);
        let histograms = self.collect_histograms(vector, grid)?;
        let mut columns = Vec::new();
        for q in quantiles {
            let column = self.scalar(q, grid)?;
            for value in column.iter().filter(|q| !(0.0..=1.0).contains(*q)) {
                let mut annotations = self.annotations.borrow_mut();
                annotations.invalid_quantile(*value, q.span());
            }
            columns.push(column);
        }
        let mut rows = Vec::new();
        for column in &columns {
            let names = quantile_names(column);
            for name in names {
                let of_name = |step: usize| {
                    let q = column.get(step).copied().unwrap_or(f64::NAN);
                    (open_metrics(q) == name).then_some(q)
                };
                self.evaluated(
                    &histograms,
                    grid,
                    &mut |row| {
                        let labels = row.labels.to_builder().set(label, name.as_str()).build();
                        rows.push(Row { labels, ..row });
                        Ok(())
                    },
                    &|labels, step, buckets| {
                        let Some(q) = of_name(step) else {
                            return ABSENT;
                        };
                        let (value, raised) = quantile(q, buckets);
                        if let Some(raised) = raised {
                            self.say_raised(labels, grid.time(step), raised, vector.span());
                        }
                        value
                    },
                )?;
            }
        }
        self.renaming(false, grid, Same::Merges, sink, &mut |sink| {
            std::mem::take(&mut rows).into_iter().try_for_each(sink)
        })
    }

    fn say_raised(&self, labels: &Labels, time: i64, raised: Raised, span: Span) {
        let delayed = self.options.delayed_name_removal;
        let name = labels.metric().filter(|_| delayed).unwrap_or_default();
        let forced = Forced {
            first_ms: time,
            last_ms: time,
            lowest: raised.lowest,
            highest: raised.highest,
            largest: raised.largest,
            count: 1,
        };
        let mut annotations = self.annotations.borrow_mut();
        annotations.forced_monotonicity(name, forced, span);
    }

    /// The share of each histogram's observations between two values.
    pub(super) fn histogram_fraction(&self, call: &Call, grid: Grid, sink: Sink<'_>) -> Done {
        let [lower, upper, vector] = call.args.as_slice() else {
            return Ok(());
        };
        let (lower, upper) = (self.scalar(lower, grid)?, self.scalar(upper, grid)?);
        let at = |column: &Column, step: usize| column.get(step).copied().unwrap_or(f64::NAN);
        self.histograms(vector, grid, sink, &|_, step, buckets| {
            fraction(at(&lower, step), at(&upper, step), buckets)
        })
    }

    /// Evaluates `value` for every histogram at every step that has buckets.
    fn histograms(
        &self,
        vector: &Expr,
        grid: Grid,
        sink: Sink<'_>,
        value: &dyn Fn(&Labels, usize, &mut Vec<Bucket>) -> f64,
    ) -> Done {
        let histograms = self.collect_histograms(vector, grid)?;
        self.renaming(false, grid, Same::Merges, sink, &mut |sink| {
            self.evaluated(&histograms, grid, sink, value)
        })
    }

    fn evaluated(
        &self,
        histograms: &[Histogram],
        grid: Grid,
        sink: Sink<'_>,
        value: &dyn Fn(&Labels, usize, &mut Vec<Bucket>) -> f64,
    ) -> Done {
        let mut buckets = Vec::new();
        for histogram in histograms {
            self.tick()?;
            let mut values = self.column(grid, ABSENT)?;
            for (step, into) in values.iter_mut().enumerate() {
                histogram.at(step, &mut buckets);
                if !buckets.is_empty() {
                    *into = value(&histogram.labels, step, &mut buckets);
                }
            }
            sink(Row {
                labels: histogram.labels.clone(),
                drop_name: true,
                values,
            })?;
        }
        Ok(())
    }

    fn collect_histograms(&self, vector: &Expr, grid: Grid) -> Result<Vec<Histogram>, QueryError> {
        let mut found: Vec<Histogram> = Vec::new();
        let mut known: HashMap<Labels, usize> = HashMap::new();
        let delayed = self.options.delayed_name_removal;
        self.stream(vector, grid, &mut |mut row| {
            if row.values.is_empty() {
                return Ok(());
            }
            if !delayed {
                row.resolve();
            }
            let bound = row.labels.get(BOUND).unwrap_or_default();
            let Some(upper) = parse_bound(bound) else {
                let name = row.labels.metric().filter(|_| delayed).unwrap_or_default();
                let mut annotations = self.annotations.borrow_mut();
                annotations.bad_bucket(name, bound, vector.span());
                return Ok(());
            };
            let labels = row.labels.retain(|name| name != BOUND);
            let at = *known.entry(labels.clone()).or_insert(found.len());
            if at == found.len() {
                found.push(Histogram {
                    labels,
                    buckets: Vec::new(),
                });
            }
            if let Some(histogram) = found.get_mut(at) {
                histogram.buckets.push((upper, row.values));
            }
            Ok(())
        })?;
        Ok(found)
    }
}

/// The different quantiles of a column, as labels have them.
fn quantile_names(column: &[f64]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for q in column {
        let name = open_metrics(*q);
        if names.last() != Some(&name) && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// A number as OpenMetrics writes it: never without a point or an exponent.
fn open_metrics(value: f64) -> String {
    let text = general(value);
    if value.is_finite() && !text.contains(['.', 'e']) {
        return text + ".0";
    }
    text
}

/// A number as Go's `strconv.ParseFloat` takes it: also `+Inf` and `Infinity` in any case.
fn parse_bound(text: &str) -> Option<f64> {
    text.parse().ok()
}
