//! Why a request has no answer, in Prometheus's own types and codes.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use mainstay_promql::QueryError;
use mainstay_series::StorageError;

use crate::json::Json;
use crate::sources::SourceError;

/// Prometheus's types of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    BadData,
    Execution,
    Canceled,
    Timeout,
    Internal,
    /// Something that is switched off.
    Disabled,
    /// More at once than is allowed.
    Busy,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::BadData => "bad_data",
            Self::Execution => "execution",
            Self::Canceled => "canceled",
            Self::Timeout => "timeout",
            Self::Internal => "internal",
            Self::Disabled | Self::Busy => "unavailable",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::BadData => StatusCode::BAD_REQUEST,
            Self::Execution => StatusCode::UNPROCESSABLE_ENTITY,
            // nginx's code for a client that went away.
            Self::Canceled => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
            Self::Timeout | Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            // A disabled admin API is answered with 500, by Prometheus too.
            Self::Internal | Self::Disabled => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { kind, message }
    }

    pub(crate) fn bad_data(message: impl Into<String>) -> Self {
        Self::new(Kind::BadData, message)
    }

    /// A parameter that is not right.
    pub(crate) fn parameter(name: &str, reason: impl std::fmt::Display) -> Self {
        Self::bad_data(format!("invalid parameter \"{name}\": {reason}"))
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        let kind = match &error {
            // Found before anything is evaluated, as Prometheus finds it.
            QueryError::TooManySteps { .. } => {
                return Self::bad_data(crate::query::RESOLUTION);
            }
            QueryError::Timeout => Kind::Timeout,
            QueryError::Canceled => Kind::Canceled,
            QueryError::Storage(StorageError::Read(_)) => Kind::Internal,
            _ => Kind::Execution,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self::new(Kind::Execution, error.to_string())
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self::new(Kind::Internal, error.0)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        if self.kind == Kind::Internal {
            tracing::warn!(error = %self.message, "a request to the Prometheus API failed");
        }
        let mut json = Json::default();
        json.open('{');
        json.key("status").text("error");
        json.key("errorType").text(self.kind.name());
        json.key("error").text(&self.message);
        json.close('}');
        let kind = [(header::CONTENT_TYPE, "application/json")];
        (self.kind.status(), kind, json.into_bytes()).into_response()
    }
}

/// An error where Prometheus answers with plain text (Go's `http.Error`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlainError {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
}

impl PlainError {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status, message }
    }
}

impl From<Failure> for PlainError {
    fn from(failure: Failure) -> Self {
        Self::new(failure.kind.status(), failure.message)
    }
}

impl IntoResponse for PlainError {
    fn into_response(self) -> Response {
        if self.status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::warn!(error = %self.message, "a request to the Prometheus API failed");
        }
        let headers = [
            (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        (self.status, headers, self.message + "\n").into_response()
    }
}
