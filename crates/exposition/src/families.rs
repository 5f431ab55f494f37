//! Prometheus's protobuf format: metric families, each after its length.
//!
//! Source: <https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto>.
//! Every sample is shown with its series as the text format would write it. Of a histogram the
//! classic buckets are taken; one that has only native ones is told to the visitor and left out.

use std::fmt::Write as _;

use crate::entry::{
    Limits, Meta, MetaKind, MetricType, ParseError, Point, Reason, SeenExemplar, Visit,
};
use crate::number;
use crate::wire::{Fields, Value, WireError, varint};

impl From<WireError> for Reason {
    fn from(error: WireError) -> Self {
        Self::Protobuf(error.0)
    }
}

pub(crate) fn read(
    mut body: &[u8],
    limits: &Limits,
    visit: &mut impl Visit,
) -> Result<(), ParseError> {
    let (mut count, mut samples) = (0, limits.samples);
    while !body.is_empty() {
        count += 1;
        let mut reader = Reader {
            visit,
            series: String::new(),
            exemplar: String::new(),
            left: &mut samples,
            most: limits.samples,
        };
        delimited(&mut body, limits.family_bytes)
            .and_then(|family| reader.family(family))
            .map_err(|reason| ParseError {
                place: "metric family",
                line: count,
                reason,
            })?;
    }
    Ok(())
}

fn delimited<'a>(body: &mut &'a [u8], most: usize) -> Result<&'a [u8], Reason> {
    let length = usize::try_from(varint(body)?).unwrap_or(usize::MAX);
    if length > most {
        return Err(Reason::TooLong(most));
    }
    let short = Reason::Protobuf("it ends in the middle");
    let (family, rest) = body.split_at_checked(length).ok_or(short)?;
    *body = rest;
    Ok(family)
}

struct Reader<'v, V> {
    visit: &'v mut V,
    /// Room for the text of a series and of an exemplar's labels.
    series: String,
    exemplar: String,
    left: &'v mut u64,
    most: u64,
}

/// What an exemplar says beside its labels.
type ExemplarValue = Option<(f64, Option<i64>)>;

/// What stands around one sample of a metric.
struct Metric<'a> {
    name: &'a str,
    labels: Vec<(&'a str, &'a str)>,
    time_ms: Option<i64>,
}

impl<V: Visit> Reader<'_, V> {
    fn family(&mut self, family: &[u8]) -> Result<(), Reason> {
        let (mut name, mut help, mut unit) = ("", None, "");
        let mut kind = MetricType::Counter;
        let mut metrics = Vec::new();
        for field in Fields(family) {
            match field? {
                (1, value) => name = value.text()?,
                (2, value) => help = Some(value.text()?),
                (3, value) => kind = metric_type(value.int())?,
                (4, value) => metrics.push(value.bytes()?),
                (5, value) => unit = value.text()?,
                _ => {}
            }
        }
        if name.is_empty() {
            return Err(Reason::NoName);
        }
        if let Some(help) = help {
            // A visitor takes escapes back, so there must be some.
            let help = help.replace('\\', "\\\\").replace('\n', "\\n");
            self.visit.meta(Meta {
                name,
                kind: MetaKind::Help(&help),
            })?;
        }
        self.visit.meta(Meta {
            name,
            kind: MetaKind::Type(kind),
        })?;
        if !unit.is_empty() {
            self.visit.meta(Meta {
                name,
                kind: MetaKind::Unit(unit),
            })?;
        }
        metrics
            .into_iter()
            .try_for_each(|metric| self.metric(name, metric))
    }

    fn metric(&mut self, name: &str, bytes: &[u8]) -> Result<(), Reason> {
        let mut metric = Metric {
            name,
            labels: Vec::new(),
            time_ms: None,
        };
        let mut parts: Vec<(u32, &[u8])> = Vec::new();
        for field in Fields(bytes) {
            match field? {
                (1, value) => metric.labels.push(pair(value.bytes()?)?),
                (number @ (2..=5 | 7), value) => parts.push((number, value.bytes()?)),
                (6, value) => metric.time_ms = Some(value.int() as i64).filter(|time| *time != 0),
                _ => {}
            }
        }
        for (number, part) in parts {
            match number {
                4 => self.summary(&metric, part)?,
                7 => self.histogram(&metric, part)?,
                _ => self.single(&metric, part)?,
            }
        }
        Ok(())
    }

    /// A gauge, a counter, or what has no type.
    fn single(&mut self, metric: &Metric<'_>, bytes: &[u8]) -> Result<(), Reason> {
        let (mut value, mut exemplar) = (0.0, None);
        for field in Fields(bytes) {
            match field? {
                (1, number) => value = number.double()?,
                (2, message) => exemplar = self.exemplar(message.bytes()?)?,
                _ => {}
            }
        }
        self.show(metric, "", None, value, exemplar)
    }

    fn summary(&mut self, metric: &Metric<'_>, bytes: &[u8]) -> Result<(), Reason> {
        let (mut count, mut sum) = (0.0, 0.0);
        let mut quantiles = Vec::new();
        for field in Fields(bytes) {
            match field? {
                (1, value) => count = value.int() as f64,
                (2, value) => sum = value.double()?,
                (3, value) => quantiles.push(value.bytes()?),
                _ => {}
            }
        }
        self.show(metric, "_count", None, count, None)?;
        self.show(metric, "_sum", None, sum, None)?;
        for quantile in quantiles {
            let (mut at, mut value) = (0.0, 0.0);
            for field in Fields(quantile) {
                match field? {
                    (1, number) => at = number.double()?,
                    (2, number) => value = number.double()?,
                    _ => {}
                }
            }
            self.show(metric, "", Some(("quantile", at)), value, None)?;
        }
        Ok(())
    }

    fn histogram(&mut self, metric: &Metric<'_>, bytes: &[u8]) -> Result<(), Reason> {
        let (mut count, mut sum, mut native) = (0.0, 0.0, false);
        let mut buckets = Vec::new();
        for field in Fields(bytes) {
            match field? {
                (1, value) => count = value.int() as f64,
                (4, value) => count = value.double()?,
                (2, value) => sum = value.double()?,
                (3, value) => buckets.push(value.bytes()?),
                (5..=14, _) => native = true,
                _ => {}
            }
        }
        if native && buckets.is_empty() {
            return self.visit.native_histogram(metric.name);
        }
        self.show(metric, "_count", None, count, None)?;
        self.show(metric, "_sum", None, sum, None)?;
        let mut infinite = false;
        for bucket in buckets {
            infinite |= self.bucket(metric, bucket)?;
        }
        if !infinite {
            self.show(metric, "_bucket", Some(("le", f64::INFINITY)), count, None)?;
        }
        Ok(())
    }

    /// Whether it was the last one, which ends at infinity.
    fn bucket(&mut self, metric: &Metric<'_>, bytes: &[u8]) -> Result<bool, Reason> {
        let (mut count, mut upper, mut exemplar) = (0.0, 0.0, None);
        for field in Fields(bytes) {
            match field? {
                (1, value) => count = value.int() as f64,
                (4, value) => count = value.double()?,
                (2, value) => upper = value.double()?,
                (3, value) => exemplar = self.exemplar(value.bytes()?)?,
                _ => {}
            }
        }
        self.show(metric, "_bucket", Some(("le", upper)), count, exemplar)?;
        Ok(upper == f64::INFINITY)
    }

    /// Puts an exemplar's labels into their room, and gives the rest.
    fn exemplar(&mut self, bytes: &[u8]) -> Result<ExemplarValue, Reason> {
        let (mut value, mut time_ms) = (0.0, None);
        let mut labels = Vec::new();
        for field in Fields(bytes) {
            match field? {
                (1, label) => labels.push(pair(label.bytes()?)?),
                (2, number) => value = number.double()?,
                (3, time) => time_ms = Some(timestamp(time)?),
                _ => {}
            }
        }
        self.exemplar.clear();
        braces(&mut self.exemplar, &labels, None, None);
        Ok(Some((value, time_ms)))
    }

    fn show(
        &mut self,
        metric: &Metric<'_>,
        suffix: &str,
        extra: Option<(&str, f64)>,
        value: f64,
        exemplar: ExemplarValue,
    ) -> Result<(), Reason> {
        *self.left = self.left.checked_sub(1).ok_or(Reason::TooMany(self.most))?;
        self.series.clear();
        let bare = mainstay_series::is_legacy_metric_name(metric.name);
        let quoted = (!bare).then(|| format!("{}{suffix}", metric.name));
        if bare {
            self.series.push_str(metric.name);
            self.series.push_str(suffix);
        }
        if !bare || extra.is_some() || !metric.labels.is_empty() {
            braces(&mut self.series, &metric.labels, quoted.as_deref(), extra);
        }
        let expected = self.visit.expected() == self.series;
        let labels = self.exemplar.as_str();
        let exemplar = exemplar.map(|(value, time_ms)| SeenExemplar {
            labels,
            value,
            time_ms,
        });
        let (series, time_ms) = (self.series.as_str(), metric.time_ms);
        let value = number::normal(value);
        self.visit.sample(Point {
            series,
            expected,
            value,
            time_ms,
            exemplar,
        })
    }
}

fn metric_type(number: u64) -> Result<MetricType, Reason> {
    Ok(match number {
        0 => MetricType::Counter,
        1 => MetricType::Gauge,
        2 => MetricType::Summary,
        3 => MetricType::Unknown,
        4 => MetricType::Histogram,
        5 => MetricType::GaugeHistogram,
        other => return Err(Reason::NotAType(other.to_string())),
    })
}

fn pair(bytes: &[u8]) -> Result<(&str, &str), Reason> {
    let (mut name, mut value) = ("", "");
    for field in Fields(bytes) {
        match field? {
            (1, text) => name = text.text()?,
            (2, text) => value = text.text()?,
            _ => {}
        }
    }
    Ok((name, value))
}

fn timestamp(value: Value<'_>) -> Result<i64, Reason> {
    let (mut seconds, mut nanos) = (0i64, 0i64);
    for field in Fields(value.bytes()?) {
        match field? {
            (1, number) => seconds = number.int() as i64,
            (2, number) => nanos = number.int() as i64,
            _ => {}
        }
    }
    Ok(seconds
        .saturating_mul(1000)
        .saturating_add(nanos / 1_000_000))
}

/// `{"name",label="value",le="0.5"}`
fn braces(
    into: &mut String,
    labels: &[(&str, &str)],
    name: Option<&str>,
    extra: Option<(&str, f64)>,
) {
    into.push('{');
    let mut comma = "";
    if let Some(name) = name {
        quote(into, name);
        comma = ",";
    }
    for (name, value) in labels {
        into.push_str(comma);
        comma = ",";
        if mainstay_series::is_legacy_label_name(name) {
            into.push_str(name);
        } else {
            quote(into, name);
        }
        into.push('=');
        quote(into, value);
    }
    if let Some((name, value)) = extra {
        let _ = write!(into, "{comma}{name}=\"{}\"", number::openmetrics(value));
    }
    into.push('}');
}

/// In quotes, escaped as the text format does.
pub(crate) fn quote(into: &mut String, text: &str) {
    into.push('"');
    for c in text.chars() {
        match c {
            '\\' => into.push_str("\\\\"),
            '"' => into.push_str("\\\""),
            '\n' => into.push_str("\\n"),
            c => into.push(c),
        }
    }
    into.push('"');
}
