//! From the text of a series to its labels: the slow way, walked once for a text.

use std::borrow::Cow;

use mainstay_series::{Labels, METRIC_NAME};

use crate::entry::Reason;
use crate::line::shown;
use crate::scan;

/// The labels that `name{label="value"}` or `{"name", label="value"}` names, as every format that is
/// read here writes them. A label without a value is no label.
pub fn series_labels(text: &str) -> Result<Labels, Reason> {
    pairs(text).and_then(|pairs| finish(&pairs))
}

/// The labels as [`series_labels`], and the names of labels that stand there with an empty value:
/// by them a target says that it wants no such label (the Pushgateway does so with `instance`).
pub fn scraped_labels(text: &str) -> Result<(Labels, Vec<String>), Reason> {
    let pairs = pairs(text)?;
    let empty = pairs.iter().filter(|(_, value)| value.is_empty());
    Ok((
        finish(&pairs)?,
        empty.map(|(name, _)| name.to_string()).collect(),
    ))
}

type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Sorted by name.
fn pairs(text: &str) -> Result<Vec<Pair<'_>>, Reason> {
    let bytes = text.as_bytes();
    let end = scan::name(bytes, 0);
    let mut pairs: Vec<Pair<'_>> = Vec::with_capacity(16);
    if bytes.first().is_some_and(u8::is_ascii_digit) {
        return Err(expected("a metric's name", text));
    }
    if end > 0 {
        pairs.push((METRIC_NAME.into(), text[..end].into()));
    }
    let open = scan::blanks(bytes, end);
    if open < bytes.len() {
        let mut braces = Braces {
            text,
            bytes,
            at: open,
        };
        braces.read(&mut pairs)?;
    }
    pairs.sort_unstable();
    Ok(pairs)
}

fn finish(pairs: &[Pair<'_>]) -> Result<Labels, Reason> {
    if let Some(twice) = pairs.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(Reason::DuplicateLabel(shown(&twice[0].0)));
    }
    let some = pairs.iter().filter(|(_, value)| !value.is_empty());
    Ok(Labels::from_sorted(
        some.map(|(name, value)| (name.as_ref(), value.as_ref())),
    ))
}

/// `{label="value", …}`
struct Braces<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Braces<'a> {
    fn read(&mut self, pairs: &mut Vec<Pair<'a>>) -> Result<(), Reason> {
        self.take(b'{', "`{`")?;
        loop {
            if self.peek() == Some(b'}') {
                self.at += 1;
                break;
            }
            let (name, quoted) = self.name()?;
            if self.peek() == Some(b'=') {
                self.at += 1;
                self.blanks();
                let value = self.quoted()?;
                pairs.push((name, value));
            } else if quoted {
                // A quoted text without a value is the metric's name.
                pairs.push((METRIC_NAME.into(), name));
            } else {
                return Err(self.expected("`=`"));
            }
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {}
                _ => return Err(self.expected("`,` or `}`")),
            }
        }
        if self.at < self.bytes.len() {
            return Err(self.expected("the end of the labels"));
        }
        Ok(())
    }

    fn name(&mut self) -> Result<(Cow<'a, str>, bool), Reason> {
        if self.peek() == Some(b'"') {
            let name = self.quoted()?;
            if name.is_empty() {
                return Err(Reason::Expected {
                    expected: "a label's name",
                    found: "`\"\"`".to_owned(),
                });
            }
            return Ok((name, true));
        }
        let start = self.at;
        self.at = scan::name(self.bytes, start);
        let name = &self.text[start..self.at];
        let first = name.bytes().next();
        if first.is_none_or(|byte| byte.is_ascii_digit()) || name.contains(':') {
            self.at = start;
            return Err(self.expected("a label's name"));
        }
        Ok((name.into(), false))
    }

    fn quoted(&mut self) -> Result<Cow<'a, str>, Reason> {
        if self.bytes.get(self.at) != Some(&b'"') {
            return Err(self.expected("a text in quotes"));
        }
        let start = self.at + 1;
        let Some(end) = scan::quoted(self.bytes, self.at) else {
            return Err(self.expected("a text in quotes"));
        };
        self.at = end;
        Ok(unescape(&self.text[start..end - 1]))
    }

    fn take(&mut self, byte: u8, what: &'static str) -> Result<(), Reason> {
        if self.peek() != Some(byte) {
            return Err(self.expected(what));
        }
        self.at += 1;
        Ok(())
    }

    /// The next byte that is no blank.
    fn peek(&mut self) -> Option<u8> {
        self.blanks();
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        self.at = scan::blanks(self.bytes, self.at);
    }

    fn expected(&self, what: &'static str) -> Reason {
        expected(what, &self.text[self.at..])
    }
}

fn expected(expected: &'static str, found: &str) -> Reason {
    let found = if found.is_empty() {
        "the end".to_owned()
    } else {
        format!("`{}`", shown(found))
    };
    Reason::Expected { expected, found }
}

/// Takes `\\`, `\"` and `\n` back; any other backslash stays what it is.
pub(crate) fn unescape(text: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\\', text.as_bytes()).is_none() {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let plain = match (c, chars.peek()) {
            ('\\', Some('\\')) => '\\',
            ('\\', Some('"')) => '"',
            ('\\', Some('n')) => '\n',
            _ => {
                out.push(c);
                continue;
            }
        };
        chars.next();
        out.push(plain);
    }
    out.into()
}

/// The name that a line about a metric begins with, bare or in quotes, and what follows.
pub(crate) fn leading_name(text: &str) -> Result<(&str, &str), Reason> {
    let bytes = text.as_bytes();
    if bytes.first() == Some(&b'"') {
        let end = scan::quoted(bytes, 0).ok_or_else(|| expected("a text in quotes", text))?;
        return Ok((&text[1..end - 1], &text[end..]));
    }
    let end = scan::name(bytes, 0);
    if end == 0 || bytes[0].is_ascii_digit() {
        return Err(expected("a metric's name", text));
    }
    Ok(text.split_at(end))
}
