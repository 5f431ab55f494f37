//! Times and durations: how Go prints them, formats them by a layout, and which of their methods
//! templates may call.

mod duration;
mod layout;
mod method;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use std::fmt::{self, Write as _};

pub(crate) use duration::duration;
use layout::{DAYS, Element, MONTHS, element};
pub(crate) use method::{duration_method, time_method};

/// A moment, and the zone in which it is shown.
#[derive(Debug, Clone)]
pub struct Time(Zoned);

/// How Go prints a time that says nothing else.
const DEFAULT_LAYOUT: &str = "2006-01-02 15:04:05.999999999 -0700 MST";

/// As JSON has it.
pub(crate) const RFC3339_NANO: &str = "2006-01-02T15:04:05.999999999Z07:00";

impl Time {
    /// Milliseconds since 1970, in UTC. `None` beyond the year 9999.
    pub fn from_millis(millis: i64) -> Option<Self> {
        let at = Timestamp::from_millisecond(millis).ok()?;
        Some(Self(at.to_zoned(TimeZone::UTC)))
    }

    /// A moment in a zone.
    pub fn new(zoned: Zoned) -> Self {
        Self(zoned)
    }

    /// Go's zero time: the first of January of the year 1, at midnight, in UTC.
    pub fn zero() -> Self {
        Self(
            Timestamp::from_second(ZERO_SECONDS)
                .unwrap_or_default()
                .to_zoned(TimeZone::UTC),
        )
    }

    /// The same moment in the zone of a name, as the time zone database has it.
    pub fn in_zone(&self, name: &str) -> Result<Self, String> {
        let zone = match name {
            "" | "UTC" => TimeZone::UTC,
            name => TimeZone::get(name).map_err(|_| format!("unknown time zone {name}"))?,
        };
        Ok(Self(self.0.with_time_zone(zone)))
    }

    fn zoned(&self) -> &Zoned {
        &self.0
    }

    pub(crate) fn timestamp(&self) -> Timestamp {
        self.0.timestamp()
    }

    /// Nanoseconds from `earlier` to here, as far as Go's durations reach.
    pub(crate) fn since(&self, earlier: &Self) -> i64 {
        let nanos = self.timestamp().as_nanosecond() - earlier.timestamp().as_nanosecond();
        nanos.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
    }

    fn plus(&self, nanos: i64) -> Result<Self, String> {
        let at = self
            .timestamp()
            .checked_add(SignedDuration::from_nanos(nanos))
            .map_err(|_| "the time is out of range".to_owned())?;
        Ok(Self(at.to_zoned(self.0.time_zone().clone())))
    }

    /// As Go's `Format` writes it.
    pub fn format(&self, layout: &str) -> String {
        let mut out = String::new();
        let mut rest = layout;
        while !rest.is_empty() {
            if let Some((length, element)) = element(rest) {
                self.push(&mut out, element, &rest[..length]);
                rest = &rest[length..];
                continue;
            }
            let c = rest.chars().next().unwrap_or(' ');
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
        out
    }

    fn weekday(&self) -> usize {
        self.0.weekday().to_sunday_zero_offset() as usize
    }

    fn month(&self) -> usize {
        self.0.month() as usize
    }

    fn push(&self, out: &mut String, element: Element, text: &str) {
        let hour12 = match self.0.hour() % 12 {
            0 => 12,
            hour => hour,
        };
        let month = MONTHS[self.month() - 1];
        let day = DAYS[self.weekday()];
        let _ = match element {
            Element::Year => write!(out, "{:04}", self.0.year()),
            Element::Year2 => write!(out, "{:02}", self.0.year().rem_euclid(100)),
            Element::Month => write!(out, "{month}"),
            Element::Mon => write!(out, "{}", &month[..3]),
            Element::MonthNumber(width) => write!(out, "{:0width$}", self.month()),
            Element::Weekday => write!(out, "{day}"),
            Element::Wday => write!(out, "{}", &day[..3]),
            Element::Day(width) => write!(out, "{:0width$}", self.0.day()),
            Element::DaySpaced => write!(out, "{:2}", self.0.day()),
            Element::YearDay => write!(out, "{:03}", self.0.day_of_year()),
            Element::YearDaySpaced => write!(out, "{:3}", self.0.day_of_year()),
            Element::Hour => write!(out, "{:02}", self.0.hour()),
            Element::Hour12(width) => write!(out, "{hour12:0width$}"),
            Element::Minute(width) => write!(out, "{:0width$}", self.0.minute()),
            Element::Second(width) => write!(out, "{:0width$}", self.0.second()),
            Element::Pm(upper) => {
                let half = if self.0.hour() < 12 { "am" } else { "pm" };
                let half = if upper {
                    half.to_uppercase()
                } else {
                    half.to_owned()
                };
                write!(out, "{half}")
            }
            Element::Fraction { nines } => {
                self.push_fraction(out, text, nines);
                Ok(())
            }
            Element::Offset { z, colon, parts } => {
                self.push_offset(out, z, colon, parts);
                Ok(())
            }
            Element::Zone => {
                self.push_zone(out);
                Ok(())
            }
        };
    }

    fn push_fraction(&self, out: &mut String, text: &str, nines: bool) {
        let digits = text.len() - 1;
        let nanos = format!("{:09}", self.0.subsec_nanosecond());
        let shown: String = nanos
            .chars()
            .chain(std::iter::repeat('0'))
            .take(digits)
            .collect();
        let shown = if nines {
            shown.trim_end_matches('0')
        } else {
            &shown
        };
        if !shown.is_empty() {
            out.push_str(&text[..1]);
            out.push_str(shown);
        }
    }

    fn push_offset(&self, out: &mut String, z: bool, colon: bool, parts: u8) {
        let seconds = self.0.offset().seconds();
        if z && seconds == 0 {
            out.push('Z');
            return;
        }
        out.push(if seconds < 0 { '-' } else { '+' });
        let seconds = seconds.unsigned_abs();
        let colon = if colon { ":" } else { "" };
        let _ = write!(out, "{:02}", seconds / 3600);
        if parts > 1 {
            let _ = write!(out, "{colon}{:02}", seconds / 60 % 60);
        }
        if parts > 2 {
            let _ = write!(out, "{colon}{:02}", seconds % 60);
        }
    }

    /// The zone's abbreviation; where it has none its offset, as Go does it.
    fn push_zone(&self, out: &mut String) {
        if self.0.time_zone() == &TimeZone::UTC {
            out.push_str("UTC");
            return;
        }
        let name = self.0.strftime("%Z").to_string();
        if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            out.push_str(&name);
        } else {
            let minutes = self.0.offset().seconds() / 60 % 60;
            self.push_offset(out, false, false, if minutes == 0 { 1 } else { 2 });
        }
    }
}

/// Seconds from the year 1 to 1970, before it.
const ZERO_SECONDS: i64 = -62_135_596_800;

impl PartialEq for Time {
    fn eq(&self, other: &Self) -> bool {
        self.timestamp() == other.timestamp()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.format(DEFAULT_LAYOUT))
    }
}
