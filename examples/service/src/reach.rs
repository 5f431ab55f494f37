//! Asking another service over HTTP: one request, one connection, one deadline.
//!
//! HTTP/1.1 without TLS: meant for what stands beside this service on the same machine or a
//! private network.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::str::FromStr;
use std::time::Duration;
use tokio::net::TcpStream;

/// A longer answer is no answer.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// `http://HOST:PORT/BASE` or `ws://…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer {
    scheme: &'static str,
    /// `HOST:PORT`
    pub(crate) authority: String,
    /// Without a slash at its end.
    base: String,
}

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReachError {
    #[error("no answer within {} ms", .0.as_millis())]
    Deadline(Duration),
    #[error("cannot connect to {0}: {1}")]
    Connect(String, std::io::Error),
    #[error("the connection broke off: {0}")]
    Broken(#[from] hyper::Error),
    #[error("not a request: {0}")]
    Request(#[from] hyper::http::Error),
    #[error("the answer is longer than {MAX_ANSWER_BYTES} bytes, or broke off")]
    Body,
    #[error("answered {0}")]
    Status(StatusCode),
    #[error("the answer is not what it should be")]
    Shape,
}

impl FromStr for Peer {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const HINT: &str = "not an address\n  hint: write http://HOST:PORT or ws://HOST:PORT/PATH; TLS is not spoken here";
        let (scheme, rest) = match text.split_once("://") {
            Some(("http", rest)) => ("http", rest),
            Some(("ws", rest)) => ("ws", rest),
            _ => return Err(HINT),
        };
        let (authority, base) = rest.split_once('/').unwrap_or((rest, ""));
        let host = authority
            .rsplit_once(':')
            .map_or(authority, |(host, _)| host);
        if host.is_empty() || authority.contains('@') {
            return Err(HINT);
        }
        let port = if authority.contains(':') { "" } else { ":80" };
        let base = base.trim_end_matches('/');
        Ok(Self {
            scheme,
            authority: format!("{authority}{port}"),
            base: if base.is_empty() {
                String::new()
            } else {
                format!("/{base}")
            },
        })
    }
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.base)
    }
}

impl Peer {
    pub(crate) async fn connect(&self) -> Result<TcpStream, ReachError> {
        TcpStream::connect(&self.authority)
            .await
            .map_err(|error| ReachError::Connect(self.authority.clone(), error))
    }

    /// GET; whatever is not 2xx is an error.
    pub(crate) async fn get(&self, path: &str, within: Duration) -> Result<Bytes, ReachError> {
        let answer = self.ask(Method::GET, path, &[], None);
        let answer = tokio::time::timeout(within, answer).await;
        Ok(answer.map_err(|_| ReachError::Deadline(within))??.1)
    }

    /// POST of JSON for JSON, with the head of the answer.
    pub(crate) async fn post(
        &self,
        path: &str,
        headers: &[(&'static str, String)],
        body: &Value,
        within: Duration,
    ) -> Result<(hyper::HeaderMap, Value), ReachError> {
        let answer = self.ask(Method::POST, path, headers, Some(body));
        let answer = tokio::time::timeout(within, answer).await;
        let (headers, bytes) = answer.map_err(|_| ReachError::Deadline(within))??;
        let value = serde_json::from_slice(&bytes).map_err(|_| ReachError::Shape)?;
        Ok((headers, value))
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, String)],
        body: Option<&Value>,
    ) -> Result<(hyper::HeaderMap, Bytes), ReachError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("host", &self.authority)
            .header("connection", "close");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let bytes = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Bytes::from(body.to_string())
            }
            None => Bytes::new(),
        };
        let request = request.body(Full::new(bytes))?;
        let stream = TokioIo::new(self.connect().await?);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
        // Ends with the sender, or with the connection.
        let driver = tokio::spawn(connection);
        let answer = sender.send_request(request).await?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        driver.abort();
        if !head.status.is_success() {
            return Err(ReachError::Status(head.status));
        }
        let body = body.map_err(|_| ReachError::Body)?;
        Ok((head.headers, body.to_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_no_password() {
        let peer: Peer = "ws://discord:9100/gateway/".parse().unwrap();
        assert_eq!(peer.authority, "discord:9100");
        assert_eq!(peer.to_string(), "ws://discord:9100/gateway");
        let peer: Peer = "http://llm".parse().unwrap();
        assert_eq!(peer.to_string(), "http://llm:80");
        for text in [
            "",
            "llm:80",
            "https://llm",
            "http://",
            "http://:80",
            "http://a:b@c",
        ] {
            assert!(text.parse::<Peer>().is_err(), "{text}");
        }
    }
}
