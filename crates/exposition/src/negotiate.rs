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
}

/// What a scrape asks for: the formats in the order of preference.
pub const ACCEPT: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
text/plain;version=0.0.4;q=0.2,*/*;q=0.1";

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

impl Format {
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
        match kind.as_str() {
            "text/plain" => Ok(Self::Text),
            "application/openmetrics-text" => Ok(Self::OpenMetrics),
            _ => fallback.ok_or_else(|| FormatError::Unknown(crate::line::shown(value))),
        }
    }

    /// From one of Prometheus's names for `scrape_protocols` and `fallback_scrape_protocol`.
    pub fn of_protocol(name: &str) -> Option<Self> {
        match name {
            "PrometheusText0.0.4" | "PrometheusText1.0.0" => Some(Self::Text),
            "OpenMetricsText0.0.1" | "OpenMetricsText1.0.0" => Some(Self::OpenMetrics),
            _ => None,
        }
    }
}
