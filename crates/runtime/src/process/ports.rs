//! Free loopback ports for instances.
//!
//! Taken from below the range that the kernel gives to outgoing connections, so that no passing
//! connection sits on the port of an instance that is being restarted. A port is not given again
//! for a while after its instance has gone: somebody may still believe in it.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

/// First port that is tried.
const FIRST: u16 = 20_000;
/// Where the kernel's own range begins, when it does not say (ip(7), `ip_local_port_range`).
const DEFAULT_END: u16 = 32_768;
const REST: Duration = Duration::from_mins(5);

#[derive(Debug)]
pub(crate) struct Ports {
    end: u16,
    next: u16,
    given: HashSet<u16>,
    resting: HashMap<u16, Instant>,
}

impl Ports {
    /// `seed` spreads where two servers on one machine begin to look.
    pub(crate) fn new(seed: u64) -> Self {
        let end = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
            .ok()
            .and_then(|text| text.split_whitespace().next()?.parse().ok())
            .filter(|end| *end > FIRST + 1000)
            .unwrap_or(DEFAULT_END);
        let span = u64::from(end - FIRST);
        Self {
            end,
            next: FIRST + (seed % span) as u16,
            given: HashSet::new(),
            resting: HashMap::new(),
        }
    }

    /// Marks a port that an instance has.
    pub(crate) fn keep(&mut self, port: u16) {
        self.given.insert(port);
    }

    /// A port nobody listens on and nobody was given.
    pub(crate) fn take(&mut self) -> io::Result<u16> {
        self.resting.retain(|_, since| since.elapsed() < REST);
        for _ in FIRST..self.end {
            let port = self.next;
            self.next = if port + 1 >= self.end {
                FIRST
            } else {
                port + 1
            };
            if !self.given.contains(&port) && !self.resting.contains_key(&port) && is_free(port) {
                self.given.insert(port);
                return Ok(port);
            }
        }
        Err(io::Error::other(format!(
            "no free port between {FIRST} and {}",
            self.end
        )))
    }

    pub(crate) fn give_back(&mut self, port: u16) {
        if self.given.remove(&port) {
            self.resting.insert(port, Instant::now());
        }
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice_nor_right_after() {
        let mut ports = Ports::new(7);
        let taken: HashSet<u16> = (0..200).map(|_| ports.take().unwrap()).collect();
        assert_eq!(taken.len(), 200);
        let one = *taken.iter().next().unwrap();
        ports.give_back(one);
        ports.next = one;
        assert_ne!(ports.take().unwrap(), one);
    }

    #[test]
    fn a_port_in_use_is_passed_over() {
        let mut ports = Ports::new(99);
        let busy = ports.take().unwrap();
        ports.given.clear();
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, busy)).unwrap();
        ports.next = busy;
        assert_ne!(ports.take().unwrap(), busy);
    }
}
