//! String literals: quotes off, escapes resolved.

/// The text of a literal that must be UTF-8.
pub(crate) fn unquote_text(literal: &str) -> Result<String, String> {
    unquote(literal)?.map_err(|_| format!("string {literal} is not valid UTF-8"))
}

/// The text of a literal with its quotes. Escapes are Go's; a raw string in backticks has none.
///
/// Bytes that are no UTF-8 come back inside as the error of the inner result, as they were written.
pub(crate) fn unquote(literal: &str) -> Result<Result<String, String>, String> {
    let mut chars = literal.chars();
    let quote = chars.next();
    let inner = literal
        .get(1..literal.len().saturating_sub(1))
        .unwrap_or_default();
    if quote == Some('`') {
        return Ok(Ok(inner.to_owned()));
    }
    let mut out: Vec<u8> = Vec::with_capacity(inner.len());
    let mut rest = inner.chars();
    while let Some(c) = rest.next() {
        if c == '\\' {
            escape(&mut rest, quote, &mut out)?;
        } else {
            push(&mut out, c);
        }
    }
    Ok(String::from_utf8(out).map_err(|_| inner.to_owned()))
}

fn push(out: &mut Vec<u8>, c: char) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

fn escape(
    rest: &mut std::str::Chars<'_>,
    quote: Option<char>,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    let Some(c) = rest.next() else {
        return Err("escape sequence not terminated".to_owned());
    };
    let simple = match c {
        'a' => Some(0x07),
        'b' => Some(0x08),
        'f' => Some(0x0c),
        'n' => Some(b'\n'),
        'r' => Some(b'\r'),
        't' => Some(b'\t'),
        'v' => Some(0x0b),
        '\\' => Some(b'\\'),
        _ => None,
    };
    if let Some(byte) = simple {
        out.push(byte);
        return Ok(());
    }
    if Some(c) == quote {
        push(out, c);
        return Ok(());
    }
    let (digits, base, first) = match c {
        '0'..='7' => (2, 8, c.to_digit(8)),
        'x' => (2, 16, None),
        'u' => (4, 16, None),
        'U' => (8, 16, None),
        other => {
            return Err(format!(
                "unknown escape sequence U+{:04X} {other:?}",
                u32::from(other)
            ));
        }
    };
    let mut value = first.unwrap_or(0);
    for _ in 0..digits {
        let digit = rest.next().and_then(|d| d.to_digit(base));
        let digit = digit.ok_or_else(|| "illegal character in escape sequence".to_owned())?;
        value = value.wrapping_mul(base).wrapping_add(digit);
    }
    let invalid = || "escape sequence is an invalid Unicode code point".to_owned();
    if matches!(c, 'u' | 'U') {
        push(out, char::from_u32(value).ok_or_else(invalid)?);
    } else {
        out.push(u8::try_from(value).map_err(|_| invalid())?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::unquote;

    #[test]
    fn escapes_are_those_of_go() {
        let cases = [
            (r#""a\"b\\\n""#, "a\"b\\\n"),
            (r"'a\'\x41\101\u00e9\U0001F600'", "a'AAé😀"),
            (r"`raw\n`", r"raw\n"),
            (r#""\xc3\xa9""#, "é"),
        ];
        for (literal, text) in cases {
            assert_eq!(unquote(literal), Ok(Ok(text.to_owned())), "{literal}");
        }
        for literal in [r#""\q""#, r#""\400""#, r#""\ud800""#, r#""\x4""#] {
            assert!(unquote(literal).is_err(), "{literal}");
        }
        assert_eq!(unquote(r#""a\xff""#), Ok(Err(r"a\xff".to_owned())));
    }
}
