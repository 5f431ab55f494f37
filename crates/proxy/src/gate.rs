//! Counts what is in flight at an endpoint, and closes it to new entries, in one atomic word.
//!
//! Counting and closing must be one step: with two, a request could choose an endpoint, the
//! control plane could close it and read a count of zero, and the request would then reach an
//! instance that is being stopped. Here the entry itself says whether the gate was open.
//!
//! **Invariant:** once [`Gate::close`] returned and [`Gate::count`] was read as zero, nothing is
//! or gets inside until [`Gate::open`]. (A refused entry shows in the count for some nanoseconds,
//! which errs on the safe side.)

use std::sync::atomic::{AtomicU64, Ordering};

const CLOSED: u64 = 1 << 63;

/// Starts closed.
#[derive(Debug)]
pub(crate) struct Gate(AtomicU64);

impl Gate {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(CLOSED))
    }

    /// Counts one more in, unless the gate is closed.
    pub(crate) fn enter(&self) -> bool {
        if self.0.fetch_add(1, Ordering::AcqRel) & CLOSED == 0 {
            return true;
        }
        self.0.fetch_sub(1, Ordering::AcqRel);
        false
    }

    /// Ends what a successful [`Gate::enter`] began.
    pub(crate) fn leave(&self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }

    pub(crate) fn open(&self) {
        self.0.fetch_and(!CLOSED, Ordering::AcqRel);
    }

    pub(crate) fn close(&self) {
        self.0.fetch_or(CLOSED, Ordering::AcqRel);
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire) & !CLOSED
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn a_closed_gate_lets_nobody_in_and_keeps_its_count() {
        let gate = Gate::new();
        assert!(!gate.enter());
        gate.open();
        assert!(gate.enter() && gate.enter());
        gate.close();
        assert!(!gate.enter());
        assert_eq!(gate.count(), 2);
        gate.leave();
        gate.leave();
        assert_eq!(gate.count(), 0);
    }

    #[test]
    fn nobody_is_inside_a_gate_that_was_closed_and_read_as_empty() {
        let gate = Gate::new();
        let stopped = AtomicBool::new(false);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !done.load(Ordering::SeqCst) {
                        if gate.enter() {
                            assert!(!stopped.load(Ordering::SeqCst), "served by a stopped one");
                            gate.leave();
                        }
                    }
                });
            }
            for _ in 0..100 {
                gate.open();
                std::thread::yield_now();
                gate.close();
                while gate.count() > 0 {
                    std::hint::spin_loop();
                }
                stopped.store(true, Ordering::SeqCst);
                std::thread::yield_now();
                stopped.store(false, Ordering::SeqCst);
            }
            done.store(true, Ordering::SeqCst);
        });
    }
}
