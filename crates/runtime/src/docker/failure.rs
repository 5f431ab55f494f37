//! What goes wrong with an engine, in words that say what to do.
//!
//! One distinction matters to everything else: an engine that did not answer has decided nothing,
//! and nothing is concluded from it.

use super::address::EngineAddress;
use crate::target::TargetError;
use bollard::errors::Error;
use std::{fmt, io};

/// Why a question to the engine was not answered as hoped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nobody knows: it is not there, not for us, or went away in the middle.
    Unreachable { reason: String, hint: String },
    /// It answered, and the answer is no.
    Refused {
        status: u16,
        reason: String,
        hint: Option<String>,
    },
}

pub(crate) type Answer<T> = Result<T, Failure>;

impl Failure {
    pub(crate) fn new(reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Refused {
            status: 0,
            reason: reason.into(),
            hint: Some(hint.into()),
        }
    }

    pub(crate) fn of(address: &EngineAddress, error: Error) -> Self {
        match error {
            Error::DockerResponseServerError {
                status_code,
                message,
            } => refused(status_code, &message),
            Error::JsonDataError { .. } | Error::JsonSerdeError { .. } => Self::Refused {
                status: 0,
                reason: format!("the engine's answer is not understood: {error}"),
                hint: None,
            },
            error => {
                let (reason, hint) = silence(address, &error);
                Self::Unreachable { reason, hint }
            }
        }
    }

    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// Will be otherwise in a moment: somebody is removing the container.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Refused { reason, .. } => {
                // Also one that was taken away between two looks.
                let words = [
                    "marked for removal",
                    "removal of container",
                    "No such container",
                ];
                words.iter().any(|word| reason.contains(word))
            }
            Self::Unreachable { .. } => false,
        }
    }

    /// It was so already.
    pub(crate) fn is_unchanged(&self) -> bool {
        matches!(self, Self::Refused { status: 304, .. })
    }

    /// On one line, as an instance's reason for not running.
    pub(crate) fn line(&self) -> String {
        match self {
            Self::Unreachable { reason, hint }
            | Self::Refused {
                reason,
                hint: Some(hint),
                ..
            } => format!("{reason}; hint: {hint}"),
            Self::Refused { reason, .. } => reason.clone(),
        }
    }
}

impl From<Failure> for TargetError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unreachable { reason, hint } => Self::new(reason).hint(&hint),
            Failure::Refused { reason, hint, .. } => Self {
                message: reason,
                hint,
            },
        }
    }
}

/// What to say of an engine that did not answer, and what to do: reason and hint.
pub(crate) fn silence(address: &dyn fmt::Display, error: &Error) -> (String, String) {
    match io_kind(error) {
        Some(io::ErrorKind::PermissionDenied) => (
            format!("permission denied on the engine's socket {address}"),
            "add this user to the group that owns the socket (`docker`), or run the server as root"
                .to_owned(),
        ),
        Some(io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => not_running(address),
        _ if matches!(error, Error::SocketNotFoundError(_)) => not_running(address),
        _ if matches!(error, Error::RequestTimeoutError) => (
            format!("the engine at {address} does not answer in time"),
            "see what it is busy with: `docker info`, its log".to_owned(),
        ),
        _ if matches!(
            error,
            Error::CertPathError { .. } | Error::CertParseError { .. }
        ) =>
        {
            (
                format!("the engine at {address} cannot be spoken to with TLS: {error}"),
                "DOCKER_CERT_PATH has to hold `ca.pem`, `cert.pem` and `key.pem`".to_owned(),
            )
        }
        _ => (
            format!(
                "the engine at {address} cannot be reached: {}",
                chain(error)
            ),
            "see that it runs and that the address is right".to_owned(),
        ),
    }
}

fn not_running(address: &dyn fmt::Display) -> (String, String) {
    (
        format!("no engine listens at {address}"),
        "start it (`systemctl start docker`), or say where it is: DOCKER_HOST".to_owned(),
    )
}

/// The kind of the innermost IO error.
fn io_kind(error: &(dyn std::error::Error + 'static)) -> Option<io::ErrorKind> {
    let mut next = Some(error);
    let mut kind = None;
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            kind = Some(io.kind());
        }
        next = error.source();
    }
    kind
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        next = error.source();
    }
    text
}

/// The engine's own words, and what to do where they are known.
fn refused(status: u16, message: &str) -> Failure {
    let message = message.trim();
    let says = |words: &str| message.to_lowercase().contains(words);
    let hint = if says("no such image") || says("image not known") {
        Some("pull or build it on this engine, or deploy again so that it is fetched")
    } else if says("port is already allocated") || says("address already in use") {
        Some("end what has the port (`docker ps`, `ss -ltnp`), or publish another one")
    } else if says("no space left on device") {
        Some("make room on the engine's disk: `docker system df`, `docker image prune`")
    } else if says("is already in use by container") {
        Some("rename or remove that container; it is not one of this server's")
    } else if says("executable file not found") || says("no such file or directory") {
        Some("correct `command` or `entrypoint`, or the image")
    } else if says("could not find an available") {
        Some("the engine's address pools are used up: `docker network prune`, or set `ipam`")
    } else {
        None
    };
    Failure::Refused {
        status,
        reason: message.to_owned(),
        hint: hint.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(message: &str) -> Option<String> {
        match refused(500, message) {
            Failure::Refused { hint, .. } => hint,
            Failure::Unreachable { .. } => None,
        }
    }

    #[test]
    fn what_can_be_done_is_said() {
        for (message, word) in [
            ("No such image: app:1", "pull"),
            (
                "Bind for 0.0.0.0:80 failed: port is already allocated",
                "publish",
            ),
            ("write /var/lib/x: no space left on device", "prune"),
            (
                "Conflict. The container name \"/a\" is already in use by container \"b\"",
                "rename",
            ),
        ] {
            assert!(
                hint(message).is_some_and(|hint| hint.contains(word)),
                "{message}"
            );
        }
        assert_eq!(hint("something else"), None);
    }

    #[test]
    fn an_engine_that_is_not_there_has_decided_nothing() {
        let address = EngineAddress::Unix("/nowhere/docker.sock".into());
        let failure = Failure::of(&address, Error::RequestTimeoutError);
        assert!(failure.is_unreachable());
        let failure = Failure::of(&address, Error::SocketNotFoundError(String::new()));
        assert!(failure.line().contains("systemctl start docker"));
    }
}
