//! From answers to findings.

use crate::check::{Bad, Check};
use crate::limits::Limits;
use crate::profile::Plan;
use crate::quantity::shown;
use crate::query::presence;
use crate::report::{Finding, Report, State};
use mainstay_model::{Judgement, Scope, Timestamp, format_duration};
use std::collections::BTreeMap;
use std::time::Duration;

/// Older answers say nothing about now.
const MAX_AGE: Duration = Duration::from_mins(5);

/// Rows looked at for one check; a stack has fewer services and file systems.
const MAX_ROWS: usize = 1000;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// What a query came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Rows(Vec<Row>),
    /// Why there is none.
    Failed(String),
}

/// All answers, by the queries' ids.
#[derive(Debug, Clone, PartialEq)]
pub struct Answers {
    /// When it was asked.
    pub at: Timestamp,
    pub rows: BTreeMap<String, Answer>,
}

/// Judges every check of the plan.
pub fn judge(plan: &Plan, scope: &Scope, answers: &Answers, now: Timestamp) -> Report {
    let age = now.since(answers.at);
    let findings: Vec<Finding> = plan
        .checks()
        .map(|(check, limits)| {
            let seen = if age > MAX_AGE {
                let reason = format!("the answers are {} old", format_duration(age));
                Seen::without(State::NotEnoughData, reason)
            } else {
                see(plan, check, limits, answers)
            };
            finding(check, limits, seen)
        })
        .collect();
    Report {
        at: answers.at,
        scope: scope.clone(),
        profile: plan.profile.name,
        state: overall(&findings),
        findings,
    }
}

/// What fails decides; else what passes; else whether there will be data.
fn overall(findings: &[Finding]) -> State {
    let states = || findings.iter().map(|finding| finding.state);
    let worst = states().max().unwrap_or(State::CannotMeasure);
    match worst {
        State::NotEnoughData | State::CannotMeasure
            if states().any(|state| state == State::Pass) =>
        {
            State::Pass
        }
        other => other,
    }
}

struct Seen {
    state: State,
    reason: String,
    worst: Option<Row>,
}

impl Seen {
    fn without(state: State, reason: String) -> Self {
        Self {
            state,
            reason,
            worst: None,
        }
    }
}

fn finding(check: &'static Check, limits: Limits, seen: Seen) -> Finding {
    let next = match seen.state {
        State::Pass => None,
        State::Degraded | State::Critical => Some(check.next.to_owned()),
        // Is it scraped at all, and when was it last?
        State::NotEnoughData | State::CannotMeasure => Some("mainstay targets".to_owned()),
    };
    Finding {
        check: check.id,
        area: check.area,
        title: check.title,
        unit: check.unit,
        bad: check.bad,
        state: seen.state,
        judgement: Judgement {
            verdict: seen.state.verdict(),
            reason: seen.reason,
        },
        value: seen.worst.as_ref().map(|row| row.value),
        of: seen.worst.as_ref().and_then(|row| named(&row.labels)),
        limits,
        next,
        runbook: check.runbook,
    }
}

/// `service=app`; `None` where there are no labels.
fn named(labels: &BTreeMap<String, String>) -> Option<String> {
    let pairs: Vec<String> = labels
        .iter()
        .filter(|(name, _)| *name != "__name__")
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    (!pairs.is_empty()).then(|| pairs.join(", "))
}

fn see(plan: &Plan, check: &'static Check, limits: Limits, answers: &Answers) -> Seen {
    let rows = match answers.rows.get(check.id) {
        Some(Answer::Rows(rows)) => rows,
        Some(Answer::Failed(error)) => {
            return Seen::without(State::CannotMeasure, format!("the query failed: {error}"));
        }
        None => return Seen::without(State::CannotMeasure, "it was not asked for".to_owned()),
    };
    // NaN is a share of nothing.
    let measured = rows.iter().take(MAX_ROWS).filter(|row| !row.value.is_nan());
    let worst =
        measured.max_by(|a, b| badness(check.bad, a.value).total_cmp(&badness(check.bad, b.value)));
    match worst {
        Some(row) => level(check, limits, row),
        None => nothing(plan, check, answers),
    }
}

fn badness(bad: Bad, value: f64) -> f64 {
    match bad {
        Bad::Above => value,
        Bad::Below => -value,
    }
}

fn level(check: &Check, limits: Limits, row: &Row) -> Seen {
    let (value, word) = (shown(check.unit, row.value), side(check.bad));
    let is_beyond = |limit: &f64| badness(check.bad, row.value) > badness(check.bad, *limit);
    let of = named(&row.labels)
        .map(|of| format!(" ({of})"))
        .unwrap_or_default();
    let (state, reason) = if let Some(limit) = limits.critical.filter(is_beyond) {
        let limit = shown(check.unit, limit);
        (
            State::Critical,
            format!("{value}{of} is {word} the critical level of {limit}"),
        )
    } else if let Some(limit) = limits.warning.filter(is_beyond) {
        let limit = shown(check.unit, limit);
        (
            State::Degraded,
            format!("{value}{of} is {word} the warning level of {limit}"),
        )
    } else if let Some(target) = limits.target.filter(is_beyond) {
        let target = shown(check.unit, target);
        (
            State::Pass,
            format!("{value}{of} misses the target of {target}, and is within the limits"),
        )
    } else {
        (State::Pass, format!("{value}{of} is within the limits"))
    };
    Seen {
        state,
        reason,
        worst: Some(row.clone()),
    }
}

fn side(bad: Bad) -> &'static str {
    match bad {
        Bad::Above => "above",
        Bad::Below => "below",
    }
}

/// No value: are there series that could give one?
fn nothing(plan: &Plan, check: &'static Check, answers: &Answers) -> Seen {
    let measure = plan.measure(check);
    match answers.rows.get(&presence(check.id)) {
        Some(Answer::Rows(rows)) if rows.iter().any(|row| row.value > 0.0) => {
            Seen::without(State::NotEnoughData, measure.empty.to_owned())
        }
        Some(Answer::Failed(error)) => {
            Seen::without(State::CannotMeasure, format!("the query failed: {error}"))
        }
        Some(Answer::Rows(_)) | None => {
            let reason = format!("nothing exposes {}", names(measure.of));
            Seen::without(State::CannotMeasure, reason)
        }
    }
}

/// The metrics of a selector, without its matchers.
fn names(of: &str) -> String {
    match of.strip_prefix("{__name__=~\"") {
        Some(rest) => {
            let names = rest.split('"').next().unwrap_or_default();
            names.replace('|', " or ")
        }
        None => of.split('{').next().unwrap_or(of).to_owned(),
    }
}
