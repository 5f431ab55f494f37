//! A tree as text: on one line as Prometheus prints expressions, and over several.

mod json;
mod pretty;

use std::fmt::{self, Display, Formatter, Write as _};

use mainstay_series::{METRIC_NAME, MatchOp, Matcher, is_legacy_label_name, quote};

use crate::ast::{
    Aggregate, At, Binary, BinaryOp, Cardinality, Expr, Matching, Number, Selector, Subquery,
    TimeShift,
};
use crate::format::{duration, float};

pub(crate) use json::json;
pub(crate) use pretty::pretty;

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aggregate(aggregate) => write_aggregate(aggregate, f),
            Self::Binary(binary) => {
                let operator = operator(binary);
                match &binary.left {
                    // With its sign it would be the sign of the whole power.
                    Self::Number(base) if binary.op == BinaryOp::Pow && base.value > f64::MAX => {
                        f.write_str("Inf")?;
                    }
                    left => left.fmt(f)?,
                }
                write!(f, " {operator} {}", binary.right)
            }
            Self::Call(call) => write!(f, "{}({})", call.function.name, list(&call.args)),
            Self::Matrix(matrix) => {
                write_bare_selector(&matrix.selector, f)?;
                write!(f, "[{}]", duration(matrix.range_ms))?;
                f.write_str(&shift(matrix.selector.time))
            }
            Self::Number(number) => f.write_str(&literal(number)),
            Self::Paren(paren) => write!(f, "({})", paren.expr),
            Self::String(string) => f.write_str(&quote(&string.value)),
            Self::Subquery(subquery) => {
                write!(f, "{}{}", subquery.expr, subquery_suffix(subquery))
            }
            Self::Unary(unary) => {
                let sign = if unary.negative { '-' } else { '+' };
                write!(f, "{sign}{}", unary.expr)
            }
            Self::Selector(selector) => {
                write_bare_selector(selector, f)?;
                f.write_str(&shift(selector.time))
            }
        }
    }
}

fn list(exprs: &[Expr]) -> String {
    let parts: Vec<String> = exprs.iter().map(ToString::to_string).collect();
    parts.join(", ")
}

fn literal(number: &Number) -> String {
    if !number.duration {
        return float(number.value);
    }
    let sign = if number.value < 0.0 { "-" } else { "" };
    let ms = (number.value.abs() * 1000.0).round() as i64;
    format!("{sign}{}", duration(ms))
}

fn labels(names: &[String]) -> String {
    let parts: Vec<String> = names
        .iter()
        .map(|name| {
            if is_legacy_label_name(name) {
                name.clone()
            } else {
                quote(name)
            }
        })
        .collect();
    parts.join(", ")
}

/// `sum by (job) `: what stands before the parenthesis.
fn aggregate_head(aggregate: &Aggregate) -> String {
    let op = aggregate.op.as_str();
    let names = labels(&aggregate.grouping);
    if aggregate.without {
        format!("{op} without ({names}) ")
    } else if aggregate.grouping.is_empty() {
        op.to_owned()
    } else {
        format!("{op} by ({names}) ")
    }
}

fn write_aggregate(aggregate: &Aggregate, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "{}(", aggregate_head(aggregate))?;
    if let Some(param) = &aggregate.param {
        write!(f, "{param}, ")?;
    }
    write!(f, "{})", aggregate.expr)
}

/// The operator of a binary expression with its modifiers.
fn operator(binary: &Binary) -> String {
    let bool_modifier = if binary.return_bool { " bool" } else { "" };
    let matching = binary.matching.as_ref().map(matching).unwrap_or_default();
    format!("{}{bool_modifier}{matching}", binary.op.as_str())
}

fn matching(matching: &Matching) -> String {
    let group = match matching.cardinality {
        Cardinality::ManyToOne => Some("left"),
        Cardinality::OneToMany => Some("right"),
        Cardinality::OneToOne | Cardinality::ManyToMany => None,
    };
    let mut text = String::new();
    if !matching.labels.is_empty() || matching.on || group.is_some() {
        let word = if matching.on { "on" } else { "ignoring" };
        text = format!(" {word} ({})", labels(&matching.labels));
    }
    if let Some(side) = group {
        let include = labels(&matching.include);
        let _ = write!(text, " group_{side} ({include})");
    }
    text
}

/// ` @ 1.000 offset 5m`.
fn shift(time: TimeShift) -> String {
    let at = match time.at {
        None => String::new(),
        Some(At::Start) => " @ start()".to_owned(),
        Some(At::End) => " @ end()".to_owned(),
        Some(At::TimeMs(ms)) => format!(" @ {:.3}", ms as f64 / 1000.0),
    };
    let offset = match time.offset_ms {
        0 => String::new(),
        ms if ms < 0 => format!(" offset -{}", duration(-ms)),
        ms => format!(" offset {}", duration(ms)),
    };
    at + &offset
}

fn subquery_suffix(subquery: &Subquery) -> String {
    let step = subquery.step_ms.map(duration).unwrap_or_default();
    let range = duration(subquery.range_ms);
    format!("[{range}:{step}]{}", shift(subquery.time))
}

fn write_bare_selector(selector: &Selector, f: &mut Formatter<'_>) -> fmt::Result {
    let name = selector.name.as_deref().unwrap_or_default();
    f.write_str(name)?;
    let is_name = |matcher: &Matcher| {
        matcher.name() == METRIC_NAME
            && matcher.op() == MatchOp::Equal
            && matcher.value() == name
            && !name.is_empty()
    };
    let others = selector.matchers.iter().filter(|matcher| !is_name(matcher));
    let mut parts: Vec<String> = others.map(ToString::to_string).collect();
    if parts.is_empty() {
        return Ok(());
    }
    parts.sort();
    write!(f, "{{{}}}", parts.join(","))
}
