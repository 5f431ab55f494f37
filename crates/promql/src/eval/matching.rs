//! Operators between two vectors: which series belong together, and what their result is called.

use std::collections::HashMap;

use mainstay_series::{Labels, METRIC_NAME, is_legacy_label_name, quote};

use super::binary::{combine, compare};
use super::column::{ABSENT, Row, is_absent, is_name};
use super::{Column, Done, Evaluator, Grid, Sink};
use crate::ast::{Binary, BinaryOp, Cardinality, Matching};
use crate::error::QueryError;

/// By which labels series find each other.
pub(super) struct Signature<'a> {
    on: bool,
    names: &'a [String],
}

impl<'a> Signature<'a> {
    pub(super) fn of(matching: &'a Matching) -> Self {
        Self {
            on: matching.on,
            names: &matching.labels,
        }
    }

    fn keeps(&self, name: &str) -> bool {
        let named = self.names.iter().any(|n| n == name);
        if self.on {
            named
        } else {
            !named && name != METRIC_NAME
        }
    }

    /// The labels that count.
    pub(super) fn labels(&self, labels: &Labels) -> Labels {
        labels.retain(|name| self.keeps(name))
    }
}

/// The rows of one side by signature.
pub(super) fn by_signature(rows: &[Row], signature: &Signature<'_>) -> HashMap<Labels, Vec<usize>> {
    let mut found: HashMap<Labels, Vec<usize>> = HashMap::with_capacity(rows.len());
    for (i, row) in rows.iter().enumerate() {
        found
            .entry(signature.labels(&row.labels))
            .or_default()
            .push(i);
    }
    found
}

/// At which steps any row has a value.
pub(super) fn steps_with_values(rows: &[Row], steps: usize) -> Vec<bool> {
    let mut any = vec![false; steps];
    for row in rows {
        for (any, value) in any.iter_mut().zip(row.values.iter()) {
            *any |= !is_absent(*value);
        }
    }
    any
}

/// Whether the metric's name no longer fits the result.
fn changes_meaning(op: BinaryOp) -> bool {
    !op.is_comparison()
}

fn refused<T>(message: &str) -> Result<T, QueryError> {
    Err(QueryError::Execution(message.to_owned()))
}

/// An operation, and the side of which one series may belong to several of the other, `many`.
struct Sides<'a> {
    binary: &'a Binary,
    matching: &'a Matching,
    one: &'a [Row],
    /// At which steps the other side has any value: without, nothing is looked at.
    any_many: Vec<bool>,
    grid: Grid,
}

impl Evaluator<'_> {
    /// Arithmetic and comparison between two vectors.
    pub(super) fn matched(&self, binary: &Binary, grid: Grid, sink: Sink<'_>) -> Done {
        let Some(matching) = &binary.matching else {
            return Ok(());
        };
        let left = self.rows(&binary.left, grid)?;
        let right = self.rows(&binary.right, grid)?;
        if left.is_empty() || right.is_empty() {
            return Ok(());
        }
        let (many, one) = if matching.cardinality == Cardinality::OneToMany {
            (right, left)
        } else {
            (left, right)
        };
        let sides = Sides {
            binary,
            matching,
            one: &one,
            any_many: steps_with_values(&many, grid.steps),
            grid,
        };
        let rows = self.matched_rows(&sides, many)?;
        self.pass_merged(rows, grid, sink)
    }

    fn matched_rows(&self, sides: &Sides<'_>, many: Vec<Row>) -> Result<Vec<Row>, QueryError> {
        let signature = Signature::of(sides.matching);
        let ones = by_signature(sides.one, &signature);
        for (labels, group) in &ones {
            sides.check_one_side(labels, group)?;
        }
        // What was given at a step already, for each signature: by its labels.
        let mut given: HashMap<(Labels, Labels), Vec<bool>> = HashMap::new();
        let one_to_one = sides.matching.cardinality == Cardinality::OneToOne;
        let mut out = Vec::new();
        for many in many {
            let key = signature.labels(&many.labels);
            let Some(group) = ones.get(&key) else {
                continue;
            };
            // Its values become those of the result; for the last of the group its very column.
            let mut left = Some(many.values);
            for (i, one) in group.iter().filter_map(|i| sides.one.get(*i)).enumerate() {
                self.tick()?;
                let labels = self.result_labels(sides, &many.labels, one);
                let name = if one_to_one {
                    Labels::empty()
                } else {
                    labels.clone()
                };
                let steps = sides.grid.steps;
                let given = given
                    .entry((key.clone(), name))
                    .or_insert_with(|| vec![false; steps]);
                let last = i + 1 == group.len();
                let Some(mut values) = self.copied(&mut left, last, sides.grid)? else {
                    continue;
                };
                sides.combine(one, given, &mut values)?;
                if !values.is_empty() {
                    out.push(Row {
                        labels,
                        drop_name: sides.binary.return_bool && self.options.delayed_name_removal,
                        values,
                    });
                }
            }
        }
        Ok(out)
    }

    /// A column again, or itself if it is needed no more.
    fn copied(
        &self,
        column: &mut Option<Column>,
        last: bool,
        grid: Grid,
    ) -> Result<Option<Column>, QueryError> {
        if last {
            return Ok(column.take());
        }
        let Some(values) = column else {
            return Ok(None);
        };
        let mut copy = self.column(grid, ABSENT)?;
        copy.copy_from_slice(values);
        Ok(Some(copy))
    }

    /// The labels of a pair's result: those of the many side, or only those that match, with the
    /// included ones of the other.
    fn result_labels(&self, sides: &Sides<'_>, many: &Labels, one: &Row) -> Labels {
        let (binary, matching) = (sides.binary, sides.matching);
        let at_once = binary.return_bool && !self.options.delayed_name_removal;
        let drops_name = at_once || changes_meaning(binary.op);
        let named = |name: &str| matching.labels.iter().any(|n| n == name);
        let kept = many.retain(|name| {
            let matched =
                matching.cardinality != Cardinality::OneToOne || named(name) == matching.on;
            matched && !(drops_name && is_name(name))
        });
        if matching.include.is_empty() {
            return kept;
        }
        let mut builder = kept.to_builder();
        for name in &matching.include {
            builder.set(name, one.labels.get(name).unwrap_or_default());
        }
        builder.build()
    }
}

/// Labels as Go prints them: the name is one of them.
fn all_labels(labels: &Labels) -> String {
    let pairs = labels.iter().map(|(name, value)| {
        let name = if is_legacy_label_name(name) {
            name.to_owned()
        } else {
            quote(name)
        };
        format!("{name}={}", quote(value))
    });
    format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
}

impl Sides<'_> {
    /// On the one side a signature may have one series at each step.
    fn check_one_side(&self, labels: &Labels, group: &[usize]) -> Done {
        if group.len() < 2 {
            return Ok(());
        }
        let mut seen: Vec<Option<usize>> = vec![None; self.grid.steps];
        for i in group {
            let Some(row) = self.one.get(*i) else {
                continue;
            };
            for (step, value) in row.values.iter().enumerate() {
                if is_absent(*value) || !self.any_many.get(step).is_some_and(|any| *any) {
                    continue;
                }
                let Some(seen) = seen.get_mut(step) else {
                    continue;
                };
                if let Some(other) = seen.and_then(|other| self.one.get(other)) {
                    return Err(self.duplicates(labels, &row.labels, &other.labels));
                }
                *seen = Some(*i);
            }
        }
        Ok(())
    }

    fn duplicates(&self, group: &Labels, one: &Labels, other: &Labels) -> QueryError {
        let side = match self.matching.cardinality {
            Cardinality::OneToMany => "left",
            _ => "right",
        };
        let group = all_labels(group);
        let (mut first, mut second) = (all_labels(one), all_labels(other));
        if first > second {
            std::mem::swap(&mut first, &mut second);
        }
        QueryError::Execution(format!(
            "found duplicate series for the match group {group} on the {side} hand-side of the \
             operation: [{first}, {second}];many-to-many matching not allowed: matching labels \
             must be unique on one side"
        ))
    }

    /// Combines the many side's values with those of one at each step where both are.
    fn combine(&self, one: &Row, given: &mut [bool], into: &mut [f64]) -> Done {
        let (op, return_bool) = (self.binary.op, self.binary.return_bool);
        let swapped = self.matching.cardinality == Cardinality::OneToMany;
        for (step, into) in into.iter_mut().enumerate() {
            let many = std::mem::replace(into, ABSENT);
            let Some(one) = one.at(step).filter(|_| !is_absent(many)) else {
                continue;
            };
            let Some(given) = given.get_mut(step) else {
                continue;
            };
            if *given {
                return refused(if self.matching.cardinality == Cardinality::OneToOne {
                    "multiple matches for labels: many-to-one matching must be explicit \
                     (group_left/group_right)"
                } else {
                    "multiple matches for labels: grouping labels must ensure unique matches"
                });
            }
            *given = true;
            let (left, right) = if swapped { (one, many) } else { (many, one) };
            *into = combine(op, left, right, left, return_bool);
            debug_assert!(compare(op, left, right).is_some() || !is_absent(*into));
        }
        Ok(())
    }
}
