//! A listen address: accepts, hands connections to the workers, and knows its present table.

use crate::table::Table;
use crate::worker::{Accepted, Workers};
use arc_swap::ArcSwap;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// After an accept failed for want of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    pub(crate) table: ArcSwap<Table>,
    pub(crate) connections: AtomicU64,
    /// Cancelled when the listener is taken out: connections end after their present request.
    pub(crate) closing: CancellationToken,
}

/// Binds without accepting yet.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpListener::bind(address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Accepts until the listener is taken out.
pub(crate) async fn accept(listener: Arc<Listener>, socket: TcpListener, workers: Arc<Workers>) {
    let socket = match tokio::net::TcpListener::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::error!(%error, address = %listener.address, "cannot watch a listen socket");
            return;
        }
    };
    loop {
        let accepted = tokio::select! {
            () = listener.closing.cancelled() => return,
            accepted = next(&socket) => accepted,
        };
        match accepted {
            Ok((stream, peer)) => hand_over(&listener, stream, peer, &workers),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, address = %listener.address, "cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// As a plain socket, which its worker's own runtime will watch.
async fn next(socket: &tokio::net::TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, peer) = socket.accept().await?;
    Ok((stream.into_std()?, peer))
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    )
}

fn hand_over(listener: &Arc<Listener>, stream: TcpStream, peer: SocketAddr, workers: &Workers) {
    listener.connections.fetch_add(1, Ordering::Relaxed);
    workers.hand_over(Accepted {
        stream,
        peer,
        place: Place(Arc::clone(listener)),
    });
}

/// A connection's place in its listener's count.
#[derive(Debug)]
pub(crate) struct Place(pub(crate) Arc<Listener>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
