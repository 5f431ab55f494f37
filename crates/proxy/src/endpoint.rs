//! One instance as the proxy knows it: what is in flight, its idle connections, its health.
//!
//! An endpoint outlives configurations: the same instance at the same address keeps its count,
//! its connections and its health when weights or neighbours change, and it stays known after it
//! was taken out until the last request it has ended.

use crate::gate::Gate;
use crate::upstream::Idle;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Which endpoint: an instance that comes back at another address is another one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) pool: String,
    pub(crate) instance: String,
    pub(crate) release: String,
    pub(crate) address: SocketAddr,
}

/// How long an endpoint that refused a connection is passed over while others answer.
const DOWN: Duration = Duration::from_secs(1);

/// Idle connections kept for each endpoint and worker.
const MAX_IDLE: usize = 128;

#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) key: Key,
    pub(crate) gate: Gate,
    /// Smooth round robin's running balance; written under the pool's lock only.
    pub(crate) balance: AtomicI64,
    /// Set by the active checks.
    pub(crate) ejected: AtomicBool,
    /// Milliseconds since `epoch`; passed over until then.
    down_until: AtomicU64,
    epoch: Instant,
    pub(crate) requests: AtomicU64,
    pub(crate) errors: AtomicU64,
    /// How often the active checks ejected it.
    pub(crate) ejections: AtomicU64,
    /// One list for each worker, so that the lock is never waited for.
    idle: Box<[Mutex<Vec<Idle>>]>,
    /// Idle connections are kept only while new requests come.
    keep: AtomicBool,
}

impl Endpoint {
    pub(crate) fn new(key: Key, workers: usize) -> Self {
        Self {
            key,
            gate: Gate::new(),
            balance: AtomicI64::new(0),
            ejected: AtomicBool::new(false),
            down_until: AtomicU64::new(0),
            epoch: Instant::now(),
            requests: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            ejections: AtomicU64::new(0),
            idle: (0..workers).map(|_| Mutex::default()).collect(),
            keep: AtomicBool::new(false),
        }
    }

    /// Takes new requests from now on.
    pub(crate) fn open(&self) {
        self.keep.store(true, Ordering::Release);
        self.gate.open();
    }

    /// Takes no new request from now on, and lets go of the connections nobody uses.
    pub(crate) fn close(&self) {
        self.gate.close();
        self.ejected.store(false, Ordering::Relaxed);
        self.keep.store(false, Ordering::Release);
        for list in &self.idle {
            list.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    /// Counts a request in; `None` when the endpoint was closed meanwhile.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<InFlight> {
        self.gate.enter().then(|| InFlight(Arc::clone(self)))
    }

    pub(crate) fn is_passed_over(&self) -> bool {
        self.ejected.load(Ordering::Relaxed) || self.is_down()
    }

    fn is_down(&self) -> bool {
        let until = self.down_until.load(Ordering::Relaxed);
        until > 0 && until > millis_since(self.epoch)
    }

    /// After a connection could not be opened.
    pub(crate) fn mark_down(&self) {
        let until = millis_since(self.epoch) + DOWN.as_millis() as u64;
        self.down_until.store(until, Ordering::Relaxed);
    }

    pub(crate) fn mark_up(&self) {
        if self.down_until.load(Ordering::Relaxed) > 0 {
            self.down_until.store(0, Ordering::Relaxed);
        }
    }

    /// The connection that was put back last.
    pub(crate) fn take_idle(&self, worker: usize) -> Option<Idle> {
        self.idle_list(worker).pop()
    }

    /// Keeps a connection whose last response ended.
    pub(crate) fn put_idle(&self, worker: usize, idle: Idle) {
        let mut list = self.idle_list(worker);
        // Read under the lock: `close` clears the lists after it wrote this.
        if self.keep.load(Ordering::Acquire) && list.len() < MAX_IDLE {
            list.push(idle);
        }
    }

    /// Closes connections that have been idle for too long, or were closed by the instance.
    pub(crate) fn sweep_idle(&self) {
        for worker in 0..self.idle.len() {
            self.idle_list(worker).retain(Idle::is_fresh);
        }
    }

    fn idle_list(&self, worker: usize) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        let list = self.idle[worker].lock();
        list.unwrap_or_else(PoisonError::into_inner)
    }
}

fn millis_since(epoch: Instant) -> u64 {
    epoch.elapsed().as_millis() as u64
}

/// A request, WebSocket or TCP connection that an endpoint has not ended yet.
#[derive(Debug)]
pub(crate) struct InFlight(pub(crate) Arc<Endpoint>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.gate.leave();
    }
}
