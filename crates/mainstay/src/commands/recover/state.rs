//! Which state a recovery goes to: a restore point, and of each database with a log the moment that it is played to.

use super::Context;
use super::repository::{Repository, choose};
use crate::arguments::RecoverArguments;
use crate::commands::backup::moment;
use crate::failure::{Failure, Outcome};
use mainstay_model::Timestamp;
use mainstay_recovery::{LogPiece, LogRange, PartKind, RestorePoint, log_ranges};
use mainstay_server::api::types::KeptPoint;
use mainstay_stack::Stack;
use serde::Serialize;
use std::collections::BTreeMap;

/// See the module.
#[derive(Debug)]
pub struct State {
    pub point: KeptPoint,
    /// Sources whose log is played, each up to its moment.
    pub played: BTreeMap<String, Timestamp>,
}

/// What one source is brought back to.
#[derive(Debug, Serialize)]
pub struct Moment {
    pub source: String,
    pub at: Timestamp,
    /// By its log, and not as a copy.
    pub by_log: bool,
}

impl State {
    /// By the options, or by asking: the newest that there is, one moment, or one point as it is.
    pub fn choose(
        context: &Context,
        arguments: &RecoverArguments,
        points: &[KeptPoint],
        logs: &[(String, LogPiece)],
    ) -> Outcome<Self> {
        let to = arguments.to.as_deref().map(moment).transpose()?;
        if to.is_none() && !arguments.latest {
            let point = choose(context, arguments, points)?.clone();
            let played = BTreeMap::new();
            return Ok(Self { point, played });
        }
        let point = newest_whole(context, arguments, points, to)?.clone();
        let scope = &point.point.scope;
        let same = points.iter().filter(|kept| kept.point.scope == *scope);
        let of: Vec<RestorePoint> = same.map(|kept| kept.point.clone()).collect();
        let host = scope.to_string();
        let logs = logs.iter().filter(|(of, _)| *of == host);
        let logs: Vec<LogPiece> = logs.map(|(_, piece)| piece.clone()).collect();
        let ranges = log_ranges(&of, &logs);
        let played = played(&point.point, &ranges, to);
        Ok(Self { point, played })
    }

    /// What each source that is brought back will be the state of. What is Mainstay's own is no data.
    pub fn moments(&self, stack: &Stack) -> Vec<Moment> {
        let sources = &stack.backups.sources;
        let parts = self.point.point.parts.iter();
        let copies = parts.filter(|part| part.kind != PartKind::PostgresqlBase);
        let copies = copies.filter(|part| sources.contains_key(&part.source));
        let moments = copies.map(|part| {
            let log = self.played.get(&part.source).copied();
            Moment {
                source: part.source.clone(),
                at: log.unwrap_or(part.taken),
                by_log: log.is_some(),
            }
        });
        moments.collect()
    }
}

/// The newest that has what ran; before a moment, where one is asked for.
fn newest_whole<'a>(
    context: &Context,
    arguments: &RecoverArguments,
    points: &'a [KeptPoint],
    to: Option<Timestamp>,
) -> Outcome<&'a KeptPoint> {
    if to.is_none() {
        // Which stack is meant has to be clear.
        choose(context, arguments, points)?;
    }
    let whole = |kept: &&KeptPoint| {
        let mut parts = kept.point.parts.iter();
        parts.any(|part| part.kind == PartKind::Stack)
    };
    let early = |kept: &&KeptPoint| to.is_none_or(|to| kept.point.began <= to);
    let mut fit = points.iter().filter(whole).filter(early);
    fit.next().ok_or_else(|| {
        let words = match to {
            Some(to) => format!("no restore point of {to} or before has what ran"),
            None => "no restore point has what ran: there are copies of data only".to_owned(),
        };
        Failure::input(words).hint("leave `--latest` and `--to` out to see them all")
    })
}

/// Of each log that goes further than the point: how far; to the moment that is asked for, where it reaches that.
fn played(
    point: &RestorePoint,
    ranges: &[LogRange],
    to: Option<Timestamp>,
) -> BTreeMap<String, Timestamp> {
    let mut played = BTreeMap::new();
    let parts = point.parts.iter();
    for part in parts.filter(|part| part.kind == PartKind::Postgresql) {
        let of = ranges.iter().filter(|range| range.source == part.source);
        let moment = match to {
            Some(to) => of.clone().any(|range| range.covers(to)).then_some(to),
            None => of.map(|range| range.to).max(),
        };
        if let Some(moment) = moment.filter(|moment| *moment > part.taken) {
            played.insert(part.source.clone(), moment);
        }
    }
    played
}

impl Repository {
    /// Every piece of a log that lies in it, with whose it is: `shop/production`.
    pub async fn logs(&self) -> Outcome<Vec<(String, LogPiece)>> {
        let rows = self.rows().await?;
        let pieces = rows.into_iter().filter_map(|row| {
            let piece = LogPiece::of(&row.snapshot, &row.tags)?;
            Some((row.host, piece))
        });
        Ok(pieces.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_recovery::{Part, PointName, Reason};
    use uuid::Uuid;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1000)
    }

    #[test]
    fn a_log_is_played_only_where_it_goes_further_than_the_copy() {
        let part = Part {
            source: "db".to_owned(),
            kind: PartKind::Postgresql,
            service: None,
            snapshot: String::new(),
            path: String::new(),
            taken: at(100),
            bytes: 1,
            sha256: None,
            figures: None,
            details: BTreeMap::new(),
        };
        let point = RestorePoint {
            format: 1,
            id: Uuid::nil(),
            name: PointName::new("nightly").unwrap(),
            scope: mainstay_model::Scope {
                stack: "shop".parse().unwrap(),
                environment: "production".parse().unwrap(),
            },
            release: None,
            reason: Reason::Asked {
                by: "me".to_owned(),
            },
            began: at(99),
            ended: at(101),
            parts: vec![part],
        };
        let range = |to| LogRange {
            source: "db".to_owned(),
            base: Uuid::nil(),
            from: at(50),
            to: at(to),
        };
        let of = |to, moment: Option<i64>| {
            let played = played(&point, &[range(to)], moment.map(at));
            played.get("db").copied()
        };
        assert_eq!(of(200, None), Some(at(200)), "to its end");
        assert_eq!(of(90, None), None, "the copy is newer");
        assert_eq!(of(200, Some(150)), Some(at(150)));
        assert_eq!(of(200, Some(300)), None, "it does not reach that");
        assert!(played(&point, &[], None).is_empty());
    }
}
