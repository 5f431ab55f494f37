//! `quantile`: all values of a group at a step, sorted.

use super::super::quantile::quantile;
use super::super::{ABSENT, Done, Evaluator, Grid, Row, Sink};
use super::group::Grouping;
use crate::ast::{Aggregate, Expr};

impl Evaluator<'_> {
    pub(super) fn quantile(
        &self,
        aggregate: &Aggregate,
        q: &Expr,
        grid: Grid,
        sink: Sink<'_>,
    ) -> Done {
        let span = q.span();
        let quantiles = self.scalar(q, grid)?;
        // Of all steps only the outermost, as Prometheus has it.
        let numbers = || quantiles.iter().copied().filter(|q| !q.is_nan());
        let nan = quantiles.iter().copied().find(|q| q.is_nan());
        let largest = numbers().reduce(f64::max).filter(|q| *q > 1.0);
        let smallest = numbers().reduce(f64::min).filter(|q| *q < 0.0);
        for q in [nan, largest, smallest].into_iter().flatten() {
            self.annotations.borrow_mut().invalid_quantile(q, span);
        }
        let delayed = self.options.delayed_name_removal;
        let mut groups = Grouping::new(&aggregate.grouping, aggregate.without);
        let mut members: Vec<Vec<Row>> = Vec::new();
        self.stream(&aggregate.expr, grid, &mut |row| {
            if row.values.is_empty() {
                return Ok(());
            }
            let at = groups.find(&row.labels, row.drop_name && !delayed);
            members.resize_with(groups.len(), Vec::new);
            if let Some(group) = members.get_mut(at) {
                group.push(row);
            }
            Ok(())
        })?;
        let mut sorted = Vec::new();
        for (labels, rows) in groups.into_labels().into_iter().zip(members) {
            self.tick()?;
            let mut values = self.column(grid, ABSENT)?;
            for (step, (into, q)) in values.iter_mut().zip(quantiles.iter()).enumerate() {
                sorted.clear();
                sorted.extend(rows.iter().filter_map(|row| row.at(step)));
                if !sorted.is_empty() {
                    *into = quantile(*q, &mut sorted);
                }
            }
            sink(Row {
                labels,
                drop_name: delayed && rows.iter().any(|row| row.drop_name),
                values,
            })?;
        }
        Ok(())
    }
}
