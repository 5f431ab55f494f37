//! The head: every series that has samples in memory, by labels and by reference.
//!
//! One lock stands before all of it (`Store` holds it): a batch is applied under the write lock and
//! queued for the log under the same lock, so that the log has things in the order in which memory
//! took them. A reader takes references to finished chunks and a copy of the open ones under the
//! read lock, and decodes afterwards; thus it sees one moment.
//!
//! A series is known by its **id**: 24 bits of slot below 16 bits of generation. A slot is used again
//! when its series was forgotten; the generation says that it is another. Prometheus holds ids in
//! 40 bits, and so they stay.

mod cut;
mod index;
mod recover;
mod series;
mod stats;

use hashbrown::{DefaultHashBuilder, HashTable};
use mainstay_series::{Labels, Sample, Window};
use roaring::RoaringBitmap;
use std::hash::BuildHasher as _;
use std::sync::Arc;

use crate::append::{Appended, Entry};
use crate::chunk::Chunk;
use crate::error::{Rejection, StoreError};
use crate::options::Options;
use crate::postings;
use crate::read::{Piece, Selected};
use crate::wal::record::RefSample;
use index::MemIndex;
pub(crate) use series::MemSeries;
use series::{Bounds, Place};
pub use stats::{Count, HeadStats};

/// A series of the head, as callers keep it: quicker than labels. It is of no use after the series
/// was forgotten (an append then goes by the labels beside it) nor in another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesRef(pub(crate) u64);

impl SeriesRef {
    /// As a number, never 0, for those who keep numbers.
    pub fn number(self) -> u64 {
        self.0
    }

    /// From [`Self::number`]. Any other number is of no series, and appends say so.
    pub fn of_number(number: u64) -> Self {
        Self(number)
    }
}

const SLOT_BITS: u32 = 24;
const MAX_SLOT: u64 = (1 << SLOT_BITS) - 1;
const GENERATIONS: u64 = 1 << 16;

/// How many series are brought near before they are appended to.
pub(crate) const AHEAD: usize = 16;

/// The most series a head can hold, whatever the options say.
pub(crate) const MAX_SERIES: usize = MAX_SLOT as usize;

fn slot_of(id: u64) -> usize {
    (id & MAX_SLOT) as usize
}

/// What a batch came to, for the log.
#[derive(Debug, Default)]
pub(crate) struct ForLog {
    pub(crate) series: Vec<(u64, Labels)>,
    pub(crate) samples: Vec<RefSample>,
}

/// What memory has of one series for a block.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) labels: Labels,
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) late: Vec<Sample>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Head {
    slots: Vec<Option<Box<MemSeries>>>,
    free: Vec<u32>,
    by_labels: HashTable<u32>,
    hasher: DefaultHashBuilder,
    index: MemIndex,
    generation: u64,
    count: usize,
    chunks: usize,
    /// Slots of series with late samples.
    late: RoaringBitmap,
    oldest_ms: i64,
    newest_ms: i64,
    /// All before it was written into blocks.
    pub(crate) cut_before_ms: i64,
    block_ms: i64,
    out_of_order_ms: i64,
    max_series: usize,
    appended: u64,
    /// Samples of the log whose series it did not name.
    pub(crate) unknown: u64,
}

impl Head {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_labels: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            index: MemIndex::default(),
            generation: 1,
            count: 0,
            chunks: 0,
            late: RoaringBitmap::new(),
            oldest_ms: i64::MAX,
            newest_ms: i64::MIN,
            cut_before_ms: i64::MIN,
            block_ms: options.block_ms,
            out_of_order_ms: options.out_of_order_ms,
            max_series: options.max_series.min(MAX_SERIES),
            appended: 0,
            unknown: 0,
        }
    }

    fn get(&self, id: u64) -> Option<&MemSeries> {
        let series = self.slots.get(slot_of(id))?.as_deref()?;
        (series.id == id).then_some(series)
    }

    fn find(&self, labels: &Labels) -> Option<u32> {
        let hash = self.hasher.hash_one(labels.as_bytes());
        let same = |slot: &u32| {
            self.slot(*slot)
                .is_some_and(|series| series.labels == *labels)
        };
        self.by_labels.find(hash, same).copied()
    }

    fn slot(&self, slot: u32) -> Option<&MemSeries> {
        self.slots.get(slot as usize)?.as_deref()
    }

    fn slot_mut(&mut self, slot: u32) -> Option<&mut MemSeries> {
        self.slots.get_mut(slot as usize)?.as_deref_mut()
    }

    /// Puts a series into a slot that is free.
    fn insert(&mut self, slot: u32, series: MemSeries) {
        let hash = self.hasher.hash_one(series.labels.as_bytes());
        self.index.insert(slot, &series.labels);
        let place = slot as usize;
        if place >= self.slots.len() {
            self.slots.resize_with(place + 1, || None);
        }
        self.slots[place] = Some(Box::new(series));
        self.count += 1;
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.by_labels.insert_unique(hash, slot, |slot| {
            let series = slots[*slot as usize].as_deref();
            hasher.hash_one(series.map_or(&[][..], |series| series.labels.as_bytes()))
        });
    }

    fn create(&mut self, labels: &Labels) -> Result<u32, Rejection> {
        if labels.is_empty() {
            return Err(Rejection::NoLabels);
        }
        if self.count >= self.max_series {
            return Err(Rejection::SeriesLimit);
        }
        let slot = self.free.pop().unwrap_or(self.slots.len() as u32);
        let id = (self.generation << SLOT_BITS) | u64::from(slot);
        self.insert(slot, MemSeries::new(id, labels.clone()));
        Ok(slot)
    }

    /// What a new sample must keep to now.
    fn bounds(&self) -> Bounds {
        let lag = self.newest_ms.saturating_sub(self.block_ms / 2);
        let late = self.newest_ms.saturating_sub(self.out_of_order_ms);
        Bounds {
            in_order_from: self.cut_before_ms.max(lag),
            late_from: (self.out_of_order_ms > 0).then_some(late),
            block_ms: self.block_ms,
        }
    }

    /// The slot of an entry's series, made where it is new.
    fn resolve(&mut self, entry: &Entry<'_>, log: &mut ForLog) -> Result<u32, Rejection> {
        if let Some(series) = entry.series
            && self.get(series.0).is_some()
        {
            return Ok(slot_of(series.0) as u32);
        }
        let labels = entry.labels.ok_or(Rejection::UnknownSeries)?;
        if let Some(slot) = self.find(labels) {
            return Ok(slot);
        }
        let slot = self.create(labels)?;
        log.series
            .extend(self.slot(slot).map(|series| (series.id, labels.clone())));
        Ok(slot)
    }

    /// Brings what will be written to near the processor. Each series is a few places in memory that
    /// nothing else leads to; one after the other they would be waited for.
    fn touch<'a>(series: impl Iterator<Item = &'a MemSeries>) {
        let all = series.fold(0, |all, series| all ^ series.touch());
        std::hint::black_box(all);
    }

    /// [`Self::touch`], by ids.
    pub(crate) fn touch_ids(&self, ids: impl Iterator<Item = u64>) {
        Self::touch(ids.filter_map(|id| self.get(id)));
    }

    /// The series of labels.
    pub(crate) fn reference(&self, labels: &Labels) -> Option<SeriesRef> {
        let slot = self.find(labels)?;
        self.slot(slot).map(|series| SeriesRef(series.id))
    }

    pub(crate) fn labels(&self, series: SeriesRef) -> Option<Labels> {
        self.get(series.0).map(|series| series.labels.clone())
    }

    /// Takes a batch, sample by sample in its order.
    pub(crate) fn append(&mut self, batch: &[Entry<'_>]) -> (Appended, ForLog) {
        let mut done = Appended::with_capacity(batch.len());
        let mut log = ForLog::default();
        log.samples.reserve(batch.len());
        let mut slots = Vec::with_capacity(AHEAD);
        for (group, entries) in batch.chunks(AHEAD).enumerate() {
            slots.clear();
            slots.extend(entries.iter().map(|entry| self.resolve(entry, &mut log)));
            Self::touch(
                slots
                    .iter()
                    .filter_map(|slot| self.slot(*slot.as_ref().ok()?)),
            );
            for (place, (slot, entry)) in (group * AHEAD..).zip(slots.iter().zip(entries)) {
                if let Err(rejection) = self.take(*slot, entry.sample, &mut done, &mut log) {
                    done.rejected.push((place, rejection));
                }
            }
        }
        done.appended = log.samples.len();
        self.appended += done.appended as u64;
        (done, log)
    }

    /// Takes one sample of a batch.
    fn take(
        &mut self,
        slot: Result<u32, Rejection>,
        sample: Sample,
        done: &mut Appended,
        log: &mut ForLog,
    ) -> Result<(), Rejection> {
        let id = slot.map(|slot| self.slot(slot).map_or(0, |series| series.id));
        done.series.push(id.ok().map(SeriesRef));
        let (slot, id) = (slot?, id?);
        if self.put(slot, sample)? != Place::Known {
            log.samples.push(RefSample { id, sample });
        }
        Ok(())
    }

    fn put(&mut self, slot: u32, sample: Sample) -> Result<Place, Rejection> {
        let bounds = self.bounds();
        let Some(series) = self.slot_mut(slot) else {
            return Err(Rejection::UnknownSeries);
        };
        let place = series.place(sample, &bounds)?;
        self.put_at(slot, sample, place, &bounds);
        Ok(place)
    }

    fn put_at(&mut self, slot: u32, sample: Sample, place: Place, bounds: &Bounds) {
        if let Some(series) = self.slot_mut(slot) {
            self.chunks += series.put(sample, place, bounds);
        }
        if place == Place::Late {
            self.late.insert(slot);
        }
        self.oldest_ms = self.oldest_ms.min(sample.time_ms);
        self.newest_ms = self.newest_ms.max(sample.time_ms);
    }

    /// Takes samples of a window away. Returns the ids of the series concerned.
    pub(crate) fn delete(&mut self, slots: &RoaringBitmap, window: Window) -> Vec<u64> {
        let mut ids = Vec::new();
        for slot in slots {
            let block_ms = self.block_ms;
            if let Some(series) = self.slot_mut(slot)
                && series.span().is_some_and(|span| span.overlaps(window))
            {
                let before = series.chunk_count();
                series.delete(window, block_ms);
                let (after, id) = (series.chunk_count(), series.id);
                self.chunks = self.chunks + after - before;
                ids.push(id);
            }
        }
        ids
    }

    /// The slots that meet all matchers.
    pub(crate) fn select(
        &self,
        matchers: &[mainstay_series::Matcher],
    ) -> Result<RoaringBitmap, StoreError> {
        postings::select(&self.index, matchers)
    }

    /// What memory has of some series in a window, in no order.
    pub(crate) fn read(&self, slots: &RoaringBitmap, window: Window) -> Vec<Selected> {
        let mut found = Vec::with_capacity(slots.len() as usize);
        let mut slots = slots.iter().filter_map(|slot| self.slot(slot));
        let (mut group, mut copies, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            group.clear();
            group.extend(slots.by_ref().take(AHEAD));
            if group.is_empty() {
                return found;
            }
            Self::touch(group.iter().copied());
            copies.clear();
            ends.clear();
            for series in &group {
                let from = copies.len();
                series.copy_open(window, &mut copies);
                ends.push(from..copies.len());
            }
            let all: Arc<[u8]> = copies.as_slice().into();
            for (series, range) in group.iter().zip(&ends) {
                let parts = series.parts(window, Piece::new(&all, range.clone()));
                if !parts.is_empty() {
                    found.push(Selected {
                        labels: series.labels.clone(),
                        parts,
                    });
                }
            }
        }
    }

    /// The names of labels, of some series or of all.
    pub(crate) fn label_names(&self, slots: Option<&RoaringBitmap>, take: &mut dyn FnMut(&str)) {
        match slots {
            None => self.index.names.keys().for_each(|name| take(name)),
            Some(slots) => {
                let series = slots.iter().filter_map(|slot| self.slot(slot));
                series.for_each(|s| s.labels.iter().for_each(|(name, _)| take(name)));
            }
        }
    }

    /// The values of a label in order, of some series or of all; `take` says whether to go on.
    pub(crate) fn label_values(
        &self,
        name: &str,
        slots: Option<&RoaringBitmap>,
        take: &mut dyn FnMut(&str) -> bool,
    ) {
        let Some(values) = self.index.names.get(name) else {
            return;
        };
        for (value, of) in &values.by_value {
            if slots.is_none_or(|slots| of.meets(slots)) && !take(value) {
                return;
            }
        }
    }

    pub(crate) fn newest_ms(&self) -> i64 {
        self.newest_ms
    }
}
