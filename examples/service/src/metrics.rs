//! Counters and histograms in the Prometheus text format, version 0.0.4.
//!
//! What is counted as it happens is kept here; what can be asked for (the queue, memory) is
//! written at the time of the scrape. Labels come from closed sets, so the number of series is
//! bounded: an unknown path or method counts under one name.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds in seconds, as most dashboards expect them.
const BUCKETS_S: [f64; 12] = [
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Name and value of each label.
pub(crate) type Labels<'a> = &'a [(&'static str, &'a str)];

/// What happened since the start.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    families: Mutex<Families>,
}

#[derive(Debug, Default)]
struct Families {
    counters: BTreeMap<&'static str, BTreeMap<String, u64>>,
    histograms: BTreeMap<&'static str, BTreeMap<String, Histogram>>,
}

#[derive(Debug, Default)]
struct Histogram {
    buckets: [u64; BUCKETS_S.len()],
    count: u64,
    sum_s: f64,
}

impl Metrics {
    pub(crate) fn count(&self, name: &'static str, labels: Labels, by: u64) {
        let mut families = self.lock();
        let series = families.counters.entry(name).or_default();
        *series.entry(write_labels(labels)).or_default() += by;
    }

    pub(crate) fn observe(&self, name: &'static str, labels: Labels, took: Duration) {
        let mut families = self.lock();
        let series = families.histograms.entry(name).or_default();
        let histogram = series.entry(write_labels(labels)).or_default();
        let seconds = took.as_secs_f64();
        if let Some(at) = BUCKETS_S.iter().position(|bound| seconds <= *bound) {
            histogram.buckets[at] += 1;
        }
        histogram.count += 1;
        histogram.sum_s += seconds;
    }

    /// All series of a counter together.
    pub(crate) fn total(&self, name: &str) -> u64 {
        let families = self.lock();
        families
            .counters
            .get(name)
            .map_or(0, |series| series.values().sum())
    }

    /// One series of a counter.
    pub(crate) fn value(&self, name: &str, labels: Labels) -> u64 {
        let families = self.lock();
        let series = families.counters.get(name);
        series
            .and_then(|series| series.get(&write_labels(labels)))
            .copied()
            .unwrap_or(0)
    }

    /// Writes everything that was counted.
    pub(crate) fn write(&self, page: &mut Page) {
        let families = self.lock();
        for (name, series) in &families.counters {
            page.head(name, "counter");
            for (labels, value) in series {
                page.line(name, "", labels, value);
            }
        }
        for (name, series) in &families.histograms {
            page.head(name, "histogram");
            for (labels, histogram) in series {
                histogram.write(page, name, labels);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Families> {
        // Each count is whole by itself: a panic elsewhere did not spoil it.
        self.families.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Histogram {
    fn write(&self, page: &mut Page, name: &str, labels: &str) {
        let comma = if labels.is_empty() { "" } else { "," };
        let mut below = 0;
        for (bound, count) in BUCKETS_S.iter().zip(self.buckets) {
            below += count;
            page.line(
                name,
                "_bucket",
                &format!("{labels}{comma}le=\"{bound}\""),
                below,
            );
        }
        let all = format!("{labels}{comma}le=\"+Inf\"");
        page.line(name, "_bucket", &all, self.count);
        page.line(name, "_sum", labels, self.sum_s);
        page.line(name, "_count", labels, self.count);
    }
}

/// The answer to a scrape, being written.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
}

impl Page {
    /// One value that was asked for just now.
    pub(crate) fn gauge(&mut self, name: &str, value: impl Display) {
        self.gauges(name, [(&[] as Labels, value)]);
    }

    pub(crate) fn gauges<'a, V: Display>(
        &mut self,
        name: &str,
        samples: impl IntoIterator<Item = (Labels<'a>, V)>,
    ) {
        self.head(name, "gauge");
        for (labels, value) in samples {
            self.line(name, "", &write_labels(labels), value);
        }
    }

    pub(crate) fn counter(&mut self, name: &str, value: impl Display) {
        self.head(name, "counter");
        self.line(name, "", "", value);
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }

    fn head(&mut self, name: &str, kind: &str) {
        let _ = writeln!(self.text, "# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, suffix: &str, labels: &str, value: impl Display) {
        let _ = if labels.is_empty() {
            writeln!(self.text, "{name}{suffix} {value}")
        } else {
            writeln!(self.text, "{name}{suffix}{{{labels}}} {value}")
        };
    }
}

fn write_labels(labels: Labels) -> String {
    let mut text = String::new();
    for (name, value) in labels {
        if !text.is_empty() {
            text.push(',');
        }
        let value = value
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        let _ = write!(text, "{name}=\"{value}\"");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_up_from_bucket_to_bucket() {
        let metrics = Metrics::default();
        for ms in [1, 30, 30, 20_000] {
            metrics.observe("took", &[("path", "/")], Duration::from_millis(ms));
        }
        let mut page = Page::default();
        metrics.write(&mut page);
        let text = page.finish();
        for line in [
            "# TYPE took histogram",
            "took_bucket{path=\"/\",le=\"0.001\"} 1",
            "took_bucket{path=\"/\",le=\"0.025\"} 1",
            "took_bucket{path=\"/\",le=\"0.05\"} 3",
            "took_bucket{path=\"/\",le=\"10\"} 3",
            "took_bucket{path=\"/\",le=\"+Inf\"} 4",
            "took_count{path=\"/\"} 4",
        ] {
            assert!(text.lines().any(|seen| seen == line), "{line}\n{text}");
        }
    }

    #[test]
    fn label_values_are_escaped() {
        let mut page = Page::default();
        page.gauges("x", [(&[("a", "q\"b\\c\nd")] as Labels, 1)]);
        assert_eq!(
            page.finish(),
            "# TYPE x gauge\nx{a=\"q\\\"b\\\\c\\nd\"} 1\n"
        );
    }
}
