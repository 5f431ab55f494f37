//! Where an engine is, and how it is reached: a unix socket, TCP, or TCP with TLS.
//!
//! The forms are those of `DOCKER_HOST`, and so are the names of the files for TLS (`ca.pem`,
//! `cert.pem`, `key.pem` in `DOCKER_CERT_PATH`). Podman's socket speaks the same API.

use crate::target::TargetError;
use bollard::errors::Error;
use bollard::{API_DEFAULT_VERSION, Docker};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// For an answer; creating and starting included.
const ANSWER_SECONDS: u64 = 60;

const DEFAULT_SOCKET: &str = "/var/run/docker.sock";
const DEFAULT_PORT: u16 = 2375;

/// The address of one engine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineAddress {
    Unix(PathBuf),
    Tcp {
        host: String,
        port: u16,
        tls: Option<Tls>,
    },
}

/// Files in PEM form: whom we believe, and who we are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tls {
    pub ca: PathBuf,
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl Tls {
    fn in_directory(directory: &Path) -> Self {
        Self {
            ca: directory.join("ca.pem"),
            cert: directory.join("cert.pem"),
            key: directory.join("key.pem"),
        }
    }
}

impl EngineAddress {
    /// What the Docker command line would take: `DOCKER_HOST`, with TLS where `DOCKER_TLS_VERIFY`
    /// or `DOCKER_CERT_PATH` is set; else the usual socket.
    pub fn from_environment() -> Result<Self, TargetError> {
        let variable = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
        let Some(host) = variable("DOCKER_HOST") else {
            return Ok(Self::Unix(DEFAULT_SOCKET.into()));
        };
        let mut address: Self = host.parse()?;
        let verify = variable("DOCKER_TLS_VERIFY");
        let usual = || {
            let home = verify.and_then(|_| variable("HOME"))?;
            Some(PathBuf::from(home).join(".docker"))
        };
        let directory = variable("DOCKER_CERT_PATH").map(PathBuf::from);
        if let (Self::Tcp { tls, .. }, Some(directory)) = (&mut address, directory.or_else(usual)) {
            *tls = Some(Tls::in_directory(&directory));
        }
        Ok(address)
    }

    #[must_use]
    pub fn with_tls(mut self, files: Option<Tls>) -> Self {
        if let Self::Tcp { tls, .. } = &mut self {
            *tls = files;
        }
        self
    }

    /// On this machine: its bridges and its paths are ours too.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Unix(_))
    }

    /// The name under which ports that the engine publishes are dialled.
    pub(crate) fn host(&self) -> &str {
        match self {
            Self::Unix(_) => "127.0.0.1",
            Self::Tcp { host, .. } => host,
        }
    }

    pub(crate) fn connect(&self) -> Result<Docker, Error> {
        match self {
            Self::Unix(path) => {
                let path = path.to_string_lossy();
                Docker::connect_with_unix(&path, ANSWER_SECONDS, API_DEFAULT_VERSION)
            }
            Self::Tcp {
                host,
                port,
                tls: None,
            } => {
                let address = format!("tcp://{}:{port}", bracketed(host));
                Docker::connect_with_http(&address, ANSWER_SECONDS, API_DEFAULT_VERSION)
            }
            Self::Tcp {
                host,
                port,
                tls: Some(tls),
            } => Docker::connect_with_ssl(
                &format!("tcp://{}:{port}", bracketed(host)),
                &tls.key,
                &tls.cert,
                &tls.ca,
                ANSWER_SECONDS,
                API_DEFAULT_VERSION,
            ),
        }
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

impl fmt::Display for EngineAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { host, port, .. } => write!(f, "tcp://{}:{port}", bracketed(host)),
        }
    }
}

impl FromStr for EngineAddress {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let error = || {
            TargetError::new(format!("`{text}` is not the address of an engine"))
                .hint("write `unix:///var/run/docker.sock` or `tcp://host:2376`")
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(error)?;
        match scheme {
            "unix" if rest.starts_with('/') => Ok(Self::Unix(rest.into())),
            "tcp" | "http" | "https" => {
                let authority = rest.trim_end_matches('/');
                let (host, port) = match authority.rsplit_once(':') {
                    Some((host, port)) if !port.ends_with(']') => {
                        (host, port.parse().map_err(|_| error())?)
                    }
                    _ => (authority, DEFAULT_PORT),
                };
                let host = host.trim_start_matches('[').trim_end_matches(']');
                if host.is_empty() || host.contains('/') {
                    return Err(error());
                }
                Ok(Self::Tcp {
                    host: host.to_owned(),
                    port,
                    tls: None,
                })
            }
            _ => Err(error()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_docker_host() {
        for (text, shown) in [
            (
                "unix:///run/podman/podman.sock",
                "unix:///run/podman/podman.sock",
            ),
            ("tcp://10.0.0.7:2376", "tcp://10.0.0.7:2376"),
            ("tcp://engine", "tcp://engine:2375"),
            ("https://engine:1/", "tcp://engine:1"),
            ("tcp://[fd00::7]:2376", "tcp://[fd00::7]:2376"),
        ] {
            let address: EngineAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), shown);
        }
        for bad in [
            "",
            "docker.sock",
            "unix://here",
            "ssh://host",
            "tcp://",
            "tcp://a:b",
        ] {
            assert!(bad.parse::<EngineAddress>().is_err(), "{bad}");
        }
    }
}
