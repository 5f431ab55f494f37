//! Durations as Prometheus writes them: `1h30m`, `15s`, `500ms`, `1d`; whole numbers, each unit once,
//! the larger first.

use std::fmt::Write as _;
use std::time::Duration;

const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// What Go's durations of nanoseconds hold, in milliseconds: about 292 years.
const LONGEST_MS: u64 = i64::MAX as u64 / 1_000_000;

/// Reads one; `None` where it is none. `0` needs no unit.
pub fn parse_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let (mut rest, mut units, mut sum) = (text, &UNITS[..], 0u64);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_lowercase).count();
        let at = units
            .iter()
            .position(|(unit, _)| *unit == &rest[..letters])?;
        sum = sum.checked_add(number.checked_mul(units[at].1)?)?;
        if sum > LONGEST_MS {
            return None;
        }
        units = &units[at + 1..];
        rest = &rest[letters..];
    }
    Some(Duration::from_millis(sum))
}

/// As Prometheus writes it: weeks and years only where nothing is left over.
pub fn format_duration(duration: Duration) -> String {
    let mut millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if millis == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, size) in UNITS {
        let whole = matches!(unit, "y" | "w");
        if whole && !millis.is_multiple_of(size) {
            continue;
        }
        let count = millis / size;
        millis %= size;
        if count > 0 {
            let _ = write!(text, "{count}{unit}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (text, millis, shown) in [
            ("0", 0, "0s"),
            ("15s", 15_000, "15s"),
            ("1h30m", 5_400_000, "1h30m"),
            ("90m", 5_400_000, "1h30m"),
            ("1y2w", 365 * 86_400_000 + 14 * 86_400_000, "379d"),
            ("14d", 14 * 86_400_000, "2w"),
            ("250ms", 250, "250ms"),
        ] {
            assert_eq!(
                parse_duration(text),
                Some(Duration::from_millis(millis)),
                "{text}"
            );
            assert_eq!(format_duration(Duration::from_millis(millis)), shown);
        }
        for text in [
            "",
            "1",
            "s",
            "1.5s",
            "1m1h",
            "1s1s",
            "-1s",
            "1 s",
            "99999999999999y",
            "300y",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
