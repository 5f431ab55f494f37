//! One request to a store, over HTTP/1.1 and TLS, with deadlines, bounds and a few tries.
//!
//! A connection for each request: a deploy asks a handful of times. Redirects are not followed — a
//! token must not go where nobody sent it — and proxies are not used.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use mainstay_x509::{Client, Trust};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const CONNECT: Duration = Duration::from_secs(5);
/// One try, from the connection to the last byte.
const TRY: Duration = Duration::from_secs(10);
const TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// More than any secret, in whatever it is wrapped.
const LIMIT_BODY_BYTES: usize = 2 << 20;

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) encrypted: bool,
    /// Without the brackets of IPv6.
    host: String,
    port: u16,
    /// Before every path; no slash at its end.
    base: String,
}

impl Address {
    /// `https://host[:port][/base]`
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let encrypted = match scheme {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let (authority, base) = match rest.find('/') {
            Some(index) => rest.split_at(index),
            None => (rest, ""),
        };
        if authority.contains('@') || base.contains(['?', '#']) {
            return None;
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']')?;
                (host, port.strip_prefix(':'))
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let port = match port {
            Some(port) => port.parse().ok()?,
            None if encrypted => 443,
            None => 80,
        };
        let fits = |c: char| c.is_ascii_alphanumeric() || "-._:%".contains(c);
        if host.is_empty() || !host.chars().all(fits) {
            return None;
        }
        Some(Self {
            encrypted,
            host: host.to_owned(),
            port,
            base: base.trim_end_matches('/').to_owned(),
        })
    }

    /// As the `host` header has it.
    pub(crate) fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        match (self.encrypted, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    /// Whether it is this machine's own.
    pub(crate) fn is_loopback(&self) -> bool {
        let address = self.host.parse::<std::net::IpAddr>();
        self.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.encrypted { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.base)
    }
}

/// What is asked. Its headers and body may hold what must not be shown.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) address: &'a Address,
    /// With the query, after the address's base.
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Certificates to trust beside the system's: a PEM file.
    pub(crate) authority: Option<&'a Path>,
}

/// What came back. Its body may be a secret.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("{address} does not answer within {} s", TRY.as_secs())]
    Late { address: String },
    #[error("{address} cannot be reached: {problem}")]
    Unreachable { address: String, problem: String },
    #[error("the certificates in `{path}` cannot be read: {problem}")]
    Authority { path: String, problem: String },
    #[error("{address} answers more than {LIMIT_BODY_BYTES} bytes, or not to the end")]
    Body { address: String },
}

/// Asks, and again where that may help: nothing answered, or *too many* or *not now*.
pub(crate) async fn send(call: &Call<'_>) -> Result<Answer, HttpError> {
    let mut pause = FIRST_PAUSE;
    let mut tried = 1;
    loop {
        let outcome = tokio::time::timeout(TRY, once(call))
            .await
            .unwrap_or_else(|_| {
                let address = call.address.to_string();
                Err(HttpError::Late { address })
            });
        let again = match &outcome {
            Ok(answer) => {
                answer.status == StatusCode::TOO_MANY_REQUESTS || answer.status.is_server_error()
            }
            Err(HttpError::Authority { .. }) => false,
            Err(_) => true,
        };
        if !again || tried == TRIES {
            return outcome;
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
        tried += 1;
    }
}

async fn once(call: &Call<'_>) -> Result<Answer, HttpError> {
    let address = call.address;
    let unreachable = |problem: String| HttpError::Unreachable {
        address: address.to_string(),
        problem,
    };
    let connecting = TcpStream::connect((address.host.as_str(), address.port));
    let stream = tokio::time::timeout(CONNECT, connecting)
        .await
        .map_err(|_| unreachable("no connection".to_owned()))?
        .map_err(|error| unreachable(error.to_string()))?;
    if !address.encrypted {
        return exchange(call, stream).await;
    }
    let config = trust(call.authority)?;
    let name = ServerName::try_from(address.host.clone())
        .map_err(|error| unreachable(error.to_string()))?;
    let stream = TlsConnector::from(config)
        .connect(name, stream)
        .await
        .map_err(|error| unreachable(error.to_string()))?;
    exchange(call, stream).await
}

/// The system's certificates, and those of the file.
fn trust(file: Option<&Path>) -> Result<Arc<ClientConfig>, HttpError> {
    let failed = |path: String, problem: String| HttpError::Authority { path, problem };
    let mut trust = Trust::system(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = file {
        let failed = |problem: String| failed(path.display().to_string(), problem);
        let pem = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
        trust = trust.and(&pem).map_err(|error| failed(error.to_string()))?;
    }
    let config = Client::new(trust).config();
    let config = config.map_err(|error| failed("the system".to_owned(), error.to_string()))?;
    Ok(Arc::new(config))
}

async fn exchange<S>(call: &Call<'_>, stream: S) -> Result<Answer, HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let address = call.address;
    let unreachable = |error: hyper::Error| HttpError::Unreachable {
        address: address.to_string(),
        problem: error.to_string(),
    };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(unreachable)?;
    let connection = tokio::spawn(connection);
    let mut request = Request::builder()
        .method(call.method.clone())
        .uri(format!("{}{}", address.base, call.path))
        .header("host", address.authority())
        .header("accept", "application/json");
    for (name, value) in &call.headers {
        request = request.header(*name, value);
    }
    let body = Full::new(Bytes::from(call.body.clone()));
    let request = request.body(body).map_err(|_| HttpError::Unreachable {
        address: address.to_string(),
        // A header that is none would be quoted.
        problem: "the request cannot be written: a path, token or key has a character that it must not have".to_owned(),
    })?;
    let response = sender.send_request(request).await.map_err(unreachable)?;
    let status = response.status();
    let collected = Limited::new(response.into_body(), LIMIT_BODY_BYTES)
        .collect()
        .await;
    connection.abort();
    let body = collected.map_err(|_| HttpError::Body {
        address: address.to_string(),
    })?;
    Ok(Answer {
        status,
        body: body.to_bytes().to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_meant() {
        for (text, shown, loopback) in [
            (
                "https://vault.example.org",
                "https://vault.example.org",
                false,
            ),
            ("https://v:8200/", "https://v:8200", false),
            ("http://127.0.0.1:8200", "http://127.0.0.1:8200", true),
            ("http://[::1]:80/base/", "http://[::1]/base", true),
            ("https://localhost:443", "https://localhost", true),
        ] {
            let address = Address::parse(text).expect(text);
            assert_eq!(address.to_string(), shown);
            assert_eq!(address.is_loopback(), loopback, "{text}");
        }
        for text in [
            "vault:8200",
            "ftp://x",
            "https://",
            "https://u:p@h",
            "http://h:x",
            "http://a b",
        ] {
            assert_eq!(Address::parse(text), None, "{text}");
        }
    }
}
