//! One client connection: hyper's server around [`exchange::answer`], its time limits, its end.

use crate::answer;
use crate::config::Limits;
use crate::exchange;
use crate::headers::ClientAddress;
use crate::listener::Place;
use crate::record;
use crate::socket::{Expiry, Socket, Wire};
use crate::table::Serve;
use crate::tcp;
use hyper::server::conn::http1::{Builder, UpgradeableConnection};
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// hyper holds at least this much of what it reads.
const MIN_BUFFER: usize = 8 << 10;
/// While it is the proxy's turn, the timer looks again after this long.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// For the last words on a connection.
const FAREWELL: Duration = Duration::from_secs(1);
/// Bytes thrown away meanwhile.
const MAX_DISCARDED: usize = 4 << 20;

/// What every request of a client connection shares.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) place: Place,
    pub(crate) client: ClientAddress,
    pub(crate) worker: usize,
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
        wire: Arc::clone(&wire),
    });
    match &table.serve {
        Serve::Tcp(route) => tcp::pass(&connection, &table, route, stream).await,
        Serve::Http(_) => {
            let socket = Socket::new(stream, wire);
            // The table is not held: a connection outlives many.
            let limits = table.limits.clone();
            drop(table);
            serve_http(&connection, limits, socket).await;
        }
    }
}

async fn serve_http(connection: &Arc<Connection>, limits: Limits, socket: Socket) {
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
async fn drive<S>(
    connection: &Connection,
    limits: &Limits,
    http: &mut UpgradeableConnection<TokioIo<Socket>, S>,
) -> End
where
    S: HttpService<hyper::body::Incoming> + Unpin,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    S::ResBody: 'static,
    <S::ResBody as hyper::body::Body>::Error: Into<Box<dyn Error + Send + Sync>>,
    UpgradeableConnection<TokioIo<Socket>, S>: Future<Output = hyper::Result<()>> + Unpin,
{
    let mut closing = pin!(connection.place.listener.closing.cancelled());
    let mut told = false;
    let mut patience = Patience::new(connection, limits);
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

/// The connection's one timer. It is moved only when a deadline comes nearer; one that moved away
/// is found out when the timer fires.
struct Patience<'a> {
    wire: &'a Wire,
    limits: &'a Limits,
    timer: Pin<Box<Sleep>>,
}

impl<'a> Patience<'a> {
    fn new(connection: &'a Connection, limits: &'a Limits) -> Self {
        Self {
            wire: &connection.wire,
            limits,
            timer: Box::pin(tokio::time::sleep(limits.header_timeout.min(LOOK_AGAIN))),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Expiry> {
        let standing = self.wire.deadline(self.limits);
        if let Some((deadline, _)) = standing
            && Instant::from_std(deadline) < self.timer.deadline()
        {
            self.timer.as_mut().reset(deadline.into());
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let next = match standing {
                Some((deadline, expiry)) if Instant::from_std(deadline) <= now => {
                    return Poll::Ready(expiry);
                }
                Some((deadline, _)) => deadline.into(),
                None => now + LOOK_AGAIN,
            };
            self.timer.as_mut().reset(next);
        }
        Poll::Pending
    }
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

/// Ends our half, and reads on until the client has ended its own: closing at once would reset
/// the connection under an answer that is still on its way.
async fn say_farewell(mut socket: Socket, words: &[u8]) {
    if socket.is_at_end() {
        return;
    }
    let _ = tokio::time::timeout(FAREWELL, async {
        socket.write_all(words).await?;
        socket.shutdown().await?;
        let mut scratch = [0; 4 << 10];
        let mut discarded = 0;
        while discarded < MAX_DISCARDED {
            match socket.read(&mut scratch).await? {
                0 => break,
                read => discarded += read,
            }
        }
        std::io::Result::Ok(())
    })
    .await;
}
