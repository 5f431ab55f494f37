//! Operators: the arithmetic, and a vector with a scalar.

use super::column::{ABSENT, is_absent};
use super::names::Same;
use super::{Done, Evaluator, Grid, Row, Sink};
use crate::ast::{Binary, BinaryOp, ValueType};

/// Two scalars; a comparison gives 0 or 1.
pub(super) fn scalars(op: BinaryOp, left: f64, right: f64) -> f64 {
    match compare(op, left, right) {
        Some(holds) => f64::from(u8::from(holds)),
        None => arithmetic(op, left, right),
    }
}

/// Whether a comparison holds; nothing if it is none.
#[inline]
#[allow(clippy::float_cmp, reason = "equality of numbers is what is asked for")]
pub(super) fn compare(op: BinaryOp, left: f64, right: f64) -> Option<bool> {
    Some(match op {
        BinaryOp::Equal => left == right,
        BinaryOp::NotEqual => left != right,
        BinaryOp::Less => left < right,
        BinaryOp::LessOrEqual => left <= right,
        BinaryOp::Greater => left > right,
        BinaryOp::GreaterOrEqual => left >= right,
        _ => return None,
    })
}

#[inline]
fn arithmetic(op: BinaryOp, left: f64, right: f64) -> f64 {
    match op {
        BinaryOp::Add => left + right,
        BinaryOp::Sub => left - right,
        BinaryOp::Mul => left * right,
        BinaryOp::Div => left / right,
        BinaryOp::Mod => left % right,
        BinaryOp::Pow => left.powf(right),
        BinaryOp::Atan2 => left.atan2(right),
        _ => f64::NAN,
    }
}

/// What two values give, absent where a comparison filters; `kept` is the value that passes it.
#[inline]
pub(super) fn combine(op: BinaryOp, left: f64, right: f64, kept: f64, return_bool: bool) -> f64 {
    match compare(op, left, right) {
        None => arithmetic(op, left, right),
        Some(holds) if return_bool => f64::from(u8::from(holds)),
        Some(true) => kept,
        Some(false) => ABSENT,
    }
}

impl Evaluator<'_> {
    /// An operator with at least one vector.
    pub(super) fn binary(&self, binary: &Binary, grid: Grid, sink: Sink<'_>) -> Done {
        let is_vector = |expr: &crate::ast::Expr| expr.value_type() == ValueType::Vector;
        match (is_vector(&binary.left), is_vector(&binary.right)) {
            (true, true) if binary.op.is_set() => self.set_operation(binary, grid, sink),
            (true, true) => self.matched(binary, grid, sink),
            (left, _) => self.with_scalar(binary, left, grid, sink),
        }
    }

    /// A vector and a scalar; of a comparison the vector's value passes, on either side.
    fn with_scalar(&self, binary: &Binary, vector_left: bool, grid: Grid, sink: Sink<'_>) -> Done {
        let (vector, scalar) = if vector_left {
            (&binary.left, &binary.right)
        } else {
            (&binary.right, &binary.left)
        };
        let scalar = self.scalar(scalar, grid)?;
        let (op, return_bool) = (binary.op, binary.return_bool);
        let change = |row: &mut Row| {
            for (value, scalar) in row.values.iter_mut().zip(scalar.iter()) {
                if is_absent(*value) {
                    continue;
                }
                let (left, right) = if vector_left {
                    (*value, *scalar)
                } else {
                    (*scalar, *value)
                };
                *value = combine(op, left, right, *value, return_bool);
            }
            Ok(())
        };
        if op.is_comparison() && !return_bool {
            return self.stream(vector, grid, &mut |mut row| {
                change(&mut row)?;
                sink(row)
            });
        }
        self.dropping_names(vector, grid, Same::Merges, sink, &change)
    }
}
