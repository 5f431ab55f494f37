//! One client connection: hyper's server around [`exchange::answer`].

use crate::exchange;
use crate::headers::ClientAddress;
use crate::listener::Listener;
use crate::table::Serve;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;

/// What every request of a client connection shares.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) listener: Arc<Listener>,
    pub(crate) client: ClientAddress,
    pub(crate) worker: usize,
}

/// Serves a connection until the client or the proxy ends it.
pub(crate) async fn serve(
    listener: Arc<Listener>,
    stream: TcpStream,
    peer: SocketAddr,
    worker: usize,
) {
    let _ = stream.set_nodelay(true);
    let table = listener.table.load_full();
    let Serve::Http(_) = &table.serve else {
        return;
    };
    let closing = listener.closing.clone();
    let connection = Arc::new(Connection {
        listener,
        client: ClientAddress::new(peer.ip()),
        worker,
    });
    let service = service_fn(|request| {
        let connection = Arc::clone(&connection);
        async move { Ok::<_, Infallible>(exchange::answer(&connection, request).await) }
    });
    let http = Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(table.limits.header_timeout)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(http);
    let ended = tokio::select! {
        ended = http.as_mut() => ended,
        () = closing.cancelled() => {
            http.as_mut().graceful_shutdown();
            http.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "client connection ended");
    }
}
