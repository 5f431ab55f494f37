//! Arguments of functions, taken with the types that the functions ask for.

use crate::value::Value;

/// The argument at `index`, of `count` that there must be.
pub(crate) fn at(arguments: &[Value], index: usize, count: usize) -> Result<&Value, String> {
    if arguments.len() != count {
        return Err(format!(
            "wrong number of args: want {count} got {}",
            arguments.len()
        ));
    }
    arguments
        .get(index)
        .ok_or_else(|| "an argument is missing".to_owned())
}

/// It as a text.
pub(crate) fn text(arguments: &[Value], index: usize, count: usize) -> Result<&str, String> {
    let value = at(arguments, index, count)?;
    value.as_text().ok_or_else(|| wrong(value, "string"))
}

pub(crate) fn wrong(value: &Value, wanted: &str) -> String {
    match value {
        Value::Nil => format!("wrong type for value; expected {wanted}; got no value"),
        value => format!(
            "wrong type for value; expected {wanted}; got {}",
            value.type_name()
        ),
    }
}

/// All of them, exactly `N`.
pub(crate) fn exactly<const N: usize>(arguments: &[Value]) -> Result<&[Value; N], String> {
    arguments
        .try_into()
        .map_err(|_| format!("wrong number of args: want {N} got {}", arguments.len()))
}
