//! One exchange of HTTP/1.1 with the storage: connections that are kept, TLS, and how long nothing may happen.
//!
//! A connection goes back only after the whole answer was read. Redirects are not followed: a signature is
//! for one host.

use super::upload::Upload;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, HeaderMap, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use mainstay_x509::{Client, Trust};
use parking_lot::Mutex;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Connections that are kept for the next request.
const KEPT: usize = 8;
/// How long one is: storages close what is idle after less than half a minute.
const KEPT_FOR: Duration = Duration::from_secs(15);
/// Of an answer that is no content, in bytes.
const SAID: usize = 64 << 10;

/// How long what may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// To connect, with TLS.
    pub connect: Duration,
    /// In which nothing is taken and nothing comes.
    pub silence: Duration,
    /// For one request, beside what its bytes take at [`SLOWEST`].
    pub request: Duration,
    /// Before the second try; doubled for each one after it.
    pub pause: Duration,
    /// Tries of one request.
    pub tries: u32,
}

/// A request that goes slower is given up, in bytes per second.
const SLOWEST: u64 = 16 << 10;

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            silence: Duration::from_secs(60),
            request: Duration::from_secs(120),
            pause: Duration::from_millis(250),
            tries: 7,
        }
    }
}

/// Where requests go.
#[derive(Debug)]
pub(super) struct Http {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) encrypted: bool,
    pub(super) patience: Patience,
    kept: Mutex<Vec<(Instant, SendRequest<Upload>)>>,
    tls: OnceCell<Arc<ClientConfig>>,
}

/// A request that is signed.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    /// Path and query, with the signature: never told.
    pub(super) target: String,
    pub(super) authority: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<Bytes>,
    /// More is never read of an answer that is content.
    pub(super) most: u64,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }
}

impl Http {
    pub(super) fn new(host: String, port: u16, encrypted: bool, patience: Patience) -> Self {
        Self {
            host,
            port,
            encrypted,
            patience,
            kept: Mutex::default(),
            tls: OnceCell::new(),
        }
    }

    /// Asks once.
    ///
    /// # Errors
    /// There was no whole answer; in words, without anything of the request.
    pub(super) async fn exchange(&self, call: &Call) -> Result<Answer, String> {
        let length: u64 = call.body.iter().map(|piece| piece.len() as u64).sum();
        let bytes = length.saturating_add(call.most.min(1 << 32));
        let limit = self.patience.request + Duration::from_secs(bytes / SLOWEST);
        let work = self.once(call);
        let done = timeout(limit, work).await;
        done.unwrap_or_else(|_| Err(format!("no whole answer within {} s", limit.as_secs())))
    }

    async fn once(&self, call: &Call) -> Result<Answer, String> {
        let mut sender = if let Some(sender) = self.idle().await {
            sender
        } else {
            let connected = timeout(self.patience.connect, self.connect()).await;
            connected.unwrap_or_else(|_| Err("no connection in time".to_owned()))?
        };
        let upload = Upload::new(call.body.clone());
        let progress = upload.progress();
        let request = request(call, upload)?;
        let sent = sender.send_request(request);
        tokio::pin!(sent);
        let mut seen = u64::MAX;
        let response = loop {
            if let Ok(response) = timeout(self.patience.silence, &mut sent).await {
                break response.map_err(|error| chain(&error))?;
            }
            let now = progress.load(Ordering::Relaxed);
            if now == seen || call.body.is_empty() {
                return Err(self.silent());
            }
            seen = now;
        };
        let answer = self.read(response, call).await?;
        if sender.ready().await.is_ok() {
            let mut kept = self.kept.lock();
            if kept.len() < KEPT {
                kept.push((Instant::now(), sender));
            }
        }
        Ok(answer)
    }

    fn silent(&self) -> String {
        format!("nothing happened for {} s", self.patience.silence.as_secs())
    }

    async fn read(&self, response: Response<Incoming>, call: &Call) -> Result<Answer, String> {
        let (head, mut body) = response.into_parts();
        let good = head.status.is_success();
        let most = if good {
            call.most.max(SAID as u64)
        } else {
            SAID as u64
        };
        let mut read = BytesMut::new();
        loop {
            let frame = timeout(self.patience.silence, body.frame()).await;
            let Some(frame) = frame.map_err(|_| self.silent())? else {
                break;
            };
            if let Ok(data) = frame.map_err(|error| chain(&error))?.into_data() {
                read.extend_from_slice(&data);
            }
            if read.len() as u64 > most {
                return Err("the answer is longer than what was asked for".to_owned());
            }
        }
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: read.freeze(),
        })
    }

    /// One that was kept and is open still.
    async fn idle(&self) -> Option<SendRequest<Upload>> {
        loop {
            let (since, mut sender) = self.kept.lock().pop()?;
            if since.elapsed() < KEPT_FOR && sender.ready().await.is_ok() {
                return Some(sender);
            }
        }
    }

    async fn connect(&self) -> Result<SendRequest<Upload>, String> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
        let stream = stream.map_err(|error| error.to_string())?;
        let _ = stream.set_nodelay(true);
        if !self.encrypted {
            return begin(TokioIo::new(stream)).await;
        }
        let config = self.tls.get_or_try_init(trust).await?;
        let name = ServerName::try_from(self.host.clone()).map_err(|error| error.to_string())?;
        let stream = TlsConnector::from(Arc::clone(config))
            .connect(name, stream)
            .await;
        begin(TokioIo::new(
            stream.map_err(|error| format!("TLS: {error}"))?,
        ))
        .await
    }
}

/// Trusts whom the system trusts (`SSL_CERT_FILE` and `SSL_CERT_DIR` say otherwise).
async fn trust() -> Result<Arc<ClientConfig>, String> {
    let loaded = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await;
    let system = loaded.map_err(|error| error.to_string())?;
    let client = Client::new(Trust::system(system.certs));
    let config = client.config().map_err(|error| format!("TLS: {error}"))?;
    Ok(Arc::new(config))
}

fn request(call: &Call, upload: Upload) -> Result<Request<Upload>, String> {
    let wrong = "a name or a setting has a character that HTTP does not take";
    let mut request = Request::new(upload);
    *request.method_mut() = call.method.clone();
    *request.uri_mut() = call.target.parse().map_err(|_| wrong)?;
    let headers = request.headers_mut();
    headers.insert(
        HOST,
        HeaderValue::try_from(&call.authority).map_err(|_| wrong)?,
    );
    let agent = HeaderValue::from_static(concat!("mainstay/", env!("CARGO_PKG_VERSION")));
    headers.insert(USER_AGENT, agent);
    for (name, value) in &call.headers {
        headers.insert(*name, HeaderValue::try_from(value).map_err(|_| wrong)?);
    }
    Ok(request)
}

/// Speaks HTTP on a stream. The task ends with the connection.
async fn begin<S>(stream: S) -> Result<SendRequest<Upload>, String>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(stream).await.map_err(|error| chain(&error))?;
    tokio::spawn(async move {
        // What went wrong is told to whoever waits for an answer.
        let _ = connection.await;
    });
    Ok(sender)
}

/// An error and its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
