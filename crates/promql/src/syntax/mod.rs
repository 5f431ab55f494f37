//! Text to tree: lexer, parser, types.
//!
//! A parser of its own rather than a crate's, because annotations and errors must point at places
//! and the crates' trees have none; `docs/decisions` has the whole reason. It descends by
//! precedence; its depth is limited, so no text can exhaust the stack.

mod check;
mod lexer;
mod number;
mod parser;
mod selector;
mod text;
mod time;
mod token;

use crate::ast::{Expr, Span};

pub(crate) use number::{duration_ms, number};
pub(crate) use text::unquote_text;

/// How deep an expression may be: a level of nesting counts two, a link of a chain like `a + b + c`
/// one. So much fits on the two megabytes of stack that a thread has.
pub const MAX_DEPTH: usize = 200;

/// The longest text that is parsed, in bytes.
pub const MAX_TEXT: usize = 1 << 20;

/// Why a text is no expression: where, and what.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{position}: parse error: {message}")]
pub struct ParseError {
    /// Where in the text.
    pub span: Span,
    /// `line:column` of it.
    pub position: String,
    pub message: String,
}

/// Parses an expression and checks its types. `experimental`: with Prometheus's experimental functions.
pub(crate) fn parse(text: &str, experimental: bool) -> Result<Expr, ParseError> {
    let error = |(span, message): (Span, String)| ParseError {
        span,
        position: span.position(text),
        message,
    };
    if text.len() > MAX_TEXT {
        let message = format!("expression longer than {MAX_TEXT} bytes");
        return Err(error((Span::default(), message)));
    }
    let mut expr = parser::Parser::new(text, experimental)
        .and_then(parser::Parser::whole)
        .map_err(error)?;
    check::check(&mut expr, text).map_err(error)?;
    Ok(expr)
}

/// Parses a series as scripts write it, `name{label="value"}`, and gives back what stands behind.
pub(crate) fn parse_series(text: &str) -> Result<(mainstay_series::Labels, &str), ParseError> {
    selector::series(text).map_err(|(span, message)| ParseError {
        span,
        position: span.position(text),
        message,
    })
}
