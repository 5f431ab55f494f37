//! Columns: one value for each step of a grid, and the account of what is held in memory.
//!
//! A step without a value holds the stale marker, which no expression can yield: selectors never
//! give it and arithmetic turns it into another NaN. So a column is a plain slice of numbers.
//!
//! Every column is counted from when it is made until it is dropped, and its room is used again.

use std::cell::{Cell, RefCell};
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use mainstay_series::{Labels, METRIC_NAME, STALE, is_stale};

use crate::error::QueryError;

/// No value at this step.
pub(crate) const ABSENT: f64 = STALE;

/// Whether there is no value.
#[inline]
pub(crate) fn is_absent(value: f64) -> bool {
    is_stale(value)
}

/// How many columns are kept for later.
const KEPT: usize = 64;

/// What is held in memory, and how much may be.
#[derive(Debug)]
pub(crate) struct Arena {
    live: Cell<usize>,
    peak: Cell<usize>,
    limit: usize,
    free: RefCell<Vec<Vec<f64>>>,
}

impl Arena {
    pub(crate) fn new(limit: usize) -> Rc<Self> {
        Rc::new(Self {
            live: Cell::new(0),
            peak: Cell::new(0),
            limit,
            free: RefCell::default(),
        })
    }

    /// The most that was held at once.
    pub(crate) fn peak(&self) -> usize {
        self.peak.get()
    }

    /// Counts so many values as held.
    pub(crate) fn hold(&self, values: usize) -> Result<(), QueryError> {
        let live = self.live.get().saturating_add(values);
        if live > self.limit {
            return Err(QueryError::TooManySamples);
        }
        self.live.set(live);
        self.peak.set(self.peak.get().max(live));
        Ok(())
    }

    /// They are gone.
    pub(crate) fn release(&self, values: usize) {
        self.live.set(self.live.get().saturating_sub(values));
    }

    /// A column of one value throughout.
    pub(crate) fn column(self: &Rc<Self>, steps: usize, value: f64) -> Result<Column, QueryError> {
        self.hold(steps)?;
        let mut values = self.free.borrow_mut().pop().unwrap_or_default();
        values.clear();
        values.resize(steps, value);
        Ok(Column {
            values,
            arena: Rc::clone(self),
        })
    }
}

/// One value for each step.
#[derive(Debug)]
pub(crate) struct Column {
    values: Vec<f64>,
    arena: Rc<Arena>,
}

impl Column {
    /// The first value at each of so many steps.
    pub(crate) fn broadcast(self, steps: usize) -> Result<Self, QueryError> {
        let value = self.values.first().copied().unwrap_or(ABSENT);
        self.arena.column(steps, value)
    }

    /// Whether no step has a value.
    pub(crate) fn is_empty(&self) -> bool {
        self.values.iter().all(|value| is_absent(*value))
    }
}

impl Deref for Column {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        &self.values
    }
}

impl DerefMut for Column {
    fn deref_mut(&mut self) -> &mut [f64] {
        &mut self.values
    }
}

impl Drop for Column {
    fn drop(&mut self) {
        self.arena.release(self.values.len());
        let mut free = self.arena.free.borrow_mut();
        if free.len() < KEPT {
            free.push(std::mem::take(&mut self.values));
        }
    }
}

/// A series of an expression.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) labels: Labels,
    /// The metric's name is to go: at once, or at the end of the query, as the engine is set.
    pub(crate) drop_name: bool,
    pub(crate) values: Column,
}

impl Row {
    /// The value of a step.
    pub(crate) fn at(&self, step: usize) -> Option<f64> {
        self.values.get(step).copied().filter(|v| !is_absent(*v))
    }

    /// Takes the name away if it is to go.
    pub(crate) fn resolve(&mut self) {
        if self.drop_name {
            self.labels = without_name(&self.labels);
            self.drop_name = false;
        }
    }
}

/// Whether a label belongs to the metric's name: it goes where the name goes.
pub(crate) fn is_name(label: &str) -> bool {
    label == METRIC_NAME || label == "__type__" || label == "__unit__"
}

/// Labels without the metric's name.
pub(crate) fn without_name(labels: &Labels) -> Labels {
    if labels.iter().any(|(name, _)| is_name(name)) {
        labels.retain(|name| !is_name(name))
    } else {
        labels.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_no_longer_counted() {
        let arena = Arena::new(10);
        let first = arena.column(6, 1.0).unwrap();
        assert!(arena.column(5, 1.0).is_err(), "6 + 5 > 10");
        drop(first);
        let again = arena.column(10, 2.0).unwrap();
        assert_eq!((again.len(), again[0], arena.peak()), (10, 2.0, 10));
    }
}
