//! `eq` and its siblings. Go compares values of one kind only: a whole number is never equal to a
//! floating point one, and comparing them is an error.

use crate::value::Value;
use std::cmp::Ordering;

const BAD: &str = "incompatible types for comparison";

/// Whether two are equal.
pub(crate) fn equal(a: &Value, b: &Value) -> Result<bool, String> {
    Ok(match (a.plain(), b.plain()) {
        (Value::Nil, Value::Nil) => true,
        (Value::Nil, _) | (_, Value::Nil) => false,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a) | Value::Duration(a), Value::Int(b) | Value::Duration(b)) => a == b,
        #[allow(clippy::float_cmp, reason = "Go compares exactly")]
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Text(a) | Value::Safe(_, a), Value::Text(b) | Value::Safe(_, b)) => a == b,
        (Value::Time(a), Value::Time(b)) => a == b,
        (a @ (Value::List(_) | Value::Map(_) | Value::Object(_)), _)
        | (_, a @ (Value::List(_) | Value::Map(_) | Value::Object(_))) => {
            return Err(format!("non-comparable type {}", a.type_name()));
        }
        _ => return Err(BAD.to_owned()),
    })
}

/// Which is less; `None` where one of them is not a number.
pub(crate) fn compare(a: &Value, b: &Value) -> Result<Option<Ordering>, String> {
    Ok(match (a.plain(), b.plain()) {
        (Value::Int(a) | Value::Duration(a), Value::Int(b) | Value::Duration(b)) => Some(a.cmp(&b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(&b),
        (Value::Text(a) | Value::Safe(_, a), Value::Text(b) | Value::Safe(_, b)) => Some(a.cmp(&b)),
        (
            Value::Int(_) | Value::Duration(_) | Value::Float(_) | Value::Text(_) | Value::Safe(..),
            Value::Int(_) | Value::Duration(_) | Value::Float(_) | Value::Text(_) | Value::Safe(..),
        ) => return Err(BAD.to_owned()),
        _ => return Err("invalid type for comparison".to_owned()),
    })
}
