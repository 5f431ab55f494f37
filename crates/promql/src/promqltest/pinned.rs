//! The same expression with every selector pinned to a time: its answer must not depend on when it is
//! evaluated.

use crate::ast::{At, Expr, TimeShift};
use crate::functions::depends_on_time;

/// Pins what is not pinned yet; nothing if a function in it looks at the time.
pub(super) fn pin(expr: &Expr, time_ms: i64) -> Option<Expr> {
    let mut expr = expr.clone();
    walk(&mut expr, time_ms)?;
    Some(expr)
}

fn set(time: &mut TimeShift, time_ms: i64) {
    if !matches!(time.at, Some(At::TimeMs(_))) {
        time.at = Some(At::TimeMs(time_ms));
    }
}

fn walk(expr: &mut Expr, time_ms: i64) -> Option<()> {
    match expr {
        Expr::Number(_) | Expr::String(_) => Some(()),
        Expr::Selector(selector) => {
            set(&mut selector.time, time_ms);
            Some(())
        }
        Expr::Matrix(matrix) => {
            set(&mut matrix.selector.time, time_ms);
            Some(())
        }
        Expr::Subquery(subquery) => {
            // What is inside stands at the times of the subquery, which is pinned.
            set(&mut subquery.time, time_ms);
            no_time(&subquery.expr).then_some(())
        }
        Expr::Paren(paren) => walk(&mut paren.expr, time_ms),
        Expr::Unary(unary) => walk(&mut unary.expr, time_ms),
        Expr::Aggregate(aggregate) => {
            walk(&mut aggregate.expr, time_ms)?;
            aggregate
                .param
                .as_mut()
                .map_or(Some(()), |param| walk(param, time_ms))
        }
        Expr::Binary(binary) => {
            walk(&mut binary.left, time_ms)?;
            walk(&mut binary.right, time_ms)
        }
        Expr::Call(call) if depends_on_time(call.function) => None,
        Expr::Call(call) => call.args.iter_mut().try_for_each(|arg| walk(arg, time_ms)),
    }
}

/// Whether no function in it looks at the time.
fn no_time(expr: &Expr) -> bool {
    walk(&mut expr.clone(), 0).is_some()
}
