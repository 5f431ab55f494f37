//! How the head is filled again from the log.
//!
//! A newer series record takes the place of what it collides with, by slot or by labels: what was
//! there had been forgotten when the newer one was made, and its samples are in blocks.

use mainstay_series::{Labels, Sample, Window};
use roaring::RoaringBitmap;

use super::series::{Bounds, Place};
use super::{GENERATIONS, Head, MAX_SLOT, MemSeries, SLOT_BITS, slot_of};

impl Head {
    /// Takes a series of the log under its old id; false when the id cannot be one.
    pub(crate) fn recover_series(&mut self, id: u64, labels: Labels) -> bool {
        if id == 0 || id >> SLOT_BITS >= GENERATIONS || slot_of(id) as u64 >= MAX_SLOT {
            return false;
        }
        self.generation = self.generation.max(id >> SLOT_BITS);
        if self.get(id).is_some_and(|series| series.labels == labels) {
            return true;
        }
        let slot = slot_of(id) as u32;
        let mut old = RoaringBitmap::new();
        old.extend(self.find(&labels));
        if self.slot(slot).is_some() {
            old.insert(slot);
        }
        let generation = self.generation;
        self.forget(&old);
        self.generation = generation;
        self.insert(slot, MemSeries::new(id, labels));
        true
    }

    /// Takes a sample of the log; false when its series is not known. Whatever memory took once it
    /// takes again: windows do not apply, only order does.
    pub(crate) fn recover_sample(&mut self, id: u64, sample: Sample) -> bool {
        let bounds = Bounds {
            in_order_from: i64::MIN,
            late_from: Some(i64::MIN),
            block_ms: self.block_ms,
        };
        let Some(series) = self.get(id) else {
            return false;
        };
        // A second value for one time is a repetition of an older log; the first holds.
        if let Ok(place) = series.place(sample, &bounds)
            && place != Place::Known
        {
            self.put_at(slot_of(id) as u32, sample, place, &bounds);
        }
        true
    }

    /// Repeats a deletion; false when its series is not known.
    pub(crate) fn recover_deletion(&mut self, id: u64, window: Window) -> bool {
        if self.get(id).is_none() {
            return false;
        }
        let slot = slot_of(id) as u32;
        self.delete(&RoaringBitmap::from_iter([slot]), window);
        true
    }

    /// After the last record: series of which nothing is left go, and slots are put in order.
    pub(crate) fn recovered(&mut self) -> (usize, u64, u64) {
        let mut empty = RoaringBitmap::new();
        let mut samples = 0;
        for (slot, series) in self.slots.iter().enumerate() {
            if let Some(series) = series.as_deref() {
                samples += series.sample_count();
                if series.is_empty() {
                    empty.insert(slot as u32);
                }
            }
        }
        self.forget(&empty);
        // New ids must be none that the log has.
        self.generation = (self.generation + 1) % GENERATIONS;
        self.generation = self.generation.max(1);
        let is_free = |slot: &u32| self.slots[*slot as usize].is_none();
        self.free = (0..self.slots.len() as u32).filter(is_free).rev().collect();
        (self.count, samples, self.unknown)
    }
}
