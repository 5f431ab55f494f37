//! Values in JSON, as Go's `json.Marshal` has them.

use crate::limits;
use crate::time::RFC3339_NANO;
use crate::value::Value;
use serde_json::{Map, Number, Value as Json};

/// What a value is counted as beside its text.
const NODE_BYTES: usize = 32;

/// A value in JSON, in one text: what would matter in HTML is escaped.
pub(super) fn json(value: &Value) -> Result<String, String> {
    let mut budget = limits::OUTPUT_BYTES;
    let json = tree(value, &mut budget)?;
    Ok(json
        .to_string()
        .replace('&', "\\u0026")
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029"))
}

pub(super) fn tree(value: &Value, budget: &mut usize) -> Result<Json, String> {
    let weight = NODE_BYTES + value.as_text().map_or(0, str::len);
    *budget = budget
        .checked_sub(weight)
        .ok_or_else(|| format!("more than {} bytes", limits::OUTPUT_BYTES))?;
    Ok(match value {
        Value::Nil => Json::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) | Value::Duration(value) => (*value).into(),
        Value::Float(value) => number(*value)?,
        Value::Text(text) | Value::Safe(_, text) => text.as_ref().into(),
        Value::List(list) => {
            let mut all = Vec::new();
            for value in &list.values {
                all.push(tree(value, budget)?);
            }
            Json::Array(all)
        }
        Value::Map(map) => {
            let mut all = Map::new();
            for (name, value) in &map.entries {
                all.insert(name.clone(), tree(value, budget)?);
            }
            Json::Object(all)
        }
        Value::Time(time) => time.format(RFC3339_NANO).into(),
        Value::Object(object) => {
            if let Some(plain) = object.plain() {
                return tree(&plain, budget);
            }
            let mut all = Map::new();
            for (name, value) in object.fields() {
                all.insert(object.json_name(name).to_owned(), tree(&value, budget)?);
            }
            Json::Object(all)
        }
    })
}

/// Go writes a whole number without a point, also where it is a floating point one.
fn number(value: f64) -> Result<Json, String> {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return Ok((value as i64).into());
    }
    Number::from_f64(value)
        .map(Json::Number)
        .ok_or_else(|| format!("json: unsupported value: {value}"))
}
