//! Types: what an operator or a function may be given.
//!
//! It also finishes what the grammar leaves open: set operators match many to many, and there is
//! no matching where there are not two vectors.

use mainstay_series::METRIC_NAME;

use super::parser::Parsed;
use crate::ast::{Aggregate, Binary, BinaryOp, Call, Cardinality, Expr, Selector, Span, ValueType};

/// Checks a tree from the leaves up; the first thing wrong is the error.
pub(super) fn check(expr: &mut Expr, text: &str) -> Parsed<()> {
    match expr {
        Expr::Aggregate(aggregate) => check_aggregate(aggregate, text),
        Expr::Binary(binary) => check_binary(binary, text),
        Expr::Call(call) => check_call(call, text),
        Expr::Matrix(matrix) => check_selector(&matrix.selector),
        Expr::String(string) if !string.is_text => {
            let message = "string is not valid UTF-8".to_owned();
            Err((string.span, message))
        }
        Expr::Number(_) | Expr::String(_) => Ok(()),
        Expr::Paren(paren) => check(&mut paren.expr, text),
        Expr::Selector(selector) => check_selector(selector),
        Expr::Subquery(subquery) => {
            check(&mut subquery.expr, text)?;
            let found = subquery.expr.value_type();
            if found == ValueType::Vector {
                return Ok(());
            }
            let found = found.as_str();
            let message =
                format!("subquery is only allowed on instant vector, got {found} instead");
            Err((expr.span(), message))
        }
        Expr::Unary(unary) => {
            check(&mut unary.expr, text)?;
            let found = unary.expr.value_type();
            if matches!(found, ValueType::Scalar | ValueType::Vector) {
                return Ok(());
            }
            let message = format!(
                "unary expression only allowed on expressions of type scalar or instant vector, \
                 got {:?}",
                found.documented()
            );
            Err((expr.span(), message))
        }
    }
}

fn expect(expr: &Expr, wanted: ValueType, context: &str) -> Parsed<()> {
    let found = expr.value_type();
    if found == wanted {
        return Ok(());
    }
    let (wanted, found) = (wanted.documented(), found.documented());
    let message = format!("expected type {wanted} in {context}, got {found}");
    Err((expr.span(), message))
}

fn check_aggregate(aggregate: &mut Aggregate, text: &str) -> Parsed<()> {
    check(&mut aggregate.expr, text)?;
    expect(&aggregate.expr, ValueType::Vector, "aggregation expression")?;
    if let (Some(param), Some(wanted)) = (&mut aggregate.param, aggregate.op.param()) {
        // A label of `count_values` that is no text is refused when it is used.
        if !matches!(param, Expr::String(_)) {
            check(param, text)?;
        }
        expect(param, wanted, "aggregation parameter")?;
    }
    Ok(())
}

fn check_call(call: &mut Call, text: &str) -> Parsed<()> {
    let function = call.function;
    let (wanted, found) = (function.args.len(), call.args.len());
    let name = function.name;
    let refused = |words: String| Err((call.span, format!("expected {words}, got {found}")));
    let fewest = wanted - usize::from(function.variadic != 0);
    if function.variadic == 0 && wanted != found {
        return refused(format!("{wanted} argument(s) in call to {name:?}"));
    }
    if found < fewest {
        return refused(format!("at least {fewest} argument(s) in call to {name:?}"));
    }
    let most = usize::try_from(function.variadic).map(|more| fewest + more);
    if let Some(most) = most
        .ok()
        .filter(|most| function.variadic > 0 && found > *most)
    {
        return refused(format!("at most {most} argument(s) in call to {name:?}"));
    }
    for (i, arg) in call.args.iter_mut().enumerate() {
        check(arg, text)?;
        let wanted = function.args.get(i).or(function.args.last());
        if let Some(wanted) = wanted {
            expect(arg, *wanted, &format!("call to function {name:?}"))?;
        }
    }
    Ok(())
}

fn check_binary(binary: &mut Binary, text: &str) -> Parsed<()> {
    check(&mut binary.left, text)?;
    check(&mut binary.right, text)?;
    let (left, right) = (binary.left.value_type(), binary.right.value_type());
    let (left_span, right_span) = (binary.left.span(), binary.right.span());
    let whole = left_span.to(right_span);
    let refused = |span: Span, message: String| Err((span, message));
    let op = binary.op;
    if binary.return_bool && !op.is_comparison() {
        let message = "bool modifier can only be used on comparison operators".to_owned();
        return refused(operator_span(text, left_span, right_span), message);
    }
    let scalars = left == ValueType::Scalar && right == ValueType::Scalar;
    if op.is_comparison() && !binary.return_bool && scalars {
        let message = "comparisons between scalars must use BOOL modifier".to_owned();
        return refused(operator_span(text, left_span, right_span), message);
    }
    for (kind, span) in [(left, left_span), (right, right_span)] {
        if !matches!(kind, ValueType::Scalar | ValueType::Vector) {
            let message = "binary expression must contain only scalar and instant vector types";
            return refused(span, message.to_owned());
        }
    }
    let vectors = left == ValueType::Vector && right == ValueType::Vector;
    if !vectors && op.is_set() {
        let message = format!(
            "set operator {:?} not allowed in binary scalar expression",
            op.as_str()
        );
        return refused(whole, message);
    }
    check_matching(binary, op, vectors).map_err(|(on_operator, message)| {
        let span = if on_operator {
            operator_span(text, left_span, right_span)
        } else {
            whole
        };
        (span, message)
    })
}

/// The matching itself; an error says whether it is about the operator or the whole.
fn check_matching(binary: &mut Binary, op: BinaryOp, vectors: bool) -> Result<(), (bool, String)> {
    let Some(matching) = &mut binary.matching else {
        return Ok(());
    };
    if !vectors {
        if !matching.labels.is_empty() {
            let message = "vector matching only allowed between instant vectors".to_owned();
            return Err((false, message));
        }
        binary.matching = None;
        return Ok(());
    }
    let both = matching
        .include
        .iter()
        .find(|name| matching.labels.contains(name));
    if let Some(name) = both.filter(|_| matching.on) {
        let message = format!("label {name:?} must not occur in ON and GROUP clause at once");
        return Err((true, message));
    }
    if op.is_set() {
        if matching.cardinality != Cardinality::OneToOne {
            let message = format!("no grouping allowed for {:?} operation", op.as_str());
            return Err((false, message));
        }
        matching.cardinality = Cardinality::ManyToMany;
    }
    Ok(())
}

/// The place of the operator: what stands between the operands, without the space around it.
fn operator_span(text: &str, left: Span, right: Span) -> Span {
    let between = text.get(left.end..right.start).unwrap_or_default();
    let space = between.len() - between.trim_start().len();
    Span {
        start: left.end + space,
        end: left.end + between.trim_end().len(),
    }
}

fn check_selector(selector: &Selector) -> Parsed<()> {
    check_name(selector)?;
    let meets_all = selector.matchers.iter().all(|m| m.matches(""));
    if selector.name.is_none() && meets_all {
        let message = "vector selector must contain at least one non-empty matcher".to_owned();
        return Err((selector.span, message));
    }
    Ok(())
}

/// A name before the braces is the only one.
pub(super) fn check_name(selector: &Selector) -> Parsed<()> {
    let Some(name) = &selector.name else {
        return Ok(());
    };
    let others = selector.matchers.split_last();
    let others = others.map_or(&[][..], |(_, rest)| rest);
    if let Some(other) = others.iter().find(|m| m.name() == METRIC_NAME) {
        let value = other.value();
        let message = format!("metric name must not be set twice: {name:?} or {value:?}");
        return Err((selector.span, message));
    }
    Ok(())
}
