//! Old samples from an OpenMetrics file, for those who write blocks of them.

use std::collections::BTreeMap;

use mainstay_series::{Labels, Samples};

use crate::entry::{Limits, ParseError, Point, Reason, Visit};
use crate::negotiate::Format;

/// The samples of a file: each series with its samples in order. Every sample must have a time; one
/// time with two values is refused.
pub fn backfill(text: &[u8], limits: &Limits) -> Result<Vec<(Labels, Samples)>, ParseError> {
    let mut reader = Reader::default();
    crate::parse(text, Format::OpenMetrics, limits, &mut reader)?;
    let mut all = Vec::with_capacity(reader.series.len());
    for (labels, mut points) in reader.series {
        points.sort_by_key(|(time, _)| *time);
        let mut samples = Samples::default();
        for (time, value) in points {
            if samples.times.last() != Some(&time) {
                samples.push(time, value);
            } else if samples.values.last().map(|value| value.to_bits()) != Some(value.to_bits()) {
                let reason = Reason::Refused(format!("{labels} has two values at {time}"));
                return Err(ParseError {
                    place: "line",
                    line: 0,
                    reason,
                });
            }
        }
        all.push((labels, samples));
    }
    Ok(all)
}

#[derive(Default)]
struct Reader {
    series: BTreeMap<Labels, Vec<(i64, f64)>>,
    /// The text of the last series, and its labels: lines of one series follow each other.
    last: String,
    labels: Labels,
}

impl Visit for Reader {
    fn expected(&self) -> &str {
        &self.last
    }

    fn sample(&mut self, point: Point<'_>) -> Result<(), Reason> {
        let time = point.time_ms.ok_or(Reason::Expected {
            expected: "a time for every sample of a backfill",
            found: "none".to_owned(),
        })?;
        if !point.expected {
            self.labels = point.labels()?;
            point.series.clone_into(&mut self.last);
        }
        match self.series.get_mut(&self.labels) {
            Some(points) => points.push((time, point.value)),
            None => drop(
                self.series
                    .insert(self.labels.clone(), vec![(time, point.value)]),
            ),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_grouped_and_sorted() {
        let text = b"# TYPE a counter\na_total{x=\"1\"} 2 20\na_total{x=\"1\"} 1 10.5\nb 7 1\na_total{x=\"1\"} 2 20\n# EOF\n";
        let series = backfill(text, &Limits::default()).unwrap();
        assert_eq!(series.len(), 2);
        assert_eq!(series[0].0.to_string(), "a_total{x=\"1\"}");
        assert_eq!(
            (&series[0].1.times[..], &series[0].1.values[..]),
            (&[10_500, 20_000][..], &[1.0, 2.0][..])
        );
    }

    #[test]
    fn what_cannot_be_placed_in_time_is_refused() {
        let refused = |text: &[u8]| backfill(text, &Limits::default()).unwrap_err().to_string();
        assert_eq!(
            refused(b"a 1\n# EOF"),
            "line 1: expected a time for every sample of a backfill, found none"
        );
        assert_eq!(
            refused(b"a 1 1\na 2 1\n# EOF"),
            "line 0: a has two values at 1000"
        );
    }
}
