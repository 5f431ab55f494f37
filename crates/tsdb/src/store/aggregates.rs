//! Blocks of aggregates: made when a block of detail grows too old, kept for longer.
//!
//! They lie in `aggregates/<column>/<ULID>`, under the name of the block they were made of. While
//! both are there (between making the one and deleting the other) a reader leaves the aggregates
//! out by that name, and so does a second attempt after a crash.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use mainstay_series::{Matcher, Window};

use super::snapshot::link_all;
use super::{Store, remove_block};
use crate::aggregate::{CHUNK_MS, Column, SPAN_MS};
use crate::block::Block;
use crate::block::meta::ulid;
use crate::compact::{self, Rewrite};
use crate::error::{At as _, StoreError};
use crate::report::Maintenance;
use crate::wal::segments::sync_dir;

/// So many small blocks become one: of 18 hours each, nine days.
const MERGED_AT_ONCE: usize = 12;

/// Below the store's directory.
pub(super) const FOLDER: &str = "aggregates";

/// Blocks by column.
#[derive(Debug, Clone, Default)]
pub(super) struct Aggregates([Vec<Arc<Block>>; Column::ALL.len()]);

impl Aggregates {
    fn of(&self, column: Column) -> &[Arc<Block>] {
        &self.0[column as usize]
    }

    pub(super) fn of_mut(&mut self, column: Column) -> &mut Vec<Arc<Block>> {
        &mut self.0[column as usize]
    }
}

fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

impl Store {
    fn aggregates(&self) -> Arc<Aggregates> {
        Arc::clone(&self.aggregates.read())
    }

    /// Blocks of a column that share an instant with a window and were not made of one of these.
    pub(crate) fn aggregates_beside(
        &self,
        detail: &[Arc<Block>],
        column: Column,
        window: Window,
    ) -> Vec<Arc<Block>> {
        let all = self.aggregates();
        let is_made_of = |block: &Block| detail.iter().any(|d| d.meta.ulid == block.meta.ulid);
        let wanted = |block: &&Arc<Block>| block.window().overlaps(window) && !is_made_of(block);
        all.of(column).iter().filter(wanted).cloned().collect()
    }

    /// Writes the aggregates of a block that is about to go. On a full disk it goes without: keeping
    /// it would keep the disk full.
    pub(super) fn aggregate_or_drop(
        &self,
        block: &Arc<Block>,
        detail_from_ms: i64,
        done: &mut Maintenance,
    ) -> Result<(), StoreError> {
        match self.aggregate(block, detail_from_ms, done) {
            Err(StoreError::Io { source, .. }) if is_full(&source) => {
                done.not_aggregated += 1;
                self.drop_aggregates_of(block)
            }
            other => other,
        }
    }

    /// All columns or none: one that is missing would be an answer that is missing.
    fn drop_aggregates_of(&self, block: &Block) -> Result<(), StoreError> {
        let is_of = |other: &Arc<Block>| other.meta.ulid == block.meta.ulid;
        for column in Column::ALL {
            let mut all = self.aggregates.write();
            let blocks = Arc::make_mut(&mut all).of_mut(column);
            let gone: Vec<_> = blocks.extract_if(.., |other| is_of(other)).collect();
            drop(all);
            gone.iter().try_for_each(|block| remove_block(&block.dir))?;
        }
        Ok(())
    }

    /// Writes the aggregates of a block, in every column.
    fn aggregate(
        &self,
        block: &Arc<Block>,
        detail_from_ms: i64,
        done: &mut Maintenance,
    ) -> Result<(), StoreError> {
        let span = self.options.aggregate_retention_ms - self.options.retention_ms;
        if span <= 0 || block.meta.max_time <= detail_from_ms.saturating_sub(span) {
            return Ok(());
        }
        let (mut written, mut taken) = (0, 0);
        for column in Column::ALL {
            let all = self.aggregates();
            let there = |other: &&Arc<Block>| other.window().overlaps(block.window());
            match all.of(column).iter().find(there) {
                Some(other) if other.meta.ulid == block.meta.ulid => {}
                Some(_) => taken += 1,
                None => written += self.write_column(block, column)?,
            }
        }
        done.aggregated += usize::from(written > 0);
        done.not_aggregated += usize::from(taken > 0);
        Ok(())
    }

    /// How many blocks that made: one, or none where the block has no sample.
    fn write_column(&self, block: &Arc<Block>, column: Column) -> Result<usize, StoreError> {
        let folder = self.dir.join(FOLDER).join(column.name());
        fs::create_dir_all(&folder).at(&folder)?;
        sync_dir(&self.dir)?;
        sync_dir(&self.dir.join(FOLDER))?;
        let ulid = block.meta.ulid.clone();
        let rewrite = Rewrite::Aggregate(column);
        let path = compact::merge(&folder, std::slice::from_ref(block), ulid, rewrite)?;
        let Some(path) = path else {
            return Ok(0);
        };
        let opened = Arc::new(Block::open(&path, &self.cache)?);
        let mut all = self.aggregates.write();
        Arc::make_mut(&mut all).of_mut(column).push(opened);
        Ok(1)
    }

    pub(super) fn retire_aggregates(&self, now_ms: i64) -> Result<(), StoreError> {
        let from_ms = now_ms.saturating_sub(self.options.aggregate_retention_ms);
        for column in Column::ALL {
            let is_old = |block: &Arc<Block>| block.meta.max_time <= from_ms;
            let all = self.aggregates();
            let gone: Vec<_> = all
                .of(column)
                .iter()
                .filter(|b| is_old(b))
                .cloned()
                .collect();
            if gone.is_empty() {
                continue;
            }
            let mut all = self.aggregates.write();
            Arc::make_mut(&mut all)
                .of_mut(column)
                .retain(|b| !is_old(b));
            drop(all);
            gone.iter().try_for_each(|block| remove_block(&block.dir))?;
        }
        Ok(())
    }

    /// Merges the oldest small blocks of each column: open files are not without limit either.
    pub(super) fn merge_aggregates(
        &self,
        now_ms: i64,
        done: &mut Maintenance,
    ) -> Result<(), StoreError> {
        let detail = self.blocks();
        let largest = self.options.ranges().into_iter().max().unwrap_or(0);
        for column in Column::ALL {
            let mut small = self.aggregates_beside(&detail, column, Window::ALL);
            small.retain(|block| block.meta.max_time - block.meta.min_time <= largest);
            small.sort_by_key(|block| block.meta.min_time);
            small.truncate(MERGED_AT_ONCE);
            if small.len() < MERGED_AT_ONCE {
                continue;
            }
            let folder = self.dir.join(FOLDER).join(column.name());
            let rewrite = Rewrite::Keep { block_ms: CHUNK_MS };
            let path = compact::merge(&folder, &small, ulid(now_ms), rewrite)?;
            let opened = path
                .map(|path| Block::open(&path, &self.cache))
                .transpose()?;
            let mut all = self.aggregates.write();
            let blocks = Arc::make_mut(&mut all).of_mut(column);
            blocks.retain(|block| !small.iter().any(|merged| Arc::ptr_eq(merged, block)));
            blocks.extend(opened.map(Arc::new));
            drop(all);
            small
                .iter()
                .try_for_each(|block| remove_block(&block.dir))?;
            done.compacted += 1;
        }
        Ok(())
    }

    /// Of the five minutes that a window touches nothing is left.
    pub(super) fn delete_aggregates(
        &self,
        matchers: &[Matcher],
        window: Window,
    ) -> Result<(), StoreError> {
        let begin = |time_ms: i64| {
            time_ms
                .saturating_sub(1)
                .div_euclid(SPAN_MS)
                .saturating_mul(SPAN_MS)
        };
        let whole = Window {
            start_ms: begin(window.start_ms).saturating_add(1),
            end_ms: begin(window.end_ms).saturating_add(SPAN_MS),
        };
        let all = self.aggregates();
        for block in Column::ALL.iter().flat_map(|column| all.of(*column)) {
            if block.window().overlaps(whole) {
                block.delete(matchers, whole)?;
            }
        }
        Ok(())
    }

    pub(super) fn link_aggregates(&self, target: &Path) -> Result<(), StoreError> {
        let all = self.aggregates();
        for column in Column::ALL {
            if all.of(column).is_empty() {
                continue;
            }
            let folder = target.join(FOLDER).join(column.name());
            fs::create_dir_all(&folder).at(&folder)?;
            for block in all.of(column) {
                link_all(&block.dir, &folder.join(&block.meta.ulid))?;
            }
            sync_dir(&folder)?;
            sync_dir(&target.join(FOLDER))?;
        }
        Ok(())
    }

    pub(super) fn aggregate_bytes(&self) -> u64 {
        let all = self.aggregates();
        let blocks = Column::ALL.iter().flat_map(|column| all.of(*column));
        blocks.map(|block| block.bytes).sum()
    }
}
