//! The engine: a query, a store and a time give an answer.

use mainstay_series::{Labels, Samples, Storage, Window};

use crate::answer::{Answer, Value};
use crate::ast::{Expr, ValueType};
use crate::error::{Interrupt, QueryError};
use crate::eval::{Evaluator, Grid, Output};
use crate::{print, syntax};

pub use crate::syntax::ParseError;

/// A parsed query. Parsing takes microseconds, so there is no need to keep one, but one can.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    text: String,
    expr: Expr,
}

impl Query {
    /// Parses a query and checks its types.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Self::parse_as(text, false)
    }

    /// As [`Query::parse`], with the functions that Prometheus has behind
    /// `promql-experimental-functions`.
    pub fn parse_experimental(text: &str) -> Result<Self, ParseError> {
        Self::parse_as(text, true)
    }

    fn parse_as(text: &str, experimental: bool) -> Result<Self, ParseError> {
        let expr = syntax::parse(text, experimental)?;
        let text = text.to_owned();
        Ok(Self { text, expr })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The tree.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// What it evaluates to in an instant query.
    pub fn value_type(&self) -> ValueType {
        self.expr.value_type()
    }

    /// Over as many lines as it needs, as Prometheus's `format_query` answers.
    pub fn pretty(&self) -> String {
        print::pretty(&self.expr)
    }

    /// The tree as Prometheus's `parse_query` answers it.
    pub fn json(&self) -> serde_json::Value {
        print::json(&self.expr)
    }
}

/// On one line, in the one way it is written.
impl std::fmt::Display for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.expr.fmt(f)
    }
}

/// How queries are evaluated. The defaults are Prometheus's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How far back an instant selector looks for a sample, in milliseconds.
    pub lookback_ms: i64,
    /// The step of subqueries that name none, in milliseconds: the global evaluation interval.
    pub subquery_step_ms: i64,
    /// Take names away at the end of a query rather than at once, as Prometheus does behind the
    /// flag `promql-delayed-name-removal`.
    pub delayed_name_removal: bool,
    /// The most samples and points in memory at once.
    pub max_samples: usize,
    /// The most series a query reads.
    pub max_series: usize,
    /// The most points in an answer.
    pub max_points: usize,
    /// The most steps of a range query, which has one point more.
    pub max_steps: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            lookback_ms: 300_000,
            subquery_step_ms: 60_000,
            delayed_name_removal: false,
            max_samples: 50_000_000,
            max_series: usize::MAX,
            max_points: usize::MAX,
            max_steps: 11_000,
        }
    }
}

/// Asked now and then whether a query shall go on.
pub type Check<'a> = &'a dyn Fn() -> Result<(), Interrupt>;

/// A query that nothing interrupts.
pub fn uninterrupted() -> Result<(), Interrupt> {
    Ok(())
}

/// Evaluates queries. It holds nothing but its options.
#[derive(Debug, Clone, Default)]
pub struct Engine {
    options: Options,
}

impl Engine {
    pub fn new(options: Options) -> Self {
        Self { options }
    }

    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Evaluates at one time, in milliseconds since the epoch.
    pub fn instant(
        &self,
        storage: &dyn Storage,
        query: &Query,
        time_ms: i64,
        check: Check<'_>,
    ) -> Result<Answer, QueryError> {
        let window = Window {
            start_ms: time_ms,
            end_ms: time_ms,
        };
        let times = (Grid::instant(time_ms), window);
        let evaluator = Evaluator::new(storage, &self.options, times, check);
        let value = match evaluator.output(&query.expr)? {
            Output::Scalar(column) => Value::Scalar {
                time_ms,
                value: column.first().copied().unwrap_or(f64::NAN),
            },
            Output::String(value) => Value::String { time_ms, value },
            Output::Samples(matrix) => Value::Matrix(sorted(matrix)),
            Output::Rows(rows) => Value::Vector {
                time_ms,
                samples: rows
                    .into_iter()
                    .filter_map(|row| Some((row.labels.clone(), row.at(0)?)))
                    .collect(),
            },
        };
        self.answer(query, value, evaluator)
    }

    /// Evaluates from `start_ms` to `end_ms`, both in it, each `step_ms`.
    pub fn range(
        &self,
        storage: &dyn Storage,
        query: &Query,
        (start_ms, end_ms, step_ms): (i64, i64, i64),
        check: Check<'_>,
    ) -> Result<Answer, QueryError> {
        let kind = query.value_type();
        if !matches!(kind, ValueType::Scalar | ValueType::Vector) {
            let kind = kind.documented();
            let message = format!(
                "invalid expression type {kind:?} for range query, must be Scalar or instant Vector"
            );
            return Err(QueryError::Execution(message));
        }
        if step_ms <= 0 {
            return Err(QueryError::NoStep);
        }
        let limit = self.options.max_steps;
        // As Prometheus counts: the steps between the points.
        let grid = Grid::range(start_ms, end_ms, step_ms)
            .filter(|grid| grid.steps.saturating_sub(1) <= limit)
            .ok_or(QueryError::TooManySteps { limit })?;
        let window = Window { start_ms, end_ms };
        let evaluator = Evaluator::new(storage, &self.options, (grid, window), check);
        let matrix = match evaluator.output(&query.expr)? {
            Output::Scalar(column) => vec![(Labels::empty(), grid.samples(&column))],
            Output::Rows(rows) => rows
                .into_iter()
                .map(|row| (row.labels.clone(), grid.samples(&row.values)))
                .filter(|(_, samples)| !samples.is_empty())
                .collect(),
            Output::Samples(_) | Output::String(_) => Vec::new(),
        };
        self.answer(query, Value::Matrix(sorted(matrix)), evaluator)
    }

    fn answer(
        &self,
        query: &Query,
        value: Value,
        evaluator: Evaluator<'_>,
    ) -> Result<Answer, QueryError> {
        let points = match &value {
            Value::Scalar { .. } | Value::String { .. } => 1,
            Value::Vector { samples, .. } => samples.len(),
            Value::Matrix(matrix) => matrix.iter().map(|(_, samples)| samples.len()).sum(),
        };
        let limit = self.options.max_points;
        if points > limit {
            return Err(QueryError::TooManyPoints { limit });
        }
        let (annotations, stats) = evaluator.finish();
        let (warnings, infos) = annotations.into_texts(&query.text);
        Ok(Answer {
            value,
            warnings,
            infos,
            stats,
        })
    }
}

fn sorted(mut matrix: Vec<(Labels, Samples)>) -> Vec<(Labels, Samples)> {
    matrix.sort_by(|(a, _), (b, _)| a.cmp(b));
    matrix
}
