//! The control plane's half of the control socket.
//!
//! Each call opens a connection of its own: calls are rare, and a connection that outlives its
//! proxy would only add a way to fail. Every call ends by its deadline.

use crate::config::{Config, Status};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;

/// Applying binds sockets and waits for the disk.
const APPLY_DEADLINE: Duration = Duration::from_secs(15);
const DEADLINE: Duration = Duration::from_secs(5);
/// An answer is never longer: the status of 10,000 endpoints is about 2 MB.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Why a call got no answer, or not the one it wanted.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No proxy runs behind the socket.
    #[error("no proxy answers on {socket}: {source}")]
    Connect { socket: PathBuf, source: io::Error },
    #[error("the proxy on {socket} broke off: {source}")]
    Exchange {
        socket: PathBuf,
        source: hyper::Error,
    },
    #[error("the proxy on {socket} did not answer within {} s", .deadline.as_secs())]
    Deadline { socket: PathBuf, deadline: Duration },
    /// The proxy's own words; the configuration it had is the one it still has.
    #[error("the proxy refused: {message}")]
    Refused { status: StatusCode, message: String },
    #[error("the proxy on {socket} answered what this version does not understand: {reason}")]
    Answer { socket: PathBuf, reason: String },
}

/// The body of every refusal on the control socket.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) error: String,
}

/// Speaks to the proxy behind one control socket. Cheap to clone; holds no connection.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self {
            socket: socket.into(),
        }
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Puts the whole configuration in force, or none of it. When this returns `Ok`, it is on
    /// disk, and no request that starts from now on sees the one before.
    pub async fn apply(&self, config: &Config) -> Result<(), ClientError> {
        let body = serde_json::to_vec(config).map_err(|error| self.answer(&error))?;
        self.call(Method::PUT, "/v1/config", body, APPLY_DEADLINE)
            .await?;
        Ok(())
    }

    pub async fn status(&self) -> Result<Status, ClientError> {
        let body = self
            .call(Method::GET, "/v1/status", Vec::new(), DEADLINE)
            .await?;
        serde_json::from_slice(&body).map_err(|error| self.answer(&error))
    }

    /// The metrics in Prometheus's text format 0.0.4.
    pub async fn metrics(&self) -> Result<String, ClientError> {
        let body = self
            .call(Method::GET, "/metrics", Vec::new(), DEADLINE)
            .await?;
        String::from_utf8(body.into()).map_err(|error| self.answer(&error))
    }

    /// Asks the proxy to drain and to end; returns once it has begun to. It ends after its last
    /// request or its drain deadline.
    pub async fn shutdown(&self) -> Result<(), ClientError> {
        self.call(Method::POST, "/v1/shutdown", Vec::new(), DEADLINE)
            .await?;
        Ok(())
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        deadline: Duration,
    ) -> Result<Bytes, ClientError> {
        let exchange = self.exchange(method, path, body);
        match tokio::time::timeout(deadline, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(ClientError::Deadline {
                socket: self.socket.clone(),
                deadline,
            }),
        }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Bytes, ClientError> {
        let stream = UnixStream::connect(&self.socket).await;
        let stream = stream.map_err(|source| ClientError::Connect {
            socket: self.socket.clone(),
            source,
        })?;
        let broke = |source| ClientError::Exchange {
            socket: self.socket.clone(),
            source,
        };
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(broke)?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "proxy")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| self.answer(&error))?;
        // The connection is polled beside the request, so no task outlives this call.
        let answer = async {
            let response = sender.send_request(request).await.map_err(broke)?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES);
            let body = body.collect().await.map_err(|error| self.answer(&error))?;
            Ok((status, body.to_bytes()))
        };
        let connection = async {
            let _ = connection.await;
            std::future::pending::<()>().await;
        };
        let (status, body) = tokio::select! {
            answer = answer => answer?,
            () = connection => unreachable!("pending never ends"),
        };
        if status.is_success() {
            return Ok(body);
        }
        let message = match serde_json::from_slice::<Refusal>(&body) {
            Ok(refusal) => refusal.error,
            Err(_) => String::from_utf8_lossy(&body).into_owned(),
        };
        Err(ClientError::Refused { status, message })
    }

    fn answer(&self, error: &dyn std::fmt::Display) -> ClientError {
        ClientError::Answer {
            socket: self.socket.clone(),
            reason: error.to_string(),
        }
    }
}
