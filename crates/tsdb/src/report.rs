//! What a start found and mended, and what a round of maintenance did.

use std::path::PathBuf;

use crate::head::SeriesRef;

/// What [`crate::Store::open`] found. Nothing is cut or moved without standing here.
#[derive(Debug, Clone, Default)]
pub struct RecoveryReport {
    /// Segments of the log that were read, without those of a checkpoint.
    pub segments: usize,
    /// Series and samples that the head holds after the start.
    pub series: usize,
    pub samples: u64,
    /// Samples and deletions of the log whose series it does not name; nothing can be done with them.
    pub unknown: u64,
    /// Records of kinds that are not taken up (metadata and histograms of a Prometheus's log).
    pub foreign_records: u64,
    /// What was cut from files of the log.
    pub cuts: Vec<Cut>,
    /// Where files that could not be used were put.
    pub set_aside: Vec<PathBuf>,
    /// Blocks that answer.
    pub blocks: usize,
    /// Blocks that do not, and why; they are among [`Self::set_aside`].
    pub broken_blocks: Vec<(PathBuf, String)>,
}

impl RecoveryReport {
    /// Whether anything was lost but a torn tail, which nobody had been told was safe.
    pub fn is_clean(&self) -> bool {
        self.set_aside.is_empty() && self.cuts.iter().all(|cut| cut.torn)
    }
}

/// The end of one file of the log that was cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    pub file: PathBuf,
    pub kept_bytes: u64,
    pub lost_bytes: u64,
    pub reason: String,
    /// Whether the bytes just ended, as after a crash.
    pub torn: bool,
}

/// What [`crate::Store::maintain`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Maintenance {
    /// Blocks written from the head, and blocks written by merging others.
    pub cut: usize,
    pub compacted: usize,
    /// Blocks deleted by age or size.
    pub retired: usize,
    /// Of those, blocks of which aggregates were written, and blocks of which none could be: there
    /// were aggregates of their time already, or the disk was full.
    pub aggregated: usize,
    pub not_aggregated: usize,
    /// Series that the head forgot because all of theirs is in blocks: whoever keeps something beside
    /// them can let it go. At most as many as a head can hold.
    pub forgotten: Vec<SeriesRef>,
    /// Files that turned out to be damaged and were put aside.
    pub set_aside: Vec<PathBuf>,
}
