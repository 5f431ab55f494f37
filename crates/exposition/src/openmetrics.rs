//! OpenMetrics 1.0, as text.
//!
//! Source: <https://prometheus.io/docs/specs/om/open_metrics_spec/>. As in Prometheus, what is
//! judged is what a line looks like, that units end names, and that the body ends with `# EOF`;
//! `_created` series are samples like others.

use crate::entry::{
    Limits, Meta, MetaKind, MetricType, ParseError, Point, Reason, SeenExemplar, Visit,
};
use crate::line::{Cursor, shown};
use crate::{number, scan, series};

pub(crate) fn read(text: &str, limits: &Limits, visit: &mut impl Visit) -> Result<(), ParseError> {
    let mut cursor = Cursor::new(text, limits);
    let (mut line, mut samples, mut ended) = (1, 0u64, false);
    while !cursor.is_done() {
        let start = cursor.at;
        let one = match (ended, cursor.peek()) {
            (true, _) => Err(Reason::AfterEof),
            (_, b'#') => comment(&mut cursor, visit).map(|eof| ended = eof),
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
    if ended {
        return Ok(());
    }
    Err(ParseError {
        place: "line",
        line,
        reason: Reason::NoEof,
    })
}

fn sample(cursor: &mut Cursor<'_>, visit: &mut impl Visit) -> Result<(), Reason> {
    if cursor.peek().is_ascii_digit() {
        return Err(cursor.expected("a metric's name"));
    }
    let (series, expected) = cursor.series(visit.expected(), false)?;
    let value = spaced(cursor, "a value")?;
    let value = number::value(value).ok_or_else(|| Reason::NotANumber(shown(value)))?;
    let mut time_ms = None;
    if cursor.peek() == b' ' && !cursor.text[cursor.at..].starts_with(" #") {
        time_ms = Some(time(cursor)?);
    }
    let mut exemplar = None;
    if cursor.peek() == b' ' {
        exemplar = Some(self::exemplar(cursor)?);
    }
    visit.sample(Point {
        series,
        expected,
        value,
        time_ms,
        exemplar,
    })
}

/// One blank and a word.
fn spaced<'a>(cursor: &mut Cursor<'a>, what: &'static str) -> Result<&'a str, Reason> {
    if cursor.peek() != b' ' {
        return Err(cursor.expected(what));
    }
    cursor.at += 1;
    let word = cursor.word();
    if word.is_empty() {
        return Err(cursor.expected(what));
    }
    Ok(word)
}

fn time(cursor: &mut Cursor<'_>) -> Result<i64, Reason> {
    let word = spaced(cursor, "a time")?;
    number::seconds(word).ok_or_else(|| Reason::NotATime(shown(word)))
}

/// ` # {trace_id="…"} value [time]`
fn exemplar<'a>(cursor: &mut Cursor<'a>) -> Result<SeenExemplar<'a>, Reason> {
    if !cursor.text[cursor.at..].starts_with(" # {") {
        return Err(cursor.expected("the end of the line or an exemplar"));
    }
    cursor.at += 3;
    let start = cursor.at;
    cursor.at = scan::braces(cursor.bytes, start).ok_or_else(|| cursor.expected("`}`"))?;
    let labels = cursor.since(start);
    let value = spaced(cursor, "an exemplar's value")?;
    let value = number::value(value).ok_or_else(|| Reason::NotANumber(shown(value)))?;
    let time_ms = if cursor.peek() == b' ' {
        Some(time(cursor)?)
    } else {
        None
    };
    Ok(SeenExemplar {
        labels,
        value,
        time_ms,
    })
}

/// A line about a metric, or the end (`true`).
fn comment(cursor: &mut Cursor<'_>, visit: &mut impl Visit) -> Result<bool, Reason> {
    let start = cursor.at;
    cursor.at = scan::line_end(cursor.bytes, start);
    let line = cursor.since(start);
    if line == "# EOF" {
        return Ok(true);
    }
    let wrong = |found: &str| Reason::Expected {
        expected: "`# HELP`, `# TYPE`, `# UNIT` or `# EOF`",
        found: format!("`{}`", shown(found)),
    };
    let rest = line.strip_prefix("# ").ok_or_else(|| wrong(line))?;
    let (word, rest) = rest.split_once(' ').ok_or_else(|| wrong(line))?;
    if !matches!(word, "HELP" | "TYPE" | "UNIT") {
        return Err(wrong(line));
    }
    let (name, rest) = series::leading_name(rest)?;
    let text = rest.strip_prefix(' ').unwrap_or_default();
    let kind = match word {
        "HELP" => MetaKind::Help(text),
        "UNIT" => MetaKind::Unit(unit(name, text)?),
        _ => MetaKind::Type(MetricType::parse(text).ok_or_else(|| Reason::NotAType(shown(text)))?),
    };
    visit.meta(Meta { name, kind })?;
    Ok(false)
}

/// A unit must be the end of the name, after an underscore.
fn unit<'a>(name: &str, unit: &'a str) -> Result<&'a str, Reason> {
    let fits = name
        .strip_suffix(unit)
        .is_some_and(|before| before.ends_with('_'));
    if unit.is_empty() || fits {
        return Ok(unit);
    }
    Err(Reason::Unit {
        name: shown(name),
        unit: shown(unit),
    })
}
