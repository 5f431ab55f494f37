//! What comes in and what is answered.

use mainstay_series::{Labels, Sample};

use crate::error::Rejection;
use crate::head::SeriesRef;

/// One sample of a batch. Its series is named by a reference, by labels, or by both: then the
/// reference is tried first, and the labels hold when the series was forgotten meanwhile.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    pub series: Option<SeriesRef>,
    pub labels: Option<&'a Labels>,
    pub sample: Sample,
}

impl<'a> Entry<'a> {
    /// By labels alone.
    pub fn labelled(labels: &'a Labels, time_ms: i64, value: f64) -> Self {
        Self {
            series: None,
            labels: Some(labels),
            sample: Sample { time_ms, value },
        }
    }

    /// By a reference, with the labels behind it.
    pub fn cached(series: SeriesRef, labels: &'a Labels, time_ms: i64, value: f64) -> Self {
        Self {
            series: Some(series),
            labels: Some(labels),
            sample: Sample { time_ms, value },
        }
    }
}

/// When an append returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// When the batch is on disk: what was answered is there after a power cut.
    Synced,
    /// At once; the batch is on disk within [`crate::Options::flush_interval`], or is lost with the
    /// process.
    Soon,
}

/// What became of a batch.
#[derive(Debug, Clone, Default)]
pub struct Appended {
    /// For each entry the series to name it by next time; `None` where there is none.
    pub series: Vec<Option<SeriesRef>>,
    /// Which entries were not taken, by their place in the batch, and why.
    pub rejected: Vec<(usize, Rejection)>,
    /// How many samples are new. A sample that was there with the same value is neither new nor
    /// rejected.
    pub appended: usize,
}

impl Appended {
    pub(crate) fn with_capacity(entries: usize) -> Self {
        Self {
            series: Vec::with_capacity(entries),
            ..Self::default()
        }
    }
}
