//! Opening is recovery: half-made things go, damaged ones are set aside, the log fills the head.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::aggregates::{Aggregates, FOLDER};
use super::marker::Marker;
use super::{Store, remove_block};
use crate::aggregate::Column;
use crate::block::cache::PageCache;
use crate::block::{Block, meta, write};
use crate::error::{At as _, StoreError};
use crate::exemplars::{Exemplar, Ring};
use crate::head::{AHEAD, Head, SeriesRef};
use crate::metadata::MetadataTable;
use crate::options::Options;
use crate::report::RecoveryReport;
use crate::wal::record::{Record, RefExemplar};
use crate::wal::{Settings, Wal, replay};

/// Where what cannot be used is put.
const ASIDE: &str = "set-aside";

impl Store {
    /// Opens the store of a directory, which is made where it is missing, and mends what a crash
    /// left. The caller holds the directory for itself.
    ///
    /// `_now_ms` is the time now; recovery goes by what is on disk alone.
    pub fn open(
        dir: &Path,
        options: Options,
        _now_ms: i64,
    ) -> Result<(Self, RecoveryReport), StoreError> {
        check(&options)?;
        let wal_dir = dir.join("wal");
        fs::create_dir_all(&wal_dir).at(&wal_dir)?;
        let aside = dir.join(ASIDE);
        let mut report = RecoveryReport::default();
        let cache = PageCache::new(options.cache_bytes);
        let blocks = open_blocks(dir, &cache, &aside, &mut report)?;
        let aggregates = open_aggregates(dir, &cache, &aside, &mut report)?;
        let mut marker = Marker::read(dir)?;
        if marker.is_none() {
            let end = blocks.iter().map(|block| block.meta.max_time).max();
            marker = end.map(|end| Marker::new(end, u64::MAX));
        }
        let mut head = Head::new(&options);
        if let Some(marker) = marker {
            head.cut_before_ms = marker.before_ms;
        }
        let mut ring = Ring::new(options.max_exemplars);
        let replayed = replay::replay(&wal_dir, &aside, &mut report, &mut |segment, record| {
            take(&mut head, &mut ring, marker, segment, record);
        })?;
        (report.series, report.samples, report.unknown) = head.recovered();
        let settings = Settings {
            segment_bytes: options.segment_bytes,
            compress: options.compress_log,
            flush_interval: options.flush_interval,
            flush_bytes: options.flush_bytes,
        };
        let wal = Wal::start(&wal_dir, replayed.next_segment, settings)?;
        let store = Self {
            dir: dir.to_owned(),
            head: RwLock::new(head),
            wal,
            blocks: RwLock::new(blocks.into()),
            aggregates: RwLock::new(Arc::new(aggregates)),
            cache,
            maintenance: Mutex::new(()),
            exemplars: Mutex::new(ring),
            metadata: Mutex::new(MetadataTable::new(options.max_metadata)),
            options,
        };
        Ok((store, report))
    }
}

fn check(options: &Options) -> Result<(), StoreError> {
    let spans = [options.block_ms, options.max_block_ms, options.retention_ms];
    if spans.iter().any(|span| *span <= 0) || options.out_of_order_ms < 0 {
        let reason = "spans of blocks and retention must be more than nothing, the window not less";
        return Err(StoreError::Refused(reason.to_owned()));
    }
    Ok(())
}

fn take(head: &mut Head, ring: &mut Ring, marker: Option<Marker>, segment: u64, record: Record) {
    let is_in_blocks = |time_ms: i64| {
        marker.is_some_and(|marker| segment < marker.segment && time_ms < marker.before_ms)
    };
    match record {
        Record::Series(all) => {
            for (id, labels) in all {
                if !head.recover_series(id, labels) {
                    head.unknown += 1;
                }
            }
        }
        Record::Samples(all) => {
            for some in all.chunks(AHEAD) {
                head.touch_ids(some.iter().map(|one| one.id));
                for one in some {
                    if !is_in_blocks(one.sample.time_ms) && !head.recover_sample(one.id, one.sample)
                    {
                        head.unknown += 1;
                    }
                }
            }
        }
        Record::Tombstones(all) => {
            for (id, window) in all {
                // Its series may be forgotten: then there is nothing left to delete.
                head.recover_deletion(id, window);
            }
        }
        Record::Exemplars(all) => {
            for RefExemplar { id, labels, sample } in all {
                let Some(series) = head.labels(SeriesRef(id)) else {
                    head.unknown += 1;
                    continue;
                };
                ring.add(Exemplar {
                    series,
                    labels,
                    time_ms: sample.time_ms,
                    value: sample.value,
                });
            }
        }
        Record::Other => {}
    }
}

fn open_aggregates(
    dir: &Path,
    cache: &Arc<PageCache>,
    aside: &Path,
    report: &mut RecoveryReport,
) -> Result<Aggregates, StoreError> {
    let mut all = Aggregates::default();
    let detail = report.blocks;
    for column in Column::ALL {
        let folder = dir.join(FOLDER).join(column.name());
        if folder.is_dir() {
            *all.of_mut(column) = open_blocks(&folder, cache, aside, report)?;
        }
    }
    report.blocks = detail;
    Ok(all)
}

fn open_blocks(
    dir: &Path,
    cache: &Arc<PageCache>,
    aside: &Path,
    report: &mut RecoveryReport,
) -> Result<Vec<Arc<Block>>, StoreError> {
    let mut blocks = Vec::new();
    for entry in fs::read_dir(dir).at(dir)? {
        let path = entry.at(dir)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(write::UNFINISHED) || name.ends_with(".tmp-for-deletion") {
            fs::remove_dir_all(&path).at(&path)?;
        } else if meta::is_ulid(&name) {
            match Block::open(&path, cache) {
                Ok(block) => blocks.push(Arc::new(block)),
                Err(error) => {
                    report.broken_blocks.push((path.clone(), error.to_string()));
                    replay::set_aside(&path, aside, report)?;
                }
            }
        }
    }
    // A crash between writing a merged block and deleting what it was merged from.
    let parents = blocks
        .iter()
        .flat_map(|block: &Arc<Block>| &block.meta.compaction.parents);
    let parents: BTreeSet<String> = parents.map(|parent| parent.ulid.clone()).collect();
    let (gone, mut blocks): (Vec<_>, Vec<_>) = blocks
        .into_iter()
        .partition(|block| parents.contains(&block.meta.ulid));
    for block in gone {
        remove_block(&block.dir)?;
    }
    blocks.sort_by(|a, b| a.meta.ulid.cmp(&b.meta.ulid));
    report.blocks = blocks.len();
    Ok(blocks)
}
