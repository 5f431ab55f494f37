//! Which restore point answers a question.

#[cfg(test)]
mod tests;

use crate::logs::LogRange;
use crate::point::{PointName, RestorePoint};
use crate::schedule::zone_of;
use jiff::civil;
use mainstay_model::{Timestamp, format_duration};
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// Points that are named where none was found.
const NEAREST: usize = 3;

/// What somebody wants back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asked {
    Latest,
    /// By its name, or by the first characters of its id.
    Name(String),
    /// The last of that day.
    Date {
        /// `2026-11-20`
        day: civil::Date,
        /// IANA name.
        zone: String,
    },
    /// The state of that moment: to the transaction where there is a log, else the last copy before it.
    To(Timestamp),
}

/// What is brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    pub point: Uuid,
    pub name: PointName,
    /// One for each source that is in it, in the point's order.
    pub sources: Vec<Picked>,
}

/// Where one source comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picked {
    pub source: String,
    /// The point that has its part: the chosen one, or one with the base of a log.
    pub point: Uuid,
    /// Its log is played up to here; `None`: the copy as it is.
    pub to: Option<Timestamp>,
    /// The moment it will be the state of.
    pub moment: Timestamp,
}

/// Nothing answers the question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotFound {
    /// In words: `named nightly-3`.
    pub asked: String,
    /// The nearest ones that there are.
    pub nearest: Vec<(PointName, Timestamp)>,
}

impl std::error::Error for NotFound {}

/// Finds the point among `points`, in any order. `only`: nothing but this source is wanted.
pub fn find(
    points: &[RestorePoint],
    logs: &[LogRange],
    asked: &Asked,
    only: Option<&str>,
) -> Result<Chosen, NotFound> {
    let has = |point: &&RestorePoint| {
        only.is_none_or(|only| point.parts.iter().any(|part| part.source == only))
    };
    let mut fit: Vec<&RestorePoint> = points.iter().filter(has).collect();
    fit.sort_by_key(|point| (point.began, point.id));
    let found = match asked {
        Asked::Latest => fit.last().copied(),
        Asked::Name(name) => named(&fit, name),
        Asked::Date { day, zone } => on(&fit, *day, zone),
        Asked::To(time) => before(&fit, *time).or_else(|| reached(&fit, logs, *time, only)),
    };
    let to = match asked {
        Asked::To(time) => Some(*time),
        _ => None,
    };
    match found {
        Some(point) => Ok(chosen(point, points, logs, to, only)),
        None => Err(not_found(&fit, asked, only)),
    }
}

/// A name before an id; an id only where it means one.
fn named<'a>(points: &[&'a RestorePoint], name: &str) -> Option<&'a RestorePoint> {
    let called = points.iter().rev().find(|one| one.name.as_str() == name);
    if let Some(point) = called {
        return Some(point);
    }
    let begins = |point: &&&RestorePoint| point.id.to_string().starts_with(name);
    let mut meant = points.iter().filter(begins);
    match (meant.next(), meant.next()) {
        (Some(point), None) if name.len() >= 4 => Some(point),
        _ => None,
    }
}

fn on<'a>(points: &[&'a RestorePoint], day: civil::Date, zone: &str) -> Option<&'a RestorePoint> {
    let zone = zone_of(zone)?;
    let is_on = |point: &&&RestorePoint| {
        let time = jiff::Timestamp::from_millisecond(point.began.as_millis());
        time.is_ok_and(|time| zone.to_datetime(time).date() == day)
    };
    points.iter().rfind(is_on).copied()
}

fn before<'a>(points: &[&'a RestorePoint], time: Timestamp) -> Option<&'a RestorePoint> {
    let mut before = points.iter().rev();
    before.find(|point| point.began <= time).copied()
}

/// Where no point lies before it: the one whose log reaches it, which is one whose base took its time.
fn reached<'a>(
    points: &[&'a RestorePoint],
    logs: &[LogRange],
    time: Timestamp,
    only: Option<&str>,
) -> Option<&'a RestorePoint> {
    let fits = |log: &&LogRange| log.covers(time) && only.is_none_or(|only| log.source == only);
    let log = logs.iter().find(fits)?;
    points.iter().find(|point| point.id == log.base).copied()
}

fn chosen(
    point: &RestorePoint,
    points: &[RestorePoint],
    logs: &[LogRange],
    to: Option<Timestamp>,
    only: Option<&str>,
) -> Chosen {
    let wanted = |source: &str| only.is_none_or(|only| only == source);
    let mut sources: Vec<Picked> = Vec::new();
    for part in &point.parts {
        let known = sources.iter().any(|picked| picked.source == part.source);
        if known || !wanted(&part.source) {
            continue;
        }
        let log = to.and_then(|time| Some((time, log_for(&part.source, points, logs, time)?)));
        sources.push(match log {
            Some((time, base)) => Picked {
                source: part.source.clone(),
                point: base,
                to: Some(time),
                moment: time,
            },
            None => Picked {
                source: part.source.clone(),
                point: point.id,
                to: None,
                moment: part.taken,
            },
        });
    }
    Chosen {
        point: point.id,
        name: point.name.clone(),
        sources,
    }
}

/// The base that is nearest before `time`, on a log that reaches it: the less is played, the sooner it is there.
fn log_for(
    source: &str,
    points: &[RestorePoint],
    logs: &[LogRange],
    time: Timestamp,
) -> Option<Uuid> {
    let there = |log: &&LogRange| {
        log.source == source && log.covers(time) && points.iter().any(|one| one.id == log.base)
    };
    let nearest = logs.iter().filter(there).max_by_key(|log| log.from);
    nearest.map(|log| log.base)
}

fn not_found(points: &[&RestorePoint], asked: &Asked, only: Option<&str>) -> NotFound {
    let mut words = asked.to_string();
    if let Some(only) = only {
        words = format!("{words} with `{only}` in it");
    }
    let mut near: Vec<&&RestorePoint> = points.iter().collect();
    if let Some(time) = asked.moment() {
        near.sort_by_key(|point| point.began.as_millis().abs_diff(time.as_millis()));
    } else {
        near.reverse();
    }
    let nearest = near.into_iter().take(NEAREST);
    NotFound {
        asked: words,
        nearest: nearest.map(|one| (one.name.clone(), one.began)).collect(),
    }
}

impl Asked {
    /// The middle of what was asked for, where it is a time.
    fn moment(&self) -> Option<Timestamp> {
        match self {
            Self::Latest | Self::Name(_) => None,
            Self::To(time) => Some(*time),
            Self::Date { day, zone } => {
                let noon = day.at(12, 0, 0, 0).to_zoned(zone_of(zone)?).ok()?;
                Some(Timestamp::from_millis(noon.timestamp().as_millisecond()))
            }
        }
    }
}

impl Chosen {
    /// How much older than `asked` the oldest source will be; `None`: all are of that very moment.
    pub fn lag(&self, asked: Timestamp) -> Option<(&str, std::time::Duration)> {
        let lagging = self.sources.iter().filter(|picked| picked.moment < asked);
        let oldest = lagging.min_by_key(|picked| picked.moment)?;
        Some((&oldest.source, asked.since(oldest.moment)))
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => write!(f, "at all"),
            Self::Name(name) => write!(f, "named `{name}`"),
            Self::Date { day, zone } => write!(f, "of {day} ({zone})"),
            Self::To(time) => write!(f, "that reaches {time}"),
        }
    }
}

impl fmt::Display for Picked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` as it was at {}", self.source, self.moment)?;
        if self.to.is_some() {
            write!(f, ", by its log")?;
        }
        Ok(())
    }
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no restore point {}", self.asked)?;
        let near: Vec<String> = (self.nearest.iter())
            .map(|(name, time)| format!("`{name}` of {time}"))
            .collect();
        match near.as_slice() {
            [] => write!(f, "; hint: there is none yet"),
            near => write!(f, "; hint: the nearest are {}", near.join(", ")),
        }
    }
}

/// In words, for how old something will be.
pub(crate) fn rounded(duration: std::time::Duration) -> String {
    let seconds = duration.as_secs();
    let coarse = match seconds {
        0..120 => duration.as_millis() as u64,
        120..7200 => seconds / 60 * 60_000,
        7200..172_800 => seconds / 3600 * 3_600_000,
        _ => seconds / 86_400 * 86_400_000,
    };
    format_duration(std::time::Duration::from_millis(coarse))
}
