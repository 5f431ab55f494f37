//! Go's string and character constants: their escapes read, and texts written so.

use std::fmt::Write as _;

/// The text of a constant, given what stands between its quotes.
pub(crate) fn unquote(inside: &str, quote: char) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(inside.len());
    let mut rest = inside.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let escape = rest.next().ok_or("a backslash escapes nothing")?;
        match escape {
            'a' => bytes.push(7),
            'b' => bytes.push(8),
            'f' => bytes.push(12),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'v' => bytes.push(11),
            '\\' => bytes.push(b'\\'),
            c if c == quote => bytes.push(c as u8),
            'x' => bytes.push(digits(&mut rest, 2, 16, None)? as u8),
            '0'..='7' => {
                let value = digits(&mut rest, 3, 8, Some(escape))?;
                bytes.push(u8::try_from(value).map_err(|_| "octal escape is over 255")?);
            }
            'u' => push_char(&mut bytes, digits(&mut rest, 4, 16, None)?)?,
            'U' => push_char(&mut bytes, digits(&mut rest, 8, 16, None)?)?,
            c => return Err(format!("unknown escape \\{c}")),
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn digits(
    rest: &mut std::str::Chars<'_>,
    count: usize,
    base: u32,
    first: Option<char>,
) -> Result<u32, String> {
    let mut value = 0_u64;
    let mut first = first;
    for _ in 0..count {
        let digit = first
            .take()
            .or_else(|| rest.next())
            .and_then(|c| c.to_digit(base))
            .ok_or("an escape has too few digits")?;
        value = value * u64::from(base) + u64::from(digit);
    }
    u32::try_from(value).map_err(|_| "an escape is no character".to_owned())
}

fn push_char(bytes: &mut Vec<u8>, code: u32) -> Result<(), String> {
    let c = char::from_u32(code).ok_or("an escape is no character")?;
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    Ok(())
}

/// A text as Go's `%q` writes it; with `ascii` everything else is escaped.
pub(crate) fn quote(text: &str, mark: char, ascii: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(mark);
    for c in text.chars() {
        push_quoted(&mut out, c, mark, ascii);
    }
    out.push(mark);
    out
}

fn push_quoted(out: &mut String, c: char, mark: char, ascii: bool) {
    match c {
        '\\' => out.push_str("\\\\"),
        c if c == mark => {
            out.push('\\');
            out.push(c);
        }
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        c if c.is_ascii() && !c.is_ascii_control() => out.push(c),
        c if !ascii && is_printable(c) => out.push(c),
        c => {
            let code = u32::from(c);
            let _ = if code < 0x80 {
                write!(out, "\\x{code:02x}")
            } else if code < 0x1_0000 {
                write!(out, "\\u{code:04x}")
            } else {
                write!(out, "\\U{code:08x}")
            };
        }
    }
}

/// Close to Go's `IsPrint`: no control characters, no white space but the space.
pub(crate) fn is_printable(c: char) -> bool {
    c == ' '
        || !(c.is_control()
            || c.is_whitespace()
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e000}'..='\u{f8ff}' | '\u{fff0}'..='\u{fffb}'))
}
