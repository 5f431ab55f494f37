//! Which restore points are kept, and why.
//!
//! Counted as restic counts: the newest of each hour, day, week, month and year that has one. Points of
//! other sources are counted apart, so that a nightly dump of the database does not push out the weekly
//! copy of everything.
//!
//! Whatever the rules say: the newest *proven* point stays, and so does the newest that is whole.

#[cfg(test)]
mod tests;

use crate::logs::LogRange;
use crate::point::{PartKind, PointName, RestorePoint};
use jiff::tz::TimeZone;
use mainstay_model::{Timestamp, duration_ms, format_duration};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;
use uuid::Uuid;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// How many are kept. Nought keeps none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Keep {
    /// The newest ones.
    pub last: u32,
    /// The newest of each of this many hours that have one; the others likewise. In UTC.
    pub hourly: u32,
    pub daily: u32,
    /// Weeks begin on Monday, as in ISO 8601.
    pub weekly: u32,
    pub monthly: u32,
    pub yearly: u32,
    /// Everything that is younger.
    #[serde(with = "duration_ms")]
    pub within: Duration,
}

impl Keep {
    /// Where nothing is said: a week of days, a month of weeks, a year of months.
    pub const USUAL: Self = Self {
        last: 0,
        hourly: 0,
        daily: 7,
        weekly: 4,
        monthly: 12,
        yearly: 0,
        within: Duration::ZERO,
    };

    pub fn keeps_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// How old a point gets at most that is made every `every`.
    pub fn longest(&self, every: Duration) -> Duration {
        let times = |unit: Duration, count: u32| unit.max(every).saturating_mul(count);
        [
            times(every, self.last),
            times(HOUR, self.hourly),
            times(DAY, self.daily),
            times(DAY * 7, self.weekly),
            times(DAY * 30, self.monthly),
            times(DAY * 365, self.yearly),
            self.within,
        ]
        .into_iter()
        .max()
        .unwrap_or(Duration::ZERO)
    }

    /// How far back any moment can be gone to, where a database's log is kept: as far as every day is.
    pub fn log_reach(&self) -> Duration {
        let hours = HOUR.saturating_mul(self.hourly);
        let days = DAY.saturating_mul(self.daily);
        self.within.max(hours).max(days)
    }
}

/// A restore point as it is judged here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub id: Uuid,
    pub name: PointName,
    /// The moment it is the state of: when it was begun.
    pub taken: Timestamp,
    /// Nothing that should be in it is missing.
    pub whole: bool,
    /// Somebody is at it: a restore that can still be undone, a copy that is being made.
    pub in_use: bool,
    /// What is in it. Points of equal sources are counted together.
    pub sources: BTreeSet<String>,
    /// Sources of which it has a base for their log.
    pub bases: BTreeSet<String>,
}

impl Standing {
    pub fn of(point: &RestorePoint, whole: bool) -> Self {
        let bases = point.parts.iter();
        let bases = bases.filter(|part| part.kind == PartKind::PostgresqlBase);
        Self {
            id: point.id,
            name: point.name.clone(),
            taken: point.began,
            whole,
            in_use: false,
            sources: point.parts.iter().map(|part| part.source.clone()).collect(),
            bases: bases.map(|part| part.source.clone()).collect(),
        }
    }
}

/// What becomes of a point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub id: Uuid,
    /// `None`: it is given up.
    pub keep: Option<Why>,
}

/// Why a point is kept; the first that is true of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "because", rename_all = "kebab-case")]
pub enum Why {
    Within {
        #[serde(rename = "within_ms", with = "duration_ms")]
        within: Duration,
    },
    /// Number `at` of the `of` newest; 1 is the newest.
    Last {
        at: u32,
        of: u32,
    },
    Hourly {
        at: u32,
        of: u32,
    },
    Daily {
        at: u32,
        of: u32,
    },
    Weekly {
        at: u32,
        of: u32,
    },
    Monthly {
        at: u32,
        of: u32,
    },
    Yearly {
        at: u32,
        of: u32,
    },
    /// The newest that a drill has restored.
    LastProven,
    /// The newest that has everything.
    NewestWhole,
    /// The log of this source needs it as its base, to reach back far enough.
    Base {
        source: String,
    },
    InUse,
}

/// What is kept of `points`, in their order. `proven` are those that a drill restored with success.
pub fn decide(
    points: &[Standing],
    keep: &Keep,
    now: Timestamp,
    proven: &BTreeSet<Uuid>,
) -> Vec<Decision> {
    let mut kept: BTreeMap<Uuid, Why> = BTreeMap::new();
    let newest = newest_first(points);
    let mut lanes: BTreeMap<&BTreeSet<String>, Vec<&Standing>> = BTreeMap::new();
    for point in &newest {
        lanes.entry(&point.sources).or_default().push(point);
    }
    for lane in lanes.values() {
        by_rules(lane, keep, now, &mut kept);
    }
    for point in newest.iter().filter(|point| point.in_use) {
        kept.entry(point.id).or_insert(Why::InUse);
    }
    if let Some(point) = newest.iter().find(|point| proven.contains(&point.id)) {
        kept.entry(point.id).or_insert(Why::LastProven);
    }
    if let Some(point) = newest.iter().find(|point| point.whole) {
        kept.entry(point.id).or_insert(Why::NewestWhole);
    }
    for (id, source) in bases(&newest, keep, now) {
        kept.entry(id).or_insert(Why::Base { source });
    }
    let decisions = points.iter().map(|point| Decision {
        id: point.id,
        keep: kept.get(&point.id).cloned(),
    });
    decisions.collect()
}

fn newest_first(points: &[Standing]) -> Vec<&Standing> {
    let mut newest: Vec<&Standing> = points.iter().collect();
    newest.sort_by_key(|point| std::cmp::Reverse((point.taken, point.id)));
    newest
}

/// The rules over points of equal sources, newest first. One that is not whole stands for its hour or day only
/// where no other does.
fn by_rules(lane: &[&Standing], keep: &Keep, now: Timestamp, kept: &mut BTreeMap<Uuid, Why>) {
    let within = lane
        .iter()
        .filter(|point| !keep.within.is_zero() && now.since(point.taken) < keep.within);
    for point in within {
        let within = keep.within;
        kept.entry(point.id).or_insert(Why::Within { within });
    }
    for (index, point) in lane.iter().take(keep.last as usize).enumerate() {
        let (at, of) = (index as u32 + 1, keep.last);
        kept.entry(point.id).or_insert(Why::Last { at, of });
    }
    for unit in Unit::ALL {
        let of = unit.count(keep);
        for (index, point) in unit.newest(lane).take(of as usize).enumerate() {
            let why = unit.why(index as u32 + 1, of);
            kept.entry(point.id).or_insert(why);
        }
    }
}

/// A stretch of time of which one point is kept.
#[derive(Debug, Clone, Copy)]
enum Unit {
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Unit {
    const ALL: [Self; 5] = [Self::Hour, Self::Day, Self::Week, Self::Month, Self::Year];

    const fn count(self, keep: &Keep) -> u32 {
        match self {
            Self::Hour => keep.hourly,
            Self::Day => keep.daily,
            Self::Week => keep.weekly,
            Self::Month => keep.monthly,
            Self::Year => keep.yearly,
        }
    }

    const fn why(self, at: u32, of: u32) -> Why {
        match self {
            Self::Hour => Why::Hourly { at, of },
            Self::Day => Why::Daily { at, of },
            Self::Week => Why::Weekly { at, of },
            Self::Month => Why::Monthly { at, of },
            Self::Year => Why::Yearly { at, of },
        }
    }

    /// Which one a moment lies in: equal for equal ones only. In UTC.
    fn of(self, time: Timestamp) -> (i32, i32) {
        let time = jiff::Timestamp::from_millisecond(time.as_millis()).unwrap_or_default();
        let zoned = time.to_zoned(TimeZone::UTC);
        let year = i32::from(zoned.year());
        let day = i32::from(zoned.day_of_year());
        match self {
            Self::Hour => (year, day * 24 + i32::from(zoned.hour())),
            Self::Day => (year, day),
            Self::Week => {
                let week = zoned.date().iso_week_date();
                (i32::from(week.year()), i32::from(week.week()))
            }
            Self::Month => (year, i32::from(zoned.month())),
            Self::Year => (year, 0),
        }
    }

    /// The newest point of each, the newest stretch first; a whole one before one that is not.
    fn newest<'a>(self, lane: &[&'a Standing]) -> impl Iterator<Item = &'a Standing> {
        let mut found: Vec<((i32, i32), &'a Standing)> = Vec::new();
        for point in lane {
            let at = self.of(point.taken);
            match found.last_mut() {
                Some((last, standing)) if *last == at => {
                    if !standing.whole && point.whole {
                        *standing = point;
                    }
                }
                _ => found.push((at, point)),
            }
        }
        found.into_iter().map(|(_, point)| point)
    }
}

/// For each source with a log: the newest base that is old enough for the whole reach, and where there is none,
/// the oldest. Later ones are kept by their own rules.
fn bases(newest: &[&Standing], keep: &Keep, now: Timestamp) -> Vec<(Uuid, String)> {
    let reach = keep.log_reach();
    if reach.is_zero() {
        return Vec::new();
    }
    let sources: BTreeSet<&String> = newest.iter().flat_map(|point| &point.bases).collect();
    let base = |source: &String| {
        let with = || {
            let points = newest.iter();
            points.filter(|point| point.bases.contains(source))
        };
        let old = with().find(|point| now.since(point.taken) >= reach);
        let old = old.or_else(|| with().next_back());
        old.map(|point| (point.id, source.clone()))
    };
    sources.into_iter().filter_map(base).collect()
}

/// The stretches of the source's log that the kept points need: each base with what was written while it was
/// taken, and everything from the base on that reaches far enough back. The rest can go.
pub fn log_needed(
    points: &[RestorePoint],
    decisions: &[Decision],
    source: &str,
    keep: &Keep,
    now: Timestamp,
) -> Vec<LogRange> {
    let kept: BTreeSet<Uuid> = (decisions.iter())
        .filter(|decision| decision.keep.is_some())
        .map(|decision| decision.id)
        .collect();
    let has_base = |point: &&RestorePoint| {
        let mut parts = point.parts.iter();
        let is = parts.any(|part| part.kind == PartKind::PostgresqlBase && part.source == source);
        is && kept.contains(&point.id)
    };
    let mut bases: Vec<&RestorePoint> = points.iter().filter(has_base).collect();
    bases.sort_by_key(|point| point.began);
    let reach = keep.log_reach();
    let old = |point: &&&RestorePoint| now.since(point.began) >= reach;
    let first = bases.iter().rev().find(old).or_else(|| bases.first());
    let Some(first) = first.map(|point| point.began) else {
        return Vec::new();
    };
    let range = |base: &&RestorePoint| LogRange {
        source: source.to_owned(),
        base: base.id,
        from: base.began,
        to: base.ended,
    };
    let mut needed: Vec<LogRange> = bases
        .iter()
        .filter(|base| base.began < first)
        .map(range)
        .collect();
    let whole = bases.iter().find(|base| base.began == first).map(range);
    needed.extend(whole.map(|range| LogRange { to: now, ..range }));
    needed
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Within { within } => write!(f, "younger than {}", format_duration(*within)),
            Self::Last { at, of } => write!(f, "number {at} of the {of} newest"),
            Self::Hourly { at, of } => write!(f, "hour {at} of {of}"),
            Self::Daily { at, of } => write!(f, "day {at} of {of}"),
            Self::Weekly { at, of } => write!(f, "week {at} of {of}"),
            Self::Monthly { at, of } => write!(f, "month {at} of {of}"),
            Self::Yearly { at, of } => write!(f, "year {at} of {of}"),
            Self::LastProven => write!(f, "the last that a drill restored"),
            Self::NewestWhole => write!(f, "the newest that is whole"),
            Self::Base { source } => write!(f, "the log of `{source}` begins with it"),
            Self::InUse => write!(f, "in use"),
        }
    }
}
