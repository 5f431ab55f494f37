//! The functions of the language itself, and what printing makes of a value.

use crate::exec::{compare, equal};
use crate::format;
use crate::value::{Elements, Value};
use std::cmp::Ordering;

/// A value between texts.
pub(crate) fn printed(value: &Value) -> String {
    match value {
        Value::Nil => "<no value>".to_owned(),
        value => format::display(value),
    }
}

/// A method of a value, or `None` where it has none of that name.
pub(crate) fn method(
    receiver: &Value,
    name: &str,
    arguments: &[Value],
) -> Option<Result<Value, String>> {
    match receiver {
        Value::Object(object) => object.method(name, arguments),
        Value::Time(time) => crate::time::time_method(time, name, arguments),
        Value::Duration(nanos) => crate::time::duration_method(*nanos, name, arguments),
        _ => None,
    }
}

/// A function of the language; `and` and `or` are not among them, as they evaluate themselves.
pub(crate) fn call(name: &str, arguments: &[Value]) -> Result<Value, String> {
    match name {
        "not" => one(arguments).map(|value| Value::Bool(!value.truth())),
        "len" => one(arguments).and_then(len),
        "index" => index(arguments),
        "slice" => slice(arguments),
        "eq" => eq(arguments),
        "ne" | "lt" | "le" | "gt" | "ge" => ordered(name, arguments),
        "print" => Ok(Value::from(format::sprint(arguments))),
        "println" => Ok(Value::from(format::sprintln(arguments))),
        "printf" => crate::printf::printf(arguments).map(Value::from),
        "html" => Ok(Value::from(crate::html::text_escape(&joined(arguments)))),
        "js" => Ok(Value::from(crate::escape::js(&joined(arguments)))),
        "urlquery" => Ok(Value::from(crate::escape::url_query(&joined(arguments)))),
        _ => Err(format!("{name} is not a function")),
    }
}

/// The one argument there is.
pub(crate) fn one(arguments: &[Value]) -> Result<&Value, String> {
    match arguments {
        [value] => Ok(value),
        _ => Err(format!(
            "wrong number of args: want 1 got {}",
            arguments.len()
        )),
    }
}

/// Arguments as one text: a text as it is, everything else as `print` has it.
pub(crate) fn joined(arguments: &[Value]) -> String {
    if let [Value::Text(text)] = arguments {
        return text.to_string();
    }
    let shown: Vec<Value> = arguments
        .iter()
        .map(|value| match value {
            Value::Nil => Value::text("<no value>"),
            value => value.clone(),
        })
        .collect();
    format::sprint(&shown)
}

fn len(value: &Value) -> Result<Value, String> {
    let count = match value.plain() {
        Value::Text(text) | Value::Safe(_, text) => text.len(),
        Value::List(list) => list.values.len(),
        Value::Map(map) => map.entries.len(),
        Value::Nil => return Err("len of nil pointer".to_owned()),
        _ => return Err(format!("len of type {}", value.type_name())),
    };
    Ok(Value::Int(count as i64))
}

fn index(arguments: &[Value]) -> Result<Value, String> {
    let Some((item, keys)) = arguments.split_first() else {
        return Err("wrong number of args: want at least 1 got 0".to_owned());
    };
    if matches!(item, Value::Nil) {
        return Err("index of untyped nil".to_owned());
    }
    let mut item = item.clone();
    for key in keys {
        item = match item.plain() {
            Value::List(list) => list.values[position(key, list.values.len(), false)?].clone(),
            Value::Map(map) => match key.plain() {
                Value::Text(key) | Value::Safe(_, key) => map.get(&key),
                Value::Nil => return Err("value is nil; should be string".to_owned()),
                _ => {
                    let kind = key.type_name();
                    return Err(format!("value has type {kind}; should be string"));
                }
            },
            Value::Text(text) | Value::Safe(_, text) => {
                let at = position(key, text.len(), false)?;
                Value::Int(i64::from(text.as_bytes()[at]))
            }
            Value::Nil => return Err("index of untyped nil".to_owned()),
            _ => return Err(format!("can't index item of type {}", item.type_name())),
        };
    }
    Ok(item)
}

/// An index within bounds; with `end` one behind the last is one.
fn position(key: &Value, length: usize, end: bool) -> Result<usize, String> {
    let Value::Int(at) = key.plain() else {
        return Err(match key {
            Value::Nil => "cannot index slice/array with nil".to_owned(),
            _ => format!("cannot index slice/array with type {}", key.type_name()),
        });
    };
    usize::try_from(at)
        .ok()
        .filter(|at| *at < length || (end && *at == length))
        .ok_or_else(|| format!("index out of range: {at}"))
}

fn slice(arguments: &[Value]) -> Result<Value, String> {
    let Some((item, bounds)) = arguments.split_first() else {
        return Err("wrong number of args: want at least 1 got 0".to_owned());
    };
    if bounds.len() > 3 {
        return Err(format!("too many slice indexes: {}", bounds.len()));
    }
    let plain = item.plain();
    let length = match &plain {
        Value::Text(text) | Value::Safe(_, text) if bounds.len() < 3 => text.len(),
        Value::Text(_) | Value::Safe(..) => return Err("cannot 3-index slice a string".to_owned()),
        Value::List(list) => list.values.len(),
        Value::Nil => return Err("slice of untyped nil".to_owned()),
        _ => return Err(format!("can't slice item of type {}", item.type_name())),
    };
    let at = |index: usize, default: usize| match bounds.get(index) {
        Some(key) => position(key, length, true),
        None => Ok(default),
    };
    let (from, to) = (at(0, 0)?, at(1, length)?);
    at(2, length)?;
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    Ok(match plain {
        Value::List(list) => Value::list_of(list.values[from..to].iter().cloned(), list.elements),
        Value::Text(text) | Value::Safe(_, text) => {
            Value::from(String::from_utf8_lossy(&text.as_bytes()[from..to]).into_owned())
        }
        _ => Value::Nil,
    })
}

fn eq(arguments: &[Value]) -> Result<Value, String> {
    let [first, others @ ..] = arguments else {
        return Err("wrong number of args: want at least 1 got 0".to_owned());
    };
    if others.is_empty() {
        return Err("missing argument for comparison".to_owned());
    }
    for other in others {
        if equal(first, other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn ordered(name: &str, arguments: &[Value]) -> Result<Value, String> {
    let [a, b] = arguments else {
        return Err(format!(
            "wrong number of args: want 2 got {}",
            arguments.len()
        ));
    };
    if name == "ne" {
        return Ok(Value::Bool(!equal(a, b)?));
    }
    let order = compare(a, b)?;
    Ok(Value::Bool(match (name, order) {
        (_, None) => false,
        ("lt", Some(order)) => order == Ordering::Less,
        // Go has `le` as less or equal, and `gt` as the opposite of that, also for what is no number.
        ("le", Some(order)) => order != Ordering::Greater,
        ("gt", Some(order)) => order == Ordering::Greater,
        (_, Some(order)) => order != Ordering::Less,
    }))
}

/// The texts of a list of texts; no value is an empty one.
pub(crate) fn texts(value: &Value) -> Option<Vec<String>> {
    let list = match value.plain() {
        Value::List(list) => list,
        Value::Nil => return Some(Vec::new()),
        _ => return None,
    };
    if list.elements != Elements::Text {
        return None;
    }
    list.values
        .iter()
        .map(|value| value.as_text().map(str::to_owned))
        .collect()
}
