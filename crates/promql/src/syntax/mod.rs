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

use mainstay_series::Matcher;

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

/// Parses a selector alone, as `match[]` of the HTTP API names series: no range, `offset` or `@`. One
/// that meets every series, like `{}`, is a selector too.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    let error = |(span, message): (Span, String)| ParseError {
        span,
        position: span.position(text),
        message,
    };
    if text.len() > MAX_TEXT {
        let message = format!("selector longer than {MAX_TEXT} bytes");
        return Err(error((Span::default(), message)));
    }
    let selector = parser::Parser::new(text, false)
        .and_then(parser::Parser::whole_selector)
        .map_err(error)?;
    check::check_name(&selector).map_err(error)?;
    Ok(selector.matchers)
}

/// Parses a series as scripts write it, `name{label="value"}`, and gives back what stands behind.
pub fn parse_series(text: &str) -> Result<(mainstay_series::Labels, &str), ParseError> {
    selector::series(text).map_err(|(span, message)| ParseError {
        span,
        position: span.position(text),
        message,
    })
}

#[cfg(test)]
mod tests {
    use super::parse_selector;

    #[test]
    fn a_selector_alone_has_nothing_around_it() {
        for (text, matchers) in [
            ("up", 1),
            (" {job=\"a\"} ", 1),
            ("up{job=~\"a|b\",x!=\"\"}", 3),
            ("{}", 0),
            ("{\"http.x\",k=\"v\"}", 2),
            ("sum", 1),
        ] {
            let found = parse_selector(text).map(|matchers| matchers.len());
            assert_eq!(found, Ok(matchers), "{text}");
        }
        for (text, reason) in [
            ("", "1:1: parse error: unexpected end of input"),
            ("sum(up)", "1:4: parse error: unexpected \"(\""),
            ("up offset 5m", "1:4: parse error: unexpected <offset>"),
            ("up[5m]", "1:3: parse error: unexpected \"[\""),
            ("up + up", "1:4: parse error: unexpected <op:+>"),
            ("1", "1:1: parse error: unexpected number \"1\""),
        ] {
            assert_eq!(parse_selector(text).unwrap_err().to_string(), reason);
        }
        let twice = parse_selector("up{__name__=\"down\"}").unwrap_err();
        assert!(
            twice
                .message
                .starts_with("metric name must not be set twice")
        );
    }
}
