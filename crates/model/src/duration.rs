//! Durations as Compose writes them: `1h30m`, `10s`, `500ms`, `1m30.5s`.
//!
//! Source: the Compose specification, "Specifying durations" (units us, ms, s, m, h); `d` is
//! ours, for retention.

use std::fmt::Write as _;
use std::time::Duration;

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    #[error("`{0}` has no unit: write `{0}s` for seconds")]
    NoUnit(String),
    #[error("`{0}` is not a duration: expected a number and a unit, such as `10s` or `1h30m`")]
    Form(String),
    #[error("`{0}` is too long a duration")]
    TooLong(String),
}

const UNITS: [(&str, f64); 7] = [
    ("us", 1e-6),
    ("µs", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
    ("d", 86_400.0),
];

/// Reads a Compose duration. `0` needs no unit.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let form = || DurationError::Form(text.to_owned());
    let mut rest = text.trim();
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(form());
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().map_err(|_| form())?;
        rest = &rest[digits..];
        if rest.is_empty() {
            return Err(DurationError::NoUnit(text.to_owned()));
        }
        let letters = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        let unit = &rest[..letters];
        let (_, scale) = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(form)?;
        seconds += number * scale;
        rest = &rest[letters..];
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| DurationError::TooLong(text.to_owned()))
}

/// The shortest exact form to the millisecond: `1h30m`, `10s`, `500ms`, `0s`.
pub fn format_duration(duration: Duration) -> String {
    let mut millis = duration.as_millis();
    if millis == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, size) in [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ] {
        let count = millis / size;
        millis %= size;
        if count > 0 {
            let _ = write!(text, "{count}{unit}");
        }
    }
    text
}

/// `#[serde(with = "duration_ms")]`: a duration as integer milliseconds.
pub mod duration_ms {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::time::Duration;

    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compose_durations_are_read() {
        for (text, millis) in [
            ("0", 0),
            ("10s", 10_000),
            ("1h30m", 5_400_000),
            ("1m30.5s", 90_500),
            ("500ms", 500),
            ("2d", 172_800_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for bad in [
            "",
            "10",
            "s",
            "10x",
            "1h-3m",
            "1.2.3s",
            "99999999999999999999d",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_short_form_reads_back() {
        for millis in [0, 1, 999, 1000, 61_000, 5_400_000, 90_061_001] {
            let duration = Duration::from_millis(millis);
            assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }
    }
}
