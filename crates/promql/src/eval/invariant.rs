//! Whether an expression has the same value at every step.

use crate::ast::{Expr, TimeShift};
use crate::functions::{Does, RangeFn, Special, depends_on_time};

/// Whether it may be evaluated once: every selector in it is pinned by `@`, and no function in it
/// looks at the time.
pub(super) fn is_invariant(expr: &Expr) -> bool {
    match expr {
        Expr::Number(_) | Expr::String(_) => true,
        Expr::Selector(selector) => is_pinned(selector.time),
        Expr::Matrix(matrix) => is_pinned(matrix.selector.time),
        Expr::Subquery(subquery) => is_pinned(subquery.time),
        Expr::Paren(paren) => is_invariant(&paren.expr),
        Expr::Unary(unary) => is_invariant(&unary.expr),
        // Its parameter may change from step to step.
        Expr::Aggregate(aggregate) => {
            is_invariant(&aggregate.expr) && aggregate.param.as_ref().is_none_or(is_invariant)
        }
        Expr::Binary(binary) => is_invariant(&binary.left) && is_invariant(&binary.right),
        Expr::Call(call) => {
            let pinned_timestamp = call.function.does == Does::Special(Special::Timestamp)
                && call.args.iter().all(|arg| {
                    matches!(arg.bare(), Expr::Selector(selector) if is_pinned(selector.time))
                });
            let free = !depends_on_time(call.function) && call.args.iter().all(is_invariant);
            pinned_timestamp || free
        }
    }
}

fn is_pinned(time: TimeShift) -> bool {
    time.at.is_some()
}

/// Whether a range function keeps the metric's name: it acts like an offset.
pub(super) fn keeps_name(function: RangeFn) -> bool {
    matches!(function, RangeFn::FirstOverTime | RangeFn::LastOverTime)
}
