//! Numbers as Go writes them: the shortest digits that lead back to the same value.

use std::io::Write as _;

/// As Prometheus's JSON has values: an exponent from 1e21 on and below 1e-6.
pub(crate) fn shortest(into: &mut Vec<u8>, value: f64) {
    let magnitude = value.abs();
    // Most values are whole and small, and those need no search for digits.
    if magnitude < 1e15 && value.fract() == 0.0 && (value != 0.0 || value.is_sign_positive()) {
        integer(into, value as i64);
    } else if let Some(text) = special(value) {
        into.extend_from_slice(text);
    } else if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        exponent(into, value);
    } else {
        let _ = write!(into, "{value}");
    }
}

/// As the text format has values (Go's `%g`): an exponent from 1e21 on and below 1e-4.
pub(crate) fn general(into: &mut Vec<u8>, value: f64) {
    let magnitude = value.abs();
    if magnitude != 0.0 && magnitude.is_finite() && !(1e-4..1e21).contains(&magnitude) {
        exponent(into, value);
    } else {
        shortest(into, value);
    }
}

fn special(value: f64) -> Option<&'static [u8]> {
    if value.is_nan() {
        Some(b"NaN")
    } else if value == f64::INFINITY {
        Some(b"+Inf")
    } else if value == f64::NEG_INFINITY {
        Some(b"-Inf")
    } else {
        None
    }
}

/// `1e+21`, `1.5e-07`: at least two digits of exponent.
fn exponent(into: &mut Vec<u8>, value: f64) {
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    let _ = write!(into, "{digits}e{sign}{exponent:0>2}");
}

/// A whole number.
pub(crate) fn integer(into: &mut Vec<u8>, value: i64) {
    if value < 0 {
        into.push(b'-');
    }
    unsigned(into, value.unsigned_abs());
}

/// A whole number that is not negative.
pub(crate) fn unsigned(into: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    into.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: fn(&mut Vec<u8>, f64), value: f64) -> String {
        let mut bytes = Vec::new();
        write(&mut bytes, value);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn values_are_written_as_go_writes_them() {
        for (value, json) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-17.0, "-17"),
            (0.1, "0.1"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1e-6, "0.000001"),
            (9.99e-7, "9.99e-07"),
            (1.5e300, "1.5e+300"),
            (-2.5e-300, "-2.5e-300"),
            (999_999_999_999_999.0, "999999999999999"),
            (1e15, "1000000000000000"),
            (0.1 + 0.2, "0.30000000000000004"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
        ] {
            assert_eq!(text(shortest, value), json);
        }
        assert_eq!(text(general, 0.000_05), "5e-05");
        assert_eq!(text(general, 0.0001), "0.0001");
        assert_eq!(text(general, f64::NAN), "NaN");
    }

    #[test]
    fn every_value_comes_back() {
        let mut bits = 1u64;
        for _ in 0..10_000 {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let value = f64::from_bits(bits);
            if value.is_finite() {
                let back: f64 = text(shortest, value).parse().unwrap();
                assert_eq!(back.to_bits(), value.to_bits());
            }
        }
    }
}
