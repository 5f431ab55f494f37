//! Recurring times: hours of a day, weekdays, days of a month, months, years, in a zone.
//!
//! Source: <https://prometheus.io/docs/alerting/latest/configuration/#time_interval>. A time lies in an
//! interval where each kind that is given has a range with it; a kind that is not given holds always.
//!
//! **Invariant:** zones are those of the bundled database, so that nothing is read from the machine.

use std::fmt;
use std::ops::RangeInclusive;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use mainstay_model::Timestamp;

/// One recurring time. Empty lists hold always.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TimeInterval {
    pub times: Vec<TimeRange>,
    /// 0 is Sunday.
    pub weekdays: Vec<RangeInclusive<i32>>,
    /// Negative ones count from the month's end: -1 is its last day.
    pub days_of_month: Vec<RangeInclusive<i32>>,
    pub months: Vec<RangeInclusive<i32>>,
    pub years: Vec<RangeInclusive<i32>>,
    /// UTC where none is named.
    pub location: Option<Location>,
}

/// Minutes of a day, the last one excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    pub start_minute: i32,
    pub end_minute: i32,
}

/// A zone and the name it was asked for by.
#[derive(Debug, Clone, PartialEq)]
pub struct Location {
    name: String,
    zone: TimeZone,
}

impl Location {
    /// A zone of the bundled database: `Europe/Zurich`, `UTC`.
    pub fn named(name: &str) -> Option<Self> {
        let zone = match name {
            "" | "UTC" => TimeZone::UTC,
            name => TimeZoneDatabase::bundled().get(name).ok()?,
        };
        Some(Self {
            name: name.to_owned(),
            zone,
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }
}

impl TimeInterval {
    /// Whether a time lies in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        let Ok(at) = jiff::Timestamp::from_millisecond(at.as_millis()) else {
            return false;
        };
        let zone = self
            .location
            .as_ref()
            .map_or(TimeZone::UTC, |l| l.zone.clone());
        let at = at.to_zoned(zone);
        let minute = i32::from(at.hour()) * 60 + i32::from(at.minute());
        let in_times = |range: &TimeRange| (range.start_minute..range.end_minute).contains(&minute);
        let days = i32::from(at.days_in_month());
        let day = i32::from(at.day());
        let among = |ranges: &[RangeInclusive<i32>], value: i32| {
            ranges.is_empty() || ranges.iter().any(|range| range.contains(&value))
        };
        let weekday = i32::from(at.weekday().to_sunday_zero_offset());
        (self.times.is_empty() || self.times.iter().any(in_times))
            && (self.days_of_month.is_empty()
                || (self.days_of_month.iter()).any(|range| in_month(range, day, days)))
            && among(&self.months, i32::from(at.month()))
            && among(&self.weekdays, weekday)
            && among(&self.years, i32::from(at.year()))
    }
}

/// Whether a day lies in a range that may count from the month's end, cut to a month of `days` days.
fn in_month(range: &RangeInclusive<i32>, day: i32, days: i32) -> bool {
    let resolved = |day: i32| if day < 0 { days + day + 1 } else { day };
    let (begin, end) = (resolved(*range.start()), resolved(*range.end()));
    begin <= days && day >= begin && day <= end
}

const WEEKDAYS: [&str; 7] = [
    "sunday",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
];

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// A time of day, `09:00` to `24:00`, as minutes.
pub(crate) fn minute_of_day(text: &str) -> Option<i32> {
    if text == "24:00" {
        return Some(1440);
    }
    let (hours, minutes) = text.split_once(':')?;
    let two = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse::<i32>().ok()).flatten()
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

/// `monday:friday` or `monday`, by what one member is.
fn range(text: &str, member: impl Fn(&str) -> Option<i32>) -> Option<(i32, i32)> {
    let text = text.to_lowercase();
    match text.split_once(':') {
        Some((begin, end)) => Some((member(begin)?, member(end)?)),
        None => member(&text).map(|one| (one, one)),
    }
}

/// As Go's `strconv.Atoi`.
fn number(text: &str) -> Option<i32> {
    text.parse().ok()
}

/// Reads `monday:friday`; an error says what is wrong.
pub(crate) fn weekdays(text: &str) -> Result<RangeInclusive<i32>, String> {
    let day = |text: &str| Some(WEEKDAYS.iter().position(|day| *day == text)? as i32);
    let (begin, end) = range(text, day).ok_or("expected a weekday or two, `monday:friday`")?;
    if begin > end {
        return Err("the last weekday comes before the first; a week begins on sunday".to_owned());
    }
    Ok(begin..=end)
}

/// Reads `1:5`, `-3:-1`.
pub(crate) fn days_of_month(text: &str) -> Result<RangeInclusive<i32>, String> {
    let (begin, end) = range(text, number).ok_or("expected a day or two, `1:5` or `-3:-1`")?;
    for day in [begin, end] {
        if day == 0 || !(-31..=31).contains(&day) {
            return Err(format!(
                "{day} is no day of a month: 1 to 31, or -31 to -1 from its end"
            ));
        }
    }
    if begin < 0 && end > 0 {
        return Err("the last day must be negative where the first is".to_owned());
    }
    // The shortest month, as Alertmanager takes it.
    let least = |day: i32| if day < 0 { 28 + day } else { day };
    if least(begin) > least(end) {
        return Err(format!("day {end} is always before day {begin}"));
    }
    Ok(begin..=end)
}

/// Reads `may:august`, `5:8`.
pub(crate) fn months(text: &str) -> Result<RangeInclusive<i32>, String> {
    let month = |text: &str| {
        let named = MONTHS.iter().position(|month| *month == text);
        named.map_or_else(|| number(text), |index| Some(index as i32 + 1))
    };
    let (begin, end) = range(text, month).ok_or("expected a month or two, `may:august`")?;
    if begin > end {
        return Err("the last month comes before the first".to_owned());
    }
    Ok(begin..=end)
}

/// Reads `2026:2030`.
pub(crate) fn years(text: &str) -> Result<RangeInclusive<i32>, String> {
    let (begin, end) = range(text, number).ok_or("expected a year or two, `2026:2030`")?;
    if begin > end {
        return Err("the last year comes before the first".to_owned());
    }
    Ok(begin..=end)
}

/// For people: `sunday 04:00-06:00 UTC`.
impl fmt::Display for TimeInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = Vec::new();
        let ranges = |ranges: &[RangeInclusive<i32>], name: &dyn Fn(i32) -> String| {
            let one = |range: &RangeInclusive<i32>| match (*range.start(), *range.end()) {
                (begin, end) if begin == end => name(begin),
                (begin, end) => format!("{}:{}", name(begin), name(end)),
            };
            ranges.iter().map(one).collect::<Vec<_>>().join(",")
        };
        let word = |words: &[&str], index: i32| {
            let word = usize::try_from(index)
                .ok()
                .and_then(|index| words.get(index));
            word.map_or_else(|| index.to_string(), ToString::to_string)
        };
        if !self.weekdays.is_empty() {
            parts.push(ranges(&self.weekdays, &|day| word(&WEEKDAYS, day)));
        }
        if !self.days_of_month.is_empty() {
            parts.push(format!(
                "days {}",
                ranges(&self.days_of_month, &|d| d.to_string())
            ));
        }
        if !self.months.is_empty() {
            parts.push(ranges(&self.months, &|month| word(&MONTHS, month - 1)));
        }
        if !self.years.is_empty() {
            parts.push(ranges(&self.years, &|year| year.to_string()));
        }
        if !self.times.is_empty() {
            let clock = |minute: i32| format!("{:02}:{:02}", minute / 60, minute % 60);
            let one = |t: &TimeRange| format!("{}-{}", clock(t.start_minute), clock(t.end_minute));
            parts.push(self.times.iter().map(one).collect::<Vec<_>>().join(","));
        }
        if parts.is_empty() {
            parts.push("always".to_owned());
        }
        parts.push(
            self.location
                .as_ref()
                .map_or("UTC", |l| l.name())
                .to_owned(),
        );
        f.write_str(&parts.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        let time: jiff::Timestamp = text.parse().unwrap();
        Timestamp::from_millis(time.as_millisecond())
    }

    fn hours(from: &str, to: &str) -> Vec<TimeRange> {
        vec![TimeRange {
            start_minute: minute_of_day(from).unwrap(),
            end_minute: minute_of_day(to).unwrap(),
        }]
    }

    #[test]
    fn a_time_lies_in_every_kind_that_is_given() {
        let business = TimeInterval {
            times: hours("09:00", "17:00"),
            weekdays: vec![weekdays("monday:friday").unwrap()],
            ..TimeInterval::default()
        };
        for (time, is) in [
            ("2026-11-27T09:00:00Z", true),
            ("2026-11-27T08:59:59Z", false),
            ("2026-11-27T16:59:59Z", true),
            ("2026-11-27T17:00:00Z", false),
            ("2026-11-28T12:00:00Z", false),
        ] {
            assert_eq!(business.contains(at(time)), is, "{time}");
        }
        assert!(TimeInterval::default().contains(at("2026-11-27T09:00:00Z")));
        assert_eq!(business.to_string(), "monday:friday 09:00-17:00 UTC");
    }

    #[test]
    fn days_count_from_the_end_of_each_month() {
        let last = |text: &str| TimeInterval {
            days_of_month: vec![days_of_month(text).unwrap()],
            ..TimeInterval::default()
        };
        for (range, time, is) in [
            ("-1", "2026-02-28T00:00:00Z", true),
            ("-1", "2028-02-28T00:00:00Z", false),
            ("-1", "2028-02-29T00:00:00Z", true),
            ("-3:-1", "2026-04-28T00:00:00Z", true),
            ("-3:-1", "2026-04-27T00:00:00Z", false),
            ("30:31", "2026-02-28T00:00:00Z", false),
            ("25:31", "2026-02-28T00:00:00Z", true),
            ("1:-1", "2026-02-14T00:00:00Z", true),
        ] {
            assert_eq!(last(range).contains(at(time)), is, "{range} {time}");
        }
    }

    #[test]
    fn a_zone_has_its_own_clock() {
        let morning = |zone: &str| TimeInterval {
            times: hours("09:00", "10:00"),
            location: Location::named(zone),
            ..TimeInterval::default()
        };
        assert!(morning("Europe/Zurich").contains(at("2026-07-01T07:30:00Z")));
        assert!(morning("Europe/Zurich").contains(at("2026-12-01T08:30:00Z")));
        assert!(!morning("Europe/Zurich").contains(at("2026-12-01T07:30:00Z")));
        assert!(Location::named("Mars/Olympus").is_none());
    }

    #[test]
    fn ranges_are_read_as_alertmanager_reads_them() {
        assert_eq!(months("May:august"), Ok(5..=8));
        assert_eq!(months("5:8"), Ok(5..=8));
        assert_eq!(weekdays("Sunday:saturday"), Ok(0..=6));
        for bad in ["saturday:sunday", "someday", "monday:tuesday:friday"] {
            assert!(weekdays(bad).is_err(), "{bad}");
        }
        for bad in ["0", "32", "-1:1", "5:1", "-1:-5", "x"] {
            assert!(days_of_month(bad).is_err(), "{bad}");
        }
        for bad in ["9:00", "24:01", "09:60", "0900", "09:00:00", "+9:00"] {
            assert_eq!(minute_of_day(bad), None, "{bad}");
        }
        assert_eq!(minute_of_day("24:00"), Some(1440));
    }
}
