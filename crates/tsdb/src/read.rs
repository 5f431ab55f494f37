//! Reading: what head and blocks have of a series becomes one column of samples.
//!
//! Parts that do not overlap are decoded one behind the other. Where parts overlap (late samples, a
//! backfill, a block that was just cut and is still in the head) they are merged by time; of two
//! samples with one time that of the newer source holds: the head before blocks, a newer block
//! before an older one.

use std::sync::Arc;

use mainstay_series::{Labels, Sample, Samples, Series, StorageError, Window};

use crate::block::{Block, ChunkMeta};
use crate::chunk::{self, Chunk};

/// Where a part's samples are.
#[derive(Debug)]
pub(crate) enum Source {
    Chunk(Chunk),
    Late(Vec<Sample>),
    Block {
        block: Arc<Block>,
        chunk: ChunkMeta,
        deleted: Arc<[Window]>,
    },
}

/// Some samples of a series; `rank` is higher for a newer source.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) span: Window,
    pub(crate) rank: u32,
    pub(crate) source: Source,
}

impl Part {
    /// Appends the part's samples of a window.
    fn decode(&self, window: Window, into: &mut Samples) -> Result<(), StorageError> {
        let failed = |error: chunk::Corrupt| StorageError::Read(error.to_string());
        match &self.source {
            Source::Chunk(chunk) => chunk::decode(&chunk.bytes, window, into).map_err(failed),
            Source::Late(samples) => {
                let samples = samples.iter().filter(|s| window.contains(s.time_ms));
                samples.for_each(|s| chunk::put(into, s.time_ms, s.value));
                Ok(())
            }
            Source::Block {
                block,
                chunk,
                deleted,
            } => {
                let bytes = block
                    .chunk(chunk)
                    .map_err(|error| StorageError::Read(error.to_string()))?;
                if !deleted.iter().any(|hole| hole.overlaps(self.span)) {
                    return chunk::decode(&bytes, window, into).map_err(failed);
                }
                let mut all = Samples::default();
                chunk::decode(&bytes, window, &mut all).map_err(failed)?;
                let is_left = |s: &Sample| !deleted.iter().any(|hole| hole.contains(s.time_ms));
                all.iter()
                    .filter(is_left)
                    .for_each(|s| chunk::put(into, s.time_ms, s.value));
                Ok(())
            }
        }
    }
}

/// A series of a selection.
#[derive(Debug)]
pub(crate) struct Selected {
    pub(crate) labels: Labels,
    /// By the beginning of their spans.
    pub(crate) parts: Vec<Part>,
}

impl Series for Selected {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn read(&self, window: Window, into: &mut Samples) -> Result<(), StorageError> {
        let parts: Vec<&Part> = self
            .parts
            .iter()
            .filter(|p| p.span.overlaps(window))
            .collect();
        let from = into.len();
        let mut rest = parts.as_slice();
        while let Some((first, _)) = rest.split_first() {
            let mut end_ms = first.span.end_ms;
            let mut together = 1;
            while let Some(next) = rest.get(together)
                && next.span.start_ms <= end_ms
            {
                end_ms = end_ms.max(next.span.end_ms);
                together += 1;
            }
            let (group, after) = rest.split_at(together);
            match group {
                [one] => one.decode(window, into)?,
                several => merge(several, window, into)?,
            }
            rest = after;
        }
        if into.times[from..].is_sorted_by(|a, b| a < b) {
            return Ok(());
        }
        let reason = format!("the times of {} do not ascend", self.labels);
        Err(StorageError::Read(reason))
    }
}

fn merge(parts: &[&Part], window: Window, into: &mut Samples) -> Result<(), StorageError> {
    let mut all: Vec<(i64, u32, f64)> = Vec::new();
    let mut column = Samples::default();
    for part in parts {
        column.clear();
        part.decode(window, &mut column)?;
        let ranked = column
            .iter()
            .map(|s| (s.time_ms, u32::MAX - part.rank, s.value));
        all.extend(ranked);
    }
    all.sort_by_key(|(time_ms, rank, _)| (*time_ms, *rank));
    all.dedup_by_key(|(time_ms, _, _)| *time_ms);
    for (time_ms, _, value) in all {
        chunk::put(into, time_ms, value);
    }
    Ok(())
}

/// Series of several sources, in order, those with the same labels made one.
pub(crate) fn join(mut all: Vec<Selected>) -> Vec<Selected> {
    // Stable: what came first stays first, the head before blocks.
    all.sort_by(|a, b| a.labels.cmp(&b.labels));
    all.dedup_by(|later, first| {
        let is_same = later.labels == first.labels;
        if is_same {
            first.parts.append(&mut later.parts);
            first.parts.sort_by_key(|part| part.span.start_ms);
        }
        is_same
    });
    all
}
