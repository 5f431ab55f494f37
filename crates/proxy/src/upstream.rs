//! Connections to endpoints: kept alive, one request at a time, and taken back only when whole.
//!
//! **Invariant:** a request is given back for another attempt only when hyper says that not a
//! byte of it was written.

use crate::body::RequestBody;
use crate::coalesce::Coalescing;
use crate::endpoint::Endpoint;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::io;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// Servers close idle connections without a word, some after 2 s (gunicorn) or 5 s (Node,
/// uvicorn), and a request sent at that moment is lost. Letting go first avoids the race.
const MAX_IDLE: Duration = Duration::from_millis(1500);

/// How long a connection that was put back may take until its task noticed.
const READY: Duration = Duration::from_millis(500);

/// A connection whose last response ended.
#[derive(Debug)]
pub(crate) struct Idle {
    sender: SendRequest<RequestBody>,
    since: Instant,
}

impl Idle {
    pub(crate) fn new(sender: SendRequest<RequestBody>) -> Self {
        Self {
            sender,
            since: Instant::now(),
        }
    }

    pub(crate) fn is_fresh(&self) -> bool {
        !self.sender.is_closed() && self.since.elapsed() < MAX_IDLE
    }
}

/// What became of a request that got no response.
#[derive(Debug)]
pub(crate) enum SendError {
    /// No connection could be opened; the request is whole.
    Connect(Box<Request<RequestBody>>, io::Error),
    /// It may have been acted upon.
    Broken(hyper::Error),
}

/// A response's head, and the connection its body comes from.
pub(crate) type Answered = (Response<Incoming>, SendRequest<RequestBody>);

/// Sends a request to an endpoint, over an idle connection where one is whole.
pub(crate) async fn send(
    endpoint: &Endpoint,
    worker: usize,
    connect_timeout: Duration,
    mut request: Request<RequestBody>,
) -> Result<Answered, SendError> {
    // Each turn uses up one idle connection, of which there is a bounded number.
    while let Some(idle) = endpoint.take_idle(worker) {
        let mut sender = idle.sender;
        if idle.since.elapsed() >= MAX_IDLE || !is_ready(&mut sender).await {
            continue;
        }
        match sender.try_send_request(request).await {
            Ok(response) => return Ok((response, sender)),
            Err(mut error) => match error.take_message() {
                Some(unsent) => request = unsent,
                None => return Err(SendError::Broken(error.into_error())),
            },
        }
    }
    let mut sender = match connect(endpoint, connect_timeout).await {
        Ok(sender) => sender,
        Err(error) => return Err(SendError::Connect(Box::new(request), error)),
    };
    match sender.try_send_request(request).await {
        Ok(response) => Ok((response, sender)),
        Err(mut error) => match error.take_message() {
            Some(unsent) => {
                let closed = io::Error::new(io::ErrorKind::ConnectionReset, error.into_error());
                Err(SendError::Connect(Box::new(unsent), closed))
            }
            None => Err(SendError::Broken(error.into_error())),
        },
    }
}

async fn is_ready(sender: &mut SendRequest<RequestBody>) -> bool {
    if sender.is_ready() {
        return true;
    }
    matches!(
        tokio::time::timeout(READY, sender.ready()).await,
        Ok(Ok(()))
    )
}

async fn connect(endpoint: &Endpoint, timeout: Duration) -> io::Result<SendRequest<RequestBody>> {
    let stream = open(endpoint, timeout).await?;
    let handshake = Builder::new()
        .handshake(TokioIo::new(Coalescing(stream)))
        .await;
    let (sender, connection) = handshake.map_err(io::Error::other)?;
    // Ends with its sender: when the pool lets go of it or the endpoint closes it.
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "upstream connection ended");
        }
    });
    Ok(sender)
}

/// A TCP connection to an endpoint, whose standing the outcome changes.
pub(crate) async fn open(endpoint: &Endpoint, timeout: Duration) -> io::Result<TcpStream> {
    let connecting = TcpStream::connect(endpoint.key.address);
    let stream = match tokio::time::timeout(timeout, connecting).await {
        Ok(stream) => stream,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    };
    match stream {
        Ok(stream) => {
            endpoint.mark_up();
            stream.set_nodelay(true)?;
            Ok(stream)
        }
        Err(error) => {
            endpoint.mark_down();
            Err(error)
        }
    }
}
