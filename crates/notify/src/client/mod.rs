//! One request of HTTP/1.1 on a connection of its own, with credentials and TLS.
//!
//! Notifications are rare: nothing is kept open between them. A redirect is followed where it keeps
//! the method (307, 308); credentials go to the origin that was asked for only. Nothing here bounds
//! time: the caller puts a deadline around the whole exchange.

pub(crate) mod secret;
pub(crate) mod tls;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{
    AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, USER_AGENT,
};
use hyper::{Method, Response, Uri};
use hyper_util::rt::TokioIo;
use mainstay_model::{HttpConfig, Secret};
use tokio::net::TcpStream;

use crate::{Failure, Request};

/// How many redirects are followed.
const REDIRECTS: usize = 5;
/// How much of an answer is read.
const ANSWER_BYTES: usize = 16 << 10;

/// What a receiver said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) json: bool,
    /// Its beginning.
    pub(crate) body: String,
}

/// Sends a request and reads the answer. Every secret that is used is added to `secrets`.
pub(crate) async fn send(
    config: &HttpConfig,
    request: &Request,
    secrets: &mut Vec<Secret<String>>,
) -> Result<Answer, Failure> {
    let method = Method::from_bytes(request.method.as_bytes())
        .map_err(|_| Failure::configuration("a method that HTTP does not know"))?;
    let first = address(request.url.expose())?;
    secrets.push(request.url.clone());
    if let Some(path) = first
        .path_and_query()
        .filter(|path| path.as_str().len() > 1)
    {
        secrets.push(Secret::new(path.to_string()));
    }
    let own = headers(config, request, secrets).await?;
    let mut at = first.clone();
    for _ in 0..=REDIRECTS {
        let mut headers = if origin(&at) == origin(&first) {
            own.clone()
        } else {
            HeaderMap::new()
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("mainstay/", env!("CARGO_PKG_VERSION"))),
        );
        let response = once(config, &method, &at, headers, request.body.expose()).await?;
        let keeps = matches!(response.status().as_u16(), 307 | 308);
        let location = response
            .headers()
            .get(LOCATION)
            .filter(|_| keeps && config.follow_redirects);
        let Some(location) = location else {
            return answer(response).await;
        };
        at = redirected(&at, location)?;
    }
    Err(Failure::configuration(format!(
        "more than {REDIRECTS} redirects"
    )))
}

/// `http[s]://host[:port][/path]`
fn address(text: &str) -> Result<Uri, Failure> {
    let wrong = || Failure::configuration("the address is none of HTTP");
    let uri: Uri = text.parse().map_err(|_| wrong())?;
    let known = matches!(uri.scheme_str(), Some("http" | "https"));
    if !known || uri.host().is_none_or(str::is_empty) {
        return Err(wrong());
    }
    Ok(uri)
}

fn redirected(from: &Uri, location: &HeaderValue) -> Result<Uri, Failure> {
    let location = location.to_str().unwrap_or_default();
    if location.starts_with('/') && !location.starts_with("//") {
        let scheme = from.scheme_str().unwrap_or("https");
        let authority = from.authority().map_or("", |authority| authority.as_str());
        return address(&format!("{scheme}://{authority}{location}"));
    }
    address(location)
}

fn encrypted(uri: &Uri) -> bool {
    uri.scheme_str() == Some("https")
}

/// Without the brackets of IPv6.
fn host(uri: &Uri) -> &str {
    let host = uri.host().unwrap_or_default();
    host.trim_start_matches('[').trim_end_matches(']')
}

fn port(uri: &Uri) -> u16 {
    uri.port_u16()
        .unwrap_or(if encrypted(uri) { 443 } else { 80 })
}

/// What credentials belong to.
fn origin(uri: &Uri) -> (bool, &str, u16) {
    (encrypted(uri), host(uri), port(uri))
}

async fn headers(
    config: &HttpConfig,
    request: &Request,
    secrets: &mut Vec<Secret<String>>,
) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for (name, source) in &config.headers {
        let name = HeaderName::try_from(name.as_str())
            .map_err(|_| Failure::configuration(format!("`{name}` is no name of a header")))?;
        let value = secret::read(source).await?;
        headers.append(name, header(&value)?);
        secrets.push(value);
    }
    if let Some(value) = secret::authorization(config, secrets).await? {
        headers.insert(AUTHORIZATION, header(&value)?);
    }
    for (name, value) in &request.headers {
        headers.insert(HeaderName::from_static(name), header(value)?);
        secrets.push(value.clone());
    }
    Ok(headers)
}

/// A header that logs do not show.
fn header(text: &Secret<String>) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::try_from(text.expose().as_str()).map_err(|_| {
        Failure::configuration("a credential has a character that no header may have")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

async fn once(
    config: &HttpConfig,
    method: &Method,
    uri: &Uri,
    mut headers: HeaderMap,
    body: &str,
) -> Result<Response<Incoming>, Failure> {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let host_header = HeaderValue::try_from(authority);
    headers.insert(
        HOST,
        host_header.map_err(|_| Failure::configuration("the address has no host"))?,
    );
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = hyper::Request::new(Full::new(Bytes::copy_from_slice(body.as_bytes())));
    *request.method_mut() = method.clone();
    *request.uri_mut() = path
        .parse()
        .map_err(|_| Failure::configuration("the address has a path that HTTP does not take"))?;
    *request.headers_mut() = headers;
    let mut sender = connect(config, uri).await?;
    let sent = sender.send_request(request).await;
    sent.map_err(|error| Failure::connection(format!("asking {}: {}", host(uri), chain(&error))))
}

async fn connect(config: &HttpConfig, uri: &Uri) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let (host, port) = (host(uri), port(uri));
    let stream = TcpStream::connect((host, port)).await;
    let stream = stream
        .map_err(|error| Failure::connection(format!("connecting to {host}:{port}: {error}")))?;
    let _ = stream.set_nodelay(true);
    if !encrypted(uri) {
        return begin(TokioIo::new(stream)).await;
    }
    let (connector, name) = tls::connector(&config.tls, host).await?;
    let stream = connector.connect(name, stream).await;
    let stream =
        stream.map_err(|error| Failure::connection(format!("TLS with {host}: {error}")))?;
    begin(TokioIo::new(stream)).await
}

/// Speaks HTTP on a stream. The task ends with the connection, which ends with the answer.
async fn begin<S>(stream: S) -> Result<SendRequest<Full<Bytes>>, Failure>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(stream)
        .await
        .map_err(|error| Failure::connection(chain(&error)))?;
    tokio::spawn(async move {
        // What went wrong is told to whoever waits for an answer.
        let _ = connection.await;
    });
    Ok(sender)
}

/// What goes wrong behind the status is no matter: the receiver has decided.
async fn answer(response: Response<Incoming>) -> Result<Answer, Failure> {
    let status = response.status().as_u16();
    let kind = response.headers().get(CONTENT_TYPE);
    let json = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let mut body = response.into_body();
    let mut read = BytesMut::new();
    while read.len() < ANSWER_BYTES
        && let Some(Ok(frame)) = body.frame().await
    {
        read.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
    }
    read.truncate(ANSWER_BYTES);
    Ok(Answer {
        status,
        json,
        body: String::from_utf8_lossy(&read).into_owned(),
    })
}

/// An error and its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
