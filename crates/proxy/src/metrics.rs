//! What Prometheus reads: counters kept by route and endpoint, and their text form.
//!
//! A request touches counters that its route already holds; nothing is looked up by label on the
//! way. How many series there are is bounded by the configuration: paths, hosts and clients are
//! never labels, statuses outside of the table are counted by their class, and the series of
//! endpoints that went away are forgotten after ten minutes.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Statuses counted one by one.
const CODES: [u16; 42] = [
    101, 200, 201, 202, 203, 204, 205, 206, 207, 301, 302, 303, 304, 307, 308, 400, 401, 402, 403,
    404, 405, 406, 408, 409, 410, 411, 412, 413, 414, 415, 416, 421, 422, 423, 425, 428, 429, 431,
    451, 499, 500, 501,
];
const MORE_CODES: [u16; 5] = [502, 503, 504, 505, 507];
const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "other"];
const COUNTERS: usize = CODES.len() + MORE_CODES.len() + CLASSES.len();

/// Upper bounds in seconds, as text and in microseconds.
const BUCKETS: [(&str, u64); 13] = [
    ("0.001", 1_000),
    ("0.0025", 2_500),
    ("0.005", 5_000),
    ("0.01", 10_000),
    ("0.025", 25_000),
    ("0.05", 50_000),
    ("0.1", 100_000),
    ("0.25", 250_000),
    ("0.5", 500_000),
    ("1", 1_000_000),
    ("2.5", 2_500_000),
    ("5", 5_000_000),
    ("10", 10_000_000),
];

/// How long the series of what is no longer configured can still be scraped.
const RETIRED: Duration = Duration::from_secs(600);
/// Beyond this many retired series the oldest go at once.
const MAX_RETIRED: usize = 1000;

/// The labels of a series. Release and instance are empty for requests that reached none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) struct Labels {
    pub(crate) listener: String,
    pub(crate) route: String,
    pub(crate) stack: String,
    pub(crate) environment: String,
    pub(crate) service: String,
    pub(crate) release: String,
    pub(crate) instance: String,
}

/// The counters of one route and endpoint.
#[derive(Debug)]
pub(crate) struct Series {
    codes: [AtomicU64; COUNTERS],
    /// Not cumulative; the last is above all bounds.
    buckets: [AtomicU64; BUCKETS.len() + 1],
    sum_micros: AtomicU64,
    retries: AtomicU64,
    tcp: AtomicU64,
}

impl Series {
    fn new() -> Self {
        Self {
            codes: std::array::from_fn(|_| AtomicU64::new(0)),
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
            sum_micros: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            tcp: AtomicU64::new(0),
        }
    }

    pub(crate) fn request(&self, status: u16, duration: Duration, retries: u64) {
        self.codes[counter_of(status)].fetch_add(1, Relaxed);
        let micros = duration.as_micros() as u64;
        let bucket = BUCKETS.partition_point(|(_, bound)| *bound < micros);
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.sum_micros.fetch_add(micros, Relaxed);
        if retries > 0 {
            self.retries.fetch_add(retries, Relaxed);
        }
    }

    pub(crate) fn tcp_connection(&self, retries: u64) {
        self.tcp.fetch_add(1, Relaxed);
        self.retries.fetch_add(retries, Relaxed);
    }
}

fn counter_of(status: u16) -> usize {
    if status == 200 {
        return 1;
    }
    if let Ok(index) = CODES.binary_search(&status) {
        return index;
    }
    if let Ok(index) = MORE_CODES.binary_search(&status) {
        return CODES.len() + index;
    }
    let class = match status {
        100..=599 => usize::from(status / 100) - 1,
        _ => CLASSES.len() - 1,
    };
    CODES.len() + MORE_CODES.len() + class
}

fn code_of(counter: usize) -> String {
    let codes = CODES.iter().chain(&MORE_CODES).map(ToString::to_string);
    let classes = CLASSES.iter().map(ToString::to_string);
    codes.chain(classes).nth(counter).unwrap_or_default()
}

/// All series there are.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    series: Mutex<HashMap<Labels, Registered>>,
}

#[derive(Debug)]
struct Registered {
    series: Arc<Series>,
    retired: Option<Instant>,
}

impl Registry {
    /// The series with these labels, made where there is none.
    pub(crate) fn series(&self, labels: Labels) -> Arc<Series> {
        let mut all = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let registered = all.entry(labels).or_insert_with(|| Registered {
            series: Arc::new(Series::new()),
            retired: None,
        });
        registered.retired = None;
        Arc::clone(&registered.series)
    }

    /// Marks what no configuration holds any more, and forgets what was marked long ago.
    pub(crate) fn retire(&self, now: Instant) {
        let mut all = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        for registered in all.values_mut() {
            if Arc::strong_count(&registered.series) == 1 {
                registered.retired.get_or_insert(now);
            } else {
                registered.retired = None;
            }
        }
        all.retain(|_, registered| {
            let retired = registered.retired;
            retired.is_none_or(|since| now.duration_since(since) < RETIRED)
        });
        let mut retired: Vec<(Instant, Labels)> = all
            .iter()
            .filter_map(|(labels, registered)| Some((registered.retired?, labels.clone())))
            .collect();
        retired.sort();
        let surplus = retired.len().saturating_sub(MAX_RETIRED);
        for (_, labels) in retired.into_iter().take(surplus) {
            all.remove(&labels);
        }
    }

    /// Requests, durations, retries and TCP connections.
    pub(crate) fn render(&self, text: &mut Text) {
        let all = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = all.iter().map(|(l, r)| (l, &r.series)).collect();
        all.sort_by_key(|(labels, _)| *labels);

        text.family("requests_total", "counter", "Requests answered.");
        for (labels, series) in &all {
            for (counter, count) in series.codes.iter().enumerate() {
                let count = count.load(Relaxed);
                if count > 0 {
                    let code = code_of(counter);
                    text.sample("requests_total", labels, &[("code", &code)], count);
                }
            }
        }
        text.family(
            "request_duration_seconds",
            "histogram",
            "From a request's head to the end of its response.",
        );
        for (labels, series) in &all {
            histogram(text, labels, series);
        }
        text.family(
            "retries_total",
            "counter",
            "Attempts at another endpoint after a connection could not be opened.",
        );
        for (labels, series) in &all {
            text.sample("retries_total", labels, &[], series.retries.load(Relaxed));
        }
        text.family(
            "tcp_connections_total",
            "counter",
            "Connections passed through.",
        );
        for (labels, series) in &all {
            let count = series.tcp.load(Relaxed);
            if count > 0 {
                text.sample("tcp_connections_total", labels, &[], count);
            }
        }
    }
}

fn histogram(text: &mut Text, labels: &Labels, series: &Series) {
    let counts = series.buckets.each_ref().map(|count| count.load(Relaxed));
    let total: u64 = counts.iter().sum();
    if total == 0 {
        return;
    }
    let name = "request_duration_seconds_bucket";
    let mut below = 0;
    for ((bound, _), count) in BUCKETS.iter().zip(counts) {
        below += count;
        text.sample(name, labels, &[("le", bound)], below);
    }
    text.sample(name, labels, &[("le", "+Inf")], total);
    let sum = series.sum_micros.load(Relaxed) as f64 / 1e6;
    text.sample("request_duration_seconds_sum", labels, &[], sum);
    text.sample("request_duration_seconds_count", labels, &[], total);
}

/// Prometheus's text format 0.0.4.
#[derive(Debug, Default)]
pub(crate) struct Text(String);

impl Text {
    pub(crate) fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP mainstay_proxy_{name} {help}");
        let _ = writeln!(self.0, "# TYPE mainstay_proxy_{name} {kind}");
    }

    fn sample(
        &mut self,
        name: &str,
        labels: &Labels,
        more: &[(&str, &str)],
        value: impl std::fmt::Display,
    ) {
        let pairs = [
            ("listener", labels.listener.as_str()),
            ("route", &labels.route),
            ("stack", &labels.stack),
            ("environment", &labels.environment),
            ("service", &labels.service),
            ("release", &labels.release),
            ("instance", &labels.instance),
        ];
        let pairs: Vec<_> = pairs.iter().chain(more).copied().collect();
        self.plain(name, &pairs, value);
    }

    /// One sample. Labels with an empty value are left out, which means the same.
    pub(crate) fn plain(
        &mut self,
        name: &str,
        labels: &[(&str, &str)],
        value: impl std::fmt::Display,
    ) {
        let _ = write!(self.0, "mainstay_proxy_{name}");
        let mut open = '{';
        for (label, text) in labels.iter().filter(|(_, text)| !text.is_empty()) {
            let _ = write!(self.0, "{open}{label}=\"");
            for character in text.chars() {
                match character {
                    '\\' => self.0.push_str("\\\\"),
                    '"' => self.0.push_str("\\\""),
                    '\n' => self.0.push_str("\\n"),
                    other => self.0.push(other),
                }
            }
            self.0.push('"');
            open = ',';
        }
        if open == ',' {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_counter_and_every_counter_a_code() {
        assert!(CODES.is_sorted() && MORE_CODES.is_sorted());
        for (status, code) in [
            (200, "200"),
            (101, "101"),
            (404, "404"),
            (501, "501"),
            (502, "502"),
            (507, "507"),
            (418, "4xx"),
            (299, "2xx"),
            (599, "5xx"),
            (0, "other"),
            (999, "other"),
        ] {
            assert_eq!(code_of(counter_of(status)), code, "{status}");
        }
    }

    #[test]
    fn the_text_form_is_prometheus_own() {
        let registry = Registry::default();
        let series = registry.series(Labels {
            route: "a \"b\"\\".to_owned(),
            service: "app".to_owned(),
            ..Labels::default()
        });
        series.request(200, Duration::from_millis(3), 0);
        series.request(503, Duration::from_secs(20), 2);
        let mut text = Text::default();
        registry.render(&mut text);
        let text = text.into_string();
        let labels = r#"route="a \"b\"\\",service="app""#;
        for line in [
            "# TYPE mainstay_proxy_requests_total counter".to_owned(),
            format!("mainstay_proxy_requests_total{{{labels},code=\"200\"}} 1"),
            format!("mainstay_proxy_requests_total{{{labels},code=\"503\"}} 1"),
            format!("mainstay_proxy_request_duration_seconds_bucket{{{labels},le=\"0.0025\"}} 0"),
            format!("mainstay_proxy_request_duration_seconds_bucket{{{labels},le=\"0.005\"}} 1"),
            format!("mainstay_proxy_request_duration_seconds_bucket{{{labels},le=\"+Inf\"}} 2"),
            format!("mainstay_proxy_request_duration_seconds_sum{{{labels}}} 20.003"),
            format!("mainstay_proxy_retries_total{{{labels}}} 2"),
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn series_of_what_went_away_are_forgotten_after_a_while() {
        let registry = Registry::default();
        let kept = registry.series(Labels::default());
        let gone = Labels {
            instance: "gone".to_owned(),
            ..Labels::default()
        };
        drop(registry.series(gone));
        let now = Instant::now();
        registry.retire(now);
        assert_eq!(registry.series.lock().unwrap().len(), 2);
        registry.retire(now + RETIRED);
        assert_eq!(registry.series.lock().unwrap().len(), 1);
        drop(kept);
    }
}
