//! Times, durations and shares as people say them.

use mainstay_model::Timestamp;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// This moment. The only clock of the CLI that is shown to people.
pub fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// To one or two units: `320 ms`, `4.2 s`, `3 min`, `2 h 5 min`, `12 d`.
pub fn elapsed(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..=9 => format!("{:.1} s", (duration.as_secs_f64() * 10.0).floor() / 10.0),
        10..=99 => format!("{seconds} s"),
        100..=5999 => format!("{} min", seconds / 60),
        6000..=172_799 => match (seconds / 3600, seconds % 3600 / 60) {
            (hours, 0) => format!("{hours} h"),
            (hours, minutes) => format!("{hours} h {minutes} min"),
        },
        _ => format!("{} d", seconds / 86_400),
    }
}

/// `3 min ago`, `just now`
pub fn ago(time: Timestamp, now: Timestamp) -> String {
    let duration = now.since(time);
    if duration < Duration::from_secs(1) {
        "just now".to_owned()
    } else {
        format!("{} ago", elapsed(duration))
    }
}

/// Of the day, in this machine's time zone: `14:03:07.250`.
pub fn clock(time: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(time.as_millis()) {
        Ok(time) => time
            .to_zoned(jiff::tz::TimeZone::system())
            .strftime("%H:%M:%S%.3f")
            .to_string(),
        Err(_) => time.to_string(),
    }
}

/// Day and time, in this machine's time zone: `2026-01-31 14:03:07`.
pub fn date(time: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(time.as_millis()) {
        Ok(time) => time
            .to_zoned(jiff::tz::TimeZone::system())
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string(),
        Err(_) => time.to_string(),
    }
}

/// `1 service`, `2 services`
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_the_precision_people_want() {
        for (millis, text) in [
            (0, "0 ms"),
            (320, "320 ms"),
            (4_290, "4.2 s"),
            (9_999, "9.9 s"),
            (59_000, "59 s"),
            (180_000, "3 min"),
            (7_500_000, "2 h 5 min"),
            (7_200_000, "2 h"),
            (172_800_000, "2 d"),
        ] {
            assert_eq!(elapsed(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn a_clock_that_runs_ahead_gives_just_now() {
        let (early, late) = (Timestamp::from_millis(0), Timestamp::from_millis(65_000));
        assert_eq!(ago(late, early), "just now");
        assert_eq!(ago(early, late), "65 s ago");
    }
}
