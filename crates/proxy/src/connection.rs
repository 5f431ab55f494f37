//! One client connection: hyper's server around [`exchange::answer`], its time limits, its end.
//!
//! This is HTTP/1, plain or encrypted; [`http2`] is the other one.

use crate::answer;
use crate::config::Limits;
use crate::exchange;
use crate::farewell;
use crate::headers::ClientAddress;
use crate::http2;
use crate::listener::Place;
use crate::patience::Patience;
use crate::record;
use crate::socket::{Expiry, Socket, Wire};
use crate::table::Serve;
use crate::tcp;
use crate::tls;
use hyper::server::conn::http1::{Builder, UpgradeableConnection};
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// hyper holds at least this much of what it reads.
const MIN_BUFFER: usize = 8 << 10;

/// What every request of a client connection shares.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) place: Place,
    pub(crate) client: ClientAddress,
    pub(crate) worker: usize,
    /// Whether it is encrypted.
    pub(crate) secure: bool,
    pub(crate) wire: Arc<Wire>,
}

/// How hyper's part ended.
enum End {
    Served(hyper::Result<()>),
    Expired(Expiry),
}

/// Serves a connection until the client or the proxy ends it.
pub(crate) async fn serve(place: Place, stream: TcpStream, peer: SocketAddr, worker: usize) {
    let _ = stream.set_nodelay(true);
    let table = place.listener.table.load_full();
    let wire = Arc::new(Wire::new());
    let connection = Arc::new(Connection {
        place,
        client: ClientAddress::new(peer.ip()),
        worker,
        secure: table.secure.is_some(),
        wire: Arc::clone(&wire),
    });
    match &table.serve {
        Serve::Tcp(route) => tcp::pass(&connection, &table, route, stream).await,
        Serve::Http(_) => {
            // The table is not held: a connection outlives many.
            let limits = table.limits.clone();
            drop(table);
            if connection.secure {
                serve_encrypted(&connection, limits, stream).await;
            } else {
                let socket = Socket::new(stream, wire);
                serve_http(&connection, limits, socket).await;
            }
        }
    }
}

async fn serve_encrypted(connection: &Arc<Connection>, limits: Limits, stream: TcpStream) {
    let Place { listener, shared } = &connection.place;
    let accepting = tls::accept(&shared.tls, &listener.handshakes, stream);
    let stream = tokio::select! {
        accepted = accepting => accepted,
        () = listener.closing.cancelled() => None,
    };
    let Some(stream) = stream else {
        return;
    };
    let wire = Arc::clone(&connection.wire);
    wire.shaken();
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        http2::serve(connection, &limits, Socket::framed(stream, wire)).await;
    } else {
        serve_http(connection, limits, Socket::new(stream, wire)).await;
    }
}

async fn serve_http<S>(connection: &Arc<Connection>, limits: Limits, socket: Socket<S>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(|request| {
        let connection = Arc::clone(connection);
        async move { Ok::<_, Infallible>(exchange::answer(&connection, request).await) }
    });
    let max_header = usize::try_from(limits.max_header.0).unwrap_or(usize::MAX);
    let mut http = Builder::new()
        .timer(TokioTimer::new())
        // Ours tell an idle connection from a slow head; this one cannot.
        .header_read_timeout(None)
        .max_header_size(max_header)
        .max_buf_size(max_header.max(MIN_BUFFER))
        .serve_connection(TokioIo::new(socket), service)
        .with_upgrades();
    match drive(connection, &limits, &mut http).await {
        End::Served(ended) => {
            if let Err(error) = ended {
                note(connection, &error);
            }
            // Nothing is left of a connection that became another protocol's.
            if let Some(parts) = http.into_parts() {
                say_farewell(parts.io.into_inner(), &[]).await;
            }
        }
        End::Expired(Expiry::Head) => {
            record::refused(connection, 408, "request head too slow");
            if let Some(parts) = http.into_parts() {
                say_farewell(parts.io.into_inner(), answer::HEAD_TOO_SLOW).await;
            }
        }
        // Nothing is owed to a client that asked for nothing or takes nothing.
        End::Expired(Expiry::Idle | Expiry::Stalled) => {}
    }
}

/// Runs hyper's part, its time limits, and its end when the listener is taken out.
async fn drive<I, S>(
    connection: &Connection,
    limits: &Limits,
    http: &mut UpgradeableConnection<TokioIo<Socket<I>>, S>,
) -> End
where
    I: AsyncRead + AsyncWrite + Unpin,
    S: HttpService<hyper::body::Incoming> + Unpin,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    S::ResBody: 'static,
    <S::ResBody as hyper::body::Body>::Error: Into<Box<dyn Error + Send + Sync>>,
    UpgradeableConnection<TokioIo<Socket<I>>, S>: Future<Output = hyper::Result<()>> + Unpin,
{
    let mut closing = pin!(connection.place.listener.closing.cancelled());
    let mut told = false;
    let mut patience = Patience::new(&connection.wire, limits);
    poll_fn(|cx| {
        if let Poll::Ready(ended) = Pin::new(&mut *http).poll(cx) {
            return Poll::Ready(End::Served(ended));
        }
        if !told && closing.as_mut().poll(cx).is_ready() {
            told = true;
            Pin::new(&mut *http).graceful_shutdown();
            if let Poll::Ready(ended) = Pin::new(&mut *http).poll(cx) {
                return Poll::Ready(End::Served(ended));
            }
        }
        patience.poll(cx).map(End::Expired)
    })
    .await
}

/// hyper has answered already what it could not read.
fn note(connection: &Arc<Connection>, error: &hyper::Error) {
    if error.is_parse_too_large() {
        record::refused(connection, 431, "request head too long");
    } else if error.is_parse() {
        record::refused(connection, 400, "request malformed");
    }
    tracing::debug!(%error, client = %connection.client.ip, "client connection ended");
}

async fn say_farewell<S>(mut socket: Socket<S>, words: &[u8])
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if !socket.is_at_end() {
        farewell::say(&mut socket, words).await;
    }
}
