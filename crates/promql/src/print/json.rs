//! A tree as JSON, as Prometheus's `parse_query` answers it.

use mainstay_series::Matcher;
use serde_json::{Value, json as object};

use crate::ast::{At, Expr, Selector, TimeShift};
use crate::format::float;

/// The JSON of an expression.
pub(crate) fn json(expr: &Expr) -> Value {
    match expr {
        Expr::Aggregate(aggregate) => object!({
            "type": "aggregation",
            "op": aggregate.op.as_str(),
            "expr": json(&aggregate.expr),
            "param": aggregate.param.as_ref().map(json),
            "grouping": aggregate.grouping,
            "without": aggregate.without,
        }),
        Expr::Binary(binary) => object!({
            "type": "binaryExpr",
            "op": binary.op.as_str(),
            "lhs": json(&binary.left),
            "rhs": json(&binary.right),
            "matching": binary.matching.as_ref().map(|matching| object!({
                "card": matching.cardinality.as_str(),
                "labels": matching.labels,
                "on": matching.on,
                "include": matching.include,
                "fillValues": { "lhs": null, "rhs": null },
            })),
            "bool": binary.return_bool,
        }),
        Expr::Call(call) => {
            let function = call.function;
            let args: Vec<&str> = function.args.iter().map(|arg| arg.as_str()).collect();
            object!({
                "type": "call",
                "func": {
                    "name": function.name,
                    "argTypes": args,
                    "variadic": function.variadic,
                    "returnType": function.returns.as_str(),
                },
                "args": call.args.iter().map(json).collect::<Vec<_>>(),
            })
        }
        Expr::Matrix(matrix) => {
            let mut node = selector("matrixSelector", &matrix.selector);
            node["range"] = matrix.range_ms.into();
            node["rangeExpr"] = Value::Null;
            node
        }
        Expr::Number(number) => object!({ "type": "numberLiteral", "val": float(number.value) }),
        Expr::Paren(paren) => object!({ "type": "parenExpr", "expr": json(&paren.expr) }),
        Expr::String(string) => object!({ "type": "stringLiteral", "val": string.value }),
        Expr::Subquery(subquery) => {
            let mut node = object!({
                "type": "subquery",
                "expr": json(&subquery.expr),
                "range": subquery.range_ms,
                "rangeExpr": null,
                "step": subquery.step_ms.unwrap_or_default(),
                "stepExpr": null,
            });
            shift(&mut node, subquery.time);
            node
        }
        Expr::Unary(unary) => object!({
            "type": "unaryExpr",
            "op": if unary.negative { "-" } else { "+" },
            "expr": json(&unary.expr),
        }),
        Expr::Selector(vector) => selector("vectorSelector", vector),
    }
}

fn selector(kind: &str, selector: &Selector) -> Value {
    let mut node = object!({
        "type": kind,
        "name": selector.name.as_deref().unwrap_or_default(),
        "matchers": selector.matchers.iter().map(matcher).collect::<Vec<_>>(),
        "anchored": false,
        "smoothed": false,
    });
    shift(&mut node, selector.time);
    node
}

fn shift(node: &mut Value, time: TimeShift) {
    let (timestamp, start_or_end) = match time.at {
        None => (None, None),
        Some(At::TimeMs(ms)) => (Some(ms), None),
        Some(At::Start) => (None, Some("start")),
        Some(At::End) => (None, Some("end")),
    };
    node["offset"] = time.offset_ms.into();
    node["offsetExpr"] = Value::Null;
    node["timestamp"] = timestamp.into();
    node["startOrEnd"] = start_or_end.into();
}

fn matcher(matcher: &Matcher) -> Value {
    object!({
        "name": matcher.name(),
        "value": matcher.value(),
        "type": matcher.op().as_str(),
    })
}
