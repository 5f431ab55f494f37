//! [`Storage`] for the store: what the query engine asks.

use std::collections::BTreeSet;
use std::sync::Arc;

use mainstay_series::{LabelQuery, Matcher, Selection, Series, Storage, StorageError, Window};

use crate::aggregate::Column;
use crate::block::Block;
use crate::error::StoreError;
use crate::read::{Part, Parts, Selected, Source, join};
use crate::store::Store;

fn failed(error: StoreError) -> StorageError {
    match error {
        StoreError::TooMuch { what, limit } => StorageError::TooMuch { what, limit },
        other => StorageError::Read(other.to_string()),
    }
}

impl Store {
    /// Everything that meets the matchers in a window, in order.
    fn find(&self, selection: &Selection<'_>) -> Result<Vec<Selected>, StorageError> {
        let (matchers, window) = (selection.matchers, selection.window);
        // The blocks are taken while the head is held: what leaves the head is in a block before.
        let (mut all, blocks) = {
            let head = self.head.read();
            let slots = head.select(matchers).map_err(failed)?;
            (head.read(&slots, window), self.blocks())
        };
        for (rank, block) in blocks.iter().enumerate() {
            if block.window().overlaps(window) {
                let of = of_block(block, rank as u32, matchers, window);
                all.extend(of.map_err(failed)?);
            }
        }
        all.extend(self.aggregated(selection, &blocks)?);
        Ok(join(all))
    }

    /// What only aggregates have, if they can answer it.
    fn aggregated(
        &self,
        selection: &Selection<'_>,
        blocks: &[Arc<Block>],
    ) -> Result<Vec<Selected>, StorageError> {
        let mut all = Vec::new();
        let (matchers, window) = (selection.matchers, selection.window);
        match Column::answering(selection) {
            Ok(column) => {
                for block in self.aggregates_beside(blocks, column, window) {
                    all.extend(of_block(&block, 0, matchers, window).map_err(failed)?);
                }
            }
            Err(reason) => {
                for block in self.aggregates_beside(blocks, Column::Last, window) {
                    if !block.select(matchers, window).map_err(failed)?.is_empty() {
                        let end = block.window().end_ms + 1;
                        let text = format!(
                            "of before {end} ms there are aggregates of 5 minutes only, which {reason}\n  \
                             hint: ask for later times, or for what docs/metrics-storage.md says they answer"
                        );
                        return Err(StorageError::OnlyAggregates(text));
                    }
                }
            }
        }
        Ok(all)
    }

    fn overlapping(&self, window: Window) -> Vec<Arc<Block>> {
        let blocks = self.blocks();
        let within = blocks
            .iter()
            .filter(|block| block.window().overlaps(window));
        let mut all: Vec<_> = within.cloned().collect();
        all.extend(self.aggregates_beside(&blocks, Column::Last, window));
        all
    }
}

fn of_block(
    block: &Arc<Block>,
    rank: u32,
    matchers: &[Matcher],
    window: Window,
) -> Result<Vec<Selected>, StoreError> {
    let mut all = Vec::new();
    for series in block.select(matchers, window)? {
        let deleted = block.deleted(series.id);
        let part = |chunk: crate::block::ChunkMeta| Part {
            span: chunk.span,
            rank,
            source: Source::Block {
                block: Arc::clone(block),
                chunk,
                deleted: Arc::clone(&deleted),
            },
        };
        let is_gone = |span: Window| {
            let covers = |hole: &Window| hole.contains(span.start_ms) && hole.contains(span.end_ms);
            deleted.iter().any(covers)
        };
        let chunks = series
            .chunks
            .into_iter()
            .filter(|chunk| !is_gone(chunk.span));
        let parts: Parts = chunks.map(part).collect();
        if !parts.is_empty() {
            all.push(Selected {
                labels: series.labels,
                parts,
            });
        }
    }
    Ok(all)
}

impl Storage for Store {
    fn select(&self, selection: &Selection<'_>) -> Result<Vec<Box<dyn Series + '_>>, StorageError> {
        let found = self.find(selection)?;
        let boxed = found
            .into_iter()
            .map(|series| Box::new(series) as Box<dyn Series>);
        Ok(boxed.collect())
    }

    fn label_names(&self, query: LabelQuery<'_>) -> Result<BTreeSet<String>, StorageError> {
        let mut names = BTreeSet::new();
        let mut take = |name: &str| {
            if !names.contains(name) {
                names.insert(name.to_owned());
            }
        };
        {
            let head = self.head.read();
            let slots = some(query.matchers, |m| head.select(m)).map_err(failed)?;
            head.label_names(slots.as_ref(), &mut take);
        }
        for block in self.overlapping(query.window) {
            block
                .label_names(query.matchers, &mut take)
                .map_err(failed)?;
        }
        Ok(limited(names, query.limit))
    }

    fn label_values(
        &self,
        name: &str,
        query: LabelQuery<'_>,
    ) -> Result<BTreeSet<String>, StorageError> {
        let mut values = BTreeSet::new();
        {
            let head = self.head.read();
            let slots = some(query.matchers, |m| head.select(m)).map_err(failed)?;
            head.label_values(name, slots.as_ref(), &mut |value| {
                values.insert(value.to_owned());
                query.limit == 0 || values.len() < query.limit
            });
        }
        for block in self.overlapping(query.window) {
            let mut left = query.limit;
            let mut take = |value: &str| {
                if !values.contains(value) {
                    values.insert(value.to_owned());
                }
                left = left.saturating_sub(1);
                query.limit == 0 || left > 0
            };
            block
                .label_values(name, query.matchers, &mut take)
                .map_err(failed)?;
        }
        Ok(limited(values, query.limit))
    }
}

/// What the matchers select; `None` without matchers: all.
fn some<T>(
    matchers: &[Matcher],
    select: impl Fn(&[Matcher]) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    if matchers.is_empty() {
        return Ok(None);
    }
    select(matchers).map(Some)
}

fn limited(all: BTreeSet<String>, limit: usize) -> BTreeSet<String> {
    match limit {
        0 => all,
        limit => all.into_iter().take(limit).collect(),
    }
}
