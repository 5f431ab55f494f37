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
            Special::LabelJoin => self.label_join(call, grid, sink),
            Special::LabelReplace => self.label_replace(call, grid, sink),
            Special::Sort => self.sort(call, false, grid, sink),
            Special::SortDesc => self.sort(call, true, grid, sink),
            Special::Timestamp => self.timestamp(call, grid, sink),
            Special::Vector => self.vector(call, grid, sink),
            // Scalars: the parser lets none of them be a vector.
            Special::Pi | Special::Scalar | Special::Time => Ok(()),
        }
    }

    /// A call that gives a scalar.
    pub(super) fn scalar_call(&self, call: &Call, grid: Grid) -> Result<Column, QueryError> {
        match (call.function.does, call.args.first()) {
            (Does::Special(Special::Pi), _) => self.column(grid, std::f64::consts::PI),
            (Does::Special(Special::Time), _) => {
                let mut values = self.column(grid, 0.0)?;
                for (step, value) in values.iter_mut().enumerate() {
                    *value = grid.time(step) as f64 / 1000.0;
                }
                Ok(values)
            }
            (Does::Special(Special::Scalar), Some(vector)) => self.single(vector, grid),
            _ => self.column(grid, ABSENT),
        }
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
