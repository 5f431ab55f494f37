//! Floating point numbers as Go writes them: `%e`, `%f`, `%g`, with a precision or with as few
//! digits as tell the number from every other.

/// A number without padding; the sign stands in front where it is negative.
pub(crate) fn float(value: f64, verb: char, precision: Option<usize>) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    match verb {
        'e' | 'E' => exponent(value, precision, verb),
        'f' | 'F' => match precision {
            Some(precision) => format!("{value:.precision$}"),
            None => format!("{value}"),
        },
        _ => general(value, precision, verb),
    }
}

/// As `%v` writes it.
pub(crate) fn shortest(value: f64) -> String {
    float(value, 'g', None)
}

fn exponent(value: f64, precision: Option<usize>, verb: char) -> String {
    let text = match precision {
        Some(precision) => format!("{value:.precision$e}"),
        None => format!("{value:e}"),
    };
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    let mark = if verb.is_ascii_uppercase() { 'E' } else { 'e' };
    let power: i32 = power.parse().unwrap_or(0);
    let sign = if power < 0 { '-' } else { '+' };
    format!("{mantissa}{mark}{sign}{:02}", power.abs())
}

/// `%g`: an exponent only where the number is very small, or larger than its precision.
fn general(value: f64, precision: Option<usize>, verb: char) -> String {
    let wanted = precision.map(|precision| precision.max(1));
    let text = match wanted {
        Some(wanted) => format!("{value:.*e}", wanted - 1),
        None => format!("{value:e}"),
    };
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    let digits = mantissa.trim_start_matches('-').replace('.', "");
    let kept = digits.trim_end_matches('0').len().max(1);
    let mut bound = wanted.unwrap_or(6) as i32;
    if wanted.is_some_and(|wanted| wanted > kept) && kept as i32 > power {
        bound = kept as i32;
    }
    if power < -4 || power >= bound {
        return exponent(value, Some(kept - 1), if verb == 'G' { 'E' } else { 'e' });
    }
    let places = (kept as i32 - 1 - power).max(0) as usize;
    if wanted.is_none() {
        return format!("{value}");
    }
    // Rounded once already: `{:.n}` of the number itself gives the same digits, as it stands for
    // the same count of them.
    format!("{value:.places$}")
}

/// `%x`: a mantissa in base sixteen and a power of two, `0x1.8p+01`.
pub(crate) fn hex(value: f64, upper: bool, precision: Option<usize>) -> String {
    if !value.is_finite() {
        return float(value, 'g', None);
    }
    let bits = value.to_bits();
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let mut power = ((bits >> 52) & 0x7ff) as i64 - 1023;
    let mut mantissa = bits & ((1 << 52) - 1);
    if power == -1023 {
        if mantissa == 0 {
            power = 0;
        } else {
            let shift = i64::from(mantissa.leading_zeros()) - 11;
            mantissa <<= shift;
            power = -1022 - shift;
        }
    } else {
        mantissa |= 1 << 52;
    }
    if let Some(digits) = precision.filter(|digits| *digits < 13) {
        let drop = 52 - 4 * digits as u32;
        let rest = mantissa & ((1 << drop) - 1);
        mantissa >>= drop;
        let half = 1_u64 << (drop - 1);
        if rest > half || (rest == half && mantissa & 1 == 1) {
            mantissa += 1;
        }
        mantissa <<= drop;
        if mantissa >> 53 != 0 {
            mantissa >>= 1;
            power += 1;
        }
    }
    let lead = mantissa >> 52;
    let all = format!("{:013x}", mantissa & ((1 << 52) - 1));
    let part = match precision {
        Some(digits) => all
            .chars()
            .chain(std::iter::repeat('0'))
            .take(digits)
            .collect(),
        None => all.trim_end_matches('0').to_owned(),
    };
    let point = if part.is_empty() { "" } else { "." };
    let power_sign = if power < 0 { '-' } else { '+' };
    let text = format!("{sign}0x{lead}{point}{part}p{power_sign}{:02}", power.abs());
    if upper { text.to_uppercase() } else { text }
}
