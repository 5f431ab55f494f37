//! Times and durations as Prometheus's API takes them.
//!
//! Source: `parseTime` and `parseDuration` of Prometheus's `web/api/v1/api.go`.

use std::time::Duration;

use mainstay_series::Window;

/// The earliest and the latest time that may be named, in milliseconds, and how clients name them.
const EARLIEST_MS: i64 = (i64::MIN / 1000 + 62_135_596_801) * 1000;
const LATEST_MS: i64 = (i64::MAX / 1000 - 62_135_596_801) * 1000 + 999;
const EARLIEST: &str = "-292273086-05-16T16:47:06Z";
const LATEST: &str = "292277025-08-18T07:12:54.999999999Z";

/// Everything that may be asked for.
pub(crate) const ALL: Window = Window {
    start_ms: EARLIEST_MS,
    end_ms: LATEST_MS,
};

/// A time in seconds or in RFC 3339, in milliseconds.
pub(crate) fn parse_time(text: &str) -> Result<i64, String> {
    let found = match text.parse::<f64>() {
        Ok(seconds) => from_seconds(seconds),
        Err(_) => from_rfc3339(text),
    };
    found.ok_or_else(|| format!("cannot parse {} to a valid timestamp", quoted(text)))
}

fn from_seconds(seconds: f64) -> Option<i64> {
    let whole = seconds.trunc();
    let limit = (i64::MAX / 1000) as f64;
    if !seconds.is_finite() || whole.abs() >= limit {
        return None;
    }
    // To the millisecond, then down, as Prometheus does it.
    let fraction = ((seconds - whole) * 1000.0).round() / 1000.0;
    let nanos = (fraction * 1e9) as i64;
    Some((whole as i64) * 1000 + nanos.div_euclid(1_000_000))
}

fn from_rfc3339(text: &str) -> Option<i64> {
    match text {
        EARLIEST => return Some(EARLIEST_MS),
        LATEST => return Some(LATEST_MS),
        _ => {}
    }
    // jiff takes more forms than RFC 3339 has.
    let separated = text.as_bytes().get(10) == Some(&b'T');
    let zoned = text.ends_with('Z') || text.get(19..).is_some_and(|t| t.contains(['+', '-']));
    if !separated || !zoned || text.contains('[') {
        return None;
    }
    let time: jiff::Timestamp = text.parse().ok()?;
    // Down, also before the epoch.
    i64::try_from(time.as_nanosecond().div_euclid(1_000_000)).ok()
}

/// A duration in seconds or in Prometheus's form, in nanoseconds; it may be negative.
pub(crate) fn parse_duration(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.parse::<f64>() {
        let nanos = seconds * 1e9;
        if nanos.is_nan() || nanos.abs() > i64::MAX as f64 {
            return Err(format!(
                "cannot parse {} to a valid duration. It overflows int64",
                quoted(text)
            ));
        }
        return Ok(nanos as i64);
    }
    mainstay_targets::parse_duration(text)
        .and_then(|duration| i64::try_from(duration.as_nanos()).ok())
        .ok_or_else(|| format!("cannot parse {} to a valid duration", quoted(text)))
}

/// A time as answers have it; where there is none, Go's zero.
pub(crate) fn rfc3339(time_ms: Option<i64>) -> String {
    time_ms
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map_or_else(
            || "0001-01-01T00:00:00Z".to_owned(),
            |time| time.to_string(),
        )
}

/// Now, in milliseconds since the epoch.
pub(crate) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Text in quotes, for errors; what is long is cut.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN: usize = 200;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => mainstay_series::quote(&format!("{}…", &text[..end])),
        None => mainstay_series::quote(text),
    }
}

/// A duration of whole milliseconds.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_prometheus_reads_them() {
        for (text, ms) in [
            ("0", 0),
            ("1.5", 1500),
            ("-1.5", -1500),
            ("1e3", 1_000_000),
            ("1543578564.705", 1_543_578_564_705),
            ("1543578564.7051", 1_543_578_564_705),
            ("2015-06-03T13:21:58.555Z", 1_433_337_718_555),
            ("2015-06-03T14:21:58.555+01:00", 1_433_337_718_555),
            ("1969-12-31T23:59:59.9999Z", -1),
            (EARLIEST, EARLIEST_MS),
            (LATEST, LATEST_MS),
        ] {
            assert_eq!(parse_time(text), Ok(ms), "{text}");
        }
        for text in [
            "",
            "x",
            "30s",
            "NaN",
            "Inf",
            "1e300",
            "2015-06-03",
            "2015-06-03 13:21:58Z",
            "2015-06-03T13:21:58",
            "2015-06-03T13:21:58Z[UTC]",
            "2015-13-03T13:21:58Z",
        ] {
            assert!(parse_time(text).is_err(), "{text}");
        }
        assert_eq!(
            parse_time("a\"b").unwrap_err(),
            r#"cannot parse "a\"b" to a valid timestamp"#
        );
    }

    #[test]
    fn durations_are_seconds_or_prometheus_own() {
        for (text, nanos) in [
            ("1", 1_000_000_000),
            ("0.001", 1_000_000),
            ("-2", -2_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("500ms", 500_000_000),
        ] {
            assert_eq!(parse_duration(text), Ok(nanos), "{text}");
        }
        for text in [
            "", "x", "1e300", "NaN", "Inf", "1.5h", "1m1h", "-1m", "300y",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
