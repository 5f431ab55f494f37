//! TCP listeners: bytes are passed through to an endpoint, in both directions, until both ended.

use crate::connection::Connection;
use crate::endpoint::InFlight;
use crate::pool::{Pick, Tried};
use crate::record;
use crate::table::{Serve, Table, TcpRoute};
use crate::upstream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::net::TcpStream;

/// Endpoints one connection is offered to before it is given up.
const MAX_ATTEMPTS: u64 = 3;
/// Configurations one connection follows while it looks for its endpoint.
const MAX_REPLACED: usize = 100;
/// Bytes on their way in each direction.
const BUFFER: usize = 16 << 10;

/// Passes one client connection through.
pub(crate) async fn pass(
    connection: &Arc<Connection>,
    table: &Table,
    route: &Arc<TcpRoute>,
    mut client: TcpStream,
) {
    let mut line = record::TcpLine::begin(connection, Arc::clone(route));
    let opened = open(connection, table, &mut line).await;
    let Some((in_flight, mut endpoint)) = opened else {
        line.error = Some("no endpoint");
        return;
    };
    keep_alive(&client);
    let passing =
        tokio::io::copy_bidirectional_with_sizes(&mut client, &mut endpoint, BUFFER, BUFFER);
    match passing.await {
        Ok((sent, received)) => (line.bytes_in, line.bytes_out) = (sent, received),
        Err(_) => line.error = Some("connection broke off"),
    }
    drop(in_flight);
}

async fn open(
    connection: &Connection,
    table: &Table,
    line: &mut record::TcpLine,
) -> Option<(InFlight, TcpStream)> {
    let mut tried = Tried::default();
    let mut replaced = 0;
    while line.retries < MAX_ATTEMPTS {
        let (in_flight, index) = match line.route.pool.pick(connection.client.ip, &tried) {
            Pick::Endpoint(in_flight, index) => (in_flight, index),
            Pick::Replaced if replaced < MAX_REPLACED => {
                replaced += 1;
                let table = connection.place.listener.table.load();
                let Serve::Tcp(route) = &table.serve else {
                    return None;
                };
                line.route = Arc::clone(route);
                continue;
            }
            Pick::Replaced | Pick::None => return None,
        };
        line.member = Some(index);
        let endpoint = &in_flight.0;
        endpoint.requests.fetch_add(1, Ordering::Relaxed);
        match upstream::open(endpoint, table.limits.connect_timeout).await {
            Ok(stream) => return Some((in_flight, stream)),
            Err(error) => {
                tracing::debug!(%error, instance = endpoint.key.instance, "no connection");
                endpoint.errors.fetch_add(1, Ordering::Relaxed);
                tried.push(endpoint);
                line.retries += 1;
            }
        }
    }
    None
}

/// A peer that vanished without a word would hold its endpoint for ever.
pub(crate) fn keep_alive(stream: &TcpStream) {
    use rustix::net::sockopt;
    use std::time::Duration;
    let set = || {
        sockopt::set_socket_keepalive(stream, true)?;
        sockopt::set_tcp_keepidle(stream, Duration::from_secs(60))?;
        sockopt::set_tcp_keepintvl(stream, Duration::from_secs(15))?;
        sockopt::set_tcp_keepcnt(stream, 4)
    };
    if let Err(error) = set() {
        tracing::debug!(%error, "no keep-alive probes on a connection");
    }
}
