//! `count_values`: how many series of a group have each value.

use std::collections::HashMap;

use mainstay_series::Labels;

use super::super::column::{ABSENT, Column};
use super::super::{Done, Evaluator, Grid, Row, Sink, string};
use super::group::Grouping;
use crate::ast::{Aggregate, Expr};
use crate::error::QueryError;
use crate::format::float;

impl Evaluator<'_> {
    pub(super) fn count_values(
        &self,
        aggregate: &Aggregate,
        label: &Expr,
        grid: Grid,
        sink: Sink<'_>,
    ) -> Done {
        let is_text = matches!(label.bare(), Expr::String(label) if label.is_text);
        let label = string(label);
        if label.is_empty() || !is_text {
            let message = format!("invalid label name \"{label}\"");
            return Err(QueryError::Execution(message));
        }
        let mut names = aggregate.grouping.clone();
        if !aggregate.without {
            names.push(label.to_owned());
        }
        let delayed = self.options.delayed_name_removal;
        let mut groups = Grouping::new(&names, aggregate.without);
        let mut counts: Vec<Column> = Vec::new();
        self.stream(&aggregate.expr, grid, &mut |mut row| {
            if !delayed {
                row.resolve();
            }
            let mut known: HashMap<u64, usize> = HashMap::new();
            for (step, value) in row.values.iter().enumerate() {
                if super::super::column::is_absent(*value) {
                    continue;
                }
                let group = known.entry(value.to_bits()).or_insert_with(|| {
                    let labels = with(&row.labels, label, &float(*value));
                    groups.find(&labels, false)
                });
                if *group == counts.len() {
                    counts.push(self.column(grid, ABSENT)?);
                }
                let count = counts.get_mut(*group).and_then(|count| count.get_mut(step));
                if let Some(count) = count {
                    *count = if count.is_nan() { 1.0 } else { *count + 1.0 };
                }
            }
            Ok(())
        })?;
        for (labels, values) in groups.into_labels().into_iter().zip(counts) {
            sink(Row {
                labels,
                drop_name: false,
                values,
            })?;
        }
        Ok(())
    }
}

fn with(labels: &Labels, name: &str, value: &str) -> Labels {
    labels.to_builder().set(name, value).build()
}
