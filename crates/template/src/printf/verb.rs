//! One value by one verb.

use super::Flags;
use crate::float;
use crate::format;
use crate::limits;
use crate::quote;
use crate::value::Value;
use std::fmt::Write as _;

/// The value as the verb has it.
pub(super) fn write(value: &Value, verb: char, flags: Flags) -> String {
    let mut flags = flags;
    match verb {
        'T' => return flags.pad(&cut(value.type_name(), flags)),
        'p' => return bad(value, verb, flags),
        'v' if flags.sharp => return syntax(value),
        'v' if flags.plus => {
            flags.plus = false;
            flags.names = true;
        }
        _ => {}
    }
    if let Some(text) = shown(value)
        && matches!(verb, 's' | 'v' | 'q' | 'x' | 'X')
        && let Some(text) = text_verb(&text, verb, flags)
    {
        return text;
    }
    by_kind(value, verb, flags).unwrap_or_else(|| bad(value, verb, flags))
}

/// By what kind of value it is, whatever it says of itself.
fn by_kind(value: &Value, verb: char, flags: Flags) -> Option<String> {
    match value {
        Value::Nil if verb == 'v' => Some(flags.pad("<nil>")),
        Value::Bool(on) if matches!(verb, 't' | 'v') => {
            Some(flags.pad(if *on { "true" } else { "false" }))
        }
        Value::Nil | Value::Bool(_) => None,
        Value::Time(_) => (verb == 'v').then(|| format::display(value)),
        Value::Int(number) | Value::Duration(number) => int_verb(*number, verb, flags),
        Value::Float(number) => float_verb(*number, verb, flags),
        Value::Text(text) | Value::Safe(_, text) => text_verb(text, verb, flags),
        Value::List(list) => {
            let all = list.values.iter();
            let all = joined(all.map(|value| element(value, verb, flags)), " ");
            Some(format!("[{all}]"))
        }
        Value::Map(map) => {
            let all = map.entries.iter().map(|(name, value)| {
                let name = write(&Value::text(name), verb, flags);
                format!("{name}:{}", element(value, verb, flags))
            });
            Some(format!("map[{}]", joined(all, " ")))
        }
        Value::Object(object) => Some(match object.plain() {
            Some(plain) => write(&plain, verb, flags),
            None => structure(&object.fields(), verb, flags),
        }),
    }
}

/// With something between, up to the bound of the output.
fn joined(all: impl Iterator<Item = String>, by: &str) -> String {
    let mut out = String::new();
    for (index, text) in all.enumerate() {
        if out.len() > limits::OUTPUT_BYTES {
            break;
        }
        if index > 0 {
            out.push_str(by);
        }
        out.push_str(&text);
    }
    out
}

/// A value inside of another: there a missing one is no mistake of the verb.
fn element(value: &Value, verb: char, flags: Flags) -> String {
    match value {
        Value::Nil => "<nil>".to_owned(),
        value => write(value, verb, flags),
    }
}

/// What has a `String` of its own.
fn shown(value: &Value) -> Option<String> {
    match value {
        Value::Time(_) | Value::Duration(_) => Some(format::display(value)),
        Value::Object(object) => object.text(),
        _ => None,
    }
}

fn structure(fields: &[(&'static str, Value)], verb: char, flags: Flags) -> String {
    let all: Vec<_> = fields
        .iter()
        .map(|(name, value)| {
            let value = element(value, verb, flags);
            if flags.names {
                format!("{name}:{value}")
            } else {
                value
            }
        })
        .collect();
    format!("{{{}}}", all.join(" "))
}

/// `%!d(string=hi)`; width and precision hold for what stands in it too.
fn bad(value: &Value, verb: char, flags: Flags) -> String {
    if matches!(value, Value::Nil) {
        return format!("%!{verb}(<nil>)");
    }
    let raw = by_kind(value, 'v', flags).unwrap_or_default();
    format!("%!{verb}({}={raw})", value.type_name())
}

/// The precision of a text counts characters.
fn cut(text: &str, flags: Flags) -> String {
    match flags.precision {
        Some(most) => text.chars().take(most).collect(),
        None => text.to_owned(),
    }
}

fn text_verb(text: &str, verb: char, flags: Flags) -> Option<String> {
    Some(match verb {
        's' | 'v' => flags.pad(&cut(text, flags)),
        'q' => {
            let text = cut(text, flags);
            if flags.sharp && !text.contains(|c: char| c == '`' || (c.is_control() && c != '\t')) {
                return Some(flags.pad(&format!("`{text}`")));
            }
            flags.pad(&quote::quote(&text, '"', flags.plus))
        }
        'x' | 'X' => flags.pad(&hex(text.as_bytes(), verb == 'X', flags)),
        _ => return None,
    })
}

/// `%x` of a text; a space goes between bytes, `0x` in front where it was asked for.
fn hex(bytes: &[u8], upper: bool, flags: Flags) -> String {
    let mut out = String::new();
    let prefix = match (flags.sharp, upper) {
        (false, _) => "",
        (true, false) => "0x",
        (true, true) => "0X",
    };
    let most = flags.precision.unwrap_or(usize::MAX);
    for (index, byte) in bytes.iter().take(most).enumerate() {
        if flags.space && index > 0 {
            out.push(' ');
        }
        if index == 0 || flags.space {
            out.push_str(prefix);
        }
        let _ = if upper {
            write!(out, "{byte:02X}")
        } else {
            write!(out, "{byte:02x}")
        };
    }
    out
}

fn int_verb(number: i64, verb: char, flags: Flags) -> Option<String> {
    let size = number.unsigned_abs();
    let digits = match verb {
        'd' | 'v' => size.to_string(),
        'b' => format!("{size:b}"),
        'o' | 'O' => format!("{size:o}"),
        'x' => format!("{size:x}"),
        'X' => format!("{size:X}"),
        'c' => return Some(flags.pad(&character(number).to_string())),
        'q' => {
            let c = character(number).to_string();
            return Some(flags.pad(&quote::quote(&c, '\'', flags.plus)));
        }
        'U' => {
            return Some(
                Flags {
                    zero: false,
                    ..flags
                }
                .pad(&unicode(number, flags)),
            );
        }
        _ => return None,
    };
    Some(signed_int(number < 0, &digits, verb, flags))
}

fn character(number: i64) -> char {
    u32::try_from(number)
        .ok()
        .and_then(char::from_u32)
        .unwrap_or('\u{fffd}')
}

fn unicode(number: i64, flags: Flags) -> String {
    let width = flags.precision.unwrap_or(4).max(4);
    let mut out = format!("U+{number:0width$X}");
    if flags.sharp {
        let c = character(number);
        if quote::is_printable(c) {
            let _ = write!(out, " '{c}'");
        }
    }
    out
}

/// Sign, prefix and zeros around digits.
fn signed_int(negative: bool, digits: &str, verb: char, flags: Flags) -> String {
    if flags.precision == Some(0) && digits == "0" {
        return Flags {
            zero: false,
            ..flags
        }
        .pad("");
    }
    let sign = if negative {
        "-"
    } else if flags.plus {
        "+"
    } else if flags.space {
        " "
    } else {
        ""
    };
    let least = match flags.precision {
        Some(precision) => precision,
        // Zeros to the width count the sign, but not the prefix.
        None if flags.zero && !flags.minus => flags.width.unwrap_or(0).saturating_sub(sign.len()),
        None => 0,
    };
    let digits = format!("{digits:0>least$}");
    let prefix = match verb {
        'b' if flags.sharp => "0b",
        'o' if flags.sharp && !digits.starts_with('0') => "0",
        'x' if flags.sharp => "0x",
        'X' if flags.sharp => "0X",
        'O' => "0o",
        _ => "",
    };
    Flags {
        zero: false,
        ..flags
    }
    .pad(&format!("{sign}{prefix}{digits}"))
}

fn float_verb(number: f64, verb: char, flags: Flags) -> Option<String> {
    let text = match verb {
        'v' => float::float(number, 'g', flags.precision),
        'g' | 'G' => float::float(number, verb, flags.precision),
        'e' | 'E' | 'f' | 'F' => float::float(number, verb, Some(flags.precision.unwrap_or(6))),
        'b' => binary(number),
        'x' | 'X' => float::hex(number, verb == 'X', flags.precision),
        _ => return None,
    };
    let text = if flags.sharp && number.is_finite() && verb != 'b' {
        pointed(&text, verb, flags.precision)
    } else {
        text
    };
    let (sign, digits) = match text.as_bytes().first() {
        Some(b'-') => ("-", &text[1..]),
        Some(b'+') => ("+", &text[1..]),
        _ => ("", text.as_str()),
    };
    let sign = match sign {
        "-" => "-",
        _ if flags.plus => "+",
        _ if flags.space => " ",
        // An infinity shows its sign, but to nobody who said how.
        "+" if number.is_infinite() => "+",
        _ => "",
    };
    let zero = flags.zero && !flags.minus && number.is_finite();
    if zero {
        let least = flags.width.unwrap_or(0).saturating_sub(sign.len());
        return Some(format!("{sign}{digits:0>least$}"));
    }
    Some(
        Flags {
            zero: false,
            ..flags
        }
        .pad(&format!("{sign}{digits}")),
    )
}

/// `%#g`: always a point, and the digits that `%g` takes away.
fn pointed(text: &str, verb: char, precision: Option<usize>) -> String {
    let is_hex = matches!(verb, 'x' | 'X');
    let marks: &[char] = if is_hex { &['p', 'P'] } else { &['e', 'E'] };
    let at = text.find(marks).unwrap_or(text.len());
    let (number, tail) = text.split_at(at);
    let mut number = number.to_owned();
    if !number.contains('.') {
        number.push('.');
    }
    if matches!(verb, 'v' | 'g' | 'G' | 'x' | 'X') {
        let wanted = precision.unwrap_or(6);
        let bare: String = number.chars().filter(|c| !"+-.".contains(*c)).collect();
        let mut count = bare.trim_start_matches('0').len();
        if bare.trim_start_matches('0').is_empty() {
            count = 1;
        }
        while count < wanted {
            number.push('0');
            count += 1;
        }
    }
    format!("{number}{tail}")
}

/// `%b`: a whole mantissa and a power of two.
fn binary(number: f64) -> String {
    if !number.is_finite() {
        return float::shortest(number);
    }
    let bits = number.to_bits();
    let sign = if number.is_sign_negative() { "-" } else { "" };
    let exponent = ((bits >> 52) & 0x7ff) as i64;
    let fraction = bits & ((1 << 52) - 1);
    let (mantissa, exponent) = if exponent == 0 {
        (fraction, -1074)
    } else {
        (fraction | (1 << 52), exponent - 1075)
    };
    format!("{sign}{mantissa}p{exponent:+}")
}

/// `%#v`: as Go would be written.
fn syntax(value: &Value) -> String {
    match value {
        Value::Nil => "<nil>".to_owned(),
        Value::Text(text) | Value::Safe(_, text) => quote::quote(text, '"', false),
        Value::List(list) => {
            let all = joined(list.values.iter().map(inner_syntax), ", ");
            format!("{}{{{all}}}", value.type_name())
        }
        Value::Map(map) => {
            let all = map.entries.iter().map(|(name, value)| {
                format!("{}:{}", quote::quote(name, '"', false), inner_syntax(value))
            });
            format!("{}{{{}}}", value.type_name(), joined(all, ", "))
        }
        Value::Duration(nanos) => nanos.to_string(),
        Value::Object(object) => {
            if let Some(plain) = object.plain() {
                let plain_type = plain.type_name();
                return syntax(&plain).replacen(plain_type, value.type_name(), 1);
            }
            let all: Vec<_> = object
                .fields()
                .iter()
                .map(|(name, value)| format!("{name}:{}", inner_syntax(value)))
                .collect();
            format!("{}{{{}}}", value.type_name(), all.join(", "))
        }
        value => format::display(value),
    }
}

fn inner_syntax(value: &Value) -> String {
    match value {
        Value::Nil => "interface {}(nil)".to_owned(),
        value => syntax(value),
    }
}
