//! Windows: times of the week, in a time zone.

use crate::request::Purpose;
use jiff::civil::{Date, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Span as Step, ToSpan};
use mainstay_model::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

/// Days that are looked ahead: a week, and one for windows that began the day before.
const AHEAD: i32 = 8;

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Day {
    pub const WORDS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    pub const ALL: [Self; 7] = [
        Self::Mon,
        Self::Tue,
        Self::Wed,
        Self::Thu,
        Self::Fri,
        Self::Sat,
        Self::Sun,
    ];

    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize]
    }

    fn of(day: Weekday) -> Self {
        Self::ALL[day.to_monday_zero_offset() as usize]
    }
}

impl FromStr for Day {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let at = Self::WORDS.iter().position(|word| *word == text);
        at.map(|at| Self::ALL[at]).ok_or(())
    }
}

/// A time of day in minutes after midnight; 1440 is the end of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Clock(u16);

/// A text that is not a time of day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time of day, such as `04:00`")]
pub struct ClockError(String);

impl Clock {
    /// After midnight.
    pub fn minutes(self) -> u16 {
        self.0
    }
}

impl FromStr for Clock {
    type Err = ClockError;

    fn from_str(text: &str) -> Result<Self, ClockError> {
        let error = || ClockError(text.to_owned());
        let (hours, minutes) = text.split_once(':').ok_or_else(error)?;
        let two = |text: &str| {
            let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse::<u16>().ok()).flatten()
        };
        let hours = two(hours).ok_or_else(error)?;
        let minutes = two(minutes).filter(|minutes| *minutes < 60);
        let all = hours * 60 + minutes.ok_or_else(error)?;
        (all <= 1440).then_some(Self(all)).ok_or_else(error)
    }
}

impl TryFrom<String> for Clock {
    type Error = ClockError;

    fn try_from(text: String) -> Result<Self, ClockError> {
        text.parse()
    }
}

impl From<Clock> for String {
    fn from(clock: Clock) -> Self {
        clock.to_string()
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// A stretch of time; `to` is not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub from: Timestamp,
    pub to: Timestamp,
}

/// `sun 04:00–06:00 UTC`. Where `to` is not after `from` it ends the next day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    pub days: Vec<Day>,
    pub from: Clock,
    pub to: Clock,
    /// IANA name; known, since it was looked up when the file was read.
    pub zone: String,
}

impl Window {
    /// What the guides say: development at any time, staging each night, production on Sundays.
    pub(super) fn defaults(purpose: Purpose) -> Vec<Self> {
        let window = |days: &[Day], from: u16, to: u16| Self {
            days: days.to_vec(),
            from: Clock(from * 60),
            to: Clock(to * 60),
            zone: "UTC".to_owned(),
        };
        match purpose {
            Purpose::Development => Vec::new(),
            Purpose::Staging => vec![window(&Day::ALL, 2, 4)],
            Purpose::Production | Purpose::Recovery => vec![window(&[Day::Sun], 4, 6)],
        }
    }

    /// Whether the built-in table has a zone of this name.
    pub fn knows_zone(name: &str) -> bool {
        zone(name).is_some()
    }

    /// The stretch that is under way at `now`, or else the next one.
    pub fn next(&self, now: Timestamp) -> Option<Span> {
        let zone = zone(&self.zone)?;
        let instant = jiff::Timestamp::from_millisecond(now.as_millis()).ok()?;
        let today = zone.to_datetime(instant).date();
        (-1..=AHEAD)
            .filter_map(|offset| today.checked_add(offset.days()).ok())
            .filter(|date| self.days.contains(&Day::of(date.weekday())))
            .filter_map(|date| self.on(date, &zone))
            .find(|span| span.to > now)
    }

    fn on(&self, date: Date, zone: &TimeZone) -> Option<Span> {
        let end = if self.to > self.from {
            date
        } else {
            date.tomorrow().ok()?
        };
        Some(Span {
            from: instant(date, self.from, zone)?,
            to: instant(end, self.to, zone)?,
        })
    }
}

/// A time that a change of the clocks leaves out is the same distance later, as RFC 5545 has it.
fn instant(date: Date, clock: Clock, zone: &TimeZone) -> Option<Timestamp> {
    let step = Step::new().minutes(i64::from(clock.0));
    let time = date.at(0, 0, 0, 0).checked_add(step).ok()?;
    let at = zone.to_ambiguous_zoned(time).compatible().ok()?;
    Some(Timestamp::from_millis(at.timestamp().as_millisecond()))
}

fn zone(name: &str) -> Option<TimeZone> {
    static ZONES: OnceLock<TimeZoneDatabase> = OnceLock::new();
    if name == "UTC" {
        return Some(TimeZone::UTC);
    }
    let zones = ZONES.get_or_init(TimeZoneDatabase::bundled);
    zones.get(name).ok()
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = match self.days.as_slice() {
            days if days.len() == Day::ALL.len() => "daily".to_owned(),
            days => {
                let words: Vec<_> = days.iter().map(|day| day.word()).collect();
                words.join(", ")
            }
        };
        write!(f, "{days} {}–{} {}", self.from, self.to, self.zone)
    }
}
