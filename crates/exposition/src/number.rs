//! Numbers as Prometheus reads them: Go's `ParseFloat` without hexadecimal, underscores and signs of
//! NaN.

/// Prometheus's ordinary NaN; the bits of others do not survive a scrape, so that none of them is
/// taken for a stale marker.
const NORMAL_NAN: u64 = 0x7ff8_0000_0000_0001;

/// A value.
pub(crate) fn value(text: &str) -> Option<f64> {
    if let Some(value) = small(text.as_bytes()) {
        return Some(value);
    }
    let value: f64 = text.parse().ok()?;
    if value.is_nan() {
        let signed = text.starts_with(['+', '-']);
        return (!signed).then_some(f64::from_bits(NORMAL_NAN));
    }
    // Rust makes infinity of what is too large, Go an error.
    let written = text.bytes().any(|byte| byte.is_ascii_digit());
    (!(value.is_infinite() && written)).then_some(value)
}

/// Whole numbers of up to fifteen digits, which most values are: exact in a double.
fn small(bytes: &[u8]) -> Option<f64> {
    if bytes.is_empty() || bytes.len() > 15 {
        return None;
    }
    let mut sum = 0u64;
    for byte in bytes {
        if !byte.is_ascii_digit() {
            return None;
        }
        sum = sum * 10 + u64::from(byte - b'0');
    }
    Some(sum as f64)
}

/// A time in whole milliseconds, digits only.
pub(crate) fn milliseconds(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// A time in seconds with a fraction, as milliseconds (what is finer is cut off).
pub(crate) fn seconds(text: &str) -> Option<i64> {
    let value = value(text)?;
    let ms = (value * 1000.0).trunc();
    // Doubles are exact up to here; later times do not exist.
    (ms.abs() <= 9.0e15).then_some(ms as i64)
}

/// A value from bytes: NaNs other than the ordinary one do not pass.
pub(crate) fn normal(value: f64) -> f64 {
    if value.is_nan() {
        f64::from_bits(NORMAL_NAN)
    } else {
        value
    }
}

/// As Go's `FormatFloat(value, 'g', -1, 64)` writes it, which is what Prometheus's writers do: the
/// shortest digits, with an exponent below 1e-4 and from 1e6 on.
pub(crate) fn go(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return value.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// As OpenMetrics wants numbers in labels: [`go`], with `.0` at the end of a whole one.
pub(crate) fn openmetrics(value: f64) -> String {
    let mut text = go(value);
    if value.is_finite() && !text.contains(['.', 'e']) {
        text.push_str(".0");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_prometheus_reads_them() {
        for (text, wanted) in [
            ("0", 0.0),
            ("123456789012345", 123_456_789_012_345.0),
            ("-1.5e-3", -0.0015),
            ("+Inf", f64::INFINITY),
            ("-inf", f64::NEG_INFINITY),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
        ] {
            assert_eq!(value(text), Some(wanted), "{text}");
        }
        assert_eq!(value("NaN").map(f64::to_bits), Some(NORMAL_NAN));
        for text in [
            "", "0x1p-2", "1_000", "-NaN", "1e999", "12a", " 1", "e5", "--1",
        ] {
            assert_eq!(value(text), None, "{text}");
        }
    }

    #[test]
    fn values_are_written_as_go_writes_them() {
        for (value, text, in_label) in [
            (0.0, "0", "0.0"),
            (1.0, "1", "1.0"),
            (-1.5, "-1.5", "-1.5"),
            (123_456.0, "123456", "123456.0"),
            (1_234_567.0, "1.234567e+06", "1.234567e+06"),
            (1e6, "1e+06", "1e+06"),
            (0.0001, "0.0001", "0.0001"),
            (0.000_012, "1.2e-05", "1.2e-05"),
            (1e100, "1e+100", "1e+100"),
            (f64::INFINITY, "+Inf", "+Inf"),
            (f64::NAN, "NaN", "NaN"),
        ] {
            assert_eq!(
                (go(value), openmetrics(value)),
                (text.to_owned(), in_label.to_owned())
            );
        }
    }

    #[test]
    fn times_are_whole_milliseconds_or_seconds() {
        assert_eq!(milliseconds("1520879607789"), Some(1_520_879_607_789));
        assert_eq!((milliseconds("-1"), milliseconds("1.5")), (None, None));
        assert_eq!(milliseconds("99999999999999999999"), None);
        assert_eq!(seconds("1520879607.789"), Some(1_520_879_607_789));
        assert_eq!(
            (seconds("-0.5"), seconds("NaN"), seconds("1e300")),
            (Some(-500), None, None)
        );
    }
}
