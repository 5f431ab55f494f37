//! An HTTP/1.1 client for one server at a time: a connection that is kept, credentials, TLS,
//! redirects.
//!
//! Secrets and certificates that stand in files are read anew whenever a connection is opened (and
//! credentials with every request), so that a rotation needs no reload. Credentials go only to the
//! origin that was asked for, never along with a redirect to another.
//!
//! Nothing here bounds time: every caller puts a deadline around the whole exchange.

mod secret;
mod tls;
mod url;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue, LOCATION};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use mainstay_model::HttpConfig;
use tokio::net::TcpStream;

pub(crate) use url::Url;

/// How many redirects are followed, as Go's client does.
const REDIRECTS: usize = 10;

/// Why there was no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    #[error("`{0}` is not an address of HTTP")]
    Url(String),
    #[error("connecting to {to}: {problem}")]
    Connect { to: String, problem: String },
    #[error("TLS: {0}")]
    Tls(String),
    #[error("reading `{path}`: {problem}")]
    File { path: String, problem: String },
    #[error("a header or a credential has a character that it must not have")]
    Header,
    #[error("{0}")]
    Exchange(String),
    #[error("more than {REDIRECTS} redirects")]
    Redirects,
}

type Sender = SendRequest<Full<Bytes>>;

/// A client with at most one connection.
#[derive(Debug)]
pub(crate) struct Client {
    config: HttpConfig,
    idle: Option<(Url, Sender)>,
}

impl Client {
    pub(crate) fn new(config: HttpConfig) -> Self {
        Self { config, idle: None }
    }

    /// Asks, and follows redirects where that is allowed. The body must be read to its end, or
    /// [`Self::disconnect`] called.
    pub(crate) async fn send(
        &mut self,
        method: Method,
        url: &Url,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, ClientError> {
        let mut at = url.clone();
        for _ in 0..=REDIRECTS {
            let own = at.origin() == url.origin();
            let headers = self.headers(headers, own).await?;
            let response = self.once(&method, &at, headers, body.clone()).await?;
            let redirect = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
            let follow = redirect && self.config.follow_redirects && method == Method::GET;
            let Some(location) = response.headers().get(LOCATION).filter(|_| follow) else {
                return Ok(response);
            };
            let location = location.to_str().map_err(|_| ClientError::Header)?;
            at = at.join(location)?;
            self.disconnect();
        }
        Err(ClientError::Redirects)
    }

    /// Gives the connection up: what still comes on it is of no use.
    pub(crate) fn disconnect(&mut self) {
        self.idle = None;
    }

    async fn headers(&self, given: &HeaderMap, own: bool) -> Result<HeaderMap, ClientError> {
        let mut headers = given.clone();
        if !own {
            return Ok(headers);
        }
        for (name, value) in &self.config.headers {
            let name = HeaderName::try_from(name.as_str()).map_err(|_| ClientError::Header)?;
            let value = secret::read(value).await?;
            headers.append(name, secret::header(value.expose())?);
        }
        if let Some(value) = secret::authorization(&self.config).await? {
            headers.insert(hyper::header::AUTHORIZATION, value);
        }
        Ok(headers)
    }

    /// One exchange. A kept connection that turns out to be closed is no failure: then a new one is
    /// opened.
    async fn once(
        &mut self,
        method: &Method,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, ClientError> {
        let request = || {
            let mut request = Request::new(Full::new(body.clone()));
            *request.method_mut() = method.clone();
            *request.uri_mut() = url.path_uri()?;
            *request.headers_mut() = headers.clone();
            let host = HeaderValue::try_from(url.authority()).map_err(|_| ClientError::Header)?;
            request.headers_mut().insert(HOST, host);
            Ok::<_, ClientError>(request)
        };
        if let Some((_, mut sender)) = self
            .idle
            .take()
            .filter(|(of, _)| of.origin() == url.origin())
            && sender.ready().await.is_ok()
            && let Ok(response) = sender.send_request(request()?).await
        {
            self.idle = Some((url.clone(), sender));
            return Ok(response);
        }
        let mut sender = self.connect(url).await?;
        let sent = sender.send_request(request()?).await;
        let response = sent.map_err(|error| ClientError::Exchange(chain(&error)))?;
        self.idle = Some((url.clone(), sender));
        Ok(response)
    }

    async fn connect(&self, url: &Url) -> Result<Sender, ClientError> {
        let connect = |error: std::io::Error| ClientError::Connect {
            to: url.authority(),
            problem: error.to_string(),
        };
        let stream = TcpStream::connect((url.host(), url.port()))
            .await
            .map_err(connect)?;
        let _ = stream.set_nodelay(true);
        if !url.encrypted() {
            return begin(TokioIo::new(stream)).await;
        }
        let (connector, name) = tls::connector(&self.config.tls, url.host()).await?;
        let stream = connector.connect(name, stream).await;
        let stream = stream.map_err(|error| ClientError::Tls(error.to_string()))?;
        begin(TokioIo::new(stream)).await
    }
}

/// Speaks HTTP on a stream. The task ends with the connection: when either side closes it, or when
/// the sender and the body that is being read are gone.
async fn begin<S>(stream: S) -> Result<Sender, ClientError>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(stream)
        .await
        .map_err(|error| ClientError::Exchange(chain(&error)))?;
    tokio::spawn(async move {
        // What went wrong is told to whoever waits for an answer.
        let _ = connection.await;
    });
    Ok(sender)
}

/// An error and its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
