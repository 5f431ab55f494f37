//! Aggregations: rows into groups.
//!
//! What can be folded is folded row by row, so that only the groups are held. What needs all values
//! of a step at once (`quantile`, `topk`) holds its rows.

mod count_values;
mod fold;
mod group;
mod quantile;
mod topk;

use super::{Done, Evaluator, Grid, Row, Sink};
use crate::ast::{Aggregate, Aggregation};
use fold::Fold;
use group::Grouping;

impl Evaluator<'_> {
    /// An aggregation.
    pub(super) fn aggregate(&self, aggregate: &Aggregate, grid: Grid, sink: Sink<'_>) -> Done {
        match (aggregate.op, &aggregate.param) {
            (Aggregation::TopK, Some(k)) => self.topk(aggregate, k, true, grid, sink),
            (Aggregation::BottomK, Some(k)) => self.topk(aggregate, k, false, grid, sink),
            (Aggregation::Quantile, Some(q)) => self.quantile(aggregate, q, grid, sink),
            (Aggregation::CountValues, Some(label)) => {
                self.count_values(aggregate, label, grid, sink)
            }
            _ => self.folded(aggregate, grid, sink),
        }
    }

    fn folded(&self, aggregate: &Aggregate, grid: Grid, sink: Sink<'_>) -> Done {
        let delayed = self.options.delayed_name_removal;
        let mut groups = Grouping::new(&aggregate.grouping, aggregate.without);
        let mut folds: Vec<Fold> = Vec::new();
        let held = grid.steps.saturating_mul(Fold::weight(aggregate.op));
        self.stream(&aggregate.expr, grid, &mut |row| {
            if row.values.is_empty() {
                return Ok(());
            }
            let at = groups.find(&row.labels, row.drop_name && !delayed);
            if at == folds.len() {
                self.arena.hold(held)?;
                folds.push(Fold::new(aggregate.op, grid.steps));
            }
            if let Some(fold) = folds.get_mut(at) {
                fold.add(&row.values);
                fold.drop_name |= row.drop_name && delayed;
            }
            Ok(())
        })?;
        for (labels, fold) in groups.into_labels().into_iter().zip(folds) {
            let mut values = self.column(grid, super::ABSENT)?;
            let drop_name = fold.drop_name;
            fold.finish(&mut values);
            self.arena.release(held);
            sink(Row {
                labels,
                drop_name,
                values,
            })?;
        }
        Ok(())
    }
}
