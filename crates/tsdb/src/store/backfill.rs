//! Samples of the past, written as blocks past the head.

use std::collections::{BTreeMap, BTreeSet};

use mainstay_series::{Labels, Sample};

use super::Store;
use crate::block::meta::{Compaction, Meta, ulid};
use crate::block::write::BlockWriter;
use crate::chunk;
use crate::error::StoreError;

/// Samples that are gathered before blocks are written of them: about 100 MB.
const AT_ONCE: usize = 5_000_000;

/// What a backfill came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backfilled {
    pub blocks: usize,
    pub samples: u64,
}

impl Store {
    /// Writes blocks from samples in any order; quickest and with the fewest blocks when they come
    /// in order of time. Of two samples of a series with one time the later one in the input holds.
    /// What overlaps other blocks or the head is merged when read, and by and by on disk.
    ///
    /// An error of the input ends it; blocks that were written before stay.
    pub fn backfill<E>(
        &self,
        samples: impl IntoIterator<Item = Result<(Labels, Sample), E>>,
        now_ms: i64,
    ) -> Result<Backfilled, StoreError>
    where
        E: std::fmt::Display,
    {
        let mut done = Backfilled::default();
        let mut gathered: BTreeMap<Labels, Vec<Sample>> = BTreeMap::new();
        let mut count = 0;
        for one in samples {
            let (labels, sample) = one.map_err(|error| StoreError::Refused(error.to_string()))?;
            if labels.is_empty() {
                return Err(StoreError::Refused("a sample without labels".to_owned()));
            }
            match gathered.get_mut(&labels) {
                Some(of) => of.push(sample),
                None => drop(gathered.insert(labels, vec![sample])),
            }
            count += 1;
            if count == AT_ONCE {
                self.write_past(std::mem::take(&mut gathered), now_ms, &mut done)?;
                count = 0;
            }
        }
        self.write_past(gathered, now_ms, &mut done)?;
        Ok(done)
    }

    fn write_past(
        &self,
        mut gathered: BTreeMap<Labels, Vec<Sample>>,
        now_ms: i64,
        done: &mut Backfilled,
    ) -> Result<(), StoreError> {
        let block_ms = self.options.block_ms;
        let mut starts = BTreeSet::new();
        for samples in gathered.values_mut() {
            // Of equal times the last: stable, reversed, first of each kept.
            samples.reverse();
            samples.sort_by_key(|sample| sample.time_ms);
            samples.dedup_by_key(|sample| sample.time_ms);
            starts.extend(
                samples
                    .iter()
                    .map(|s| s.time_ms.div_euclid(block_ms) * block_ms),
            );
            done.samples += samples.len() as u64;
        }
        let mut symbols: BTreeSet<Box<str>> = BTreeSet::new();
        for (name, value) in gathered.keys().flat_map(Labels::iter) {
            for text in [name, value] {
                if !symbols.contains(text) {
                    symbols.insert(text.into());
                }
            }
        }
        let mut paths = Vec::new();
        for start in starts {
            let id = ulid(now_ms);
            let compaction = Compaction {
                level: 1,
                sources: vec![id.clone()],
                parents: Vec::new(),
            };
            let meta = Meta::new(id, start, start + block_ms, compaction);
            let mut writer = BlockWriter::begin(&self.dir, meta, symbols.clone())?;
            for (labels, samples) in &gathered {
                let from = samples.partition_point(|s| s.time_ms < start);
                let end = samples.partition_point(|s| s.time_ms < start + block_ms);
                let chunks = chunk::encode(samples[from..end].iter().copied(), block_ms);
                writer.add(labels, &chunks)?;
            }
            paths.extend(writer.finish()?);
        }
        let _only = self.maintenance.lock();
        self.publish(&paths, &[])?;
        done.blocks += paths.len();
        Ok(())
    }
}
