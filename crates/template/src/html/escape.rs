//! Characters of HTML and of URLs, replaced.

use std::fmt::Write as _;

/// As the function `html` writes a text.
pub(crate) fn text(text: &str) -> String {
    replaced(text, |c| match c {
        '"' => Some("&#34;"),
        '\'' => Some("&#39;"),
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '\0' => Some("\u{fffd}"),
        _ => None,
    })
}

/// A value in an element or in a quoted attribute; the plus matters in UTF-7.
pub(super) fn element(text: &str) -> String {
    replaced(text, |c| match c {
        '"' => Some("&#34;"),
        '\'' => Some("&#39;"),
        '&' => Some("&amp;"),
        '+' => Some("&#43;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '\0' => Some("\u{fffd}"),
        _ => None,
    })
}

/// HTML where no markup may stand: its entities stay.
pub(super) fn normal(text: &str) -> String {
    replaced(text, |c| match c {
        '"' => Some("&#34;"),
        '\'' => Some("&#39;"),
        '+' => Some("&#43;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '\0' => Some("\u{fffd}"),
        _ => None,
    })
}

/// What an attribute without quotes needs beyond [`element`].
pub(super) fn unquoted(escaped: &str) -> String {
    if escaped.is_empty() {
        return "ZgotmplZ".to_owned();
    }
    replaced(escaped, |c| match c {
        '\t' => Some("&#9;"),
        '\n' => Some("&#10;"),
        '\u{b}' => Some("&#11;"),
        '\u{c}' => Some("&#12;"),
        '\r' => Some("&#13;"),
        ' ' => Some("&#32;"),
        '=' => Some("&#61;"),
        '`' => Some("&#96;"),
        '\u{fffd}' => Some("&#xfffd;"),
        _ => None,
    })
}

fn replaced(text: &str, replacement: impl Fn(char) -> Option<&'static str>) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match replacement(c) {
            Some(escape) => out.push_str(escape),
            None => out.push(c),
        }
    }
    out
}

/// Markup taken out of a text.
pub(super) fn without_tags(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        let (before, tag) = rest.split_at(open);
        out.push_str(before);
        let is_tag = tag[1..].starts_with(|c: char| c.is_ascii_alphabetic() || "/!".contains(c));
        match tag.find('>').filter(|_| is_tag) {
            Some(end) => rest = &tag[end + 1..],
            None if is_tag => return out,
            None => {
                out.push('<');
                rest = &tag[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// A part of a URL in percent encoding. With `whole` what has a meaning in a URL stays.
pub(super) fn url(text: &str, whole: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let bytes = text.as_bytes();
    for (index, byte) in bytes.iter().enumerate() {
        let keeps = match byte {
            b'-' | b'.' | b'_' | b'~' => true,
            b'%' => {
                let hex = bytes.get(index + 1..index + 3);
                whole && hex.is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
            }
            byte if b"!#$&*+,/:;=?@[]".contains(byte) => whole,
            byte => byte.is_ascii_alphanumeric(),
        };
        if keeps {
            out.push(char::from(*byte));
        } else {
            let _ = write!(out, "%{byte:02x}");
        }
    }
    out
}
