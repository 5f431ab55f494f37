//! The Prometheus text format 0.0.4, and 1.0.0 with quoted names.
//!
//! Source: <https://prometheus.io/docs/instrumenting/exposition_formats/>. Where that leaves room,
//! Prometheus's own reader decides: blanks may stand between any two parts, times are not negative,
//! a comment that is neither `HELP` nor `TYPE` says nothing.

use crate::entry::{Limits, Meta, MetaKind, MetricType, ParseError, Point, Reason, Visit};
use crate::line::{Cursor, shown};
use crate::{number, scan, series};

pub(crate) fn read(text: &str, limits: &Limits, visit: &mut impl Visit) -> Result<(), ParseError> {
    let mut cursor = Cursor::new(text, limits);
    let (mut line, mut samples) = (1, 0);
    while !cursor.is_done() {
        let start = cursor.at;
        cursor.at = scan::blanks(cursor.bytes, start);
        let one = match cursor.peek() {
            b'\n' => Ok(()),
            b'#' => comment(&mut cursor, visit),
            _ if samples == limits.samples => Err(Reason::TooMany(limits.samples)),
            _ => {
                samples += 1;
                sample(&mut cursor, visit)
            }
        };
        one.and_then(|()| cursor.end_line())
            .and_then(|()| cursor.bounded(start))
            .map_err(|reason| ParseError {
                place: "line",
                line,
                reason,
            })?;
        line += 1;
    }
    Ok(())
}

fn sample(cursor: &mut Cursor<'_>, visit: &mut impl Visit) -> Result<(), Reason> {
    if cursor.peek().is_ascii_digit() {
        return Err(cursor.expected("a metric's name"));
    }
    let (series, expected) = cursor.series(visit.expected(), true)?;
    cursor.at = scan::blanks(cursor.bytes, cursor.at);
    let word = cursor.word();
    if word.is_empty() {
        return Err(cursor.expected("a value"));
    }
    let value = number::value(word).ok_or_else(|| Reason::NotANumber(shown(word)))?;
    cursor.at = scan::blanks(cursor.bytes, cursor.at);
    let word = cursor.word();
    let mut time_ms = None;
    if !word.is_empty() {
        let time = number::milliseconds(word).ok_or_else(|| Reason::NotATime(shown(word)))?;
        time_ms = Some(time);
        cursor.at = scan::blanks(cursor.bytes, cursor.at);
    }
    visit.sample(Point {
        series,
        expected,
        value,
        time_ms,
        exemplar: None,
    })
}

/// `# HELP name text`, `# TYPE name type`, or anything else, which says nothing.
fn comment(cursor: &mut Cursor<'_>, visit: &mut impl Visit) -> Result<(), Reason> {
    let start = cursor.at;
    cursor.at = scan::line_end(cursor.bytes, start);
    let line = cursor.since(start).strip_prefix('#').unwrap_or_default();
    let rest = line.trim_start_matches([' ', '\t']);
    if rest.len() == line.len() {
        return Ok(());
    }
    let Some((word, rest)) = rest.split_once([' ', '\t']) else {
        return Ok(());
    };
    if !matches!(word, "HELP" | "TYPE") {
        return Ok(());
    }
    let rest = rest.trim_start_matches([' ', '\t']);
    let (name, rest) = series::leading_name(rest)?;
    let text = rest.trim_start_matches([' ', '\t']);
    let kind = if word == "HELP" {
        MetaKind::Help(text)
    } else {
        let word = text.trim_end_matches([' ', '\t']);
        let kind = MetricType::parse(word).ok_or_else(|| Reason::NotAType(shown(word)))?;
        MetaKind::Type(kind)
    };
    visit.meta(Meta { name, kind })
}
