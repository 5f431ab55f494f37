//! The series a target is known to have.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use mainstay_series::Labels;

/// One series.
#[derive(Debug)]
struct Entry {
    text: Box<str>,
    /// `None`: relabelling drops it.
    labels: Option<Labels>,
    /// The store's number; 0: none yet.
    series: u64,
    /// The last scrape that had it; 0: the place is free.
    seen: u32,
    /// Whether it gets a stale marker when it goes.
    tracked: bool,
}

/// Series by their text, and by their place.
#[derive(Debug, Default)]
pub(super) struct Entries {
    all: Vec<Entry>,
    free: Vec<u32>,
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Entries {
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn text(&self, entry: u32) -> &str {
        self.all.get(entry as usize).map_or("", |entry| &entry.text)
    }

    pub(super) fn find(&self, text: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(text);
        let found = self
            .index
            .find(hash, |entry| &*self.all[*entry as usize].text == text);
        found.copied()
    }

    /// Adds one that is not there.
    pub(super) fn add(&mut self, text: &str, labels: Option<Labels>) -> u32 {
        let entry = Entry {
            text: text.into(),
            labels,
            series: 0,
            seen: 0,
            tracked: false,
        };
        let place = self.free.pop().unwrap_or(self.all.len() as u32);
        if place as usize == self.all.len() {
            self.all.push(entry);
        } else {
            self.all[place as usize] = entry;
        }
        let hash = self.hasher.hash_one(text);
        let Self {
            all, index, hasher, ..
        } = self;
        index.insert_unique(hash, place, |entry| {
            hasher.hash_one(&*all[*entry as usize].text)
        });
        place
    }

    /// Notes that a scrape has it. `None`: relabelling drops it. Else its number, and whether this
    /// scrape had it already.
    pub(super) fn see(&mut self, entry: u32, scrape: u32, tracked: bool) -> (bool, Option<u64>) {
        let entry = &mut self.all[entry as usize];
        let twice = entry.seen == scrape;
        entry.seen = scrape;
        entry.tracked = tracked && entry.labels.is_some();
        (twice, entry.labels.as_ref().map(|_| entry.series))
    }

    pub(super) fn labels(&self, entry: u32) -> Option<&Labels> {
        self.all
            .get(entry as usize)
            .and_then(|entry| entry.labels.as_ref())
    }

    pub(super) fn set(&mut self, entry: u32, series: u64) {
        if let Some(entry) = self.all.get_mut(entry as usize) {
            entry.series = series;
        }
    }

    /// Its number, if it is to be marked as gone; it is marked once.
    pub(super) fn untrack(&mut self, entry: u32) -> Option<u64> {
        let entry = self.all.get_mut(entry as usize)?;
        let tracked = std::mem::take(&mut entry.tracked);
        (tracked && entry.series != 0).then_some(entry.series)
    }

    /// Forgets what the scrape did not have, and says the numbers of what was tracked.
    pub(super) fn sweep(&mut self, scrape: u32, mut gone: impl FnMut(u64)) {
        for place in 0..self.all.len() as u32 {
            let entry = &self.all[place as usize];
            if entry.seen == scrape || entry.text.is_empty() {
                continue;
            }
            if let Some(series) = self.untrack(place) {
                gone(series);
            }
            self.remove(place);
        }
    }

    /// Forgets what was never stored where failing scrapes have left far more than the last good one had.
    pub(super) fn bound(&mut self, good: usize) {
        const ROOM: usize = 1000;
        if self.len() > 2 * good + ROOM {
            let places: Vec<u32> = (0..self.all.len() as u32)
                .filter(|place| {
                    let entry = &self.all[*place as usize];
                    entry.series == 0 && !entry.text.is_empty()
                })
                .collect();
            for place in places {
                self.remove(place);
            }
        }
    }

    fn remove(&mut self, place: u32) {
        let entry = &mut self.all[place as usize];
        let hash = self.hasher.hash_one(&*entry.text);
        if let Ok(found) = self.index.find_entry(hash, |other| *other == place) {
            found.remove();
        }
        *entry = Entry {
            text: "".into(),
            labels: None,
            series: 0,
            seen: 0,
            tracked: false,
        };
        self.free.push(place);
    }
}
