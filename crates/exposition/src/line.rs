//! What the two text formats share: the place in a body, and the errors that name it.

use crate::entry::{Limits, ParseError, Reason};
use crate::scan;

/// The body as text.
pub(crate) fn utf8(body: &[u8]) -> Result<&str, ParseError> {
    std::str::from_utf8(body).map_err(|error| {
        let before = &body[..error.valid_up_to()];
        ParseError {
            place: "line",
            line: 1 + memchr::memchr_iter(b'\n', before).count() as u64,
            reason: Reason::NotUtf8,
        }
    })
}

/// A place in a body.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    pub(crate) text: &'a str,
    pub(crate) bytes: &'a [u8],
    pub(crate) at: usize,
    line_bytes: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str, limits: &Limits) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at: 0,
            line_bytes: limits.line_bytes,
        }
    }

    /// The byte here; a line feed at the end.
    pub(crate) fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(b'\n')
    }

    pub(crate) fn is_done(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// What stands from `start` to here.
    pub(crate) fn since(&self, start: usize) -> &'a str {
        &self.text[start..self.at]
    }

    /// Past the line feed.
    pub(crate) fn end_line(&mut self) -> Result<(), Reason> {
        if self.is_done() {
            return Ok(());
        }
        if self.peek() != b'\n' {
            return Err(self.expected("the end of the line"));
        }
        self.at += 1;
        Ok(())
    }

    /// The word here.
    pub(crate) fn word(&mut self) -> &'a str {
        let start = self.at;
        self.at = scan::word_end(self.bytes, start);
        self.since(start)
    }

    /// Name and labels that begin here. `expected` is the text that probably stands here;
    /// `blank` whether a blank may stand before the brace.
    pub(crate) fn series(
        &mut self,
        expected: &str,
        blank: bool,
    ) -> Result<(&'a str, bool), Reason> {
        let start = self.at;
        if let Some(end) = self.expected_series(expected) {
            self.at = end;
            return Ok((self.since(start), true));
        }
        let name_end = scan::name(self.bytes, start);
        let open = if blank {
            scan::blanks(self.bytes, name_end)
        } else {
            name_end
        };
        if self.bytes.get(open) == Some(&b'{') {
            self.at = scan::braces(self.bytes, open).ok_or(Reason::Expected {
                expected: "`}`",
                found: "the end".to_owned(),
            })?;
        } else if name_end == start {
            return Err(self.expected("a metric's name"));
        } else {
            self.at = name_end;
        }
        self.bounded(start)?;
        Ok((self.since(start), false))
    }

    /// Where the expected text ends, if it is what stands here and all of it.
    fn expected_series(&self, expected: &str) -> Option<usize> {
        let end = self.at + expected.len();
        let here = self.bytes.get(self.at..end)?;
        if expected.is_empty() || here != expected.as_bytes() {
            return None;
        }
        if here.ends_with(b"}") {
            return Some(end);
        }
        // A bare name: it must end here, and have no labels.
        let after = scan::blanks(self.bytes, end);
        let whole = after > end && self.bytes.get(after).is_some_and(|byte| *byte != b'{');
        whole.then_some(end)
    }

    pub(crate) fn bounded(&self, start: usize) -> Result<(), Reason> {
        if self.at - start > self.line_bytes {
            return Err(Reason::TooLong(self.line_bytes));
        }
        Ok(())
    }

    /// That something else stands here.
    pub(crate) fn expected(&self, expected: &'static str) -> Reason {
        let rest = &self.text[self.at..];
        let line = rest.lines().next().unwrap_or_default();
        let found = if line.is_empty() {
            "the end of the line".to_owned()
        } else {
            format!("`{}`", shown(line))
        };
        Reason::Expected { expected, found }
    }
}

/// The beginning of a text, for messages.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 60;
    let mut short: String = text.chars().take(MOST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
