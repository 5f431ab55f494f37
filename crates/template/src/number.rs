//! Number constants as Go's templates read them; imaginary ones are refused.

pub(crate) enum Number {
    Int(i64),
    Float(f64),
}

/// How long the number at the beginning is, and what it is.
pub(crate) fn scan(text: &str) -> Result<(usize, Number), String> {
    let length = length(text);
    let whole = &text[..length];
    if text[length..].starts_with(|c: char| c == '_' || c.is_alphanumeric()) {
        if text[length..].starts_with('i') {
            return Err(format!("imaginary number {whole}i is not supported"));
        }
        let end = text[length..]
            .find(|c: char| !(c == '_' || c.is_alphanumeric()))
            .unwrap_or(text.len() - length);
        return Err(format!("bad number syntax: {:?}", &text[..length + end]));
    }
    value(whole).map(|number| (length, number)).ok_or_else(|| {
        if overflows(whole) {
            return format!("integer overflow: {whole}");
        }
        format!("bad number syntax: {whole:?}")
    })
}

/// A sign, a prefix, digits, a fraction, an exponent.
fn length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = usize::from(text.starts_with(['+', '-']));
    let lower = text[at..].get(..2).unwrap_or("").to_ascii_lowercase();
    let (hex, prefix, digits): (bool, usize, &[u8]) = match lower.as_str() {
        "0x" => (true, 2, b"0123456789abcdefABCDEF_"),
        "0o" => (false, 2, b"01234567_"),
        "0b" => (false, 2, b"01_"),
        _ => (false, 0, b"0123456789_"),
    };
    at += prefix;
    let run = |mut at: usize, digits: &[u8]| {
        while bytes.get(at).is_some_and(|byte| digits.contains(byte)) {
            at += 1;
        }
        at
    };
    at = run(at, digits);
    if bytes.get(at) == Some(&b'.') {
        at = run(at + 1, digits);
    }
    let exponent: &[u8] = if hex { b"pP" } else { b"eE" };
    if (hex || prefix == 0) && bytes.get(at).is_some_and(|byte| exponent.contains(byte)) {
        at += 1;
        if matches!(bytes.get(at), Some(b'+' | b'-')) {
            at += 1;
        }
        at = run(at, b"0123456789_");
    }
    at
}

fn value(whole: &str) -> Option<Number> {
    let (negative, digits) = match whole.as_bytes().first()? {
        b'-' => (true, &whole[1..]),
        b'+' => (false, &whole[1..]),
        _ => (false, whole),
    };
    if digits.ends_with('_') || digits.starts_with('_') || digits.contains("__") {
        return None;
    }
    let digits = digits.replace('_', "");
    let lower = digits.to_ascii_lowercase();
    let hex = lower.strip_prefix("0x");
    let is_float = match hex {
        Some(hex) => hex.contains(['.', 'p']),
        None => lower.contains(['.', 'e']) && !lower.starts_with("0b"),
    };
    if is_float {
        let value = match hex {
            Some(hex) => hex_float(hex)?,
            None if lower == "." => return None,
            None => lower
                .parse::<f64>()
                .ok()
                .filter(|value| value.is_finite())?,
        };
        return Some(Number::Float(if negative { -value } else { value }));
    }
    let (base, digits) = if let Some(hex) = hex {
        (16, hex)
    } else if let Some(binary) = lower.strip_prefix("0b") {
        (2, binary)
    } else if let Some(octal) = lower.strip_prefix("0o") {
        (8, octal)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..])
    } else {
        (10, lower.as_str())
    };
    let value = i128::from_str_radix(digits, base).ok()?;
    i64::try_from(if negative { -value } else { value })
        .ok()
        .map(Number::Int)
}

/// `1.8p3`: a mantissa in base sixteen, a power of two.
fn hex_float(text: &str) -> Option<f64> {
    let (mantissa, power) = text.split_once('p')?;
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && part.is_empty() {
        return None;
    }
    let mut value = 0.0_f64;
    for c in whole.chars().chain(part.chars()) {
        value = value.mul_add(16.0, f64::from(c.to_digit(16)?));
    }
    let power: i32 = power.parse().ok()?;
    let power = power.checked_sub(4 * i32::try_from(part.len()).ok()?)?;
    let value = value * 2.0_f64.powi(power);
    value.is_finite().then_some(value)
}

fn overflows(whole: &str) -> bool {
    let digits = whole.trim_start_matches(['+', '-']);
    digits.len() > 15 && digits.chars().all(|c| c.is_ascii_hexdigit() || c == 'x')
}
