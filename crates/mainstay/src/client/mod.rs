//! The client of the API: plain HTTP/1.1 over a unix socket or TCP.
//!
//! One connection per request: on a unix socket that costs tens of microseconds, and nothing has
//! to be kept alive or found dead. Knows how to ask; what to ask for stands in `commands`.

mod address;
mod exec;
mod follow;
mod forward;
mod lines;
mod sse;
mod websocket;

pub use address::Address;
pub use exec::{ExecInput, exec};
pub use follow::{Patience, Stream};
pub use forward::Forward;
pub use lines::Lines;

use crate::failure::{Failure, Outcome};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use mainstay_server::api::types::ApiError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::io::ReaderStream;

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// Until the response's head. A deploy answers as soon as its intent is on disk.
const HEAD_DEADLINE: Duration = Duration::from_secs(30);
const BODY_DEADLINE: Duration = Duration::from_mins(1);
/// Of an artifact, to a server that may be far away.
const UPLOAD_DEADLINE: Duration = Duration::from_mins(30);
const UPLOAD_BLOCK: usize = 256 << 10;
/// Of an answer that is read whole.
const MOST_BODY: usize = 64 << 20;

/// Why there is no answer. Kept apart from [`Failure`] because a server that restarts is worth
/// waiting for, and one that never ran is not.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody listens; one that was there was killed and left its socket.
    #[error("no server answers at {0}")]
    Refused(String),
    /// Nobody listens, and there is no socket: it never ran, or has ended in order.
    #[error("no server answers at {0}")]
    Gone(String),
    /// Listened, and went away before it answered.
    #[error("the server went away: {0}")]
    Lost(String),
    #[error("the server does not answer within {} s", HEAD_DEADLINE.as_secs())]
    Late,
    /// It said no.
    #[error("{0}")]
    Api(StatusCode, #[source] ApiError),
    /// It said something else than this client understands.
    #[error("the answer does not read: {0}")]
    Form(String),
}

impl CallError {
    /// The server may be restarting: the same question is worth asking again.
    pub fn is_absence(&self) -> bool {
        self.is_nobody() || matches!(self, Self::Lost(_) | Self::Late)
    }

    /// Nobody listens.
    pub fn is_nobody(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Gone(_))
    }

    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Api(StatusCode::NOT_FOUND, _))
    }
}

/// Asks one server.
#[derive(Debug, Clone)]
pub struct Client {
    pub address: Address,
}

impl Client {
    pub fn new(address: Address) -> Self {
        Self { address }
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CallError> {
        let request = self.request(Method::GET, path, full(Bytes::new()))?;
        decode(&self.whole(request).await?)
    }

    /// A mutation. `key` makes asking twice the same as asking once.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        key: &str,
    ) -> Result<T, CallError> {
        let body = serde_json::to_vec(body).map_err(|error| CallError::Form(error.to_string()))?;
        let mut request = self.request(Method::POST, path, full(body.into()))?;
        if let Ok(key) = key.parse() {
            request.headers_mut().insert("idempotency-key", key);
        }
        decode(&self.whole(request).await?)
    }

    /// A text that may be long, and what came of it.
    pub async fn post_text<T: DeserializeOwned>(
        &self,
        path: &str,
        text: Vec<u8>,
    ) -> Result<T, CallError> {
        let request = self.request(Method::POST, path, full(text.into()))?;
        let answer = self.send(request, UPLOAD_DEADLINE).await?;
        decode(&answer.whole().await?)
    }

    pub async fn delete(&self, path: &str) -> Result<(), CallError> {
        let request = self.request(Method::DELETE, path, full(Bytes::new()))?;
        self.whole(request).await.map(|_| ())
    }

    /// Whether the server has this.
    pub async fn has(&self, path: &str) -> Result<bool, CallError> {
        let request = self.request(Method::HEAD, path, full(Bytes::new()))?;
        match self.whole(request).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Uploads a file of `size` bytes without holding it in memory.
    pub async fn put_file(
        &self,
        path: &str,
        file: tokio::fs::File,
        size: u64,
    ) -> Result<(), CallError> {
        let blocks = ReaderStream::with_capacity(file, UPLOAD_BLOCK).map_ok(Frame::data);
        let body = StreamBody::new(blocks).boxed_unsync();
        let mut request = self.request(Method::PUT, path, body)?;
        let headers = request.headers_mut();
        headers.insert(CONTENT_LENGTH, size.into());
        let octets = HeaderValue::from_static("application/octet-stream");
        headers.insert(CONTENT_TYPE, octets);
        self.send(request, UPLOAD_DEADLINE).await.map(|_| ())
    }

    /// An answer that comes in pieces; the status has been checked.
    pub async fn stream(&self, path: &str) -> Result<Answer, CallError> {
        let mut request = self.request(Method::GET, path, full(Bytes::new()))?;
        let events = HeaderValue::from_static("text/event-stream");
        request.headers_mut().insert(ACCEPT, events);
        self.send(request, HEAD_DEADLINE).await
    }

    /// Sends `first` and then the pieces, and answers line by line while they are still sent.
    pub async fn post_stream(
        &self,
        path: &str,
        first: Bytes,
        pieces: impl futures_util::Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    ) -> Result<Lines, CallError> {
        let first = futures_util::stream::once(async move { Ok(first) });
        let body = StreamBody::new(first.chain(pieces).map_ok(Frame::data)).boxed_unsync();
        let request = self.request(Method::POST, path, body)?;
        let answer = self.send(request, HEAD_DEADLINE).await?;
        Ok(Lines::new(answer))
    }

    fn request(&self, method: Method, path: &str, body: Body) -> Result<Request<Body>, CallError> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.address.host())
            .header(CONTENT_TYPE, "application/json");
        if let Some(token) = self.address.token() {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        request
            .body(body)
            .map_err(|error| CallError::Form(error.to_string()))
    }

    async fn whole(&self, request: Request<Body>) -> Result<Bytes, CallError> {
        let answer = self.send(request, HEAD_DEADLINE).await?;
        answer.whole().await
    }

    async fn send(&self, request: Request<Body>, deadline: Duration) -> Result<Answer, CallError> {
        let work = async {
            match self.address.connect().await? {
                address::Connection::Unix(stream) => exchange(stream, request).await,
                address::Connection::Tcp(stream) => exchange(stream, request).await,
            }
        };
        let answer = timeout(deadline, work)
            .await
            .map_err(|_| CallError::Late)??;
        let status = answer.response.status();
        if status.is_success() {
            return Ok(answer);
        }
        let body = answer.whole().await.unwrap_or_default();
        let error = serde_json::from_slice(&body)
            .ok()
            .or_else(|| of_prometheus(&body))
            .unwrap_or_else(|| unexplained(status, &body));
        Err(CallError::Api(status, error))
    }
}

/// A response and the connection it comes over.
#[derive(Debug)]
pub struct Answer {
    response: Response<Incoming>,
    connection: Connected,
}

/// Ends the connection's task with the answer.
#[derive(Debug)]
struct Connected(JoinHandle<()>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Answer {
    async fn whole(self) -> Result<Bytes, CallError> {
        let Self {
            response,
            connection: _open,
        } = self;
        let body = Limited::new(response.into_body(), MOST_BODY).collect();
        let body = timeout(BODY_DEADLINE, body)
            .await
            .map_err(|_| CallError::Late)?
            .map_err(|error| CallError::Lost(error.to_string()))?;
        Ok(body.to_bytes())
    }

    /// The next piece; `None` when the server has ended it.
    pub(crate) async fn piece(&mut self) -> Option<Result<Bytes, CallError>> {
        loop {
            match self.response.body_mut().frame().await? {
                Ok(frame) => {
                    if let Ok(data) = frame.into_data() {
                        return Some(Ok(data));
                    }
                }
                Err(error) => return Some(Err(CallError::Lost(error.to_string()))),
            }
        }
    }
}

async fn exchange<S>(stream: S, request: Request<Body>) -> Result<Answer, CallError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let lost = |error: hyper::Error| CallError::Lost(error.to_string());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
    let connection = Connected(tokio::spawn(async move {
        // What goes wrong here the request sees too.
        let _ = connection.await;
    }));
    let response = sender.send_request(request).await.map_err(lost)?;
    Ok(Answer {
        response,
        connection,
    })
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes)
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// An error of the API that is Prometheus's.
fn of_prometheus(body: &[u8]) -> Option<ApiError> {
    use mainstay_server::api::types::ErrorCode;
    #[derive(serde::Deserialize)]
    struct Refusal {
        #[serde(rename = "errorType")]
        kind: String,
        error: String,
    }
    let refusal: Refusal = serde_json::from_slice(body).ok()?;
    let code = match refusal.kind.as_str() {
        "bad_data" => ErrorCode::Invalid,
        "unavailable" | "timeout" | "canceled" => ErrorCode::Unavailable,
        "internal" => ErrorCode::Internal,
        // What was asked for cannot be computed.
        _ => ErrorCode::Conflict,
    };
    Some(ApiError {
        code,
        message: refusal.error,
        hint: None,
    })
}

/// For an error whose body is not ours: something else may listen there.
fn unexplained(status: StatusCode, body: &[u8]) -> ApiError {
    use mainstay_server::api::types::ErrorCode;
    let text = String::from_utf8_lossy(&body[..body.len().min(200)]);
    let code = match status.as_u16() {
        401 | 403 => ErrorCode::Denied,
        404 => ErrorCode::NotFound,
        400..=499 => ErrorCode::Invalid,
        503 => ErrorCode::Unavailable,
        _ => ErrorCode::Internal,
    };
    let message = match text.trim() {
        "" => format!("the server answered {status}"),
        text => format!("the server answered {status}: {text}"),
    };
    ApiError {
        code,
        message,
        hint: None,
    }
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, CallError> {
    // A 202 without a body decodes as `()`.
    let body = if body.is_empty() { b"null" } else { body };
    serde_json::from_slice(body).map_err(|error| CallError::Form(error.to_string()))
}

impl Client {
    /// The error as the user is told it.
    pub fn explain(&self, error: CallError) -> Failure {
        match error {
            CallError::Api(_, error) => error.into(),
            CallError::Refused(_) | CallError::Gone(_) => self.address.nobody(),
            CallError::Lost(_) | CallError::Late => Failure::environment(error.to_string()).hint(
                "see whether it runs: mainstay status; its log: server.log in the data directory",
            ),
            CallError::Form(_) => Failure::bug(error.to_string())
                .hint("client and server may be of different versions: mainstay --version"),
        }
    }

    /// [`get`](Self::get), with the error as the user is told it.
    pub async fn ask<T: DeserializeOwned>(&self, path: &str) -> Outcome<T> {
        self.get(path).await.map_err(|error| self.explain(error))
    }
}
