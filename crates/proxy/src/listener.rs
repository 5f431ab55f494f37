//! A listen address: accepts, hands connections to the workers, and knows its present table.

use crate::answer;
use crate::farewell;
use crate::shared::Shared;
use crate::table::{Serve, Table};
use crate::tls::Handshakes;
use crate::worker::Workers;
use arc_swap::ArcSwap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// After an accept failed for want of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Surplus connections that are told so at a time; those beyond are closed at once.
const MAX_REFUSING: usize = 64;

#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    pub(crate) table: ArcSwap<Table>,
    pub(crate) connections: AtomicU64,
    pub(crate) handshakes: Handshakes,
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
pub(crate) async fn accept(
    listener: Arc<Listener>,
    socket: TcpListener,
    workers: Arc<Workers>,
    shared: Arc<Shared>,
) {
    let socket = match tokio::net::TcpListener::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::error!(%error, address = %listener.address, "cannot watch a listen socket");
            return;
        }
    };
    let refusing = Arc::new(Semaphore::new(MAX_REFUSING));
    loop {
        let accepted = tokio::select! {
            () = listener.closing.cancelled() => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let table = listener.table.load();
                if table.from.is_some_and(|from| !from.contains(peer.ip())) {
                    // Dropped without a word: nobody from there is to know what is here.
                    continue;
                }
                let max = table.limits.max_connections;
                drop(table);
                if shared.enter(max) {
                    hand_over(&listener, stream, peer, &workers, &shared);
                } else {
                    refuse(&listener, stream, &refusing);
                }
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, address = %listener.address, "cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    )
}

fn hand_over(
    listener: &Arc<Listener>,
    stream: tokio::net::TcpStream,
    peer: SocketAddr,
    workers: &Workers,
    shared: &Arc<Shared>,
) {
    listener.connections.fetch_add(1, Ordering::Relaxed);
    let place = Place {
        listener: Arc::clone(listener),
        shared: Arc::clone(shared),
    };
    // As a plain socket, which the worker's own runtime will watch.
    match stream.into_std() {
        Ok(stream) => workers.hand_over(stream, peer, place),
        Err(error) => tracing::warn!(%error, "cannot hand over a connection"),
    }
}

/// Tells an HTTP client that there is no place, and gives it a moment to read it.
fn refuse(listener: &Listener, mut stream: tokio::net::TcpStream, refusing: &Arc<Semaphore>) {
    let table = listener.table.load();
    let is_plain = table.secure.is_none() && matches!(table.serve, Serve::Http(_));
    drop(table);
    let Ok(permit) = Arc::clone(refusing).try_acquire_owned() else {
        return;
    };
    if !is_plain {
        return;
    }
    tokio::spawn(async move {
        farewell::say(&mut stream, answer::TOO_MANY_CONNECTIONS).await;
        drop(permit);
    });
}

/// A connection's place in the counts, for as long as anything of it goes on.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) listener: Arc<Listener>,
    pub(crate) shared: Arc<Shared>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.listener.connections.fetch_sub(1, Ordering::Relaxed);
        self.shared.leave();
    }
}
