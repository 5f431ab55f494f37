//! Alertmanager's functions.

use super::json::json;
use crate::arguments::{at, exactly, text, wrong};
use crate::value::{Elements, Safe, Value};
use crate::{Functions, Time, builtin, escape, humanize, pattern, title};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use std::sync::Arc;

/// The names of the functions.
pub const NAMES: &[&str] = &[
    "append",
    "base64decode",
    "base64encode",
    "date",
    "dict",
    "humanizeDuration",
    "join",
    "list",
    "match",
    "now",
    "reReplaceAll",
    "safeHtml",
    "safeUrl",
    "since",
    "stringSlice",
    "title",
    "toJson",
    "toLower",
    "toUpper",
    "trimSpace",
    "tz",
    "urlUnescape",
];

/// The functions at a moment.
pub(super) struct At<'a>(pub(super) &'a Time);

impl Functions for At<'_> {
    fn names(&self) -> &'static [&'static str] {
        NAMES
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, String> {
        match name {
            "now" => exactly::<0>(arguments).map(|_| Value::Time(self.0.clone())),
            "since" => time(arguments, 0, 1).map(|then| Value::Duration(self.0.since(then))),
            "date" => {
                let (layout, time) = (text(arguments, 0, 2)?, time(arguments, 1, 2)?);
                Ok(Value::from(time.format(layout)))
            }
            "tz" => time(arguments, 1, 2)?
                .in_zone(text(arguments, 0, 2)?)
                .map(Value::Time),
            "join" => {
                let texts = at(arguments, 1, 2)?;
                let all = builtin::texts(texts).ok_or_else(|| wrong(texts, "[]string"))?;
                Ok(Value::from(all.join(text(arguments, 0, 2)?)))
            }
            "match" => {
                let (pattern, text) = (text(arguments, 0, 2)?, text(arguments, 1, 2)?);
                Ok(Value::Bool(pattern::compile(pattern)?.is_match(text)))
            }
            "reReplaceAll" => pattern::replace_all(
                text(arguments, 0, 3)?,
                text(arguments, 1, 3)?,
                text(arguments, 2, 3)?,
            )
            .map(Value::from),
            "humanizeDuration" => {
                let seconds = humanize::to_float(at(arguments, 0, 1)?)?;
                Ok(Value::from(humanize::humanize_duration(seconds)))
            }
            "toJson" => json(at(arguments, 0, 1)?).map(Value::from),
            "list" => Ok(Value::list(arguments.iter().cloned())),
            "append" => append(arguments),
            "dict" => dict(arguments),
            "stringSlice" => string_slice(arguments),
            _ => texts(name, text(arguments, 0, 1)?),
        }
    }
}

fn time(arguments: &[Value], index: usize, count: usize) -> Result<&Time, String> {
    match at(arguments, index, count)? {
        Value::Time(time) => Ok(time),
        other => Err(wrong(other, "time.Time")),
    }
}

/// Functions of a text.
fn texts(name: &str, text: &str) -> Result<Value, String> {
    Ok(Value::from(match name {
        "toUpper" => text.to_uppercase(),
        "toLower" => text.to_lowercase(),
        "title" => title::title(text, true),
        "trimSpace" => text.trim().to_owned(),
        "urlUnescape" => escape::url_unescape(text)?,
        "safeHtml" => return Ok(Value::Safe(Safe::Html, Arc::from(text))),
        "safeUrl" => return Ok(Value::Safe(Safe::Url, Arc::from(text))),
        "base64encode" => URL_SAFE.encode(text),
        "base64decode" => {
            let bytes = URL_SAFE
                .decode(text)
                .map_err(|error| format!("illegal base64 data: {error}"))?;
            String::from_utf8_lossy(&bytes).into_owned()
        }
        _ => return Err(format!("{name} is not a function")),
    }))
}

fn append(arguments: &[Value]) -> Result<Value, String> {
    let Some((list, more)) = arguments.split_first() else {
        return Err("wrong number of args: want at least 1 got 0".to_owned());
    };
    match list {
        Value::List(list) if list.elements == Elements::Any => {
            Ok(Value::list(list.values.iter().chain(more).cloned()))
        }
        other => Err(wrong(other, "[]interface {}")),
    }
}

fn dict(arguments: &[Value]) -> Result<Value, String> {
    if !arguments.len().is_multiple_of(2) {
        return Err("dict requires an even number of arguments".to_owned());
    }
    let mut entries = Vec::new();
    for pair in arguments.chunks(2) {
        let Value::Text(name) = &pair[0] else {
            return Err("dict keys must be strings".to_owned());
        };
        entries.push((name.to_string(), pair[1].clone()));
    }
    Ok(Value::map(entries))
}

fn string_slice(arguments: &[Value]) -> Result<Value, String> {
    let texts: Result<Vec<_>, _> = arguments
        .iter()
        .map(|value| value.as_text().ok_or_else(|| wrong(value, "string")))
        .collect();
    Ok(Value::texts(texts?))
}
