//! Warnings and hints that come with an answer, in Prometheus's words and with their place.
//!
//! The same message is kept once, however many series and steps gave it.

use crate::ast::Span;
use crate::format::{general, general_short, time};

/// How serious an annotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    Warning,
    Info,
}

/// What was forced into order for `histogram_quantile`, added up over series and steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Forced {
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
    pub(crate) largest: f64,
    pub(crate) count: usize,
}

impl Forced {
    fn merge(&mut self, other: &Self) {
        self.first_ms = self.first_ms.min(other.first_ms);
        self.last_ms = self.last_ms.max(other.last_ms);
        self.lowest = self.lowest.min(other.lowest);
        self.highest = self.highest.max(other.highest);
        self.largest = self.largest.max(other.largest);
        self.count += other.count;
    }

    fn details(&self) -> String {
        format!(
            ", from buckets {} to {}, with a max diff of {}, over {} samples from {} to {}",
            general(self.lowest),
            general(self.highest),
            general_short(self.largest),
            self.count,
            time(self.first_ms),
            time(self.last_ms),
        )
    }
}

#[derive(Debug, Clone)]
struct Annotation {
    severity: Severity,
    message: String,
    forced: Option<Forced>,
    span: Span,
}

/// All annotations of a query.
#[derive(Debug, Clone, Default)]
pub(crate) struct Annotations(Vec<Annotation>);

impl Annotations {
    fn add(&mut self, severity: Severity, message: String, span: Span, forced: Option<Forced>) {
        match self.0.iter_mut().find(|known| known.message == message) {
            Some(known) => {
                known.span = span;
                if let (Some(into), Some(other)) = (&mut known.forced, &forced) {
                    into.merge(other);
                }
            }
            None => self.0.push(Annotation {
                severity,
                message,
                forced,
                span,
            }),
        }
    }

    fn warn(&mut self, message: &str, span: Span) {
        self.add(
            Severity::Warning,
            format!("PromQL warning: {message}"),
            span,
            None,
        );
    }

    fn info(&mut self, message: &str, span: Span, forced: Option<Forced>) {
        self.add(
            Severity::Info,
            format!("PromQL info: {message}"),
            span,
            forced,
        );
    }

    /// A quantile outside of 0 to 1.
    pub(crate) fn invalid_quantile(&mut self, quantile: f64, span: Span) {
        let quantile = general(quantile);
        let message = format!("quantile value should be between 0 and 1, got {quantile}");
        self.warn(&message, span);
    }

    /// `le` of a bucket is no number.
    pub(crate) fn bad_bucket(&mut self, metric: &str, le: &str, span: Span) {
        let mut message =
            format!("bucket label \"le\" is missing or has a malformed value of {le:?}");
        message.push_str(&for_metric(metric));
        self.warn(&message, span);
    }

    /// `sort` in a range query.
    pub(crate) fn sort_in_range(&mut self, span: Span) {
        let message = "sort is ineffective for range queries since results are always ordered by \
                       labels";
        self.warn(message, span);
    }

    /// `rate` of what is hardly a counter.
    pub(crate) fn possible_non_counter(&mut self, metric: &str, span: Span) {
        let message = format!(
            "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \
             {metric:?}"
        );
        self.info(&message, span, None);
    }

    /// Buckets that went down.
    pub(crate) fn forced_monotonicity(&mut self, metric: &str, forced: Forced, span: Span) {
        let mut message = "input to histogram_quantile needed to be fixed for monotonicity (see \
            https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"
            .to_owned();
        message.push_str(&for_metric(metric));
        self.info(&message, span, Some(forced));
    }

    /// The warnings, then the infos, each with its place in `text`.
    pub(crate) fn into_texts(self, text: &str) -> (Vec<String>, Vec<String>) {
        let (mut warnings, mut infos) = (Vec::new(), Vec::new());
        for annotation in self.0 {
            let details = annotation.forced.map(|forced| forced.details());
            let line = format!(
                "{}{} ({})",
                annotation.message,
                details.unwrap_or_default(),
                annotation.span.position(text)
            );
            match annotation.severity {
                Severity::Warning => warnings.push(line),
                Severity::Info => infos.push(line),
            }
        }
        (warnings, infos)
    }
}

fn for_metric(metric: &str) -> String {
    if metric.is_empty() {
        return String::new();
    }
    format!(" for metric name {metric:?}")
}
