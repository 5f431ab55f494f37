//! Runs scripts and counts.

use super::compare::How;
use super::expect::{self, Kind};
use super::{
    Command, Eval, Expectation, MemoryStorage, ScriptError, Times, compare, parse, pinned,
};
use crate::answer::{Answer, Value};
use crate::engine::{Engine, Options, Query, uninterrupted};
use crate::error::QueryError;

/// The step of the range query around an instant.
const MINUTE_MS: i64 = 60_000;

/// What became of one evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    Failed(String),
    /// It needs what is not supported; the text names it.
    Refused(String),
}

/// One evaluation of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// From 1.
    pub line: usize,
    pub expr: String,
    pub outcome: Outcome,
}

/// All evaluations of a script.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    pub cases: Vec<Case>,
}

impl Report {
    /// How many passed, failed and were refused.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |is: fn(&Outcome) -> bool| {
            let cases = self.cases.iter();
            cases.filter(|case| is(&case.outcome)).count()
        };
        (
            count(|outcome| *outcome == Outcome::Passed),
            count(|outcome| matches!(outcome, Outcome::Failed(_))),
            count(|outcome| matches!(outcome, Outcome::Refused(_))),
        )
    }
}

/// Runs a script from its beginning to its end, whatever fails.
pub fn run(script: &str) -> Result<Report, ScriptError> {
    let engine = Engine::new(Options {
        delayed_name_removal: true,
        ..Options::default()
    });
    run_with(script, &engine)
}

fn run_with(script: &str, engine: &Engine) -> Result<Report, ScriptError> {
    let mut report = Report::default();
    let mut storage = MemoryStorage::default();
    for (_, command) in parse(script)? {
        match command {
            Command::Clear => storage = MemoryStorage::default(),
            Command::Load(load) => storage.append_load(&load),
            Command::Eval(eval) => report.cases.push(Case {
                line: eval.line,
                outcome: outcome(&eval, &storage, engine),
                expr: eval.expr,
            }),
        }
    }
    Ok(report)
}

fn outcome(eval: &Eval, storage: &MemoryStorage, engine: &Engine) -> Outcome {
    if eval.native {
        return Outcome::Refused("native histograms are expected".to_owned());
    }
    let attempt = Attempt {
        eval,
        storage,
        engine,
    };
    match attempt.all() {
        Ok(()) => Outcome::Passed,
        Err(message) if message.contains("not supported") => Outcome::Refused(message),
        Err(message) => Outcome::Failed(message),
    }
}

fn how(ordered: bool) -> How {
    How {
        ordered,
        tolerance: compare::TOLERANCE,
    }
}

struct Attempt<'a> {
    eval: &'a Eval,
    storage: &'a MemoryStorage,
    engine: &'a Engine,
}

impl Attempt<'_> {
    fn expects(&self, kind: Kind) -> bool {
        self.eval.expects.iter().any(|expect| expect.kind == kind)
    }

    fn all(&self) -> Result<(), String> {
        let query = match Query::parse_experimental(&self.eval.expr) {
            Ok(query) => query,
            Err(error) => return self.failure(&error.to_string()),
        };
        match self.eval.times {
            Times::Range { start, end, step } => {
                let answer = self.range(&query, (start, end, step));
                self.judge(answer).map(|_| ())
            }
            Times::Instant(time) => self.instant_in_all_ways(&query, time),
        }
    }

    fn range(&self, query: &Query, times: (i64, i64, i64)) -> Result<Answer, QueryError> {
        self.engine
            .range(self.storage, query, times, &uninterrupted)
    }

    /// A failure, which may be what is expected.
    fn failure(&self, error: &str) -> Result<(), String> {
        let wanted = self.eval.expects.iter().find(|e| e.kind == Kind::Fail);
        match wanted {
            Some(wanted) if wanted.matches(error) && !error.contains("not supported") => Ok(()),
            Some(wanted) => Err(format!("expected error {wanted:?}, got {error:?}")),
            None => Err(format!("error: {error}")),
        }
    }

    /// Judges an answer; gives it back if there is one.
    fn judge(&self, answer: Result<Answer, QueryError>) -> Result<Option<Answer>, String> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return self.failure(&error.to_string()).map(|()| None),
        };
        if self.expects(Kind::Fail) {
            return Err(format!("expected an error, got {:?}", answer.value));
        }
        let expects = &self.eval.expects;
        expect::check(expects, Kind::Warn, Kind::NoWarn, &answer.warnings)?;
        expect::check(expects, Kind::Info, Kind::NoInfo, &answer.infos)?;
        compare::value(self.eval, &answer.value, how(self.expects(Kind::Ordered)))?;
        Ok(Some(answer))
    }

    fn instant_in_all_ways(&self, query: &Query, time: i64) -> Result<(), String> {
        let time = self.eval.range_vector.map_or(time, |(_, end, _)| end);
        self.instant(query, time)?;
        let Some(pinned) = pinned::pin(query.expr(), time) else {
            return Ok(());
        };
        let text = pinned.to_string();
        let pinned =
            Query::parse_experimental(&text).map_err(|error| format!("{text}: {error}"))?;
        let times = if time == 0 {
            vec![-1000, 0, 1000]
        } else {
            vec![-10 * time, 0, time / 5, time, 10 * time]
        };
        for time in times {
            self.instant(&pinned, time)
                .map_err(|error| format!("{text} at {time}: {error}"))?;
        }
        Ok(())
    }

    fn instant(&self, query: &Query, time: i64) -> Result<(), String> {
        let answer = self
            .engine
            .instant(self.storage, query, time, &uninterrupted);
        let Some(answer) = self.judge(answer)? else {
            return Ok(());
        };
        // These say what the query asks for, and a range query asks for something else.
        let context = ["start()", "end()", "range()", "step()"];
        let excluded = context.iter().any(|call| query.text().contains(call))
            || self.eval.range_vector.is_some()
            || matches!(self.eval.expected, Expectation::String(_))
            || self.expects(Kind::Ordered);
        if excluded {
            return Ok(());
        }
        self.middle_of_range(query, time, &answer.value)
            .map_err(|error| format!("in range mode: {error}"))
    }

    /// The same at the middle step of a range query.
    fn middle_of_range(&self, query: &Query, time: i64, instant: &Value) -> Result<(), String> {
        let times = (time - MINUTE_MS, time + MINUTE_MS, MINUTE_MS);
        let answer = self
            .range(query, times)
            .map_err(|error| error.to_string())?;
        let Value::Matrix(series) = answer.value else {
            return Err("no matrix".to_owned());
        };
        let at_time = series.into_iter().filter_map(|(labels, samples)| {
            let sample = samples.iter().find(|sample| sample.time_ms == time)?;
            Some((labels, sample.value))
        });
        let samples: Vec<_> = at_time.collect();
        let value = match (instant, samples.first()) {
            (Value::Scalar { .. }, Some((_, value))) => Value::Scalar {
                time_ms: time,
                value: *value,
            },
            _ => Value::Vector {
                time_ms: time,
                samples,
            },
        };
        compare::value(self.eval, &value, how(false))
    }
}
