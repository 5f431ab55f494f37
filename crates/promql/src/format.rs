//! Numbers, durations and times as Prometheus writes them.

use std::fmt::Write as _;

use crate::civil::Civil;
use crate::number;

/// A value as the HTTP API and labels have it: shortest digits, no exponent, `NaN`, `+Inf`,
/// `-Inf`. Go's `strconv.FormatFloat(value, 'f', -1, 64)`.
pub fn float(value: f64) -> String {
    let mut bytes = Vec::new();
    number::fixed(&mut bytes, value);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn special(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("NaN")
    } else if value == f64::INFINITY {
        Some("+Inf")
    } else if value == f64::NEG_INFINITY {
        Some("-Inf")
    } else {
        None
    }
}

/// A value as messages have it: Go's `%g`.
pub(crate) fn general(value: f64) -> String {
    general_from(value, &format!("{value:e}"), 6)
}

/// A value to two significant digits: Go's `%.2g`.
pub(crate) fn general_short(value: f64) -> String {
    general_from(value, &format!("{value:.1e}"), 2)
}

/// From scientific digits; an exponent of `limit` and more is written as one.
fn general_from(value: f64, scientific: &str, limit: i32) -> String {
    if let Some(text) = special(value) {
        return text.to_owned();
    }
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let mantissa = if mantissa.contains('.') {
        mantissa.trim_end_matches('0').trim_end_matches('.')
    } else {
        mantissa
    };
    if exponent < -4 || exponent >= limit {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    let decimals = (mantissa
        .len()
        .saturating_sub(mantissa.find('.').unwrap_or(mantissa.len()) + 1)
        as i32
        - exponent)
        .max(0);
    let rounded: f64 = format!("{mantissa}e{exponent}").parse().unwrap_or(value);
    format!("{rounded:.*}", decimals as usize)
}

/// Milliseconds as a duration: `1h30m`. Weeks and years only where nothing is left over.
pub(crate) fn duration(ms: i64) -> String {
    const UNITS: [(&str, i64, bool); 7] = [
        ("y", 365 * 24 * 3_600_000, true),
        ("w", 7 * 24 * 3_600_000, true),
        ("d", 24 * 3_600_000, false),
        ("h", 3_600_000, false),
        ("m", 60_000, false),
        ("s", 1000, false),
        ("ms", 1, false),
    ];
    let mut left = ms;
    let mut text = String::new();
    for (unit, size, only_exact) in UNITS {
        if left >= size && !(only_exact && left % size != 0) {
            let _ = write!(text, "{}{unit}", left / size);
            left %= size;
        }
    }
    if text.is_empty() {
        text.push_str("0s");
    }
    text
}

/// A time in RFC 3339, to the second.
pub(crate) fn time(ms: i64) -> String {
    let civil = Civil::from_seconds(ms.div_euclid(1000));
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        civil.year, civil.month, civil.day, civil.hour, civil.minute, civil.second
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_without_exponent() {
        for (value, text) in [
            (1.0, "1"),
            (0.1, "0.1"),
            (-0.0, "-0"),
            (1e21, "1000000000000000000000"),
            (1e-7, "0.0000001"),
            // Two texts are equally near, and the even one is written.
            (747_432_397_964_485.0 / 8.0, "93429049745560.62"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(float(value), text);
        }
    }

    #[test]
    fn messages_have_an_exponent_where_it_is_shorter() {
        for (value, text) in [
            (2.0, "2"),
            (-0.5, "-0.5"),
            (1.5, "1.5"),
            (100_000.0, "100000"),
            (1e6, "1e+06"),
            (1_234_567.5, "1.2345675e+06"),
            (0.0001, "0.0001"),
            (0.000_01, "1e-05"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(general(value), text);
        }
        for (value, text) in [(3.0, "3"), (10.0, "10"), (123.0, "1.2e+02"), (0.25, "0.25")] {
            assert_eq!(general_short(value), text);
        }
    }

    #[test]
    fn durations_are_written_in_their_largest_units() {
        for (ms, text) in [
            (0, "0s"),
            (5_400_000, "1h30m"),
            (604_800_000, "1w"),
            (691_200_000, "8d"),
            (31_536_000_000, "1y"),
            (1500, "1s500ms"),
        ] {
            assert_eq!(duration(ms), text);
        }
    }

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(time(0), "1970-01-01T00:00:00Z");
        assert_eq!(time(1_709_210_096_789), "2024-02-29T12:34:56Z");
        assert_eq!(time(-1000), "1969-12-31T23:59:59Z");
    }
}
