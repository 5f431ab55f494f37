//! What every part of the proxy counts into and writes to.

use crate::access_log::AccessLog;
use crate::metrics::Registry;
use crate::tls::Tls;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) log: AccessLog,
    pub(crate) metrics: Registry,
    pub(crate) tls: Tls,
    /// Client connections that have not ended, of all listeners, also of those taken out.
    connections: AtomicU64,
    /// Client connections refused for want of a place.
    refused: AtomicU64,
}

impl Shared {
    pub(crate) fn new(log: AccessLog) -> Self {
        Self {
            log,
            metrics: Registry::default(),
            tls: Tls::new(),
            connections: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// Takes one of `max` places; `false` when there is none.
    pub(crate) fn enter(&self, max: u32) -> bool {
        if self.connections.fetch_add(1, Ordering::AcqRel) < u64::from(max) {
            return true;
        }
        self.connections.fetch_sub(1, Ordering::AcqRel);
        self.refused.fetch_add(1, Ordering::Relaxed);
        false
    }

    pub(crate) fn leave(&self) {
        self.connections.fetch_sub(1, Ordering::AcqRel);
    }

    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Acquire)
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}
