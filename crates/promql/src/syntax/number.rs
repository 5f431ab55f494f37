//! Numbers and durations as they are written.

/// The units of a duration in their order, with their milliseconds. A year has 365 days.
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 24 * 3_600_000),
    ("w", 7 * 24 * 3_600_000),
    ("d", 24 * 3_600_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// What a duration of Go can hold: 2⁶³ nanoseconds, about 292 years.
const LONGEST_MS: i64 = i64::MAX / 1_000_000;

/// A number in Go's forms: `12`, `0x1F`, `0b1`, `017` (octal), `1_000`, `1.5e3`, `inf`, `nan`.
pub(crate) fn number(text: &str) -> Option<f64> {
    match text.to_ascii_lowercase().as_str() {
        "inf" | "+inf" => return Some(f64::INFINITY),
        "-inf" => return Some(f64::NEG_INFINITY),
        "nan" | "+nan" | "-nan" => return Some(f64::NAN),
        _ => {}
    }
    if !underscores_separate_digits(text) {
        return None;
    }
    let plain = text.replace('_', "");
    integer(&plain).or_else(|| decimal(&plain))
}

/// `_` stands between two digits, or after a base.
fn underscores_separate_digits(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |at: Option<&u8>| at.is_some_and(u8::is_ascii_hexdigit);
    bytes.iter().enumerate().all(|(i, byte)| {
        let before = i.checked_sub(1).and_then(|i| bytes.get(i));
        let after_base = i == 2 && bytes.first() == Some(&b'0');
        *byte != b'_' || ((digit(before) || after_base) && digit(bytes.get(i + 1)))
    })
}

/// What Go's `strconv.ParseInt(text, 0, 64)` takes; what does not fit is left to the other form.
fn integer(text: &str) -> Option<f64> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    let prefix = digits.get(..2).map(str::to_ascii_lowercase);
    let (base, digits) = match prefix.as_deref() {
        Some("0x") => (16, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        _ if digits.len() > 1 && digits.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    i64::from_str_radix(digits, base)
        .ok()
        .map(|n| sign * n as f64)
}

fn decimal(text: &str) -> Option<f64> {
    let allowed = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-');
    if text.chars().all(allowed) {
        return text.parse().ok();
    }
    None
}

/// Whether a text is a sequence of digits and units; [`duration_ms`] says whether it is a good one.
pub(crate) fn looks_like_duration(text: &str) -> bool {
    let mut rest = text;
    let mut parts = 0;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        let unit = after.len()
            - after
                .trim_start_matches(|c: char| c.is_ascii_alphabetic())
                .len();
        let (unit, after) = after.split_at(unit);
        if number.is_empty() || !UNITS.iter().any(|(name, _)| *name == unit) {
            return false;
        }
        rest = after;
        parts += 1;
    }
    parts > 0
}

/// The milliseconds of a duration like `1h30m`: units from large to small, each once.
pub(crate) fn duration_ms(text: &str) -> Result<i64, String> {
    let bad = || format!("not a valid duration string: {text:?}");
    if text == "0" {
        return Ok(0);
    }
    if text.is_empty() {
        return Err("empty duration string".to_owned());
    }
    let mut units = UNITS.iter();
    let mut total: i64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        let name = if after.starts_with("ms") {
            "ms"
        } else {
            after.get(..1).ok_or_else(bad)?
        };
        let (_, factor) = units.find(|(unit, _)| *unit == name).ok_or_else(bad)?;
        if number.is_empty() {
            return Err(bad());
        }
        let part = number
            .parse::<i64>()
            .ok()
            .and_then(|n| n.checked_mul(*factor));
        total = part
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total <= LONGEST_MS)
            .ok_or("duration out of range")?;
        rest = &after[name.len()..];
    }
    Ok(total)
}

/// Seconds to milliseconds as a duration is held: rounded, or nothing where it does not fit.
pub(crate) fn seconds_to_ms(seconds: f64) -> Option<i64> {
    let ms = (seconds * 1000.0).round();
    (ms.abs() <= LONGEST_MS as f64).then_some(ms as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_forms_of_go() {
        for (text, value) in [
            ("1", 1.0),
            ("0x1F", 31.0),
            ("0b101", 5.0),
            ("017", 15.0),
            ("08", 8.0),
            ("1_000", 1000.0),
            ("1_000.5", 1000.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
            ("1.5E-2", 0.015),
            ("Inf", f64::INFINITY),
            ("9223372036854775808", 9_223_372_036_854_775_808.0),
        ] {
            assert_eq!(number(text), Some(value), "{text}");
        }
        for text in ["", "_1", "1_", "1__0", "0x", "1e", "1.2.3", "1x", "0xg"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn durations_go_from_large_to_small() {
        assert_eq!(duration_ms("1h30m"), Ok(5_400_000));
        assert_eq!(duration_ms("1y2w3d4h5m6s7ms"), Ok(33_019_506_007));
        for text in ["30m1h", "1h1h", "5", "h", "", "1h30", "5mm", "1é"] {
            assert!(duration_ms(text).is_err(), "{text}");
        }
        assert_eq!(duration_ms("300y"), Err("duration out of range".to_owned()));
    }
}
