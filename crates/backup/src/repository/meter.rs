//! How far a job is, as rustic tells it and as we do: two counters that somebody else reads.

use crate::Progress;
use rustic_core::{ProgressBars, ProgressType, RusticProgress};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes done and to do, over all steps of a job.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    done: AtomicU64,
    /// Zero: not known.
    total: AtomicU64,
}

impl Meter {
    pub(crate) fn add(&self, bytes: u64) {
        self.0.done.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn expect(&self, bytes: u64) {
        self.0.total.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Progress {
        let total = self.0.total.load(Ordering::Relaxed);
        Progress {
            done: self.0.done.load(Ordering::Relaxed),
            total: (total > 0).then_some(total),
        }
    }
}

impl ProgressBars for Meter {
    fn progress(&self, kind: ProgressType, _prefix: &str) -> rustic_core::Progress {
        match kind {
            ProgressType::Bytes => rustic_core::Progress::new(Step(self.clone())),
            // Numbers of files say little about the time that is left.
            ProgressType::Spinner | ProgressType::Counter => rustic_core::Progress::hidden(),
        }
    }
}

#[derive(Debug)]
struct Step(Meter);

impl RusticProgress for Step {
    fn is_hidden(&self) -> bool {
        false
    }

    fn set_length(&self, length: u64) {
        self.0.expect(length);
    }

    fn set_title(&self, _title: &str) {}

    fn inc(&self, bytes: u64) {
        self.0.add(bytes);
    }

    fn finish(&self) {}
}
