//! Figures of the whole store.

use std::fs;

use super::Store;
use crate::error::{At as _, StoreError};
use crate::head::HeadStats;

/// One block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockInfo {
    pub ulid: String,
    pub min_time_ms: i64,
    /// The first instant after it.
    pub max_time_ms: i64,
    pub series: u64,
    pub samples: u64,
    pub chunks: u64,
    pub bytes: u64,
    pub level: u32,
}

/// Figures of a store; see [`HeadStats`] for the head's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    pub head: HeadStats,
    /// By their beginnings.
    pub blocks: Vec<BlockInfo>,
    pub block_bytes: u64,
    pub aggregate_bytes: u64,
    pub log_bytes: u64,
}

impl Store {
    /// Figures now; lists of the head at most `limit` long.
    pub fn stats(&self, limit: usize) -> Result<Stats, StoreError> {
        let head = self.head.read().stats(limit);
        let mut blocks: Vec<_> = self
            .blocks()
            .iter()
            .map(|block| BlockInfo {
                ulid: block.meta.ulid.clone(),
                min_time_ms: block.meta.min_time,
                max_time_ms: block.meta.max_time,
                series: block.meta.stats.num_series,
                samples: block.meta.stats.num_samples,
                chunks: block.meta.stats.num_chunks,
                bytes: block.bytes,
                level: block.meta.compaction.level,
            })
            .collect();
        blocks.sort_by_key(|block| (block.min_time_ms, block.max_time_ms));
        Ok(Stats {
            head,
            block_bytes: blocks.iter().map(|block| block.bytes).sum(),
            aggregate_bytes: self.aggregate_bytes(),
            log_bytes: self.log_bytes()?,
            blocks,
        })
    }

    /// What the log takes on disk, checkpoint included.
    pub(super) fn log_bytes(&self) -> Result<u64, StoreError> {
        let mut bytes = 0;
        let mut folders = vec![self.wal_dir()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).at(&folder)? {
                let entry = entry.at(&folder)?;
                // The writer of the log may remove what was just listed.
                match entry.metadata() {
                    Ok(meta) if meta.is_dir() => folders.push(entry.path()),
                    Ok(meta) => bytes += meta.len(),
                    Err(_) => {}
                }
            }
        }
        Ok(bytes)
    }
}
