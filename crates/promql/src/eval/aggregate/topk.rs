//! `topk` and `bottomk`: the series with the largest or smallest values of each group, at each step.
//!
//! Which of several equal values is taken follows from how Go's heap moves, so its moves are made
//! here too.

use super::super::column::{ABSENT, Column};
use super::super::quantile::ascending;
use super::super::{Done, Evaluator, Grid, Row, Sink};
use super::group::Grouping;
use crate::ast::{Aggregate, Expr};
use crate::error::QueryError;

/// Which row, and its value.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    row: usize,
    value: f64,
}

/// The best so far; the worst of them is first.
struct Heap {
    items: Vec<Candidate>,
    top: bool,
}

impl Heap {
    /// Whether one is worse than another; NaN is worst.
    fn worse(&self, a: usize, b: usize) -> bool {
        let (a, b) = (self.items[a].value, self.items[b].value);
        a.is_nan() || if self.top { a < b } else { a > b }
    }

    fn push(&mut self, candidate: Candidate) {
        self.items.push(candidate);
        let mut at = self.items.len() - 1;
        while at > 0 {
            let parent = (at - 1) / 2;
            if !self.worse(at, parent) {
                break;
            }
            self.items.swap(at, parent);
            at = parent;
        }
    }

    /// Takes a candidate in if it is better than the worst of `k`.
    fn offer(&mut self, candidate: Candidate, k: usize) {
        if self.items.len() < k {
            return self.push(candidate);
        }
        let Some(worst) = self.items.first().map(|worst| worst.value) else {
            return;
        };
        let better = if self.top {
            worst < candidate.value
        } else {
            worst > candidate.value
        };
        if better || (worst.is_nan() && !candidate.value.is_nan()) {
            self.items[0] = candidate;
            self.sink();
        }
    }

    fn sink(&mut self) {
        let (mut at, len) = (0, self.items.len());
        loop {
            let left = 2 * at + 1;
            if left >= len {
                return;
            }
            let right = left + 1;
            let child = if right < len && self.worse(right, left) {
                right
            } else {
                left
            };
            if !self.worse(child, at) {
                return;
            }
            self.items.swap(at, child);
            at = child;
        }
    }

    /// The best first, NaN last.
    fn sorted(mut self) -> Vec<Candidate> {
        let top = self.top;
        self.items.sort_by(|a, b| {
            let order = if top {
                ascending(b.value, a.value)
            } else {
                ascending(a.value, b.value)
            };
            a.value.is_nan().cmp(&b.value.is_nan()).then(order)
        });
        self.items
    }
}

impl Evaluator<'_> {
    pub(super) fn topk(
        &self,
        aggregate: &Aggregate,
        k: &Expr,
        top: bool,
        grid: Grid,
        sink: Sink<'_>,
    ) -> Done {
        let ks = self.scalar(k, grid)?;
        let rows = self.rows(&aggregate.expr, grid)?;
        if !check(&ks)? {
            return Ok(());
        }
        let mut groups = Grouping::new(&aggregate.grouping, aggregate.without);
        let of: Vec<usize> = rows
            .iter()
            .map(|row| groups.find(&row.labels, false))
            .collect();
        if grid.steps == 1 {
            let best = best(&rows, &of, groups.len(), 0, k_of(&ks, 0, rows.len()), top);
            let mut rows: Vec<Option<Row>> = rows.into_iter().map(Some).collect();
            let taken = best.into_iter().flatten();
            let taken = taken.filter_map(|candidate| rows.get_mut(candidate.row)?.take());
            return taken.collect::<Vec<_>>().into_iter().try_for_each(sink);
        }
        let mut kept: Vec<Option<Column>> = Vec::with_capacity(rows.len());
        kept.resize_with(rows.len(), || None);
        for step in 0..grid.steps {
            self.tick()?;
            let k = k_of(&ks, step, rows.len());
            let best = best(&rows, &of, groups.len(), step, k, top);
            for candidate in best.into_iter().flatten() {
                let Some(into) = kept.get_mut(candidate.row) else {
                    continue;
                };
                if into.is_none() {
                    *into = Some(self.column(grid, ABSENT)?);
                }
                if let Some(value) = into.as_mut().and_then(|into| into.get_mut(step)) {
                    *value = candidate.value;
                }
            }
        }
        for (row, values) in rows.into_iter().zip(kept) {
            if let Some(values) = values {
                sink(Row { values, ..row })?;
            }
        }
        Ok(())
    }
}

/// The best of each group at a step.
fn best(
    rows: &[Row],
    of: &[usize],
    groups: usize,
    step: usize,
    k: usize,
    top: bool,
) -> Vec<Vec<Candidate>> {
    if k == 0 {
        return Vec::new();
    }
    let mut heaps: Vec<Heap> = Vec::with_capacity(groups);
    heaps.resize_with(groups, || Heap {
        items: Vec::new(),
        top,
    });
    for (row, (values, group)) in rows.iter().zip(of).enumerate() {
        if let (Some(value), Some(heap)) = (values.at(step), heaps.get_mut(*group)) {
            heap.offer(Candidate { row, value }, k);
        }
    }
    heaps.into_iter().map(Heap::sorted).collect()
}

fn k_of(ks: &[f64], step: usize, rows: usize) -> usize {
    let k = ks.get(step).copied().unwrap_or_default();
    (k.max(0.0) as usize).min(rows)
}

/// Whether any step takes anything; an error if a step's `k` is no number of series.
fn check(ks: &[f64]) -> Result<bool, QueryError> {
    let refused = |message: String| Err(QueryError::Execution(message));
    let numbers = ks.iter().copied().filter(|k| !k.is_nan());
    let largest = numbers.clone().fold(f64::NEG_INFINITY, f64::max);
    let smallest = numbers.fold(f64::INFINITY, f64::min);
    let any_nan = ks.iter().any(|k| k.is_nan());
    if largest < 1.0 && !any_nan {
        return Ok(false);
    }
    if any_nan {
        return refused("Parameter value is NaN".to_owned());
    }
    if smallest <= i64::MIN as f64 {
        let value = crate::format::general(smallest);
        return refused(format!("Scalar value {value} underflows int64"));
    }
    if largest >= i64::MAX as f64 {
        let value = crate::format::general(largest);
        return refused(format!("Scalar value {value} overflows int64"));
    }
    Ok(true)
}
