//! What a body says, piece by piece, and why it may be refused.

use mainstay_series::Labels;

use crate::series::series_labels;

/// What a metric is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MetricType {
    Counter,
    Gauge,
    Histogram,
    GaugeHistogram,
    Summary,
    Info,
    StateSet,
    #[default]
    Unknown,
}

impl MetricType {
    /// As OpenMetrics and Prometheus's metadata API write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
            Self::Unknown => "unknown",
        }
    }

    /// Reads either word for what has no type, `untyped` and `unknown`.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "counter" => Self::Counter,
            "gauge" => Self::Gauge,
            "histogram" => Self::Histogram,
            "gaugehistogram" => Self::GaugeHistogram,
            "summary" => Self::Summary,
            "info" => Self::Info,
            "stateset" => Self::StateSet,
            "unknown" | "untyped" => Self::Unknown,
            _ => return None,
        })
    }
}

/// One line about a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Meta<'a> {
    /// The metric's name, unescaped only where it was not quoted.
    pub name: &'a str,
    pub kind: MetaKind<'a>,
}

/// What such a line says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MetaKind<'a> {
    Type(MetricType),
    /// As it stood there; see [`Meta::help`].
    Help(&'a str),
    Unit(&'a str),
}

impl Meta<'_> {
    /// The help text with its escapes (`\\`, `\n`, `\"`) taken back.
    pub fn help(&self) -> Option<String> {
        match self.kind {
            MetaKind::Help(text) => Some(crate::series::unescape(text).into_owned()),
            _ => None,
        }
    }
}

/// One sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point<'a> {
    /// Name and labels as they stood there; for protobuf as the text format would write them.
    pub series: &'a str,
    /// Whether that is the text of [`Visit::expected`].
    pub expected: bool,
    pub value: f64,
    /// Milliseconds since the epoch, where the body gives a time.
    pub time_ms: Option<i64>,
    pub exemplar: Option<SeenExemplar<'a>>,
}

impl Point<'_> {
    /// The labels that [`Self::series`] names, the metric's name among them.
    pub fn labels(&self) -> Result<Labels, Reason> {
        series_labels(self.series)
    }
}

/// An example that stands beside a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeenExemplar<'a> {
    /// `{…}` as it stood there.
    pub labels: &'a str,
    pub value: f64,
    pub time_ms: Option<i64>,
}

/// Who is shown what a body says.
pub trait Visit {
    /// The text of the series that probably comes next. Where it does, nothing is scanned for.
    #[allow(
        clippy::unnecessary_literal_bound,
        reason = "whoever overrides it lends its own"
    )]
    fn expected(&self) -> &str {
        ""
    }

    /// One sample. An error ends the body.
    fn sample(&mut self, point: Point<'_>) -> Result<(), Reason>;

    /// One line about a metric.
    fn meta(&mut self, _meta: Meta<'_>) -> Result<(), Reason> {
        Ok(())
    }

    /// A histogram that has no classic buckets and can thus not be taken up.
    fn native_histogram(&mut self, _name: &str) -> Result<(), Reason> {
        Ok(())
    }
}

/// What a body may have of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one line, or of one metric family in protobuf. Default 1 MiB (16 MiB).
    pub line_bytes: usize,
    pub family_bytes: usize,
    /// Samples. Default 10 million.
    pub samples: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line_bytes: 1 << 20,
            family_bytes: 16 << 20,
            samples: 10_000_000,
        }
    }
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    #[error("is not UTF-8")]
    NotUtf8,
    #[error("expected {expected}, found {found}")]
    Expected {
        expected: &'static str,
        found: String,
    },
    #[error("`{0}` is not a number")]
    NotANumber(String),
    #[error("`{0}` is not a time")]
    NotATime(String),
    #[error("`{0}` is not a type of metric")]
    NotAType(String),
    #[error("unit `{unit}` is not the end of the metric's name `{name}`")]
    Unit { name: String, unit: String },
    #[error("label `{0}` stands here twice")]
    DuplicateLabel(String),
    #[error("there is no metric name")]
    NoName,
    #[error("the line is longer than {0} bytes")]
    TooLong(usize),
    #[error("there are more than {0} samples")]
    TooMany(u64),
    #[error("the body does not end with `# EOF`")]
    NoEof,
    #[error("something stands after `# EOF`")]
    AfterEof,
    #[error("{0}")]
    Protobuf(&'static str),
    /// What the visitor does not take.
    #[error("{0}")]
    Refused(String),
}

/// A body that was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place} {line}: {reason}")]
pub struct ParseError {
    /// `line`, or `family` in protobuf.
    pub place: &'static str,
    /// Counted from 1.
    pub line: u64,
    pub reason: Reason,
}
