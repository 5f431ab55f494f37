//! How samples leave the head: set apart, written into blocks by somebody else, then forgotten.

use std::collections::BTreeSet;

use mainstay_series::{Labels, Window};
use roaring::RoaringBitmap;

use super::{Found, GENERATIONS, Head, slot_of};
use crate::read::Selected;

impl Head {
    /// Up to where the head can be cut now: it holds more than one and a half blocks, and nothing
    /// before the end of the first can come in order any more.
    pub(crate) fn cut_end(&self) -> Option<i64> {
        if self.oldest_ms > self.newest_ms {
            return None;
        }
        let from = self.oldest_ms.max(self.cut_before_ms);
        let long = self.newest_ms.saturating_sub(from) > self.block_ms / 2 * 3;
        // As far as in-order samples are out of reach, however many blocks that is.
        let end = self.newest_ms.saturating_sub(self.block_ms / 2);
        let end = end.div_euclid(self.block_ms).saturating_mul(self.block_ms);
        (long && end > from).then_some(end)
    }

    /// Sets apart what came late before a time, and names the starts of the blocks to be written.
    pub(crate) fn begin_cut(&mut self, before_ms: i64) -> Vec<i64> {
        let mut starts = BTreeSet::new();
        let start = |time_ms: i64| time_ms.div_euclid(self.block_ms) * self.block_ms;
        for slot in &self.late {
            if let Some(series) = self
                .slots
                .get_mut(slot as usize)
                .and_then(Option::as_deref_mut)
            {
                series.begin_cut(before_ms);
                starts.extend(series.cut_times().map(start));
            }
        }
        let all = Window {
            start_ms: i64::MIN,
            end_ms: before_ms - 1,
        };
        for series in self.slots.iter().filter_map(Option::as_deref) {
            for chunk in series.chunk_spans(all) {
                starts.insert(start(chunk.start_ms));
            }
        }
        starts.into_iter().collect()
    }

    /// Every series with its slot, in no order.
    pub(crate) fn all_series(&self) -> Vec<(Labels, u32)> {
        let series = |slot| self.slot(slot).map(|series| (series.labels.clone(), slot));
        self.index.everything.iter().filter_map(series).collect()
    }

    /// Every name and every value of a label.
    pub(crate) fn symbols(&self) -> BTreeSet<Box<str>> {
        let mut symbols = BTreeSet::new();
        for (name, values) in &self.index.names {
            symbols.insert(name.clone());
            symbols.extend(values.by_value.keys().cloned());
        }
        symbols
    }

    /// What a block `[start, end)` takes of some series; those that have nothing are left out.
    pub(crate) fn for_block(
        &self,
        series: &[(Labels, u32)],
        start_ms: i64,
        end_ms: i64,
    ) -> Vec<Found> {
        let of = |(labels, slot): &(Labels, u32)| {
            let series = self.slot(*slot)?;
            let (chunks, late) = series.for_block(start_ms, end_ms);
            (!chunks.is_empty() || !late.is_empty()).then(|| Found {
                labels: labels.clone(),
                chunks,
                late,
            })
        };
        series.iter().filter_map(of).collect()
    }

    /// All there is, in no order: for a snapshot.
    pub(crate) fn everything(&self) -> Vec<Selected> {
        self.read(&self.index.everything, Window::ALL)
    }

    /// The oldest and the newest instant there is.
    pub(crate) fn span(&self) -> Option<Window> {
        (self.oldest_ms <= self.newest_ms).then_some(Window {
            start_ms: self.oldest_ms,
            end_ms: self.newest_ms,
        })
    }

    /// The blocks could not be written.
    pub(crate) fn abort_cut(&mut self) {
        for slot in &self.late {
            if let Some(series) = self
                .slots
                .get_mut(slot as usize)
                .and_then(Option::as_deref_mut)
            {
                series.abort_cut();
            }
        }
    }

    /// Forgets what is in blocks now, and series of which nothing is left. Returns their ids.
    pub(crate) fn end_cut(&mut self, before_ms: i64) -> Vec<u64> {
        self.cut_before_ms = self.cut_before_ms.max(before_ms);
        self.oldest_ms = i64::MAX;
        let (mut dead, mut ids) = (RoaringBitmap::new(), Vec::new());
        for (slot, series) in self.slots.iter_mut().enumerate() {
            let Some(series) = series.as_deref_mut() else {
                continue;
            };
            self.chunks -= series.end_cut(before_ms);
            if !series.has_late() {
                self.late.remove(slot as u32);
            }
            if let Some(span) = series.span() {
                self.oldest_ms = self.oldest_ms.min(span.start_ms);
            } else {
                dead.insert(slot as u32);
                ids.push(series.id);
            }
        }
        self.forget(&dead);
        ids
    }

    /// Takes series out of everything; their slots are free for a next generation.
    pub(super) fn forget(&mut self, dead: &RoaringBitmap) {
        if dead.is_empty() {
            return;
        }
        self.index.remove(dead);
        let hasher = &self.hasher;
        for slot in dead {
            if let Some(series) = self.slots.get_mut(slot as usize).and_then(Option::take) {
                let hash = std::hash::BuildHasher::hash_one(hasher, series.labels.as_bytes());
                if let Ok(entry) = self.by_labels.find_entry(hash, |other| *other == slot) {
                    entry.remove();
                }
                self.chunks -= series.chunk_count();
                self.late.remove(slot);
                self.count -= 1;
                self.free.push(slot);
            }
        }
        self.generation = (self.generation + 1) % GENERATIONS;
        self.generation = self.generation.max(1);
    }

    /// The ids of all series, by slot; 0 where there is none.
    pub(crate) fn ids(&self) -> Vec<u64> {
        let id = |series: &Option<Box<super::MemSeries>>| series.as_ref().map_or(0, |s| s.id);
        self.slots.iter().map(id).collect()
    }

    /// Whether an id stands in what [`Self::ids`] gave.
    pub(crate) fn is_among(ids: &[u64], id: u64) -> bool {
        id != 0 && ids.get(slot_of(id)) == Some(&id)
    }
}
