//! When the next run of a schedule is due.
//!
//! A run that was missed while nothing was there to do it is caught up on once, however many were missed:
//! a backup of yesterday cannot be made today. Runs of many stacks at the same minute are spread by a
//! jitter that is the same for the same run, also after a restart.

#[cfg(test)]
mod tests;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Zoned;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use mainstay_model::{Scope, Timestamp, duration_ms};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

/// What is looked at for the longest and shortest pause: at least a year with its changes of the clock, and so
/// many runs that rare days are among them; at most as many as there are of an hourly one in a summer.
const YEAR: Duration = Duration::from_hours(24 * 400);
const LEAST_RUNS: usize = 24;
const LIMIT_RUNS: usize = 3000;
/// Where the looking begins, so that it always finds the same: 2023-12-31T23:59:59Z.
const FROM_SECONDS: i64 = 1_704_067_199;

/// Times of a cron expression in a time zone, each later by a little.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Schedule {
    written: Written,
    cron: Cron,
    zone: TimeZone,
}

/// A schedule as it is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Written {
    cron: String,
    /// IANA name.
    zone: String,
    #[serde(with = "duration_ms")]
    jitter: Duration,
}

/// Why something is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    #[error("`{text}` is not a cron expression: {reason}")]
    Cron { text: String, reason: String },
    #[error("no time zone `{0}`")]
    Zone(String),
    /// Such as a 30th of February.
    #[error("`{0}` never fires")]
    Never(String),
}

/// The next run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// Never before the run's own time; now, where one was missed.
    pub at: Timestamp,
    /// The run's own time, without the jitter: the name of the run, so that it is made once.
    pub run: Timestamp,
    /// Runs that were due since the last one and will not be made any more.
    pub missed: u32,
}

impl Schedule {
    /// Five fields, or one of `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.
    pub fn new(cron: &str, zone: &str, jitter: Duration) -> Result<Self, ScheduleError> {
        let parsed = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build()
            .parse(cron)
            .map_err(|error| ScheduleError::Cron {
                text: cron.to_owned(),
                reason: error.to_string(),
            })?;
        let schedule = Self {
            written: Written {
                cron: cron.to_owned(),
                zone: zone.to_owned(),
                jitter,
            },
            cron: parsed,
            zone: zone_of(zone).ok_or_else(|| ScheduleError::Zone(zone.to_owned()))?,
        };
        match schedule.after(Timestamp::from_millis(FROM_SECONDS * 1000)) {
            Some(_) => Ok(schedule),
            None => Err(ScheduleError::Never(cron.to_owned())),
        }
    }

    pub fn cron(&self) -> &str {
        &self.written.cron
    }

    pub fn zone(&self) -> &str {
        &self.written.zone
    }

    /// Each run is later than its time by less than this.
    pub fn jitter(&self) -> Duration {
        self.written.jitter
    }

    /// The first time of the expression after `time`.
    fn after(&self, time: Timestamp) -> Option<Timestamp> {
        let time = self.zoned(time)?;
        let next = self.cron.find_next_occurrence(&time, false).ok()?;
        Some(Timestamp::from_millis(next.timestamp().as_millisecond()))
    }

    /// The last time of the expression at or before `time`.
    fn before(&self, time: Timestamp) -> Option<Timestamp> {
        let time = self.zoned(time)?;
        let last = self.cron.find_previous_occurrence(&time, true).ok()?;
        Some(Timestamp::from_millis(last.timestamp().as_millisecond()))
    }

    fn zoned(&self, time: Timestamp) -> Option<Zoned> {
        let time = jiff::Timestamp::from_millisecond(time.as_millis()).ok()?;
        Some(time.to_zoned(self.zone.clone()))
    }

    /// Of one run: less than the jitter, and always the same for the same seed and time.
    fn delay(&self, run: Timestamp, seed: u64) -> Duration {
        let span = u64::try_from(self.written.jitter.as_millis()).unwrap_or(u64::MAX);
        if span == 0 {
            return Duration::ZERO;
        }
        Duration::from_millis(mixed(seed ^ mixed(run.as_millis() as u64)) % span)
    }

    /// The longest time between two runs, jitter included: data that is lost when all is lost just before the
    /// next run.
    pub fn longest_gap(&self) -> Duration {
        self.gaps()
            .max()
            .unwrap_or(Duration::ZERO)
            .saturating_add(self.written.jitter)
    }

    /// The shortest time between two times of the expression.
    pub fn shortest_gap(&self) -> Duration {
        self.gaps().min().unwrap_or(Duration::ZERO)
    }

    fn gaps(&self) -> impl Iterator<Item = Duration> + '_ {
        let start = Timestamp::from_millis(FROM_SECONDS * 1000);
        let mut last = self.after(start);
        let mut count = 0;
        let gaps = std::iter::from_fn(move || {
            let from = last?;
            if count >= LEAST_RUNS && from.since(start) > YEAR {
                return None;
            }
            count += 1;
            last = self.after(from);
            Some(last?.since(from))
        });
        gaps.take(LIMIT_RUNS)
    }
}

/// When the schedule is due next. `last` is [`Due::run`] of the last run that was begun, or when the schedule
/// first stood there: what was due after it and is past is caught up on at once, in one run.
///
/// `None`: the schedule ends, as none that can be written does.
pub fn next(
    schedule: &Schedule,
    last: Option<Timestamp>,
    now: Timestamp,
    seed: u64,
) -> Option<Due> {
    let last = last.unwrap_or(now);
    let first = schedule.after(last)?;
    let newest = schedule.before(now).filter(|newest| *newest > last);
    let Some(run) = newest else {
        let at = first + schedule.delay(first, seed);
        return Some(Due {
            at,
            run: first,
            missed: 0,
        });
    };
    // Its time is past; its moment may still be ahead. Not where an earlier one was waited for already: with a
    // jitter longer than the pauses there would always be a newer one to wait for.
    let at = (run + schedule.delay(run, seed)).min(first + schedule.delay(first, seed));
    Some(Due {
        at: at.max(now),
        run,
        missed: missed(schedule, first, run),
    })
}

/// The seed of a schedule's jitter: the same for the same schedule of the same environment, on any machine. FNV-1a
/// (Fowler, Noll, Vo).
pub fn seed(scope: &Scope, schedule: &str) -> u64 {
    let names = [scope.stack.as_str(), scope.environment.as_str(), schedule];
    let bytes = names.iter().flat_map(|name| name.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Runs from `first` on, and before `run`.
fn missed(schedule: &Schedule, first: Timestamp, run: Timestamp) -> u32 {
    let mut count = 0;
    let mut time = first;
    while time < run && count < LIMIT_RUNS as u32 {
        count += 1;
        match schedule.after(time) {
            Some(next) => time = next,
            None => break,
        }
    }
    count
}

/// The finisher of SplitMix64 (Steele, Lea, Flood 2014): every bit of the input changes half of the output.
fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// By its IANA name, from the table that is built in.
pub(crate) fn zone_of(name: &str) -> Option<TimeZone> {
    static ZONES: OnceLock<TimeZoneDatabase> = OnceLock::new();
    if name == "UTC" {
        return Some(TimeZone::UTC);
    }
    let zones = ZONES.get_or_init(TimeZoneDatabase::bundled);
    zones.get(name).ok()
}

impl TryFrom<Written> for Schedule {
    type Error = ScheduleError;

    fn try_from(written: Written) -> Result<Self, ScheduleError> {
        Self::new(&written.cron, &written.zone, written.jitter)
    }
}

impl From<Schedule> for Written {
    fn from(schedule: Schedule) -> Self {
        schedule.written
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.written.cron, self.written.zone)
    }
}
