//! `and`, `or`, `unless`: vectors as sets of series.

use std::collections::HashMap;

use mainstay_series::Labels;

use super::column::{ABSENT, Row, is_absent};
use super::matching::Signature;
use super::{Done, Evaluator, Grid, Sink};
use crate::ast::{Binary, BinaryOp, Matching};

/// At which steps a signature has a value.
type Presence = HashMap<Labels, Vec<bool>>;

fn presence(rows: &[Row], signature: &Signature<'_>, steps: usize) -> Presence {
    let mut found = Presence::new();
    for row in rows {
        let present = found
            .entry(signature.labels(&row.labels))
            .or_insert_with(|| vec![false; steps]);
        for (present, value) in present.iter_mut().zip(row.values.iter()) {
            *present |= !is_absent(*value);
        }
    }
    found
}

/// Takes away the values of steps where `present` is not as wanted.
fn filter(row: &mut Row, present: Option<&Vec<bool>>, wanted: bool) {
    for (step, value) in row.values.iter_mut().enumerate() {
        let is_there = present.is_some_and(|p| p.get(step).is_some_and(|p| *p));
        if is_there != wanted {
            *value = ABSENT;
        }
    }
}

impl Evaluator<'_> {
    /// A set operation.
    pub(super) fn set_operation(&self, binary: &Binary, grid: Grid, sink: Sink<'_>) -> Done {
        let Some(matching) = &binary.matching else {
            return Ok(());
        };
        if binary.op == BinaryOp::Or {
            return self.union(binary, matching, grid, sink);
        }
        let wanted = binary.op == BinaryOp::And;
        let signature = Signature::of(matching);
        let left = self.rows(&binary.left, grid)?;
        let right = self.rows(&binary.right, grid)?;
        let right = presence(&right, &signature, grid.steps);
        for mut row in left {
            let present = right.get(&signature.labels(&row.labels));
            filter(&mut row, present, wanted);
            sink(row)?;
        }
        Ok(())
    }

    /// All of the left, and of the right what has no match there.
    fn union(&self, binary: &Binary, matching: &Matching, grid: Grid, sink: Sink<'_>) -> Done {
        let signature = Signature::of(matching);
        let mut rows = self.rows(&binary.left, grid)?;
        let right = self.rows(&binary.right, grid)?;
        let left = presence(&rows, &signature, grid.steps);
        for mut row in right {
            let present = left.get(&signature.labels(&row.labels));
            filter(&mut row, present, false);
            if !row.values.is_empty() {
                rows.push(row);
            }
        }
        self.pass_merged(rows, grid, sink)
    }
}
