//! Writing what was read: the Prometheus text format and OpenMetrics, for `/metrics` and federation.
//!
//! The caller writes family by family; what it says of a family comes before its samples. In
//! OpenMetrics a counter's family is named without its `_total`, as the format asks for.

use std::fmt::Write as _;

use mainstay_series::{Labels, METRIC_NAME, is_legacy_label_name, is_legacy_metric_name};

use crate::entry::MetricType;
use crate::families::quote;
use crate::negotiate::Format;
use crate::number;

/// Writes one body.
#[derive(Debug)]
pub struct Writer {
    out: String,
    open: bool,
}

/// What is said of a family.
#[derive(Debug, Clone, Copy, Default)]
pub struct Family<'a> {
    /// With `_total` where it is a counter whose samples are named so.
    pub name: &'a str,
    pub kind: MetricType,
    /// Empty: nothing is said.
    pub help: &'a str,
    /// Only OpenMetrics has it; empty: none.
    pub unit: &'a str,
}

impl Writer {
    /// An empty body. Protobuf is not written: the text format is, in its place.
    pub fn new(format: Format) -> Self {
        Self {
            out: String::new(),
            open: format == Format::OpenMetrics,
        }
    }

    /// The `content-type` of what is written.
    pub fn content_type(&self) -> &'static str {
        if self.open {
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
        } else {
            "text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8"
        }
    }

    /// Begins a family.
    pub fn family(&mut self, family: Family<'_>) {
        let open_counter = self.open && family.kind == MetricType::Counter;
        let bare = family.name.strip_suffix("_total").filter(|_| open_counter);
        let mut name = String::new();
        put_name(&mut name, bare.unwrap_or(family.name));
        if !family.help.is_empty() {
            let _ = write!(self.out, "# HELP {name} ");
            escape(&mut self.out, family.help, self.open);
            self.out.push('\n');
        }
        let _ = writeln!(self.out, "# TYPE {name} {}", self.word(family.kind));
        if self.open && !family.unit.is_empty() {
            let _ = writeln!(self.out, "# UNIT {name} {}", family.unit);
        }
    }

    /// The text format knows five types; others are what they come nearest to.
    fn word(&self, kind: MetricType) -> &'static str {
        match kind {
            _ if self.open => kind.as_str(),
            MetricType::Unknown => "untyped",
            MetricType::Info | MetricType::StateSet => "gauge",
            MetricType::GaugeHistogram => "histogram",
            other => other.as_str(),
        }
    }

    /// One sample; `labels` has the metric's name.
    pub fn sample(&mut self, labels: &Labels, value: f64, time_ms: Option<i64>) {
        put_series(&mut self.out, labels);
        self.out.push(' ');
        self.out.push_str(&number::go(value));
        if let Some(time) = time_ms {
            if self.open {
                let (seconds, rest) = (time.div_euclid(1000), time.rem_euclid(1000));
                let _ = write!(self.out, " {seconds}.{rest:03}");
            } else {
                let _ = write!(self.out, " {time}");
            }
        }
        self.out.push('\n');
    }

    /// One sample by its name and pairs, in the order given; no pair's value is looked at.
    pub fn pairs(&mut self, name: &str, pairs: &[(&str, &str)], value: f64) {
        let named = [(METRIC_NAME, name)].into_iter();
        self.sample(
            &Labels::from_pairs(named.chain(pairs.iter().copied())),
            value,
            None,
        );
    }

    /// The whole body.
    pub fn finish(mut self) -> String {
        if self.open {
            self.out.push_str("# EOF\n");
        }
        self.out
    }
}

fn put_name(into: &mut String, name: &str) {
    if is_legacy_metric_name(name) {
        into.push_str(name);
    } else {
        quote(into, name);
    }
}

fn put_series(into: &mut String, labels: &Labels) {
    let name = labels.metric().unwrap_or_default();
    let bare = is_legacy_metric_name(name);
    if bare {
        into.push_str(name);
    }
    let mut separator = '{';
    if !bare && !name.is_empty() {
        into.push('{');
        quote(into, name);
        separator = ',';
    }
    for (name, value) in labels.iter().filter(|(name, _)| *name != METRIC_NAME) {
        into.push(separator);
        separator = ',';
        if is_legacy_label_name(name) {
            into.push_str(name);
        } else {
            quote(into, name);
        }
        into.push('=');
        quote(into, value);
    }
    if separator == ',' {
        into.push('}');
    } else if !bare {
        into.push_str("{}");
    }
}

fn escape(into: &mut String, text: &str, quotes: bool) {
    for c in text.chars() {
        match c {
            '\\' => into.push_str("\\\\"),
            '\n' => into.push_str("\\n"),
            '"' if quotes => into.push_str("\\\""),
            c => into.push(c),
        }
    }
}
