//! Evaluation, series by series.
//!
//! Every expression is evaluated on a [`Grid`] of times. A vector is a stream of rows, a row being
//! one series with one value per step; whoever wants all of them at once collects them. So
//! `sum(rate(x[5m]))` reads a series, slides its window over it, adds the row to its group and
//! forgets it.
//!
//! What does not depend on the step (`@`) is evaluated once and repeated.
//!
//! The metric's name is taken away lazily: a row says that it is to go. With delayed name removal it
//! goes at the end of the query; without, whoever looks at labels looks at them without the name.

mod aggregate;
mod binary;
mod buckets;
mod call;
mod column;
mod dates;
mod element;
mod grid;
mod histogram;
mod invariant;
mod kahan;
mod kernel;
mod labels;
mod matching;
mod names;
mod over_time;
mod quantile;
mod range;
mod rate;
mod selector;
mod sets;
mod special;
mod window;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use mainstay_series::{Labels, Samples, Storage, Window};

use crate::annotation::Annotations;
use crate::answer::Stats;
use crate::ast::{Expr, ValueType};
use crate::engine::{Check, Options};
use crate::error::{Interrupt, QueryError};

pub(crate) use column::Row;
use column::{ABSENT, Arena, Column};
pub(crate) use grid::Grid;

/// Values that are looked at between two looks at whether the caller still waits.
const VALUES_PER_TICK: usize = 1 << 20;

/// Nothing, or why there is no answer.
type Done = Result<(), QueryError>;

/// Whoever takes rows.
type Sink<'s> = &'s mut dyn FnMut(Row) -> Done;

/// What an expression evaluates to.
pub(crate) enum Output {
    Scalar(Column),
    Rows(Vec<Row>),
    Samples(Vec<(Labels, Samples)>),
    String(String),
}

/// One evaluation of one query.
pub(crate) struct Evaluator<'a> {
    storage: &'a dyn Storage,
    options: &'a Options,
    /// The grid of the whole query; what is inside of subqueries has others.
    top: Grid,
    /// What was asked for; the last step may lie before its end.
    query: Window,
    check: Check<'a>,
    arena: Rc<Arena>,
    annotations: RefCell<Annotations>,
    series: Cell<usize>,
    samples: Cell<usize>,
    /// Values looked at since the caller was last asked.
    work: Cell<usize>,
    /// What the caller said where it could not be passed on at once.
    interrupted: Cell<Option<Interrupt>>,
}

impl<'a> Evaluator<'a> {
    pub(crate) fn new(
        storage: &'a dyn Storage,
        options: &'a Options,
        (top, query): (Grid, Window),
        check: Check<'a>,
    ) -> Self {
        Self {
            storage,
            options,
            top,
            query,
            check,
            arena: Arena::new(options.max_samples),
            annotations: RefCell::default(),
            series: Cell::new(0),
            samples: Cell::new(0),
            work: Cell::new(0),
            interrupted: Cell::new(None),
        }
    }

    /// What was to be said, and what was read.
    pub(crate) fn finish(self) -> (Annotations, Stats) {
        let stats = Stats {
            series: self.series.get(),
            samples: self.samples.get(),
            peak_samples: self.arena.peak(),
        };
        (self.annotations.into_inner(), stats)
    }

    /// Evaluates the whole query.
    pub(crate) fn output(&self, expr: &Expr) -> Result<Output, QueryError> {
        match expr.value_type() {
            ValueType::Scalar => self.scalar(expr, self.top).map(Output::Scalar),
            ValueType::String => Ok(Output::String(string(expr).to_owned())),
            ValueType::Matrix => self.matrix(expr).map(Output::Samples),
            ValueType::Vector => {
                let mut rows = self.rows(expr, self.top)?;
                if self.options.delayed_name_removal {
                    rows = names::resolved(rows)?;
                }
                Ok(Output::Rows(rows))
            }
        }
    }

    /// Whether the caller still wants an answer.
    fn tick(&self) -> Done {
        (self.check)().map_err(QueryError::from)
    }

    /// Says that so many values are looked at; `false`: the caller gave up, see
    /// [`Evaluator::interrupted`].
    #[inline]
    fn spend(&self, values: usize) -> bool {
        let work = self.work.get() + values;
        self.work.set(work);
        work < VALUES_PER_TICK || self.ask()
    }

    fn ask(&self) -> bool {
        self.work.set(0);
        if self.interrupted.get().is_none() {
            self.interrupted.set((self.check)().err());
        }
        self.interrupted.get().is_none()
    }

    /// What [`Evaluator::spend`] was told.
    fn interrupted(&self) -> Done {
        self.interrupted
            .get()
            .map_or(Ok(()), |interrupt| Err(interrupt.into()))
    }

    fn column(&self, grid: Grid, value: f64) -> Result<Column, QueryError> {
        self.arena.column(grid.steps, value)
    }

    /// All rows of a vector, without those that have no value at all. Names that are to go are
    /// gone, unless that is delayed.
    fn rows(&self, expr: &Expr, grid: Grid) -> Result<Vec<Row>, QueryError> {
        let mut rows = Vec::new();
        self.stream(expr, grid, &mut |mut row| {
            if !row.values.is_empty() {
                if !self.options.delayed_name_removal {
                    row.resolve();
                }
                rows.push(row);
            }
            Ok(())
        })?;
        Ok(rows)
    }

    /// Gives the rows of a vector to `sink`, one by one.
    fn stream(&self, expr: &Expr, grid: Grid, sink: Sink<'_>) -> Done {
        self.tick()?;
        if grid.steps == 0 {
            return Ok(());
        }
        if grid.steps > 1 && invariant::is_invariant(expr) {
            return self.stream_each(expr, grid.first(), &mut |row| {
                sink(Row {
                    labels: row.labels,
                    drop_name: row.drop_name,
                    values: row.values.broadcast(grid.steps)?,
                })
            });
        }
        self.stream_each(expr, grid, sink)
    }

    fn stream_each(&self, expr: &Expr, grid: Grid, sink: Sink<'_>) -> Done {
        match expr {
            Expr::Aggregate(aggregate) => self.aggregate(aggregate, grid, sink),
            Expr::Binary(binary) => self.binary(binary, grid, sink),
            Expr::Call(call) => self.call(call, grid, sink),
            Expr::Paren(paren) => self.stream(&paren.expr, grid, sink),
            Expr::Selector(selector) => self.selector(selector, grid, sink),
            Expr::Unary(unary) if unary.negative => self.negate(&unary.expr, grid, sink),
            Expr::Unary(unary) => self.stream(&unary.expr, grid, sink),
            // The parser lets nothing else be a vector.
            Expr::Matrix(_) | Expr::Number(_) | Expr::String(_) | Expr::Subquery(_) => Ok(()),
        }
    }

    fn negate(&self, expr: &Expr, grid: Grid, sink: Sink<'_>) -> Done {
        self.dropping_names(expr, grid, names::Same::Merges, sink, &|row| {
            for value in row.values.iter_mut().filter(|v| !column::is_absent(**v)) {
                *value = -*value;
            }
            Ok(())
        })
    }

    /// The values of a scalar.
    fn scalar(&self, expr: &Expr, grid: Grid) -> Result<Column, QueryError> {
        self.tick()?;
        if grid.steps > 1 && !matches!(expr, Expr::Number(_)) && invariant::is_invariant(expr) {
            return self.scalar(expr, grid.first())?.broadcast(grid.steps);
        }
        match expr {
            Expr::Number(number) => self.column(grid, number.value),
            Expr::Paren(paren) => self.scalar(&paren.expr, grid),
            Expr::Unary(unary) => {
                let mut column = self.scalar(&unary.expr, grid)?;
                if unary.negative {
                    column.iter_mut().for_each(|value| *value = -*value);
                }
                Ok(column)
            }
            Expr::Binary(binary) => {
                let mut left = self.scalar(&binary.left, grid)?;
                let right = self.scalar(&binary.right, grid)?;
                for (left, right) in left.iter_mut().zip(right.iter()) {
                    *left = binary::scalars(binary.op, *left, *right);
                }
                Ok(left)
            }
            Expr::Call(call) => self.scalar_call(call, grid),
            // The parser lets nothing else be a scalar.
            _ => self.column(grid, ABSENT),
        }
    }
}

/// The text of a string expression.
fn string(expr: &Expr) -> &str {
    match expr.bare() {
        Expr::String(string) => &string.value,
        _ => "",
    }
}
