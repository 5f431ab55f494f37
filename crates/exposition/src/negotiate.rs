//! Which format a body is in, and which ones are asked for.
//!
//! Source: <https://prometheus.io/docs/instrumenting/content_negotiation/>. As Prometheus 3 does: a
//! content type that is missing or not known fails the scrape, unless a fall-back was configured.

/// The formats that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `text/plain; version=0.0.4` or `1.0.0`.
    Text,
    /// `application/openmetrics-text; version=1.0.0`.
    OpenMetrics,
    /// `application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited`.
    Protobuf,
}

/// A content type that says no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    #[error("the answer has no content type; hint: set `fallback_scrape_protocol` for this job")]
    Missing,
    #[error(
        "content type `{0}` is none of metrics; hint: set `fallback_scrape_protocol` for this job"
    )]
    Unknown(String),
}

/// The value of an `accept` header that asks for these formats, the first most. Anything is better
/// than nothing.
pub fn accept(formats: &[Format]) -> String {
    let mut types: Vec<&str> = Vec::new();
    for format in formats {
        for kind in format.media_types() {
            if !types.contains(kind) {
                types.push(kind);
            }
        }
    }
    let count = types.len() + 1;
    let mut parts: Vec<String> = types
        .iter()
        .enumerate()
        .map(|(at, kind)| format!("{kind};q=0.{}", (count - at).min(9)))
        .collect();
    parts.push("*/*;q=0.1".to_owned());
    parts.join(",")
}

impl Format {
    /// How it is asked for, names in UTF-8 first.
    fn media_types(self) -> &'static [&'static str] {
        match self {
            Self::Protobuf => &[
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
            ],
            Self::OpenMetrics => &[
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8",
                "application/openmetrics-text;version=0.0.1",
            ],
            Self::Text => &[
                "text/plain;version=1.0.0;escaping=allow-utf-8",
                "text/plain;version=0.0.4",
            ],
        }
    }

    /// From a `content-type` header; `fallback` where it is missing or says nothing.
    pub fn of_content_type(
        value: Option<&str>,
        fallback: Option<Self>,
    ) -> Result<Self, FormatError> {
        let Some(value) = value.filter(|value| !value.trim().is_empty()) else {
            return fallback.ok_or(FormatError::Missing);
        };
        let mut parts = value.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let found = match kind.as_str() {
            "text/plain" => Some(Self::Text),
            "application/openmetrics-text" => Some(Self::OpenMetrics),
            "application/vnd.google.protobuf" => {
                let delimited = |part: &str| part.replace(['"', ' '], "") == "encoding=delimited";
                parts.any(delimited).then_some(Self::Protobuf)
            }
            _ => None,
        };
        found
            .or(fallback)
            .ok_or_else(|| FormatError::Unknown(crate::line::shown(value)))
    }
}
