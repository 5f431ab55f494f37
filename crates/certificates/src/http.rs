//! The HTTP client that the protocol is spoken over: TLS 1.2 and 1.3, one connection a request,
//! with a deadline and a bound on every answer.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use mainstay_x509::{Client, Trust};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// For one request, from its name's resolution to the end of its answer.
const DEADLINE: Duration = Duration::from_secs(30);
/// A chain is about 8 KiB, a directory less.
const MAX_ANSWER: usize = 1 << 20;

/// Trusts what the system trusts, or one private authority.
#[derive(Clone)]
pub(crate) struct Http {
    tls: Arc<ClientConfig>,
}

type Trouble = Box<dyn std::error::Error + Send + Sync>;

impl Http {
    pub(crate) fn new(ca: Option<&Path>) -> Result<Self, String> {
        let trust = match ca {
            Some(path) => authority(path)?,
            None => system()?,
        };
        let tls = Client::new(trust)
            .config()
            .map_err(|error| error.to_string())?;
        Ok(Self { tls: Arc::new(tls) })
    }

    async fn exchange(
        self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Result<BytesResponse, Trouble> {
        let (mut parts, body) = request.into_parts();
        let host = parts
            .uri
            .host()
            .ok_or("an address without a host")?
            .to_owned();
        if parts.uri.scheme_str() != Some("https") {
            return Err(format!("`{}` is not an https address", parts.uri).into());
        }
        let port = parts.uri.port_u16().unwrap_or(443);
        let name = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let stream = TcpStream::connect((name.as_str(), port)).await;
        let stream = stream.map_err(|error| format!("{host}:{port}: {error}"))?;
        let tls = TlsConnector::from(self.tls);
        let stream = tls.connect(ServerName::try_from(name)?, stream).await;
        let stream = stream.map_err(|error| format!("{host}:{port}: {error}"))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let authority = parts
            .uri
            .authority()
            .map_or(host.as_str(), |all| all.as_str());
        parts
            .headers
            .insert(HOST, HeaderValue::from_str(authority)?);
        let path = parts.uri.path_and_query().cloned();
        parts.uri = path.map_or_else(|| Uri::from_static("/"), Uri::from);
        let body = body.collect().await?.to_bytes();
        let request = Request::from_parts(parts, Full::new(body));
        // Polled beside the request, so that no task outlives this call.
        let answer = async {
            let (parts, body) = sender.send_request(request).await?.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await?.to_bytes();
            Ok::<_, Trouble>(BytesResponse {
                parts,
                body: Box::new(body),
            })
        };
        let connection = async {
            let _ = connection.await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            answer = answer => answer,
            () = connection => Err("the connection ended".into()),
        }
    }
}

impl HttpClient for Http {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let exchange = self.clone().exchange(request);
        Box::pin(async move {
            match tokio::time::timeout(DEADLINE, exchange).await {
                Ok(answer) => answer.map_err(Error::Other),
                Err(_) => Err(Error::Str("an answer in time")),
            }
        })
    }
}

fn authority(path: &Path) -> Result<Trust, String> {
    let failed = |error: &dyn std::fmt::Display| format!("cannot use {}: {error}", path.display());
    let pem = std::fs::read(path).map_err(|error| failed(&error))?;
    let trust = Trust::only(&pem).map_err(|error| failed(&error))?;
    if trust.is_nobody() {
        return Err(failed(&"it holds no certificate"));
    }
    Ok(trust)
}

fn system() -> Result<Trust, String> {
    let trust = Trust::system(rustls_native_certs::load_native_certs().certs);
    if trust.is_nobody() {
        return Err("this system trusts nobody: install the package ca-certificates".to_owned());
    }
    Ok(trust)
}
