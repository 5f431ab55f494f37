//! Times and durations: how Go prints them, formats them by a layout, and which of their methods
//! templates may call.

use crate::value::{Object, Value};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use std::fmt::{self, Write as _};

/// A moment, and the zone in which it is shown.
#[derive(Debug, Clone)]
pub struct Time(Zoned);

/// How Go prints a time that says nothing else.
const DEFAULT_LAYOUT: &str = "2006-01-02 15:04:05.999999999 -0700 MST";

/// As JSON has it.
pub(crate) const RFC3339_NANO: &str = "2006-01-02T15:04:05.999999999Z07:00";

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

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

/// One element of a layout.
#[derive(Debug, Clone, Copy)]
enum Element {
    Year,
    Year2,
    Month,
    Mon,
    MonthNumber(usize),
    Weekday,
    Wday,
    Day(usize),
    DaySpaced,
    YearDay,
    YearDaySpaced,
    Hour,
    Hour12(usize),
    Minute(usize),
    Second(usize),
    Pm(bool),
    Fraction { nines: bool },
    Offset { z: bool, colon: bool, parts: u8 },
    Zone,
}

const fn offset(z: bool, colon: bool, parts: u8) -> Element {
    Element::Offset { z, colon, parts }
}

/// Longest first where one is the beginning of another.
const ELEMENTS: [(&str, Element); 33] = [
    ("January", Element::Month),
    ("Jan", Element::Mon),
    ("Monday", Element::Weekday),
    ("Mon", Element::Wday),
    ("MST", Element::Zone),
    ("2006", Element::Year),
    ("002", Element::YearDay),
    ("__2", Element::YearDaySpaced),
    ("01", Element::MonthNumber(2)),
    ("02", Element::Day(2)),
    ("03", Element::Hour12(2)),
    ("04", Element::Minute(2)),
    ("05", Element::Second(2)),
    ("06", Element::Year2),
    ("15", Element::Hour),
    ("_2", Element::DaySpaced),
    ("PM", Element::Pm(true)),
    ("pm", Element::Pm(false)),
    ("-07:00:00", offset(false, true, 3)),
    ("-070000", offset(false, false, 3)),
    ("-07:00", offset(false, true, 2)),
    ("-0700", offset(false, false, 2)),
    ("-07", offset(false, false, 1)),
    ("Z07:00:00", offset(true, true, 3)),
    ("Z070000", offset(true, false, 3)),
    ("Z07:00", offset(true, true, 2)),
    ("Z0700", offset(true, false, 2)),
    ("Z07", offset(true, false, 1)),
    ("1", Element::MonthNumber(1)),
    ("2", Element::Day(1)),
    ("3", Element::Hour12(1)),
    ("4", Element::Minute(1)),
    ("5", Element::Second(1)),
];

/// The element at the beginning of a layout, and its length.
fn element(rest: &str) -> Option<(usize, Element)> {
    if rest.starts_with("_2006") {
        // An underscore, and behind it the year.
        return None;
    }
    if let Some(digits) = rest.strip_prefix(['.', ',']) {
        let first = digits.chars().next().filter(|c| matches!(c, '0' | '9'))?;
        let count = digits.chars().take_while(|c| *c == first).count();
        if digits[count..].starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let nines = first == '9';
        return Some((1 + count, Element::Fraction { nines }));
    }
    let (text, element) = ELEMENTS.iter().find(|(text, _)| rest.starts_with(text))?;
    if *text == "Jan" || *text == "Mon" {
        // `Janet` is a name and no month.
        let next = rest[3..].chars().next();
        if next.is_some_and(|next| next.is_ascii_lowercase()) {
            return None;
        }
    }
    Some((text.len(), *element))
}

/// A duration as Go prints it: `1h30m0s`, `1.5ms`.
pub(crate) fn duration(nanos: i64) -> String {
    if nanos == 0 {
        return "0s".to_owned();
    }
    let sign = if nanos < 0 { "-" } else { "" };
    let all = nanos.unsigned_abs();
    let fraction = |unit: u64| {
        let (whole, part) = (all / unit, all % unit);
        if part == 0 {
            return whole.to_string();
        }
        let width = unit.ilog10() as usize;
        let part = format!("{part:0width$}");
        format!("{whole}.{}", part.trim_end_matches('0'))
    };
    if all < 1_000 {
        return format!("{sign}{all}ns");
    }
    if all < 1_000_000 {
        return format!("{sign}{}µs", fraction(1_000));
    }
    if all < 1_000_000_000 {
        return format!("{sign}{}ms", fraction(1_000_000));
    }
    let (minutes, rest) = (all / 60_000_000_000, all % 60_000_000_000);
    let seconds = {
        let (whole, part) = (rest / 1_000_000_000, rest % 1_000_000_000);
        let part = format!("{part:09}");
        let part = part.trim_end_matches('0');
        if part.is_empty() {
            whole.to_string()
        } else {
            format!("{whole}.{part}")
        }
    };
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

/// A number with a name: a month, a day of the week.
#[derive(Debug)]
struct Named {
    kind: &'static str,
    number: i64,
    name: &'static str,
}

impl Object for Named {
    fn type_name(&self) -> &'static str {
        self.kind
    }

    fn method(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        (name == "String").then(|| none(arguments).map(|()| Value::text(self.name)))
    }

    fn plain(&self) -> Option<Value> {
        Some(Value::Int(self.number))
    }

    fn text(&self) -> Option<String> {
        Some(self.name.to_owned())
    }
}

fn none(arguments: &[Value]) -> Result<(), String> {
    if arguments.is_empty() {
        return Ok(());
    }
    Err(format!(
        "wrong number of args: want 0 got {}",
        arguments.len()
    ))
}

fn time_argument(arguments: &[Value]) -> Result<&Time, String> {
    match crate::builtin::one(arguments)? {
        Value::Time(time) => Ok(time),
        other => Err(format!(
            "wrong type: want time.Time got {}",
            other.type_name()
        )),
    }
}

fn duration_argument(arguments: &[Value]) -> Result<i64, String> {
    match crate::builtin::one(arguments)? {
        Value::Duration(nanos) | Value::Int(nanos) => Ok(*nanos),
        other => Err(format!(
            "wrong type: want time.Duration got {}",
            other.type_name()
        )),
    }
}

/// The methods of Go's `time.Time` that make sense in a template.
pub(crate) fn time_method(
    time: &Time,
    name: &str,
    arguments: &[Value],
) -> Option<Result<Value, String>> {
    let zoned = &time.0;
    let plain = match name {
        "Year" => i64::from(zoned.year()),
        "Day" => i64::from(zoned.day()),
        "Hour" => i64::from(zoned.hour()),
        "Minute" => i64::from(zoned.minute()),
        "Second" => i64::from(zoned.second()),
        "Nanosecond" => i64::from(zoned.subsec_nanosecond()),
        "YearDay" => i64::from(zoned.day_of_year()),
        "Unix" => time.timestamp().as_second(),
        "UnixMilli" => time.timestamp().as_millisecond(),
        "UnixMicro" => time.timestamp().as_microsecond(),
        "UnixNano" => time.timestamp().as_nanosecond() as i64,
        _ => return other_time_method(time, name, arguments),
    };
    Some(none(arguments).map(|()| Value::Int(plain)))
}

fn other_time_method(
    time: &Time,
    name: &str,
    arguments: &[Value],
) -> Option<Result<Value, String>> {
    let named = |kind, number: usize, name| {
        let number = number as i64;
        none(arguments).map(|()| Value::object(Named { kind, number, name }))
    };
    let order = |wanted| {
        time_argument(arguments)
            .map(|other| Value::Bool(time.timestamp().cmp(&other.timestamp()) == wanted))
    };
    Some(match name {
        "Month" => named("time.Month", time.month(), MONTHS[time.month() - 1]),
        "Weekday" => named("time.Weekday", time.weekday(), DAYS[time.weekday()]),
        "Format" => {
            crate::arguments::text(arguments, 0, 1).map(|layout| Value::from(time.format(layout)))
        }
        "String" => none(arguments).map(|()| Value::from(time.to_string())),
        "IsZero" => none(arguments).map(|()| Value::Bool(*time == Time::zero())),
        "UTC" | "Local" => none(arguments)
            .and_then(|()| time.in_zone("UTC"))
            .map(Value::Time),
        "After" => order(std::cmp::Ordering::Greater),
        "Before" => order(std::cmp::Ordering::Less),
        "Equal" => order(std::cmp::Ordering::Equal),
        "Sub" => time_argument(arguments).map(|other| Value::Duration(time.since(other))),
        "Add" => duration_argument(arguments)
            .and_then(|nanos| time.plus(nanos))
            .map(Value::Time),
        _ => return None,
    })
}

/// The methods of Go's `time.Duration`.
pub(crate) fn duration_method(
    nanos: i64,
    name: &str,
    arguments: &[Value],
) -> Option<Result<Value, String>> {
    let value = match name {
        "Hours" => Value::Float(nanos as f64 / 3.6e12),
        "Minutes" => Value::Float(nanos as f64 / 6e10),
        "Seconds" => Value::Float(nanos as f64 / 1e9),
        "Milliseconds" => Value::Int(nanos / 1_000_000),
        "Microseconds" => Value::Int(nanos / 1_000),
        "Nanoseconds" => Value::Int(nanos),
        "String" => Value::from(duration(nanos)),
        "Abs" => Value::Duration(nanos.saturating_abs()),
        "Truncate" | "Round" => {
            return Some(
                duration_argument(arguments)
                    .map(|unit| Value::Duration(round(nanos, unit, name == "Round"))),
            );
        }
        _ => return None,
    };
    Some(none(arguments).map(|()| value))
}

fn round(nanos: i64, unit: i64, nearest: bool) -> i64 {
    if unit <= 0 {
        return nanos;
    }
    let rest = nanos % unit;
    let down = nanos - rest;
    if nearest && rest.unsigned_abs() >= unit.unsigned_abs() - rest.unsigned_abs() {
        return down.saturating_add(unit * rest.signum());
    }
    down
}
