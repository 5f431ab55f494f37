//! Ports that the server gives out.
//!
//! Internal ports come from below the range that the kernel gives to outgoing connections
//! (`ip_local_port_range`, 32768 and up by default): a port from that range can be some
//! connection's own at the moment a listener wants it.

mod owner;

pub use owner::owner;

use crate::ways::InternalPorts;
use mainstay_model::ServiceName;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;

/// Where internal ports come from.
const INTERNAL: Range<u16> = 21_000..29_000;
/// How far from the wanted port another server's listeners are looked for.
const SEARCH: u16 = 100;

/// Whether something could listen here now.
pub fn is_free(address: SocketAddr) -> bool {
    // With SO_REUSEADDR, as the proxy listens: connections in TIME_WAIT do not count.
    TcpListener::bind(address).is_ok()
}

/// The first free port at or above `wanted`.
pub(crate) fn next_free(ip: IpAddr, wanted: u16) -> Option<SocketAddr> {
    (wanted..wanted.saturating_add(SEARCH))
        .map(|port| SocketAddr::new(ip, port))
        .find(|address| is_free(*address))
}

/// Gives each service that has none yet a port that is free and that nobody else was given.
/// `None` where there is none left.
pub(crate) fn complete(
    ports: &mut InternalPorts,
    services: impl IntoIterator<Item = ServiceName>,
    taken: &BTreeSet<u16>,
) -> Option<()> {
    for service in services {
        if ports.contains_key(&service) {
            continue;
        }
        let free = INTERNAL.into_iter().find(|port| {
            !taken.contains(port)
                && !ports.values().any(|given| given == port)
                && is_free(SocketAddr::from((Ipv4Addr::LOCALHOST, *port)))
        })?;
        ports.insert(service, free);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_port_stays_and_a_new_one_is_nobody_elses() {
        let app = ServiceName::new("app").unwrap();
        let db = ServiceName::new("db").unwrap();
        let mut ports = InternalPorts::new();
        complete(&mut ports, [app.clone()], &BTreeSet::new()).unwrap();
        let first = ports[&app];
        let taken = BTreeSet::from([first + 1]);
        complete(&mut ports, [app.clone(), db.clone()], &taken).unwrap();
        assert_eq!(ports[&app], first);
        assert_ne!(ports[&db], first);
        assert_ne!(ports[&db], first + 1);
    }

    #[test]
    fn a_taken_port_is_passed_over() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = listener.local_addr().unwrap();
        assert!(!is_free(taken));
        assert_ne!(next_free(taken.ip(), taken.port()), Some(taken));
    }
}
