//! The store as its owner sees it.
//!
//! Lock order: maintenance, then head, then blocks or the log's queue. The blocks that come from the
//! head are published before the head forgets: a reader sees samples twice rather than not at all.

mod aggregates;
mod backfill;
mod maintain;
mod marker;
mod open;
mod snapshot;
mod stats;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mainstay_series::{Labels, Matcher, Sample, Window};
use parking_lot::{Mutex, RwLock};

use crate::append::{Appended, Durability, Entry};
use crate::block::Block;
use crate::block::cache::PageCache;
use crate::error::StoreError;
use crate::exemplars::{Exemplar, Ring};
use crate::head::{Head, SeriesRef};
use crate::metadata::{Metadata, MetadataTable};
use crate::options::Options;
use crate::wal::{Wal, record};

use aggregates::Aggregates;
pub use backfill::Backfilled;
pub use stats::{BlockInfo, Stats};

/// Bytes of one record of new series; a larger one is split.
const SERIES_RECORD: usize = 1 << 20;

/// One store: one directory, one process. All calls may come from any thread.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    options: Options,
    pub(crate) head: RwLock<Head>,
    wal: Wal,
    /// By the time they were made: a later one's samples hold against an earlier one's.
    blocks: RwLock<Arc<[Arc<Block>]>>,
    /// By column; a block has the name of the one it was made of.
    aggregates: RwLock<Arc<Aggregates>>,
    cache: Arc<PageCache>,
    /// Held by whoever changes blocks or takes samples out of the head.
    maintenance: Mutex<()>,
    exemplars: Mutex<Ring>,
    metadata: Mutex<MetadataTable>,
}

impl Store {
    /// Takes a batch. Each sample is taken or rejected by itself; those taken are in the log as one
    /// record, so that after a crash all of them are there or none.
    ///
    /// Errors: [`StoreError::Stopped`] while the log cannot be written. Then nothing is acknowledged;
    /// whether the batch will be there is open, and sending it again is harmless.
    pub fn append(
        &self,
        batch: &[Entry<'_>],
        durability: Durability,
    ) -> Result<Appended, StoreError> {
        if batch.len() > self.options.max_batch {
            return Err(StoreError::TooMuch {
                what: "samples of a batch",
                limit: self.options.max_batch,
            });
        }
        self.wal.ready()?;
        let (done, ticket) = {
            let mut head = self.head.write();
            let (done, log) = head.append(batch);
            if log.series.is_empty() && log.samples.is_empty() {
                return Ok(done);
            }
            let mut records = series_records(&log.series);
            if !log.samples.is_empty() {
                records.push(record::samples(&log.samples));
            }
            (done, self.wal.queue(records))
        };
        if durability == Durability::Synced {
            self.wal.wait(ticket)?;
        }
        Ok(done)
    }

    /// The labels of a series of the head; `None`: it was forgotten.
    pub fn labels(&self, series: SeriesRef) -> Option<Labels> {
        self.head.read().labels(series)
    }

    /// Makes all that was appended so far durable.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.wal.flush()
    }

    /// Why no samples can be taken now; `None`: they can.
    pub fn stopped(&self) -> Option<String> {
        self.wal.failure()
    }

    /// Takes the samples of a window away from all series that meet the matchers. They are gone for
    /// readers at once, and from disk when their block is next rewritten; aggregates, from which
    /// whole five minutes are taken, go from disk with their age. Returns how many series of
    /// the head and of blocks were concerned.
    pub fn delete(&self, matchers: &[Matcher], window: Window) -> Result<usize, StoreError> {
        if matchers.is_empty() {
            let reason = "deleting needs a matcher\n  hint: {__name__=~\".+\"} meets every series";
            return Err(StoreError::Refused(reason.to_owned()));
        }
        let _only = self.maintenance.lock();
        self.wal.ready()?;
        let (ids, ticket) = {
            let mut head = self.head.write();
            let slots = head.select(matchers)?;
            let ids = head.delete(&slots, window);
            let stones: Vec<_> = ids.iter().map(|id| (*id, window)).collect();
            let records = stones.chunks(SERIES_RECORD / 32).map(record::tombstones);
            (ids, self.wal.queue(records))
        };
        let mut concerned = ids.len();
        for block in self.blocks().iter() {
            if block.window().overlaps(window) {
                concerned += block.delete(matchers, window)?;
            }
        }
        self.delete_aggregates(matchers, window)?;
        self.wal.wait(ticket)?;
        Ok(concerned)
    }

    /// Keeps an exemplar, unless its series has one that is as new. Whether it was kept. It is in the
    /// log within [`Options::flush_interval`], if its series is one of the head and the log can be written.
    pub fn add_exemplar(&self, exemplar: Exemplar) -> bool {
        let sample = Sample {
            time_ms: exemplar.time_ms,
            value: exemplar.value,
        };
        let (series, labels) = (exemplar.series.clone(), exemplar.labels.clone());
        if !self.exemplars.lock().add(exemplar) {
            return false;
        }
        // The head is held until it is queued: its series' record is then before it.
        let head = self.head.read();
        if let Some(SeriesRef(id)) = head.reference(&series)
            && self.wal.ready().is_ok()
        {
            let one = record::RefExemplar { id, labels, sample };
            self.wal.queue([record::exemplars(&[one])]);
        }
        true
    }

    /// Exemplars of a window whose series meets all matchers of one of the sets, by series and time.
    pub fn exemplars(&self, sets: &[Vec<Matcher>], window: Window) -> Vec<Exemplar> {
        self.exemplars.lock().find(sets, window)
    }

    /// Keeps what is known of a metric. False when there is no room for another metric.
    pub fn set_metadata(&self, metric: &str, metadata: Metadata) -> bool {
        self.metadata.lock().set(metric, metadata)
    }

    /// What is known of one metric, or of all in order; `limit` 0: no limit.
    pub fn metadata(&self, metric: Option<&str>, limit: usize) -> Vec<(String, Metadata)> {
        self.metadata.lock().get(metric, limit)
    }

    /// Where it lies.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn blocks(&self) -> Arc<[Arc<Block>]> {
        Arc::clone(&self.blocks.read())
    }

    /// Puts blocks in the place of others.
    fn publish(&self, new: &[PathBuf], gone: &[Arc<Block>]) -> Result<(), StoreError> {
        let mut opened = Vec::with_capacity(new.len());
        for path in new {
            opened.push(Arc::new(Block::open(path, &self.cache)?));
        }
        let mut blocks = self.blocks.write();
        let is_gone = |block: &Arc<Block>| gone.iter().any(|gone| Arc::ptr_eq(gone, block));
        let left = blocks.iter().filter(|block| !is_gone(block)).cloned();
        let mut all: Vec<_> = left.chain(opened).collect();
        all.sort_by(|a, b| a.meta.ulid.cmp(&b.meta.ulid));
        *blocks = all.into();
        Ok(())
    }

    fn wal_dir(&self) -> PathBuf {
        self.dir.join("wal")
    }
}

/// New series as records of a bounded size.
fn series_records(series: &[(u64, mainstay_series::Labels)]) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    let mut rest = series;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = |(_, labels): &&(u64, mainstay_series::Labels)| {
            let before = bytes;
            bytes += labels.as_bytes().len() + 16;
            before < SERIES_RECORD
        };
        let count = rest.iter().take_while(fits).count().max(1);
        let (now, later) = rest.split_at(count);
        records.push(record::series(now.iter().map(|(id, labels)| (*id, labels))));
        rest = later;
    }
    records
}

/// Deletes a block's directory so that a crash between leaves no half of it.
fn remove_block(dir: &Path) -> Result<(), StoreError> {
    use crate::error::At as _;
    let mut doomed = dir.as_os_str().to_owned();
    doomed.push(".tmp-for-deletion");
    let doomed = PathBuf::from(doomed);
    fs::rename(dir, &doomed).at(dir)?;
    if let Some(parent) = dir.parent() {
        crate::wal::segments::sync_dir(parent)?;
    }
    fs::remove_dir_all(&doomed).at(&doomed)
}
