//! How long the last requests took, for quantiles that a profile shows as such.
//!
//! A histogram is the better metric (it adds up over instances); this is for guides that name
//! quantiles, and for `/health`.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Requests looked back on.
const KEPT: usize = 1024;

/// The last requests, in a ring.
#[derive(Debug, Default)]
pub(crate) struct Latency {
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    took: Vec<Duration>,
    next: usize,
}

impl Latency {
    pub(crate) fn note(&self, took: Duration) {
        let mut ring = self.lock();
        let at = ring.next;
        ring.next = (at + 1) % KEPT;
        match ring.took.get_mut(at) {
            Some(slot) => *slot = took,
            None => ring.took.push(took),
        }
    }

    /// The nearest-rank quantiles, `None` before the first request.
    pub(crate) fn quantiles<const N: usize>(&self, shares: [f64; N]) -> Option<[Duration; N]> {
        let mut took = self.lock().took.clone();
        took.sort_unstable();
        let last = took.len().checked_sub(1)?;
        Some(shares.map(|share| {
            let rank = (share * took.len() as f64).ceil() as usize;
            took[rank.saturating_sub(1).min(last)]
        }))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_requests_count() {
        let latency = Latency::default();
        assert_eq!(latency.quantiles([0.5]), None);
        for _ in 0..KEPT {
            latency.note(Duration::from_secs(9));
        }
        for ms in 1..=KEPT as u64 {
            latency.note(Duration::from_millis(ms));
        }
        let quantiles = latency.quantiles([0.5, 0.95, 1.0]);
        assert_eq!(quantiles, Some([512, 973, 1024].map(Duration::from_millis)));
    }
}
