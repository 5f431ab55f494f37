//! What is kept of samples that are too old for detail: one figure for each five minutes.
//!
//! Four columns, each a set of plain blocks of its own: the last sample, the sum, the least and the
//! greatest. A span of five minutes begins after a multiple of five minutes and ends with the next,
//! as a range of PromQL does; its figure stands at the time of its last sample. (One that crosses the
//! end of a block has two, which come to the same for whoever asks for the whole of it.) A query whose
//! instants, step and range are multiples of five minutes therefore sees whole spans only, and of
//! them the very figure: `sum_over_time`, `min_over_time`, `max_over_time`, `last_over_time`,
//! `present_over_time`, `absent_over_time`, and plain selectors (the sum up to the rounding of
//! floating-point addition). Everything else is refused: a rate depends on where in a span its
//! samples lie, a count and a mean need two columns at once.

use mainstay_series::{Sample, Samples, Selection, is_stale};

/// Five minutes.
pub(crate) const SPAN_MS: i64 = 300_000;

/// Chunks of aggregates end by their count alone.
pub(crate) const CHUNK_MS: i64 = 1 << 60;

/// One kind of figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Last,
    Max,
    Min,
    Sum,
}

impl Column {
    pub(crate) const ALL: [Self; 4] = [Self::Last, Self::Max, Self::Min, Self::Sum];

    /// The folder of its blocks.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Max => "max",
            Self::Min => "min",
            Self::Sum => "sum",
        }
    }

    /// The column that answers a selection exactly, or why none does.
    pub(crate) fn answering(selection: &Selection<'_>) -> Result<Self, String> {
        let function = selection.function;
        if function == "series" {
            // Labels alone are asked for.
            return Ok(Self::Last);
        }
        let column = match (function, selection.range_ms > 0) {
            ("" | "timestamp", false)
            | ("last_over_time" | "present_over_time" | "absent_over_time", true) => Self::Last,
            ("max_over_time", true) => Self::Max,
            ("min_over_time", true) => Self::Min,
            ("sum_over_time", true) => Self::Sum,
            _ => return Err(format!("cannot answer {:?}", Named(function))),
        };
        // The beginning of a window is not in it.
        let ends = [
            selection.window.start_ms.saturating_sub(1),
            selection.window.end_ms,
            selection.range_ms,
            selection.step_ms,
        ];
        if ends.iter().all(|end| end % SPAN_MS == 0) {
            Ok(column)
        } else {
            Err("need times, step and range in whole 5 minutes".to_owned())
        }
    }

    /// The figures of a series.
    pub(crate) fn of(self, samples: &Samples) -> Vec<Sample> {
        let all: Vec<Sample> = samples.iter().collect();
        let span = |sample: &Sample| sample.time_ms.saturating_sub(1).div_euclid(SPAN_MS);
        let mut figures = Vec::new();
        for some in all.chunk_by(|a, b| span(a) == span(b)) {
            let real: Vec<Sample> = some
                .iter()
                .filter(|s| !is_stale(s.value))
                .copied()
                .collect();
            if let Some(last) = real.last() {
                figures.push(Sample {
                    time_ms: last.time_ms,
                    value: self.figure(&real, *last),
                });
            }
            // Where a series ended it has ended, for who asks what it is now.
            let end = some
                .last()
                .filter(|s| self == Self::Last && is_stale(s.value));
            figures.extend(end);
        }
        figures
    }

    fn figure(self, samples: &[Sample], last: Sample) -> f64 {
        let values = samples.iter().map(|sample| sample.value);
        match self {
            Self::Last => last.value,
            // A NaN gives way to any number.
            Self::Max => values.fold(f64::NAN, f64::max),
            Self::Min => values.fold(f64::NAN, f64::min),
            Self::Sum => values.sum(),
        }
    }
}

/// A function by its name, or what stands for none.
struct Named<'a>(&'a str);

impl std::fmt::Debug for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_empty() {
            "a plain range"
        } else {
            self.0
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_series::{STALE, Window};

    fn samples(of: &[(i64, f64)]) -> Samples {
        let (times, values) = of.iter().map(|&(s, v)| (s * 1000, v)).unzip();
        Samples { times, values }
    }

    fn figures(column: Column, of: &[(i64, f64)]) -> Vec<(i64, f64)> {
        let figures = column.of(&samples(of)).into_iter();
        figures.map(|s| (s.time_ms / 1000, s.value)).collect()
    }

    #[test]
    fn a_span_ends_with_its_last_instant() {
        let all = [(1, 5.0), (300, 1.0), (301, 2.0), (599, 7.0), (900, 4.0)];
        assert_eq!(
            figures(Column::Last, &all),
            [(300, 1.0), (599, 7.0), (900, 4.0)]
        );
        assert_eq!(
            figures(Column::Sum, &all),
            [(300, 6.0), (599, 9.0), (900, 4.0)]
        );
        assert_eq!(
            figures(Column::Min, &all),
            [(300, 1.0), (599, 2.0), (900, 4.0)]
        );
        assert_eq!(
            figures(Column::Max, &all),
            [(300, 5.0), (599, 7.0), (900, 4.0)]
        );
        assert_eq!(
            figures(Column::Sum, &[(0, 1.0), (1, 2.0)]),
            [(0, 1.0), (1, 2.0)]
        );
    }

    #[test]
    fn numbers_win_against_nan_and_ends_are_kept_for_who_asks_for_the_last() {
        let all = [(1, f64::NAN), (2, 3.0), (3, STALE)];
        assert_eq!(figures(Column::Max, &all), [(2, 3.0)]);
        assert!(figures(Column::Sum, &all)[0].1.is_nan());
        let last = figures(Column::Last, &all);
        assert_eq!(
            (last[0], last[1].0, is_stale(last[1].1)),
            ((2, 3.0), 3, true)
        );
        assert!(figures(Column::Min, &[(1, f64::NAN)])[0].1.is_nan());
    }

    #[test]
    fn only_whole_spans_are_answered_and_only_what_a_column_knows() {
        let asked = |function, range_ms, step_ms, start_ms, end_ms| {
            let window = Window { start_ms, end_ms };
            Column::answering(&Selection {
                matchers: &[],
                window,
                function,
                range_ms,
                step_ms,
            })
        };
        let five = SPAN_MS;
        assert_eq!(
            asked("sum_over_time", 2 * five, five, 1, 9 * five),
            Ok(Column::Sum)
        );
        assert_eq!(asked("", 0, 0, five + 1, 2 * five), Ok(Column::Last));
        assert_eq!(asked("series", 0, 0, 7, 13), Ok(Column::Last));
        for (function, range, step, start, end) in [
            ("rate", five, five, 1, five),
            ("count_over_time", five, five, 1, five),
            ("", five, 0, 1, five),
            ("sum_over_time", 60_000, five, 1, five),
            ("sum_over_time", five, 60_000, 1, five),
            ("sum_over_time", five, five, 0, five),
            ("", 0, 0, 1, five + 1),
        ] {
            assert!(
                asked(function, range, step, start, end).is_err(),
                "{function}"
            );
        }
    }
}
