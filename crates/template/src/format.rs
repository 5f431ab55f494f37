//! Values as Go's `print` writes them.

use crate::float;
use crate::limits;
use crate::value::Value;
use std::fmt::Write as _;

/// `%v`
pub(crate) fn display(value: &Value) -> String {
    let mut out = String::new();
    push(&mut out, value);
    out
}

/// Stops where the output has its bound: whoever prints it says so.
fn push(out: &mut String, value: &Value) {
    if out.len() > limits::OUTPUT_BYTES {
        return;
    }
    match value {
        Value::Nil => out.push_str("<nil>"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => {
            let _ = write!(out, "{value}");
        }
        Value::Float(value) => out.push_str(&float::shortest(*value)),
        Value::Text(text) | Value::Safe(_, text) => out.push_str(text),
        Value::List(list) => {
            out.push('[');
            for (index, value) in list.values.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                push(out, value);
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push_str("map[");
            for (index, (name, value)) in map.entries.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                out.push_str(name);
                out.push(':');
                push(out, value);
            }
            out.push(']');
        }
        Value::Time(time) => out.push_str(&time.to_string()),
        Value::Duration(nanos) => out.push_str(&crate::time::duration(*nanos)),
        Value::Object(object) => match (object.text(), object.plain()) {
            (Some(text), _) => out.push_str(&text),
            (None, Some(plain)) => push(out, &plain),
            (None, None) => {
                out.push('{');
                for (index, (_, value)) in object.fields().iter().enumerate() {
                    if index > 0 {
                        out.push(' ');
                    }
                    push(out, value);
                }
                out.push('}');
            }
        },
    }
}

/// `print`: a space between two operands of which neither is a text.
pub(crate) fn sprint(values: &[Value]) -> String {
    let mut out = String::new();
    let mut after_text = true;
    for value in values {
        let is_text = matches!(value, Value::Text(_) | Value::Safe(..));
        if !is_text && !after_text {
            out.push(' ');
        }
        push(&mut out, value);
        after_text = is_text;
    }
    out
}

/// `println`: a space between any two, and an end of line.
pub(crate) fn sprintln(values: &[Value]) -> String {
    let mut out = values.iter().map(display).collect::<Vec<_>>().join(" ");
    out.push('\n');
    out
}
