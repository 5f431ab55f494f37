//! The times a query is evaluated at, and at which times its selectors look.

use mainstay_series::{Samples, Window};

use super::column::is_absent;
use crate::ast::{At, TimeShift};

/// Samples over so long a time are not read when no step sees them: some chunks' worth.
const WORTH_SKIPPING_MS: i64 = 2 * 3_600_000;

/// Evenly spaced times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(crate) start: i64,
    pub(crate) step: i64,
    pub(crate) steps: usize,
}

impl Grid {
    /// One time.
    pub(crate) fn instant(time: i64) -> Self {
        Self {
            start: time,
            step: 1,
            steps: 1,
        }
    }

    /// From `start` to `end`, both in it; nothing if there is no step or no end to them.
    pub(crate) fn range(start: i64, end: i64, step: i64) -> Option<Self> {
        if step <= 0 {
            return None;
        }
        let steps = if end < start {
            0
        } else {
            let span = i128::from(end) - i128::from(start);
            usize::try_from(span / i128::from(step) + 1).ok()?
        };
        Some(Self { start, step, steps })
    }

    /// The time of a step.
    pub(crate) fn time(self, step: usize) -> i64 {
        self.start
            .saturating_add(self.step.saturating_mul(step as i64))
    }

    /// The first time alone.
    pub(crate) fn first(self) -> Self {
        Self {
            steps: self.steps.min(1),
            ..self
        }
    }

    /// What is there of a column, with its times.
    pub(crate) fn samples(self, column: &[f64]) -> Samples {
        let mut samples = Samples::default();
        for (step, value) in column.iter().enumerate() {
            if !is_absent(*value) {
                samples.push(self.time(step), *value);
            }
        }
        samples
    }
}

/// Where a selector looks at each step of a grid: the step's time, or the one that `@` names, less
/// the offset.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reference {
    grid: Grid,
    at: Option<i64>,
    offset: i64,
}

impl Reference {
    /// `query` is what the whole query asks for: `start()` and `end()` are its ends.
    pub(crate) fn new(shift: TimeShift, grid: Grid, query: Window) -> Self {
        let at = shift.at.map(|at| match at {
            At::TimeMs(time) => time,
            At::Start => query.start_ms,
            At::End => query.end_ms,
        });
        Self {
            grid,
            at,
            offset: shift.offset_ms,
        }
    }

    /// Where it looks at a step.
    pub(crate) fn time(self, step: usize) -> i64 {
        let time = self.at.unwrap_or_else(|| self.grid.time(step));
        time.saturating_sub(self.offset)
    }

    /// All it can see when it looks back so far; the beginning is not in it.
    pub(crate) fn window(self, back: i64) -> Window {
        let last = self.grid.steps.saturating_sub(1);
        Window {
            start_ms: self.time(0).saturating_sub(back).saturating_add(1),
            end_ms: self.time(last),
        }
    }

    /// What it looks at, in order: all of its window, or, where most of that is never seen because
    /// steps are far apart, a part for each step.
    pub(crate) fn parts(self, back: i64) -> Vec<Window> {
        let unseen = self.grid.step.saturating_sub(back);
        if self.at.is_some() || self.grid.steps < 2 || unseen < WORTH_SKIPPING_MS {
            return vec![self.window(back)];
        }
        let part = |step| Window {
            start_ms: self.time(step).saturating_sub(back).saturating_add(1),
            end_ms: self.time(step),
        };
        (0..self.grid.steps).map(part).collect()
    }

    /// The grid on which a subquery evaluates what is inside: multiples of its step within what it
    /// can see.
    pub(crate) fn subquery(self, range: i64, step: i64) -> Option<Grid> {
        let last = self.grid.steps.saturating_sub(1);
        let before = self.time(0).saturating_sub(range);
        let mut start = step.checked_mul(before.checked_div(step)?)?;
        if start <= before {
            start = start.checked_add(step)?;
        }
        Grid::range(start, self.time(last), step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subquery_stands_on_multiples_of_its_step() {
        let grid = Grid::instant(1000);
        let of = |range, step| {
            let reference = Reference::new(TimeShift::default(), grid, Window::ALL);
            reference.subquery(range, step).map(|g| (g.start, g.steps))
        };
        assert_eq!(of(300, 100), Some((800, 3)), "the left end is not in it");
        assert_eq!(of(299, 100), Some((800, 3)));
        assert_eq!(of(301, 100), Some((700, 4)));
        assert_eq!(of(50, 300), Some((1200, 0)), "none fits");
        assert_eq!(of(1100, 300), Some((0, 4)), "division goes towards zero");
    }

    #[test]
    fn what_no_step_sees_is_not_read() {
        const HOUR: i64 = 3_600_000;
        let parts = |step, at| {
            let grid = Grid::range(0, 10 * HOUR, step).unwrap();
            let shift = TimeShift { offset_ms: 0, at };
            let parts = Reference::new(shift, grid, Window::ALL).parts(HOUR);
            let spans = parts.iter().map(|part| (part.start_ms, part.end_ms));
            spans.collect::<Vec<_>>()
        };
        let whole = [(1 - HOUR, 10 * HOUR)];
        assert_eq!(parts(2 * HOUR, None), whole);
        let apart = [
            (1 - HOUR, 0),
            (1 + 4 * HOUR, 5 * HOUR),
            (1 + 9 * HOUR, 10 * HOUR),
        ];
        assert_eq!(parts(5 * HOUR, None), apart);
        assert_eq!(parts(5 * HOUR, Some(At::TimeMs(0))), [(1 - HOUR, 0)]);
    }

    #[test]
    fn no_time_overflows() {
        let grid = Grid::range(i64::MIN, i64::MAX, 1);
        assert_eq!(grid, None, "more steps than can be counted");
        let grid = Grid::instant(i64::MIN);
        let shift = TimeShift {
            offset_ms: i64::MAX,
            at: None,
        };
        let window = Reference::new(shift, grid, Window::ALL).window(i64::MAX);
        assert!(window.start_ms <= window.end_ms + 1);
    }
}
