//! Which call is evaluated where.

use super::{Column, Done, Evaluator, Grid, Sink};
use crate::ast::{Call, Expr};
use crate::error::QueryError;
use crate::functions::{Does, Special};

use super::column::ABSENT;

impl Evaluator<'_> {
    /// A call that gives a vector.
    pub(super) fn call(&self, call: &Call, grid: Grid, sink: Sink<'_>) -> Done {
        match call.function.does {
            Does::Range(function) => self.range_call(call, function, grid, sink),
            Does::Element(function) => self.element_call(call, function, grid, sink),
            Does::Date(part) => self.date_call(call, part, grid, sink),
            Does::Special(special) => self.special_call(call, special, grid, sink),
        }
    }

    fn special_call(&self, call: &Call, special: Special, grid: Grid, sink: Sink<'_>) -> Done {
        match special {
            Special::Absent => self.absent(call, grid, sink),
            Special::HistogramFraction => self.histogram_fraction(call, grid, sink),
            Special::HistogramQuantile => self.histogram_quantile(call, grid, sink),
            Special::HistogramQuantiles => self.histogram_quantiles(call, grid, sink),
            Special::LabelJoin => self.label_join(call, grid, sink),
            Special::LabelReplace => self.label_replace(call, grid, sink),
            Special::Sort => self.sort(call, false, grid, sink),
            Special::SortDesc => self.sort(call, true, grid, sink),
            Special::SortByLabel => self.sort_by_label(call, false, grid, sink),
            Special::SortByLabelDesc => self.sort_by_label(call, true, grid, sink),
            Special::Timestamp => self.timestamp(call, grid, sink),
            Special::Vector => self.vector(call, grid, sink),
            // Scalars: the parser lets none of them be a vector.
            Special::End
            | Special::MaxOf
            | Special::MinOf
            | Special::Pi
            | Special::Range
            | Special::Scalar
            | Special::Start
            | Special::Step
            | Special::Time => Ok(()),
        }
    }

    /// A call that gives a scalar.
    pub(super) fn scalar_call(&self, call: &Call, grid: Grid) -> Result<Column, QueryError> {
        let Does::Special(special) = call.function.does else {
            return self.column(grid, ABSENT);
        };
        let query = self.query;
        let seconds = |ms: i64| ms as f64 / 1000.0;
        match (special, call.args.as_slice()) {
            (Special::Pi, _) => self.column(grid, std::f64::consts::PI),
            (Special::Time, _) => {
                let mut values = self.column(grid, 0.0)?;
                for (step, value) in values.iter_mut().enumerate() {
                    *value = seconds(grid.time(step));
                }
                Ok(values)
            }
            (Special::Scalar, [vector]) => self.single(vector, grid),
            (Special::Start, _) => self.column(grid, seconds(query.start_ms)),
            (Special::End, _) => self.column(grid, seconds(query.end_ms)),
            (Special::Range, _) => {
                let range = query.end_ms.saturating_sub(query.start_ms);
                self.column(grid, seconds(range))
            }
            (Special::Step, _) if query.start_ms == query.end_ms => self.column(grid, 0.0),
            (Special::Step, _) => self.column(grid, seconds(self.top.step)),
            (Special::MaxOf, [a, b]) => self.pairwise(a, b, grid, f64::max),
            (Special::MinOf, [a, b]) => self.pairwise(a, b, grid, f64::min),
            _ => self.column(grid, ABSENT),
        }
    }

    /// Two scalars at each step; NaN where one is.
    fn pairwise(
        &self,
        a: &Expr,
        b: &Expr,
        grid: Grid,
        choose: fn(f64, f64) -> f64,
    ) -> Result<Column, QueryError> {
        let mut values = self.scalar(a, grid)?;
        let others = self.scalar(b, grid)?;
        for (value, other) in values.iter_mut().zip(others.iter()) {
            *value = if value.is_nan() || other.is_nan() {
                f64::NAN
            } else {
                choose(*value, *other)
            };
        }
        Ok(values)
    }

    /// The one value of a vector at each step, NaN where there is not exactly one.
    fn single(&self, vector: &Expr, grid: Grid) -> Result<Column, QueryError> {
        let mut found = vec![0_usize; grid.steps];
        let mut values = self.column(grid, f64::NAN)?;
        self.stream(vector, grid, &mut |row| {
            for (step, found) in found.iter_mut().enumerate() {
                if let (Some(value), Some(into)) = (row.at(step), values.get_mut(step)) {
                    *into = if *found == 0 { value } else { f64::NAN };
                    *found += 1;
                }
            }
            Ok(())
        })?;
        Ok(values)
    }
}
