//! A client connection that speaks HTTP/2: hyper's server, bounded on every side.
//!
//! Requests go through the same [`exchange`] as those of HTTP/1. What differs is that many of them
//! share a connection: how many at a time, what a header list may hold, what a client may give up
//! before it is taken for an attacker, and how long one that lets its window stay closed may hold
//! an endpoint. Extended CONNECT (WebSockets over HTTP/2, RFC 8441) is not offered; browsers open
//! an HTTP/1.1 connection for those.

mod stream;

pub(crate) use stream::Taking;

use crate::config::Limits;
use crate::connection::Connection;
use crate::exchange;
use crate::farewell::FAREWELL;
use crate::patience::Patience;
use crate::socket::{Expiry, Socket};
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use stream::Streams;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Sleep;

/// Requests at a time; what RFC 9113 recommends at least, and browsers ask for at most.
const MAX_STREAMS: u32 = 100;
/// Bytes of one request's body that are on their way.
const STREAM_WINDOW: u32 = 256 << 10;
/// Bytes of all bodies of a connection that are on their way.
const CONNECTION_WINDOW: u32 = 1 << 20;
/// Bytes of one response that the proxy holds for a client.
const MAX_HELD: usize = 128 << 10;
/// Streams that were reset before the proxy looked at them.
const MAX_RESET_UNSEEN: usize = 20;
/// Streams that the proxy reset and may still hear of.
const MAX_RESET_OWN: usize = 256;
/// A client that vanished is found out after this long, and as long again.
const PING: Duration = Duration::from_secs(20);

/// Serves the connection until either side ends it.
pub(crate) async fn serve<S>(connection: &Arc<Connection>, limits: &Limits, socket: Socket<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(|request| {
        let connection = Arc::clone(connection);
        async move { Ok::<_, Infallible>(exchange::answer(&connection, request).await) }
    });
    let max_header = u32::try_from(limits.max_header.0).unwrap_or(u32::MAX);
    let http = Builder::new(Streams::new(limits.body_timeout))
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(max_header)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(MAX_HELD)
        .max_pending_accept_reset_streams(MAX_RESET_UNSEEN)
        .max_local_error_reset_streams(MAX_RESET_OWN)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .serve_connection(TokioIo::new(socket), service);
    let mut http = pin!(http);
    let mut closing = pin!(connection.place.listener.closing.cancelled());
    let mut patience = Patience::new(&connection.wire, limits);
    let mut ending = Ending::default();
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(ended) = http.as_mut().poll(cx) {
                if let Err(error) = ended {
                    tracing::debug!(%error, client = %connection.client.ip, "client connection ended");
                }
                return Poll::Ready(());
            }
            if ending.is_over(cx, connection) {
                return Poll::Ready(());
            }
            if !ending.told && closing.as_mut().poll(cx).is_ready() {
                ending.told = true;
                http.as_mut().graceful_shutdown();
                continue;
            }
            if ending.cut.is_some() {
                return Poll::Pending;
            }
            let flooded = connection.wire.is_flooded();
            match patience.poll(cx) {
                Poll::Ready(Expiry::Stalled) => return Poll::Ready(()),
                Poll::Pending if !flooded => return Poll::Pending,
                _ => {}
            }
            if flooded {
                tracing::debug!(client = %connection.client.ip, "too many requests given up");
            }
            ending.begin(flooded);
            http.as_mut().graceful_shutdown();
        }
    })
    .await;
}

/// How the proxy's own end of a connection goes on: GOAWAY, a moment, the cut.
#[derive(Default)]
struct Ending {
    /// GOAWAY was sent for good.
    told: bool,
    flooded: bool,
    cut: Option<std::pin::Pin<Box<Sleep>>>,
}

impl Ending {
    fn begin(&mut self, flooded: bool) {
        self.told = true;
        self.flooded = flooded;
        self.cut = Some(Box::pin(tokio::time::sleep(FAREWELL)));
    }

    /// Whether the moment is over. A request that began before the client heard of the end is
    /// waited for, but not that of an attacker.
    fn is_over(&mut self, cx: &mut std::task::Context<'_>, connection: &Connection) -> bool {
        let Some(cut) = &mut self.cut else {
            return false;
        };
        if cut.as_mut().poll(cx).is_pending() {
            return false;
        }
        if !self.flooded && connection.wire.is_serving() {
            self.cut = None;
            return false;
        }
        true
    }
}
