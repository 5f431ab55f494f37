//! Taking the metric's name away, and what becomes of series that are then the same.

use std::collections::HashMap;

use mainstay_series::{Labels, METRIC_NAME, MatchOp};

use super::column::is_absent;
use super::{Done, Evaluator, Grid, Row, Sink};
use crate::ast::{Expr, ValueType};
use crate::error::QueryError;
use crate::functions::Does;

/// What happens to series that have the same labels once their names are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Same {
    /// They become one, unless two have a value at one step.
    Merges,
    /// They are an error in any case: so are those of functions of ranges.
    Fails,
}

impl Evaluator<'_> {
    /// Changes every row of `expr` and marks its name as one that is to go.
    pub(super) fn dropping_names(
        &self,
        expr: &Expr,
        grid: Grid,
        same: Same,
        sink: Sink<'_>,
        change: &dyn Fn(&mut Row) -> Done,
    ) -> Done {
        self.renaming(has_one_name(expr), grid, same, sink, &mut |sink| {
            self.stream(expr, grid, &mut |mut row| {
                change(&mut row)?;
                row.drop_name = true;
                sink(row)
            })
        })
    }

    /// Runs `source`, whose rows lose their names. Where names go at once and are not all the same,
    /// the rows are looked at together, because two of them may now have the same labels.
    pub(super) fn renaming(
        &self,
        one_name: bool,
        grid: Grid,
        same: Same,
        sink: Sink<'_>,
        source: &mut dyn FnMut(Sink<'_>) -> Done,
    ) -> Done {
        if self.options.delayed_name_removal || one_name {
            return source(sink);
        }
        let mut rows = Vec::new();
        source(&mut |mut row| {
            if !row.values.is_empty() {
                row.resolve();
                rows.push(row);
            }
            Ok(())
        })?;
        let same = if grid.steps == 1 { Same::Fails } else { same };
        merged(rows, same)?.into_iter().try_for_each(sink)
    }

    /// Rows whose labels were changed, given on. In an instant query with delayed removal of names
    /// only the end counts.
    pub(super) fn pass_merged(&self, rows: Vec<Row>, grid: Grid, sink: Sink<'_>) -> Done {
        if grid.steps == 1 && self.options.delayed_name_removal {
            return rows.into_iter().try_for_each(sink);
        }
        merged(rows, Same::Merges)?.into_iter().try_for_each(sink)
    }
}

/// Rows with their names gone, at the end of a query.
pub(super) fn resolved(mut rows: Vec<Row>) -> Result<Vec<Row>, QueryError> {
    for row in &mut rows {
        row.resolve();
    }
    merged(rows, Same::Merges)
}

/// Rows with the same labels become one.
pub(super) fn merged(rows: Vec<Row>, same: Same) -> Result<Vec<Row>, QueryError> {
    let mut known: HashMap<Labels, usize> = HashMap::with_capacity(rows.len());
    let mut out: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(at) = known.get(&row.labels).copied() else {
            known.insert(row.labels.clone(), out.len());
            out.push(row);
            continue;
        };
        let Some(into) = out.get_mut(at).filter(|_| same == Same::Merges) else {
            return Err(QueryError::same_labels());
        };
        for (into, value) in into.values.iter_mut().zip(row.values.iter()) {
            if is_absent(*value) {
                continue;
            }
            if !is_absent(*into) {
                return Err(QueryError::same_labels());
            }
            *into = *value;
        }
    }
    Ok(out)
}

/// Whether all series of an expression surely have the same name or none, so that they stay
/// different without it.
pub(super) fn has_one_name(expr: &Expr) -> bool {
    match expr {
        Expr::Selector(selector) => selector.matchers.iter().any(|matcher| {
            matcher.name() == METRIC_NAME
                && matcher.op() == MatchOp::Equal
                && !matcher.value().is_empty()
        }),
        Expr::Matrix(matrix) => has_one_name(&Expr::Selector(matrix.selector.clone())),
        Expr::Subquery(subquery) => has_one_name(&subquery.expr),
        Expr::Paren(paren) => has_one_name(&paren.expr),
        Expr::Unary(unary) => has_one_name(&unary.expr),
        Expr::Aggregate(aggregate) => {
            !aggregate.grouping.iter().any(|name| name == METRIC_NAME)
                && aggregate.op.param().is_none()
        }
        Expr::Binary(binary) => {
            let is_vector = |expr: &Expr| expr.value_type() == ValueType::Vector;
            match (is_vector(&binary.left), is_vector(&binary.right)) {
                (true, false) => has_one_name(&binary.left),
                (false, true) => has_one_name(&binary.right),
                _ => false,
            }
        }
        Expr::Call(call) => {
            matches!(
                call.function.does,
                Does::Range(_) | Does::Element(_) | Does::Date(_)
            ) && call.args.iter().all(|arg| {
                matches!(arg.value_type(), ValueType::Scalar | ValueType::String)
                    || has_one_name(arg)
            })
        }
        Expr::Number(_) | Expr::String(_) => true,
    }
}
