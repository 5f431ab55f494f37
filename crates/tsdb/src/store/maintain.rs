//! Cutting, merging, retiring, shortening the log: what the owner's schedule calls for.
//!
//! A cut in steps, each harmless to die after: (1) under the head's lock late samples are set apart
//! and a new segment is asked for; (2) the blocks are written and published; (3) `cut.json` says
//! that what stands before the segment is in blocks; (4) the head forgets it; (5) a checkpoint takes
//! the place of the segments before. Dying before (3) leaves samples both in a block and in the log:
//! they are the same, and merging makes one of them.

use std::path::PathBuf;
use std::sync::Arc;

use mainstay_series::Labels;

use super::marker::Marker;
use super::{Store, remove_block};
use crate::block::Block;
use crate::block::meta::{Compaction, Meta, ulid};
use crate::block::write::BlockWriter;
use crate::compact;
use crate::error::StoreError;
use crate::head::{Head, SeriesRef};
use crate::report::Maintenance;
use crate::wal::checkpoint::{self, Keep};

/// Series that are looked up under one hold of the head's lock.
const AT_ONCE: usize = 1000;

/// The most merges of one round; the rest waits for the next.
const MAX_MERGES: usize = 32;

impl Store {
    /// Does what is due: cuts blocks from the head, merges blocks, deletes what is older than the
    /// retention or beyond the size. Appends and reads go on meanwhile. To be called about once a
    /// minute; an error leaves everything as usable as before, and the next call tries again.
    pub fn maintain(&self, now_ms: i64) -> Result<Maintenance, StoreError> {
        let _only = self.maintenance.lock();
        let mut done = Maintenance::default();
        // First what makes room: on a full disk the rest fails.
        self.retire(now_ms, &mut done)?;
        let end = self.head.read().cut_end();
        if let Some(end) = end {
            self.cut(end, now_ms, &mut done)?;
            self.retire(now_ms, &mut done)?;
        }
        self.merge_due(now_ms, &mut done)?;
        self.merge_aggregates(now_ms, &mut done)?;
        Ok(done)
    }

    /// Rewrites every block of which something was deleted, so that it is gone from disk too.
    /// Returns how many were rewritten.
    pub fn clean_tombstones(&self, now_ms: i64) -> Result<usize, StoreError> {
        let _only = self.maintenance.lock();
        let mut count = 0;
        for block in self.blocks().iter().filter(|block| block.has_tombstones()) {
            self.merge_blocks(&[Arc::clone(block)], now_ms)?;
            count += 1;
        }
        Ok(count)
    }

    fn cut(&self, end: i64, now_ms: i64, done: &mut Maintenance) -> Result<(), StoreError> {
        let (starts, ticket) = {
            let mut head = self.head.write();
            (head.begin_cut(end), self.wal.queue_rotation())
        };
        let written = self
            .wal
            .wait_rotation(ticket)
            .and_then(|segment| Ok((segment, self.write_cut(&starts, now_ms)?)));
        let (segment, paths) = match written {
            Ok(written) => written,
            Err(error) => {
                self.head.write().abort_cut();
                return Err(error);
            }
        };
        done.cut = paths.len();
        Marker::new(end, segment).write(&self.dir)?;
        let forgotten = self.head.write().end_cut(end);
        done.forgotten = forgotten.into_iter().map(SeriesRef).collect();
        self.shorten_log(segment, end)
    }

    /// Writes a block for each start and publishes them together.
    fn write_cut(&self, starts: &[i64], now_ms: i64) -> Result<Vec<PathBuf>, StoreError> {
        let (mut series, symbols) = {
            let head = self.head.read();
            (head.all_series(), head.symbols())
        };
        series.sort_by(|a, b| a.0.cmp(&b.0));
        let block_ms = self.options.block_ms;
        let mut paths = Vec::new();
        for &start in starts {
            let id = ulid(now_ms);
            let compaction = Compaction {
                level: 1,
                sources: vec![id.clone()],
                parents: Vec::new(),
            };
            let meta = Meta::new(id, start, start + block_ms, compaction);
            let mut writer = BlockWriter::begin(&self.dir, meta, symbols.clone())?;
            match self.fill(&mut writer, &series, start) {
                Ok(()) => paths.extend(writer.finish()?),
                Err(error) => {
                    writer.abandon();
                    return Err(error);
                }
            }
        }
        self.publish(&paths, &[])?;
        Ok(paths)
    }

    fn fill(
        &self,
        writer: &mut BlockWriter,
        series: &[(Labels, u32)],
        start: i64,
    ) -> Result<(), StoreError> {
        let block_ms = self.options.block_ms;
        for some in series.chunks(AT_ONCE) {
            let found = self.head.read().for_block(some, start, start + block_ms);
            for one in found {
                let chunks = compact::merged_chunks(&one.labels, one.chunks, one.late, block_ms)?;
                writer.add(&one.labels, &chunks)?;
            }
        }
        Ok(())
    }

    /// Puts a checkpoint in the place of the segments before one.
    fn shorten_log(&self, segment: u64, from_ms: i64) -> Result<(), StoreError> {
        let Some(last) = segment.checked_sub(1) else {
            return Ok(());
        };
        let ids = self.head.read().ids();
        let keep = Keep {
            series: &|id| Head::is_among(&ids, id),
            from_ms,
        };
        checkpoint::make(&self.wal_dir(), last, self.options.compress_log, &keep)
    }

    fn merge_due(&self, now_ms: i64, done: &mut Maintenance) -> Result<(), StoreError> {
        let ranges = self.options.ranges();
        for _ in 0..MAX_MERGES {
            let blocks = self.blocks();
            let Some(places) = compact::plan(&blocks, &ranges) else {
                break;
            };
            let mut chosen: Vec<_> = places
                .iter()
                .map(|place| Arc::clone(&blocks[*place]))
                .collect();
            // In the order they were made, so that the newest holds.
            chosen.sort_by(|a, b| a.meta.ulid.cmp(&b.meta.ulid));
            self.merge_blocks(&chosen, now_ms)?;
            done.compacted += 1;
        }
        Ok(())
    }

    fn merge_blocks(&self, chosen: &[Arc<Block>], now_ms: i64) -> Result<(), StoreError> {
        let rewrite = compact::Rewrite::Keep {
            block_ms: self.options.block_ms,
        };
        let merged = compact::merge(&self.dir, chosen, ulid(now_ms), rewrite)?;
        let new: Vec<PathBuf> = merged.into_iter().collect();
        self.publish(&new, chosen)?;
        chosen.iter().try_for_each(|block| remove_block(&block.dir))
    }

    /// Deletes blocks that are too old, then the oldest until the rest fits.
    fn retire(&self, now_ms: i64, done: &mut Maintenance) -> Result<(), StoreError> {
        let blocks = self.blocks();
        let newest = blocks.iter().map(|block| block.meta.max_time).max();
        let newest = newest
            .max(Some(self.head.read().newest_ms()))
            .unwrap_or(i64::MIN);
        // By the samples as well as by the clock: one that jumps ahead deletes nothing.
        let from_ms = newest.min(now_ms).saturating_sub(self.options.retention_ms);
        let mut by_age: Vec<_> = blocks.iter().cloned().collect();
        by_age.sort_by_key(|block| block.meta.max_time);
        let mut bytes: u64 = blocks.iter().map(|block| block.bytes).sum();
        bytes += self.log_bytes()?;
        let mut gone = Vec::new();
        for block in by_age {
            let is_old = block.meta.max_time <= from_ms;
            let is_over = self
                .options
                .retention_bytes
                .is_some_and(|limit| bytes > limit);
            if !is_old && !is_over {
                break;
            }
            bytes -= block.bytes;
            gone.push(block);
        }
        for block in gone.iter().filter(|block| block.meta.max_time <= from_ms) {
            self.aggregate_or_drop(block, from_ms, done)?;
        }
        self.publish(&[], &gone)?;
        done.retired += gone.len();
        gone.iter().try_for_each(|block| remove_block(&block.dir))?;
        self.retire_aggregates(newest.min(now_ms))
    }
}
