//! Answers: JSON, and errors as Alertmanager words them, a JSON string.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use mainstay_alert::engine::SilenceError;

use crate::source::SourceError;

/// Why a request has no answer.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            message: message.into(),
        }
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            message: message.into(),
        }
    }

    pub(crate) fn missing(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            message: message.into(),
        }
    }

    pub(crate) fn busy() -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            message: "too many requests at once".to_owned(),
        }
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        let message = error.to_string();
        match error {
            SourceError::Silence(SilenceError::NotFound(_)) => Self::missing(message),
            SourceError::Silence(_) => Self::bad(message),
            SourceError::Failed(_) => Self::internal(message),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status, axum::Json(self.message)).into_response()
    }
}

/// What a handler comes back with.
pub(crate) type Answered = Result<Response, Failure>;

pub(crate) fn json(value: &impl Serialize) -> Response {
    axum::Json(value).into_response()
}
