//! The methods of times and durations that a template may call.

use super::Time;
use super::duration::{duration, round};
use super::layout::{DAYS, MONTHS};
use crate::value::{Object, Value};

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
    let zoned = time.zoned();
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
