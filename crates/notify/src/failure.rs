//! Why a notification did not reach its receiver.

use mainstay_model::Secret;
use mainstay_template::TemplateError;

/// What kind of failure it is; the same words as Alertmanager's metric of failed notifications,
/// with the two that it calls `other` told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// A template or a setting.
    Configuration,
    /// No connection, or one that broke.
    Connection,
    Deadline,
    /// The receiver says that the request is wrong.
    Client,
    Authentication,
    RateLimited,
    /// The receiver says that it is wrong itself.
    Server,
}

impl FailureKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Connection => "connection",
            Self::Deadline => "contextDeadlineExceeded",
            Self::Client => "clientError",
            Self::Authentication => "authError",
            Self::RateLimited => "rateLimited",
            Self::Server => "serverError",
        }
    }
}

/// A try that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Whether another try can succeed.
    pub retry: bool,
    pub kind: FailureKind,
    /// Without any secret.
    pub message: String,
}

impl Failure {
    pub(crate) fn configuration(message: impl Into<String>) -> Self {
        Self {
            retry: false,
            kind: FailureKind::Configuration,
            message: message.into(),
        }
    }

    pub(crate) fn connection(message: impl Into<String>) -> Self {
        Self {
            retry: true,
            kind: FailureKind::Connection,
            message: message.into(),
        }
    }

    /// A receiver may repeat what it was sent: secrets are taken out, by their texts.
    pub(crate) fn without(mut self, secrets: &[Secret<String>]) -> Self {
        for secret in secrets {
            let secret = secret.expose().trim();
            if secret.len() >= SHORTEST_SECRET {
                self.message = self.message.replace(secret, "<secret>");
            }
        }
        self
    }
}

/// What is shorter is found in every other text.
const SHORTEST_SECRET: usize = 4;

impl From<TemplateError> for Failure {
    fn from(error: TemplateError) -> Self {
        let hint = error.hint.as_ref().map(|hint| format!(" (hint: {hint})"));
        Self::configuration(format!("template {error}{}", hint.unwrap_or_default()))
    }
}
