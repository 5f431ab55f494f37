//! Where a server is, and how to connect to it.

use super::CallError;
use crate::failure::{Failure, Outcome};
use mainstay_model::Secret;
use mainstay_server::paths::DataDirectory;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// One server.
#[derive(Debug, Clone)]
pub enum Address {
    /// That of a data directory. `directory` is what the user calls it: the stack's directory.
    Data {
        directory: PathBuf,
        data: DataDirectory,
    },
    Socket(PathBuf),
    Tcp {
        host: String,
        token: Option<Secret<String>>,
    },
}

pub(super) enum Connection {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Address {
    /// The server of a stack's directory.
    pub fn of_stack(directory: &Path) -> Outcome<Self> {
        let data = DataDirectory::of_stack(directory).map_err(|error| {
            Failure::input(format!("no such directory: `{}`", directory.display())).because(&error)
        })?;
        Ok(Self::Data {
            directory: directory.to_owned(),
            data,
        })
    }

    /// `http://HOST:PORT`, `unix:PATH`, a socket, or a data directory.
    pub fn parse(text: &str, token: Option<Secret<String>>) -> Outcome<Self> {
        if let Some(rest) = text.strip_prefix("http://") {
            let host = rest.trim_end_matches('/').to_owned();
            return Ok(Self::Tcp { host, token });
        }
        if text.starts_with("https://") {
            return Err(Failure::input(format!("cannot speak TLS to `{text}` yet"))
                .hint("reach it over ssh: ssh -L 9900:127.0.0.1:9900 HOST, then --server http://127.0.0.1:9900"));
        }
        let path = Path::new(text.strip_prefix("unix:").unwrap_or(text));
        if path.is_dir() {
            let data = DataDirectory::new(path).map_err(|error| {
                Failure::input(format!("cannot read `{}`", path.display())).because(&error)
            })?;
            return Ok(Self::Data {
                directory: path.to_owned(),
                data,
            });
        }
        if text.contains('/') {
            return Ok(Self::Socket(path.to_owned()));
        }
        Err(
            Failure::input(format!("`{text}` is not the address of a server"))
                .hint("give a socket, a data directory, or http://HOST:PORT"),
        )
    }

    /// Whether both name one server in the same way.
    pub fn same(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }

    pub(super) fn host(&self) -> &str {
        match self {
            Self::Tcp { host, .. } => host,
            Self::Data { .. } | Self::Socket(_) => "mainstay",
        }
    }

    pub(super) fn token(&self) -> Option<&Secret<String>> {
        match self {
            Self::Tcp { token, .. } => token.as_ref(),
            Self::Data { .. } | Self::Socket(_) => None,
        }
    }

    pub(super) async fn connect(&self) -> Result<Connection, CallError> {
        let connected = timeout(CONNECT_DEADLINE, async {
            match self {
                Self::Data { data, .. } => UnixStream::connect(data.api_socket())
                    .await
                    .map(Connection::Unix),
                Self::Socket(socket) => UnixStream::connect(socket).await.map(Connection::Unix),
                Self::Tcp { host, .. } => {
                    TcpStream::connect(host.as_str()).await.map(Connection::Tcp)
                }
            }
        });
        match connected.await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(refused(&self.to_string(), &error)),
            Err(_) => Err(CallError::Late),
        }
    }

    /// What to say when nobody listens.
    pub fn nobody(&self) -> Failure {
        match self {
            Self::Data { directory, .. } => {
                let place = match directory.to_str() {
                    Some("." | "") => "this directory".to_owned(),
                    _ => format!("`{}`", directory.display()),
                };
                let up = match directory.to_str() {
                    Some("." | "") => "mainstay up".to_owned(),
                    _ => format!("mainstay up {}", directory.display()),
                };
                Failure::environment(format!("no server runs for {place}"))
                    .hint(format!("start one: {up}"))
            }
            Self::Socket(_) | Self::Tcp { .. } => {
                Failure::environment(format!("no server answers at {self}"))
                    .hint("start one there: mainstay serve")
            }
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Data { data, .. } => write!(f, "{}", data.api_socket().display()),
            Self::Socket(socket) => write!(f, "{}", socket.display()),
            Self::Tcp { host, .. } => write!(f, "http://{host}"),
        }
    }
}

fn refused(place: &str, error: &io::Error) -> CallError {
    match error.kind() {
        io::ErrorKind::NotFound => CallError::Gone(place.to_owned()),
        io::ErrorKind::ConnectionRefused => CallError::Refused(place.to_owned()),
        io::ErrorKind::PermissionDenied => CallError::Api(
            hyper::StatusCode::FORBIDDEN,
            mainstay_server::api::types::ApiError {
                code: mainstay_server::api::types::ErrorCode::Denied,
                message: format!("not allowed to speak to the server at {place}"),
                hint: Some(
                    "it belongs to another user: use its account, or a token over TCP".to_owned(),
                ),
            },
        ),
        _ => CallError::Lost(format!("{place}: {error}")),
    }
}
