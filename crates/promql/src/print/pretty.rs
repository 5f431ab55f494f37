//! An expression over several lines, as Prometheus's `format_query` answers it: what is longer than
//! a hundred characters is split, and what is inside is indented.

use super::{aggregate_head, operator, subquery_suffix};
use crate::ast::Expr;

/// The longest line that is left alone.
const WIDTH: usize = 100;

/// The expression over as many lines as it needs.
pub(crate) fn pretty(expr: &Expr) -> String {
    at(expr, 0)
}

fn indent(level: usize) -> String {
    "  ".repeat(level)
}

fn at(expr: &Expr, level: usize) -> String {
    let pad = indent(level);
    let whole = expr.to_string();
    if let Expr::Unary(unary) = expr {
        let sign = if unary.negative { '-' } else { '+' };
        return format!("{pad}{sign}{}", at(&unary.expr, level).trim());
    }
    if whole.len() <= WIDTH {
        // A short subquery is not indented: so does Prometheus.
        let indented = !matches!(expr, Expr::Subquery(_));
        return if indented { pad + &whole } else { whole };
    }
    match expr {
        Expr::Aggregate(aggregate) => {
            let head = aggregate_head(aggregate);
            let param = aggregate.param.as_ref();
            let param = param.map(|param| format!("{},\n", at(param, level + 1)));
            let param = param.unwrap_or_default();
            let inner = at(&aggregate.expr, level + 1);
            format!("{pad}{head}(\n{param}{inner}\n{pad})")
        }
        Expr::Binary(binary) => {
            let left = at(&binary.left, level + 1);
            let right = at(&binary.right, level + 1);
            format!("{left}\n{pad}{}\n{right}", operator(binary))
        }
        Expr::Call(call) => {
            let args: Vec<String> = call.args.iter().map(|arg| at(arg, level + 1)).collect();
            format!("{pad}{}(\n{}\n{pad})", call.function.name, args.join(",\n"))
        }
        Expr::Paren(paren) => format!("{pad}(\n{}\n{pad})", at(&paren.expr, level + 1)),
        Expr::Subquery(subquery) => {
            format!("{}{}", at(&subquery.expr, level), subquery_suffix(subquery))
        }
        _ => pad + &whole,
    }
}
