//! Escaping for HTML by the place at which a value stands.

use crate::builtin;
use crate::value::{Safe, Value};

/// As `html` of the language writes a text.
pub(crate) fn text_escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\0' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[derive(Debug, Default)]
pub(crate) struct Html;

#[allow(
    clippy::unused_self,
    clippy::unnecessary_wraps,
    reason = "the state comes with the contexts"
)]
impl Html {
    pub(crate) fn literal(&mut self, text: &str, out: &mut String) {
        out.push_str(text);
    }

    pub(crate) fn value(&mut self, value: &Value, out: &mut String) -> Result<(), String> {
        match value {
            Value::Nil => {}
            Value::Safe(Safe::Html, text) => out.push_str(text),
            value => out.push_str(&text_escape(&builtin::printed(value))),
        }
        Ok(())
    }
}
