//! Numbers as Go writes them: the shortest digits that lead back to the same value, and of two that
//! are equally near the even one, which the standard library does not choose.

/// As Prometheus's JSON has values: an exponent from 1e21 on and below 1e-6.
pub fn shortest(into: &mut Vec<u8>, value: f64) {
    let magnitude = value.abs();
    if magnitude != 0.0 && magnitude.is_finite() && !(1e-6..1e21).contains(&magnitude) {
        Digits::of(value).exponent(into);
    } else {
        fixed(into, value);
    }
}

/// As the text format has values (Go's `%g`): an exponent from 1e21 on and below 1e-4.
pub fn general(into: &mut Vec<u8>, value: f64) {
    let magnitude = value.abs();
    if magnitude != 0.0 && magnitude.is_finite() && !(1e-4..1e21).contains(&magnitude) {
        Digits::of(value).exponent(into);
    } else {
        fixed(into, value);
    }
}

/// Without an exponent, however many digits that takes.
pub fn fixed(into: &mut Vec<u8>, value: f64) {
    let magnitude = value.abs();
    // Most values are whole and small, and those need no search for digits.
    if magnitude < 1e15 && value.fract() == 0.0 && (value != 0.0 || value.is_sign_positive()) {
        integer(into, value as i64);
    } else if let Some(text) = special(value) {
        into.extend_from_slice(text);
    } else if (1e-5..1e15).contains(&magnitude) {
        // Here it has no exponent, and there are digits behind the point: whole values went above.
        let mut buffer = zmij::Buffer::new();
        into.extend_from_slice(buffer.format_finite(value).as_bytes());
    } else {
        Digits::of(value).fixed(into);
    }
}

/// Always with an exponent (Go's `%e`): as alerts have values.
pub fn scientific(value: f64) -> String {
    let mut bytes = Vec::new();
    match special(value) {
        Some(b"0") => bytes.extend_from_slice(b"0e+00"),
        Some(b"-0") => bytes.extend_from_slice(b"-0e+00"),
        Some(text) => bytes.extend_from_slice(text),
        None => Digits::of(value).exponent(&mut bytes),
    }
    String::from_utf8(bytes).unwrap_or_default()
}

fn special(value: f64) -> Option<&'static [u8]> {
    if value.is_nan() {
        Some(b"NaN")
    } else if value == f64::INFINITY {
        Some(b"+Inf")
    } else if value == f64::NEG_INFINITY {
        Some(b"-Inf")
    } else if value == 0.0 {
        Some(if value.is_sign_negative() {
            b"-0"
        } else {
            b"0"
        })
    } else {
        None
    }
}

/// A finite value that is not zero: a sign and `0.DIGITS` times ten to the power of `point`.
struct Digits {
    negative: bool,
    shown: Vec<u8>,
    point: i32,
}

impl Digits {
    fn of(value: f64) -> Self {
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format_finite(value.abs());
        let (mantissa, power) = text.split_once('e').unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits = [whole, fraction].concat().into_bytes();
        let mut point = whole.len() as i32 + power.parse().unwrap_or(0);
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..zeros);
        point -= zeros as i32;
        let end = digits.iter().rposition(|digit| *digit != b'0');
        digits.truncate(end.map_or(0, |end| end + 1));
        Self {
            negative: value.is_sign_negative(),
            shown: digits,
            point,
        }
    }

    fn sign(&self, into: &mut Vec<u8>) {
        if self.negative {
            into.push(b'-');
        }
    }

    fn fixed(&self, into: &mut Vec<u8>) {
        self.sign(into);
        let whole = usize::try_from(self.point).unwrap_or(0);
        if whole == 0 {
            into.extend_from_slice(b"0.");
            into.resize(into.len() + self.point.unsigned_abs() as usize, b'0');
            into.extend_from_slice(&self.shown);
        } else if let Some((before, after)) = self.shown.split_at_checked(whole) {
            into.extend_from_slice(before);
            if !after.is_empty() {
                into.push(b'.');
                into.extend_from_slice(after);
            }
        } else {
            into.extend_from_slice(&self.shown);
            into.resize(into.len() + whole - self.shown.len(), b'0');
        }
    }

    /// `1e+21`, `1.5e-07`: at least two digits of exponent.
    fn exponent(&self, into: &mut Vec<u8>) {
        self.sign(into);
        if let Some((first, rest)) = self.shown.split_first() {
            into.push(*first);
            if !rest.is_empty() {
                into.push(b'.');
                into.extend_from_slice(rest);
            }
        }
        let power = self.point - 1;
        into.extend_from_slice(if power < 0 { b"e-" } else { b"e+" });
        if power.abs() < 10 {
            into.push(b'0');
        }
        unsigned(into, power.unsigned_abs().into());
    }
}

/// A whole number.
pub fn integer(into: &mut Vec<u8>, value: i64) {
    if value < 0 {
        into.push(b'-');
    }
    unsigned(into, value.unsigned_abs());
}

/// A whole number that is not negative.
pub fn unsigned(into: &mut Vec<u8>, mut value: u64) {
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
    fn an_exponent_where_it_is_always_there() {
        for (value, text) in [
            (0.0, "0e+00"),
            (-0.0, "-0e+00"),
            (1.0, "1e+00"),
            (-12.5, "-1.25e+01"),
            (1e-7, "1e-07"),
            (1e100, "1e+100"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(scientific(value), text);
        }
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
    fn without_an_exponent_there_are_as_many_digits_as_it_takes() {
        for (value, plain) in [
            (1e21, "1000000000000000000000"),
            (-1.5e22, "-15000000000000000000000"),
            (1.5e-10, "0.00000000015"),
            (2_000_000_000_000_000.5, "2000000000000000.5"),
            (0.0, "0"),
            (-0.0, "-0"),
        ] {
            assert_eq!(text(fixed, value), plain);
        }
    }

    #[test]
    fn of_two_texts_that_are_equally_near_the_even_one_is_written() {
        let between = 747_432_397_964_485.0 / 8.0;
        assert_eq!(text(shortest, between), "93429049745560.62");
        assert_eq!(text(fixed, between), "93429049745560.62");
    }

    #[test]
    fn every_way_leads_back_and_none_is_longer_than_the_standard_one() {
        let mut bits = 3u64;
        for power in -12..24 {
            for _ in 0..1_000 {
                bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let fraction = (bits >> 20) as f64 / (1u64 << 44) as f64;
                let digits = 1 + bits as usize % 17;
                let rounded: f64 = format!("{fraction:.digits$}").parse().unwrap();
                let value = rounded * 10f64.powi(power);
                for write in [shortest, general, fixed] {
                    let text = text(write, value);
                    let back: f64 = text.parse().unwrap();
                    assert_eq!(back.to_bits(), value.to_bits(), "{text}");
                    assert!(text.len() <= value.to_string().len().max(24), "{text}");
                }
                assert_eq!(text(fixed, value).len(), value.to_string().len());
            }
        }
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
