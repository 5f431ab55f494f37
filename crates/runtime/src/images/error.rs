//! Why an image could not be had, and what to do.

use crate::docker::failure::silence;
use bollard::errors::Error;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a build stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedStep {
    /// Counts from 1, as the engine does: the instructions of the file in their order.
    pub number: u32,
    pub of: u32,
    pub instruction: String,
    /// The last lines that the step printed.
    pub last_lines: Vec<String>,
}

/// Lower case, without full stop; the hint says what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageError {
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<FailedStep>,
    /// The engine answered and has no such image.
    #[serde(default)]
    pub missing: bool,
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ImageError {}

impl ImageError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            step: None,
            missing: false,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// `what` was asked of the engine and did not work out.
    pub(super) fn of_engine(what: &str, address: &str, error: Error) -> Self {
        match error {
            Error::DockerResponseServerError {
                status_code,
                message,
            } => {
                let mut said = Self::said(what, &message);
                said.missing =
                    status_code == 404 && message.to_lowercase().contains("no such image");
                said
            }
            Error::DockerStreamError { error } => Self::said(what, &error),
            error => {
                let (reason, hint) = silence(&address, &error);
                Self::new(format!("{what}: {reason}")).hint(hint)
            }
        }
    }

    /// The engine's own words, and what to do where they are known.
    fn said(what: &str, message: &str) -> Self {
        let message = message.trim().trim_end_matches('.');
        let error = Self::new(format!("{what}: {message}"));
        match advice(&message.to_lowercase()) {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

fn advice(message: &str) -> Option<&'static str> {
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if says(&[
        "unauthorized",
        "authentication required",
        "access denied",
        "denied: ",
        "no basic auth",
    ]) {
        Some(
            "log in on the server's machine, as the server's user: `docker login REGISTRY`; and see that the name is right",
        )
    } else if says(&[
        "manifest unknown",
        "manifest for",
        "name unknown",
        "repository does not exist",
    ]) {
        Some("see that the tag is right and was pushed")
    } else if says(&[
        "no matching manifest",
        "does not match the specified platform",
    ]) {
        Some(
            "the image was not built for this platform: build it with `--platform`, or change `platform`",
        )
    } else if says(&["server gave http response to https client"]) {
        Some(
            "the registry speaks plain HTTP: give it a certificate, or name it in `insecure-registries` of the engine",
        )
    } else if says(&[
        "no such host",
        "connection refused",
        "i/o timeout",
        "tls: ",
        "x509",
    ]) {
        Some("see that the engine's machine reaches the registry, and that its name is right")
    } else if says(&["no such image"]) {
        Some("pull or build it: `mainstay image pull`, `mainstay image build`")
    } else if says(&["no space left on device"]) {
        Some("make room on the engine's disk: `docker system df`, `docker image prune`")
    } else if says(&["toomanyrequests", "rate limit"]) {
        Some("log in, or use a mirror of the registry")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_engine_says_comes_with_what_to_do() {
        for (message, word) in [
            (
                "manifest for x:9 not found: manifest unknown: manifest unknown",
                "tag",
            ),
            ("unauthorized: authentication required", "docker login"),
            (
                "Get https://r:5000/v2/: http: server gave HTTP response to HTTPS client",
                "insecure-registries",
            ),
            (
                "dial tcp 127.0.0.1:1: connect: connection refused",
                "reaches",
            ),
        ] {
            let error = ImageError::said("cannot pull `x:9`", message);
            assert!(error.hint.expect("a hint").contains(word), "{message}");
        }
    }
}
