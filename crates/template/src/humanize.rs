//! Numbers, durations and times for people, as Prometheus's `humanize` functions write them.

use crate::float::float;
use crate::time::Time;
use crate::value::Value;

const UP: [&str; 8] = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
const UP_1024: [&str; 8] = ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];
const DOWN: [&str; 8] = ["m", "u", "n", "p", "f", "a", "z", "y"];

/// Numbers as they are, texts parsed, durations in seconds.
pub(crate) fn to_float(value: &Value) -> Result<f64, String> {
    match value.plain() {
        Value::Float(value) => Ok(value),
        Value::Int(value) => Ok(value as f64),
        Value::Duration(nanos) => Ok(nanos as f64 / 1e9),
        Value::Text(text) => parse_float(&text),
        _ => Err(format!("can't convert {} to float", value.type_name())),
    }
}

fn parse_float(text: &str) -> Result<f64, String> {
    let lower = text.to_ascii_lowercase();
    let plain = lower.trim_start_matches(['+', '-']);
    let known = matches!(plain, "inf" | "infinity" | "nan")
        || plain.starts_with(|c: char| c == '.' || c.is_ascii_digit());
    lower
        .parse::<f64>()
        .ok()
        .filter(|value| {
            known && (value.is_finite() || !plain.starts_with(|c: char| c.is_ascii_digit()))
        })
        .ok_or_else(|| format!("parsing {text:?}: not a number"))
}

fn short(value: f64) -> String {
    float(value, 'g', Some(4))
}

/// Divides by `step` until less than one `step` is left; gives the prefix of that.
fn scale(mut value: f64, step: f64, prefixes: &[&'static str]) -> (f64, &'static str) {
    let mut prefix = "";
    for next in prefixes {
        if value.abs() < step {
            break;
        }
        prefix = next;
        value /= step;
    }
    (value, prefix)
}

fn scale_down(mut value: f64) -> (f64, &'static str) {
    let mut prefix = "";
    for next in DOWN {
        if value.abs() >= 1.0 {
            break;
        }
        prefix = next;
        value *= 1000.0;
    }
    (value, prefix)
}

/// `1234567` is `1.235M`.
pub(crate) fn humanize(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return short(value);
    }
    let (value, prefix) = if value.abs() >= 1.0 {
        scale(value, 1000.0, &UP)
    } else {
        scale_down(value)
    };
    format!("{}{prefix}", short(value))
}

/// `1048576` is `1Mi`.
pub(crate) fn humanize_1024(value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() {
        return short(value);
    }
    let (value, prefix) = scale(value, 1024.0, &UP_1024);
    format!("{}{prefix}", short(value))
}

/// Seconds: `3661` is `1h 1m 1s`.
pub(crate) fn humanize_duration(value: f64) -> String {
    if !value.is_finite() {
        return short(value);
    }
    if value == 0.0 {
        return format!("{}s", short(value));
    }
    if value.abs() < 1.0 {
        let (value, prefix) = scale_down(value);
        return format!("{}{prefix}s", short(value));
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let value = value.abs();
    let whole = value as i64;
    let (seconds, minutes) = (whole % 60, whole / 60 % 60);
    let (hours, days) = (whole / 3600 % 24, whole / 86400);
    if days != 0 {
        format!("{sign}{days}d {hours}h {minutes}m {seconds}s")
    } else if hours != 0 {
        format!("{sign}{hours}h {minutes}m {seconds}s")
    } else if minutes != 0 {
        format!("{sign}{minutes}m {seconds}s")
    } else {
        format!("{sign}{}s", short(value))
    }
}

/// `0.125` is `12.5%`.
pub(crate) fn humanize_percentage(value: f64) -> String {
    format!("{}%", short(value * 100.0))
}

/// Seconds since 1970 as a time in UTC.
pub(crate) fn humanize_timestamp(value: f64) -> Result<String, String> {
    if !value.is_finite() {
        return Ok(short(value));
    }
    to_time(value).map(|time| time.to_string())
}

/// Seconds since 1970 as a time. What is finer than a millisecond is gone, as with Prometheus.
pub(crate) fn to_time(value: f64) -> Result<Time, String> {
    if !value.is_finite() {
        return Err("value is NaN or Inf".to_owned());
    }
    let nanos = value * 1e9;
    if nanos.abs() > i64::MAX as f64 {
        return Err(format!(
            "{} cannot be represented as a nanoseconds timestamp since it overflows int64",
            crate::float::shortest(value)
        ));
    }
    Time::from_millis((nanos as i64) / 1_000_000).ok_or_else(|| format!("{value} is no time"))
}
