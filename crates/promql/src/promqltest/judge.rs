//! Scripts against something else that speaks PromQL: another engine, or ours behind an interface.
//!
//! What such a subject says beside its answers, and the order of its answers, is not looked at.

use mainstay_series::{Labels, Samples};

use super::compare::{self, How};
use super::expect::Kind;
use super::run::{Case, Outcome, Report};
use super::{Command, Eval, ScriptError, Times, parse};
use crate::answer::Value;

/// Something that stores series and answers queries.
pub trait Subject {
    /// Forgets everything.
    fn clear(&mut self);

    /// Takes samples in; times begin at 0.
    fn load(&mut self, series: &[(Labels, Samples)]);

    /// Evaluates at a time.
    fn instant(&mut self, expr: &str, time_ms: i64) -> Result<Value, String>;

    /// Evaluates from a start to an end in steps.
    fn range(&mut self, expr: &str, times: (i64, i64, i64)) -> Result<Value, String>;
}

/// Runs the cases of a script that are `wanted`; values may differ by a share of `tolerance`.
pub fn judge(
    script: &str,
    subject: &mut dyn Subject,
    tolerance: f64,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Report, ScriptError> {
    let mut report = Report::default();
    for (_, command) in parse(script)? {
        match command {
            Command::Clear => subject.clear(),
            Command::Load(load) => {
                let series = load.series.iter().filter(|series| !series.refused);
                let series: Vec<(Labels, Samples)> = series
                    .map(|series| (series.labels.clone(), series.samples(load.step_ms)))
                    .collect();
                subject.load(&series);
            }
            Command::Eval(eval) if eval.native || !wanted(&eval.expr) => {}
            Command::Eval(eval) => report.cases.push(Case {
                line: eval.line,
                outcome: outcome(&eval, subject, tolerance),
                expr: eval.expr,
            }),
        }
    }
    Ok(report)
}

fn outcome(eval: &Eval, subject: &mut dyn Subject, tolerance: f64) -> Outcome {
    let answer = match (eval.times, eval.range_vector) {
        (Times::Range { start, end, step }, _) => subject.range(&eval.expr, (start, end, step)),
        (Times::Instant(_), Some((_, end, _))) => subject.instant(&eval.expr, end),
        (Times::Instant(time), None) => subject.instant(&eval.expr, time),
    };
    let fails = eval.expects.iter().any(|e| e.kind == Kind::Fail);
    let how = How {
        ordered: false,
        tolerance,
    };
    let judged = match answer {
        Ok(value) if fails => Err(format!("expected an error, got {value:?}")),
        Ok(value) => compare::value(eval, &value, how),
        Err(_) if fails => Ok(()),
        Err(error) => Err(error),
    };
    match judged {
        Ok(()) => Outcome::Passed,
        Err(message) => Outcome::Failed(message),
    }
}
