//! Which blocks are merged, and how.
//!
//! Which: as Prometheus's `LeveledCompactor` plans it. First blocks that overlap; then, from the
//! shortest span up, blocks that fill an aligned span of the next size or lie before the newest
//! block; then a block much of which was deleted. How: series by series in the order of labels;
//! chunks are copied as they are unless they overlap or something of them was deleted.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mainstay_series::{Labels, Sample, Samples, Series as _, Window};

use crate::aggregate::{self, Column};
use crate::block::meta::{Compaction, Meta, Parent};
use crate::block::write::BlockWriter;
use crate::block::{Block, BlockSeries};
use crate::chunk::{self, Chunk};
use crate::error::StoreError;
use crate::read::{Part, Parts, Selected, Source};

/// A block is rewritten when more of its series than one in so many have tombstones.
const DELETED_SHARE: u64 = 20;

/// What the plan looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    place: usize,
    min: i64,
    max: i64,
}

/// The places of the blocks to merge next, if any.
pub(crate) fn plan(blocks: &[Arc<Block>], ranges: &[i64]) -> Option<Vec<usize>> {
    let mut spans: Vec<Span> = (0..)
        .zip(blocks)
        .map(|(place, block)| Span {
            place,
            min: block.meta.min_time,
            max: block.meta.max_time,
        })
        .collect();
    spans.sort_by_key(|span| (span.min, span.max));
    let chosen = overlapping(&spans).or_else(|| filling(&spans, ranges));
    if let Some(chosen) = chosen {
        return Some(chosen.iter().map(|span| span.place).collect());
    }
    let is_holed = |block: &&Arc<Block>| {
        let share = block.meta.stats.num_series / DELETED_SHARE;
        block.tombstone_count() as u64 > share
    };
    let holed = blocks.iter().position(|block| is_holed(&block));
    holed.map(|place| vec![place])
}

/// The first blocks that overlap, with all that overlap those.
fn overlapping(spans: &[Span]) -> Option<Vec<Span>> {
    let mut group: Vec<Span> = Vec::new();
    let mut end = i64::MIN;
    for span in spans {
        if span.min < end {
            group.push(*span);
        } else if group.len() > 1 {
            break;
        } else {
            group = vec![*span];
        }
        end = end.max(span.max);
    }
    (group.len() > 1).then_some(group)
}

/// Blocks within one aligned span of a larger size.
fn filling(spans: &[Span], ranges: &[i64]) -> Option<Vec<Span>> {
    // The newest stays alone: what comes next may belong beside it.
    let (_, older) = spans.split_last()?;
    let newest = older.last()?;
    for &range in ranges.get(1..)? {
        let from = |span: &Span| span.min.div_euclid(range) * range;
        let fits = |span: &&Span| span.max <= from(span) + range;
        let fitting: Vec<Span> = older.iter().filter(fits).copied().collect();
        for group in fitting.chunk_by(|a, b| from(a) == from(b)) {
            let (first, last) = (group.first()?, group.last()?);
            let is_full = last.max - first.min == range || last.max <= newest.min;
            if group.len() > 1 && is_full {
                return Some(group.to_vec());
            }
        }
    }
    None
}

/// What becomes of the samples of a series.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rewrite {
    /// They stay, in chunks that do not cross a multiple of this span.
    Keep { block_ms: i64 },
    /// One figure for each five minutes.
    Aggregate(Column),
}

/// Writes blocks as one. `None`: nothing was left of them.
pub(crate) fn merge(
    parent: &Path,
    blocks: &[Arc<Block>],
    ulid: String,
    rewrite: Rewrite,
) -> Result<Option<PathBuf>, StoreError> {
    let mut symbols = BTreeSet::new();
    for block in blocks {
        block.symbols(&mut |symbol| {
            if !symbols.contains(symbol) {
                symbols.insert(symbol.into());
            }
        })?;
    }
    let mut meta = merged_meta(blocks, ulid);
    if matches!(rewrite, Rewrite::Aggregate(_)) {
        // It takes nobody's place: what it was made of lies elsewhere, under the same name.
        meta.compaction.parents.clear();
    }
    let mut writer = BlockWriter::begin(parent, meta, symbols)?;
    match write_merged(blocks, rewrite, &mut writer) {
        Ok(()) => writer.finish(),
        Err(error) => {
            writer.abandon();
            Err(error)
        }
    }
}

fn merged_meta(blocks: &[Arc<Block>], ulid: String) -> Meta {
    let metas = || blocks.iter().map(|block| &block.meta);
    let sources: BTreeSet<_> = metas()
        .flat_map(|meta| meta.compaction.sources.clone())
        .collect();
    let parents = metas().map(|meta| Parent {
        ulid: meta.ulid.clone(),
        min_time: meta.min_time,
        max_time: meta.max_time,
    });
    let compaction = Compaction {
        level: metas().map(|meta| meta.compaction.level).max().unwrap_or(0) + 1,
        sources: sources.into_iter().collect(),
        parents: parents.collect(),
    };
    let min = metas().map(|meta| meta.min_time).min().unwrap_or(0);
    let max = metas().map(|meta| meta.max_time).max().unwrap_or(0);
    Meta::new(ulid, min, max, compaction)
}

/// Where one block is in its series.
struct Walk<'a> {
    block: &'a Arc<Block>,
    rank: u32,
    ids: std::vec::IntoIter<u32>,
    next: Option<BlockSeries>,
}

impl Walk<'_> {
    fn advance(&mut self) -> Result<(), StoreError> {
        self.next = None;
        for id in self.ids.by_ref() {
            if let Some(series) = self.block.one(id)? {
                self.next = Some(series);
                break;
            }
        }
        Ok(())
    }

    fn parts(&self, series: &BlockSeries) -> Parts {
        let deleted = self.block.deleted(series.id);
        let part = |chunk: &crate::block::ChunkMeta| Part {
            span: chunk.span,
            rank: self.rank,
            source: Source::Block {
                block: Arc::clone(self.block),
                chunk: *chunk,
                deleted: Arc::clone(&deleted),
            },
        };
        series.chunks.iter().map(part).collect()
    }
}

fn write_merged(
    blocks: &[Arc<Block>],
    rewrite: Rewrite,
    writer: &mut BlockWriter,
) -> Result<(), StoreError> {
    let mut walks = Vec::with_capacity(blocks.len());
    for (rank, block) in (0..).zip(blocks) {
        let mut walk = Walk {
            block,
            rank,
            ids: block.ids()?.into_iter(),
            next: None,
        };
        walk.advance()?;
        walks.push(walk);
    }
    loop {
        let labels = walks.iter().filter_map(|walk| walk.next.as_ref());
        let Some(labels) = labels.map(|series| &series.labels).min().cloned() else {
            return Ok(());
        };
        let mut parts = Parts::new();
        for walk in &mut walks {
            // More than once only in a block that is out of order.
            if let Some(series) = walk.next.take_if(|series| series.labels == labels) {
                parts.extend(walk.parts(&series));
                walk.advance()?;
            }
        }
        parts.sort_by_key(|part| part.span.start_ms);
        let chunks = match rewrite {
            Rewrite::Keep { block_ms } => chunks_of(labels.clone(), parts, block_ms)?,
            Rewrite::Aggregate(column) => {
                let samples = samples_of(labels.clone(), parts)?;
                chunk::encode(column.of(&samples), aggregate::CHUNK_MS)
            }
        };
        writer.add(&labels, &chunks)?;
    }
}

/// The chunks of one series from its parts in order of time.
pub(crate) fn chunks_of(
    labels: Labels,
    parts: Parts,
    block_ms: i64,
) -> Result<Vec<Chunk>, StoreError> {
    let apart = parts
        .windows(2)
        .all(|two| two[0].span.end_ms < two[1].span.start_ms);
    let copied: Option<Vec<_>> = parts.iter().map(as_chunk).collect();
    if let (true, Some(copied)) = (apart, copied) {
        return copied.into_iter().collect();
    }
    let samples = samples_of(labels, parts)?;
    Ok(chunk::encode(samples.iter(), block_ms))
}

fn samples_of(labels: Labels, parts: Parts) -> Result<Samples, StoreError> {
    let mut samples = Samples::default();
    Selected { labels, parts }
        .read(Window::ALL, &mut samples)
        .map_err(|error| StoreError::Refused(error.to_string()))?;
    Ok(samples)
}

/// The part's chunk, when it can be taken as it is.
fn as_chunk(part: &Part) -> Option<Result<Chunk, StoreError>> {
    match &part.source {
        Source::Chunk(chunk) => Some(Ok(chunk.clone())),
        Source::Copied(piece) => Some(Ok(Chunk {
            min_ms: part.span.start_ms,
            max_ms: part.span.end_ms,
            bytes: piece.bytes().into(),
        })),
        Source::Late(_) => None,
        Source::Block {
            block,
            chunk,
            deleted,
        } => {
            let is_whole = !deleted.iter().any(|hole| hole.overlaps(part.span));
            let of = |bytes: Vec<u8>| Chunk {
                min_ms: part.span.start_ms,
                max_ms: part.span.end_ms,
                bytes: bytes.into(),
            };
            is_whole.then(|| block.chunk(chunk).map(of))
        }
    }
}

/// Chunks and late samples of the head as the chunks of a block.
pub(crate) fn merged_chunks(
    labels: &Labels,
    chunks: Vec<Chunk>,
    late: Vec<Sample>,
    block_ms: i64,
) -> Result<Vec<Chunk>, StoreError> {
    let (Some(first), Some(last)) = (late.first(), late.last()) else {
        return Ok(chunks);
    };
    let span = Window {
        start_ms: first.time_ms,
        end_ms: last.time_ms,
    };
    let mut parts = Parts::new();
    parts.push(Part {
        span,
        rank: 1,
        source: Source::Late(late),
    });
    parts.extend(chunks.into_iter().map(|chunk| Part {
        span: chunk.window(),
        rank: 0,
        source: Source::Chunk(chunk),
    }));
    parts.sort_by_key(|part| part.span.start_ms);
    chunks_of(labels.clone(), parts, block_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGES: [i64; 3] = [20, 60, 180];

    fn spans(of: &[(i64, i64)]) -> Vec<Span> {
        let span = |(place, &(min, max)): (usize, &(i64, i64))| Span { place, min, max };
        of.iter().enumerate().map(span).collect()
    }

    fn filled(of: &[(i64, i64)]) -> Vec<usize> {
        let chosen = filling(&spans(of), &RANGES).unwrap_or_default();
        chosen.iter().map(|span| span.place).collect()
    }

    #[test]
    fn blocks_that_fill_a_span_are_merged_but_never_the_newest() {
        assert_eq!(filled(&[(0, 20), (20, 40), (40, 60)]), [0usize; 0]);
        assert_eq!(filled(&[(0, 20), (20, 40), (40, 60), (60, 80)]), [0, 1, 2]);
        // With a gap, once the newest is beyond it.
        assert_eq!(filled(&[(0, 20), (40, 60), (60, 80)]), [0, 1]);
        assert_eq!(filled(&[(0, 20), (40, 60), (80, 100)]), [0, 1]);
        // One alone is nothing to merge; the next size takes what is there.
        assert_eq!(
            filled(&[(0, 60), (60, 120), (120, 180), (180, 200)]),
            [0, 1, 2]
        );
        assert_eq!(filled(&[(0, 60), (80, 100), (180, 200)]), [0usize; 0]);
        assert_eq!(
            filled(&[(0, 60), (80, 100), (180, 200), (200, 220)]),
            [0, 1]
        );
        assert_eq!(filled(&[]), [0usize; 0]);
    }

    #[test]
    fn blocks_that_overlap_are_found_together() {
        let found = |of: &[(i64, i64)]| {
            let group = overlapping(&spans(of)).unwrap_or_default();
            group.iter().map(|span| span.place).collect::<Vec<_>>()
        };
        assert_eq!(found(&[(0, 20), (20, 40)]), [0usize; 0]);
        assert_eq!(
            found(&[(0, 20), (20, 40), (30, 50), (45, 60), (60, 80)]),
            [1, 2, 3]
        );
        assert_eq!(
            found(&[(0, 100), (20, 40), (60, 80), (100, 120)]),
            [0, 1, 2]
        );
    }
}
