//! Variables in values: `$VAR`, `${VAR}`, `:-`, `-`, `:?`, `?`, `:+`, `+`, nested, and `$$`.
//!
//! Source: the Compose specification, "Interpolation". What a variable holds is never read again
//! for variables, so that one pass ends and a value cannot smuggle one in. Keys are not touched.

use crate::tree::{Kind, Node};
use mainstay_model::{Problem, Problems};
use std::collections::BTreeMap;

/// `${A:-${B:-…}}`
const LIMIT_NESTING: usize = 16;
/// Bytes that one value may grow to.
const LIMIT_BYTES: usize = 1 << 20;

/// Where variables are looked up.
pub(crate) trait Lookup {
    fn get(&self, name: &str) -> Option<&str>;
}

/// What variables there are. Later layers win.
#[derive(Debug, Clone, Default)]
pub(crate) struct Variables {
    layers: Vec<BTreeMap<String, String>>,
}

impl Variables {
    pub(crate) fn push(&mut self, layer: BTreeMap<String, String>) {
        self.layers.push(layer);
    }

    /// A layer just below the uppermost one.
    pub(crate) fn push_below_top(&mut self, layer: BTreeMap<String, String>) {
        let index = self.layers.len().saturating_sub(1);
        self.layers.insert(index, layer);
    }

    /// A layer below all others.
    pub(crate) fn push_under(&mut self, layer: BTreeMap<String, String>) {
        self.layers.insert(0, layer);
    }
}

impl Lookup for Variables {
    fn get(&self, name: &str) -> Option<&str> {
        self.layers
            .iter()
            .rev()
            .find_map(|layer| layer.get(name))
            .map(String::as_str)
    }
}

/// What became of one text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Expanded {
    pub(crate) text: String,
    /// Every variable that was looked at and taken.
    pub(crate) used: Vec<String>,
    /// Used plainly while not set: empty, as in Compose, and worth a warning.
    pub(crate) unset: Vec<String>,
}

/// Why a text cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ExpandError {
    #[error("`{0}` is not a variable: write `$$` for a dollar sign")]
    Form(String),
    #[error("`${{` without its `}}`")]
    Open,
    #[error("required variable `{name}` is not set{}", if .message.is_empty() { String::new() } else { format!(": {}", .message) })]
    Required { name: String, message: String },
    #[error("more than {LIMIT_NESTING} variables within each other")]
    Nesting,
    #[error("value grows beyond 1 MiB")]
    TooLarge,
}

/// Expands every variable of `text`.
pub(crate) fn expand(text: &str, variables: &dyn Lookup) -> Result<Expanded, ExpandError> {
    let mut out = Expanded::default();
    expand_into(text, variables, &mut out, 0)?;
    Ok(out)
}

fn expand_into(
    text: &str,
    variables: &dyn Lookup,
    out: &mut Expanded,
    depth: usize,
) -> Result<(), ExpandError> {
    if depth > LIMIT_NESTING {
        return Err(ExpandError::Nesting);
    }
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        out.text.push_str(&rest[..dollar]);
        let after = &rest[dollar + 1..];
        rest = if let Some(tail) = after.strip_prefix('$') {
            out.text.push('$');
            tail
        } else if let Some(inner) = after.strip_prefix('{') {
            let end = closing(inner).ok_or(ExpandError::Open)?;
            braced(&inner[..end], variables, out, depth)?;
            &inner[end + 1..]
        } else {
            let length = name_length(after);
            if length == 0 {
                return Err(ExpandError::Form(first_two(&rest[dollar..])));
            }
            substitute(&after[..length], variables, out);
            &after[length..]
        };
        if out.text.len() > LIMIT_BYTES {
            return Err(ExpandError::TooLarge);
        }
    }
    out.text.push_str(rest);
    Ok(())
}

/// What stands between `${` and `}`.
fn braced(
    inner: &str,
    variables: &dyn Lookup,
    out: &mut Expanded,
    depth: usize,
) -> Result<(), ExpandError> {
    let (name, rest) = inner.split_at(name_length(inner));
    let form = || {
        ExpandError::Form(format!(
            "${{{name}{}}}",
            if rest.is_empty() { "" } else { "…" }
        ))
    };
    if name.is_empty() {
        return Err(form());
    }
    if rest.is_empty() {
        substitute(name, variables, out);
        return Ok(());
    }
    let (empty_counts, rest) = match rest.strip_prefix(':') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let value = variables
        .get(name)
        .filter(|value| !(empty_counts && value.is_empty()));
    if let Some(word) = rest.strip_prefix('-') {
        if value.is_some() {
            substitute(name, variables, out);
            return Ok(());
        }
        return expand_into(word, variables, out, depth + 1);
    }
    if let Some(word) = rest.strip_prefix('+') {
        return match value {
            Some(_) => expand_into(word, variables, out, depth + 1),
            None => Ok(()),
        };
    }
    let word = rest.strip_prefix('?').ok_or_else(form)?;
    if value.is_some() {
        substitute(name, variables, out);
        return Ok(());
    }
    let mut message = Expanded::default();
    expand_into(word, variables, &mut message, depth + 1)?;
    Err(ExpandError::Required {
        name: name.to_owned(),
        message: message.text,
    })
}

fn substitute(name: &str, variables: &dyn Lookup, out: &mut Expanded) {
    match variables.get(name) {
        Some(value) => {
            out.text.push_str(value);
            out.used.push(name.to_owned());
        }
        None => out.unset.push(name.to_owned()),
    }
}

/// Where the `}` stands that closes a `${` before `text`.
fn closing(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    let bytes = text.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        match bytes[index] {
            b'$' if bytes.get(index + 1) == Some(&b'$') => index += 1,
            b'$' if bytes.get(index + 1) == Some(&b'{') => {
                open += 1;
                index += 1;
            }
            b'}' if open == 0 => return Some(index),
            b'}' => open -= 1,
            _ => {}
        }
        index += 1;
    }
    None
}

/// `[A-Za-z_][A-Za-z0-9_]*`
fn name_length(text: &str) -> usize {
    let head = text.bytes().next();
    if !head.is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_') {
        return 0;
    }
    text.bytes()
        .position(|byte| !(byte.is_ascii_alphanumeric() || byte == b'_'))
        .unwrap_or(text.len())
}

/// The dollar sign and what follows it: no more, since the text may be a password.
fn first_two(text: &str) -> String {
    text.chars().take(2).collect()
}

/// Expands every scalar below `node`; problems stand at the scalar.
pub(crate) fn expand_tree(node: &mut Node, variables: &dyn Lookup, problems: &mut Problems) {
    match &mut node.kind {
        Kind::List(items) => {
            for item in items {
                expand_tree(item, variables, problems);
            }
        }
        Kind::Map(entries) => {
            for entry in entries {
                expand_tree(&mut entry.value, variables, problems);
            }
        }
        Kind::Scalar(scalar) if scalar.text.contains('$') => {
            let place = || node.at.place();
            match expand(&scalar.text, variables) {
                Ok(expanded) => {
                    for name in &expanded.unset {
                        problems.push(unset(name).at(place()));
                    }
                    scalar.text = expanded.text;
                    scalar.variables = expanded.used;
                }
                Err(error) => problems.push(wrong(&error).at(place())),
            }
        }
        Kind::Null | Kind::Scalar(_) => {}
    }
}

fn unset(name: &str) -> Problem {
    Problem::warning(
        "variable/unset",
        format!("variable `{name}` is not set and becomes empty"),
    )
    .hint(format!("set it in `.env`, or write `${{{name}:-default}}`"))
}

fn wrong(error: &ExpandError) -> Problem {
    match error {
        ExpandError::Required { name, .. } => {
            Problem::error("variable/required", error.to_string()).hint(format!(
                "write `{name}=…` into `.env`, or set it in the shell"
            ))
        }
        _ => Problem::error("variable/form", error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        let mut variables = Variables::default();
        let pairs = [("SET", "x"), ("EMPTY", ""), ("DOLLAR", "$SET")];
        variables.push(
            pairs
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        );
        variables
    }

    #[test]
    fn every_form_of_the_specification() {
        for (text, expected) in [
            ("plain", "plain"),
            ("$SET-${SET}", "x-x"),
            ("$$SET $${SET}", "$SET ${SET}"),
            ("${SET:-d}${EMPTY:-d}${NONE:-d}", "xdd"),
            ("${SET-d}${EMPTY-d}${NONE-d}", "xd"),
            ("${SET:+a}${EMPTY:+a}${NONE:+a}", "a"),
            ("${SET+a}${EMPTY+a}${NONE+a}", "aa"),
            ("${SET:?no}${SET?no}${EMPTY?no}", "xx"),
            ("${NONE:-${EMPTY:-${SET}}}", "x"),
            ("${NONE:-a$SET}", "ax"),
            ("${NONE:-}", ""),
            ("${NONE:-a:b-c}", "a:b-c"),
            ("${SET:-${NONE:?not looked at}}", "x"),
            ("$DOLLAR", "$SET"),
        ] {
            let expanded = expand(text, &variables());
            assert_eq!(expanded.map(|e| e.text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, message) in [
            (
                "${NONE:?give one}",
                "required variable `NONE` is not set: give one",
            ),
            ("${EMPTY:?}", "required variable `EMPTY` is not set"),
            ("${NONE?}", "required variable `NONE` is not set"),
            ("${SET", "`${` without its `}`"),
            ("$1", "`$1` is not a variable: write `$$` for a dollar sign"),
            ("a$", "`$` is not a variable: write `$$` for a dollar sign"),
            (
                "${}",
                "`${}` is not a variable: write `$$` for a dollar sign",
            ),
            (
                "${A!b}",
                "`${A…}` is not a variable: write `$$` for a dollar sign",
            ),
        ] {
            let error = expand(text, &variables()).unwrap_err();
            assert_eq!(error.to_string(), message, "{text}");
        }
        let deep = format!("{}{}", "${N:-".repeat(40), "}".repeat(40));
        assert_eq!(expand(&deep, &variables()), Err(ExpandError::Nesting));
    }

    #[test]
    fn unset_and_used_variables_are_told() {
        let expanded = expand("$SET$NONE${GONE:-}", &variables()).unwrap();
        assert_eq!(expanded.used, ["SET"]);
        assert_eq!(expanded.unset, ["NONE"]);
    }
}
