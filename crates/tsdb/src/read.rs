//! Reading: what head and blocks have of a series becomes one column of samples.
//!
//! Parts that do not overlap are decoded one behind the other. Where parts overlap (late samples, a
//! backfill, a block that was just cut and is still in the head) they are merged by time; of two
//! samples with one time that of the newer source holds: the head before blocks, a newer block
//! before an older one.

use std::sync::Arc;

use mainstay_series::{Labels, Sample, Samples, Series, StorageError, Window, sort_by_labels};

use smallvec::SmallVec;

use crate::block::{Block, ChunkMeta};
use crate::chunk::{self, Chunk};

/// A chunk's bytes within those of several: copying each by itself would cost as much as reading it.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    all: Arc<[u8]>,
    from: usize,
    to: usize,
}

impl Piece {
    pub(crate) fn new(all: &Arc<[u8]>, range: std::ops::Range<usize>) -> Self {
        Self {
            all: Arc::clone(all),
            from: range.start,
            to: range.end,
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.all.get(self.from..self.to).unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.from == self.to
    }
}

/// Where a part's samples are.
#[derive(Debug)]
pub(crate) enum Source {
    Chunk(Chunk),
    /// An open chunk as it was.
    Copied(Piece),
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
            Source::Copied(piece) => chunk::decode(piece.bytes(), window, into).map_err(failed),
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
    pub(crate) parts: Parts,
}

/// Most have one.
pub(crate) type Parts = SmallVec<[Part; 1]>;

impl Series for Selected {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn read(&self, window: Window, into: &mut Samples) -> Result<(), StorageError> {
        let from = into.len();
        if let [one] = self.parts.as_slice() {
            if one.span.overlaps(window) {
                one.decode(window, into)?;
            }
        } else {
            self.read_several(window, into)?;
        }
        if ascend(&into.times[from..]) {
            return Ok(());
        }
        let reason = format!("the times of {} do not ascend", self.labels);
        Err(StorageError::Read(reason))
    }
}

/// Whether each is later than the one before. It looks at all of them, which is quicker than to stop at
/// the first that is not: there is none.
fn ascend(times: &[i64]) -> bool {
    let pairs = times.iter().zip(times.iter().skip(1));
    pairs.fold(true, |all, (a, b)| all && (a < b))
}

impl Selected {
    fn read_several(&self, window: Window, into: &mut Samples) -> Result<(), StorageError> {
        let overlapping = |part: &&Part| part.span.overlaps(window);
        let parts: Vec<&Part> = self.parts.iter().filter(overlapping).collect();
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
        Ok(())
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
    sort_by_labels(&mut all, |selected| &selected.labels);
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
