//! `absent`, `sort`, `sort_by_label`, `timestamp`, `vector`.

use std::cmp::Ordering;

use mainstay_series::{Labels, METRIC_NAME, MatchOp};

use super::column::{ABSENT, Row, is_absent};
use super::names::Same;
use super::quantile::ascending;
use super::{Done, Evaluator, Grid, Sink};
use crate::ast::{Call, Expr};

impl Evaluator<'_> {
    /// 1 where a vector has no value.
    pub(super) fn absent(&self, call: &Call, grid: Grid, sink: Sink<'_>) -> Done {
        let Some(vector) = call.args.first() else {
            return Ok(());
        };
        let mut values = self.column(grid, 1.0)?;
        self.stream(vector, grid, &mut |row| {
            for (value, found) in values.iter_mut().zip(row.values.iter()) {
                if !is_absent(*found) {
                    *value = ABSENT;
                }
            }
            Ok(())
        })?;
        sink(Row {
            labels: absent_labels(vector.bare()),
            drop_name: false,
            values,
        })
    }

    /// By value, NaN last. Over a range the order means nothing, and that is said.
    pub(super) fn sort(&self, call: &Call, descending: bool, grid: Grid, sink: Sink<'_>) -> Done {
        let Some(vector) = call.args.first() else {
            return Ok(());
        };
        if grid.steps > 1 {
            self.annotations.borrow_mut().sort_in_range(call.span);
            return self.stream(vector, grid, sink);
        }
        let mut rows = self.rows(vector, grid)?;
        rows.sort_by(|a, b| {
            let (a, b) = (a.at(0).unwrap_or(f64::NAN), b.at(0).unwrap_or(f64::NAN));
            let order = if descending {
                ascending(b, a)
            } else {
                ascending(a, b)
            };
            a.is_nan().cmp(&b.is_nan()).then(order)
        });
        rows.into_iter().try_for_each(sink)
    }

    /// By the values of labels, numbers in them as numbers, then by all labels.
    pub(super) fn sort_by_label(
        &self,
        call: &Call,
        descending: bool,
        grid: Grid,
        sink: Sink<'_>,
    ) -> Done {
        let Some((vector, names)) = call.args.split_first() else {
            return Ok(());
        };
        if grid.steps > 1 {
            self.annotations.borrow_mut().sort_in_range(call.span);
            return self.stream(vector, grid, sink);
        }
        let names: Vec<&str> = names.iter().map(super::string).collect();
        let mut rows = self.rows(vector, grid)?;
        rows.sort_by(|a, b| {
            let value = |row: &Row, name: &str| row.labels.get(name).unwrap_or_default().to_owned();
            let by_names = names
                .iter()
                .map(|name| natural(&value(a, name), &value(b, name)));
            let order = by_names.into_iter().find(|order| order.is_ne());
            let order = order.unwrap_or_else(|| a.labels.cmp(&b.labels));
            if descending { order.reverse() } else { order }
        });
        rows.into_iter().try_for_each(sink)
    }

    /// When a value was: of a selector the time of its sample, of all else the step's.
    pub(super) fn timestamp(&self, call: &Call, grid: Grid, sink: Sink<'_>) -> Done {
        let Some(vector) = call.args.first() else {
            return Ok(());
        };
        if let Expr::Selector(selector) = vector.bare() {
            let one_name = super::names::has_one_name(vector);
            return self.renaming(one_name, grid, Same::Merges, sink, &mut |sink| {
                self.selector_times(selector, grid, &mut |mut row| {
                    row.drop_name = true;
                    sink(row)
                })
            });
        }
        self.dropping_names(vector, grid, Same::Merges, sink, &|row| {
            for (step, value) in row.values.iter_mut().enumerate() {
                if !is_absent(*value) {
                    *value = grid.time(step) as f64 / 1000.0;
                }
            }
            Ok(())
        })
    }

    /// A scalar as a vector of one without labels.
    pub(super) fn vector(&self, call: &Call, grid: Grid, sink: Sink<'_>) -> Done {
        let Some(scalar) = call.args.first() else {
            return Ok(());
        };
        sink(Row {
            labels: Labels::empty(),
            drop_name: false,
            values: self.scalar(scalar, grid)?,
        })
    }
}

/// The order in which people count: runs of digits are numbers.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    while !a.is_empty() && !b.is_empty() {
        let ((left, rest_a), (right, rest_b)) = (run(a), run(b));
        let numbers = (left.parse::<i64>(), right.parse::<i64>());
        let order = match numbers {
            (Ok(left), Ok(right)) => left.cmp(&right),
            _ => left.cmp(right),
        };
        if order.is_ne() {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
    a.len().cmp(&b.len())
}

/// The digits at the beginning, or what is none, and the rest.
fn run(text: &str) -> (&str, &str) {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != digits);
    text.split_at(end.unwrap_or(text.len()))
}

/// The labels that a selector surely asks for; one that is asked for twice is left out.
pub(super) fn absent_labels(expr: &Expr) -> Labels {
    let matchers = match expr {
        Expr::Selector(selector) => &selector.matchers,
        Expr::Matrix(matrix) => &matrix.selector.matchers,
        _ => return Labels::empty(),
    };
    let mut builder = Labels::empty().to_builder();
    let mut known: Vec<&str> = Vec::new();
    for matcher in matchers.iter().filter(|m| m.name() != METRIC_NAME) {
        if matcher.op() == MatchOp::Equal && !known.contains(&matcher.name()) {
            builder.set(matcher.name(), matcher.value());
            known.push(matcher.name());
        } else {
            builder.delete(matcher.name());
        }
    }
    builder.build()
}
