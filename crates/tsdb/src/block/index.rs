//! Reads a block's `index` (version 2): symbols, series, and postings by label.
//!
//! Of the symbols and of the table of postings every [`EVERY`]th place stays in memory; what is
//! between is read when it is asked for. Every section's checksum is verified: the two tables when
//! the file is opened, series and postings when they are read.
//!
//! Source: Prometheus, `tsdb/docs/format/index.md`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hashbrown::HashMap;
use mainstay_series::{Labels, Window};
use roaring::RoaringBitmap;

use super::cache::{CachedFile, PageCache};
use crate::bytes::{Cursor, sums_up};
use crate::error::StoreError;
use crate::postings::{self, Union};
use crate::wal::record::checked_labels;

pub(super) const MAGIC: u32 = 0xBAAA_D700;
pub(super) const VERSION: u8 = 2;
const TOC_BYTES: usize = 6 * 8 + 4;

/// How many entries of a table lie between two that are kept.
const EVERY: usize = 32;

/// Bytes that a series is likely to take.
const SERIES_GUESS: usize = 256;

/// A chunk as the index knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChunkMeta {
    pub(crate) span: Window,
    pub(crate) place: u64,
}

/// A series of a block.
#[derive(Debug, Clone)]
pub(crate) struct BlockSeries {
    pub(crate) id: u32,
    pub(crate) labels: Labels,
    pub(crate) chunks: Vec<ChunkMeta>,
}

/// The values of one label: every so many of them with its place in the table, then its end.
#[derive(Debug, Default)]
struct Values {
    kept: Vec<(Box<str>, u64)>,
    end: u64,
    count: usize,
}

#[derive(Debug)]
pub(crate) struct IndexFile {
    file: CachedFile,
    /// Places of every [`EVERY`]th symbol, and of the end.
    symbols: Vec<u64>,
    symbol_count: u32,
    names: BTreeMap<Box<str>, Values>,
}

impl IndexFile {
    pub(crate) fn open(path: &Path, cache: &Arc<PageCache>) -> Result<Self, StoreError> {
        let file = CachedFile::open(path, cache)?;
        let wrong = || file.corrupt("it is no index");
        let head = file.read(0, 5)?;
        let mut cursor = Cursor(&head);
        if cursor.u32() != Some(MAGIC) {
            return Err(wrong());
        }
        if cursor.byte() != Some(VERSION) {
            return Err(file.corrupt("only version 2 of indexes is known"));
        }
        let from = file.length().checked_sub(TOC_BYTES as u64);
        let toc = file.read(from.ok_or_else(wrong)?, TOC_BYTES)?;
        let mut cursor = Cursor(&toc);
        let mut places = [0; 6];
        for place in &mut places {
            *place = cursor.u64().ok_or_else(wrong)?;
        }
        if !sums_up(&toc[..TOC_BYTES - 4], cursor.u32()) {
            return Err(file.corrupt("its table of contents has a wrong checksum"));
        }
        let mut index = Self {
            file,
            symbols: Vec::new(),
            symbol_count: 0,
            names: BTreeMap::new(),
        };
        index.read_symbols(places[0])?;
        index.read_table(places[5])?;
        Ok(index)
    }

    /// A section behind its length, without its checksum, which is verified.
    fn section(&self, from: u64) -> Result<Vec<u8>, StoreError> {
        let length = self.file.read(from, 4)?;
        let length = Cursor(&length).u32().unwrap_or_default() as usize;
        let mut bytes = self.file.read(from + 4, length + 4)?;
        let sum = Cursor(&bytes[length..]).u32();
        bytes.truncate(length);
        if !sums_up(&bytes, sum) {
            return Err(self.file.corrupt("a section has a wrong checksum"));
        }
        Ok(bytes)
    }

    fn read_symbols(&mut self, from: u64) -> Result<(), StoreError> {
        let bytes = self.section(from)?;
        let at = |cursor: &Cursor<'_>| from + 4 + (bytes.len() - cursor.0.len()) as u64;
        let mut cursor = Cursor(&bytes);
        let wrong = || self.file.corrupt("its symbols are none");
        let count = cursor.u32().ok_or_else(wrong)?;
        let mut places = Vec::new();
        for number in 0..count {
            if (number as usize).is_multiple_of(EVERY) {
                places.push(at(&cursor));
            }
            cursor.text().ok_or_else(wrong)?;
        }
        places.push(at(&cursor));
        (self.symbols, self.symbol_count) = (places, count);
        Ok(())
    }

    fn read_table(&mut self, from: u64) -> Result<(), StoreError> {
        let bytes = self.section(from)?;
        let mut cursor = Cursor(&bytes);
        let wrong = || self.file.corrupt("its table of postings is none");
        let count = cursor.u32().ok_or_else(wrong)?;
        let mut names: BTreeMap<Box<str>, Values> = BTreeMap::new();
        let mut last: Option<(Box<str>, Values)> = None;
        for _ in 0..count {
            let place = from + 4 + (bytes.len() - cursor.0.len()) as u64;
            let (name, value, _) = entry(&mut cursor).ok_or_else(wrong)?;
            if last.as_ref().is_none_or(|(last, _)| last.as_ref() != name) {
                if let Some((name, values)) = last.take() {
                    names.insert(name, values);
                }
                last = Some((name.into(), Values::default()));
            }
            if let Some((_, values)) = &mut last {
                if values.count.is_multiple_of(EVERY) {
                    values.kept.push((value.into(), place));
                }
                values.count += 1;
                values.end = from + 4 + (bytes.len() - cursor.0.len()) as u64;
            }
        }
        names.extend(last);
        self.names = names;
        Ok(())
    }

    /// Gives every symbol in order.
    pub(crate) fn symbols(&self, take: &mut dyn FnMut(&str)) -> Result<(), StoreError> {
        for group in self.symbols.windows(2) {
            let bytes = self.file.read(group[0], (group[1] - group[0]) as usize)?;
            let mut cursor = Cursor(&bytes);
            while !cursor.is_empty() {
                let text = cursor.text();
                take(text.ok_or_else(|| self.file.corrupt("a symbol is none"))?);
            }
        }
        Ok(())
    }

    fn symbol(&self, number: u32) -> Result<Box<str>, StoreError> {
        let wrong = || {
            self.file
                .corrupt("a series names a symbol that is not there")
        };
        if number >= self.symbol_count {
            return Err(wrong());
        }
        let (group, within) = (number as usize / EVERY, number as usize % EVERY);
        let (from, end) = (self.symbols[group], self.symbols[group + 1]);
        let bytes = self.file.read(from, (end - from) as usize)?;
        let mut cursor = Cursor(&bytes);
        for _ in 0..within {
            cursor.text().ok_or_else(wrong)?;
        }
        cursor.text().map(Into::into).ok_or_else(wrong)
    }

    /// Reads one series; of its chunks those that share an instant with the window. `None` where
    /// there is no such chunk.
    pub(crate) fn series(
        &self,
        id: u32,
        window: Window,
        symbols: &mut Symbols,
    ) -> Result<Option<BlockSeries>, StoreError> {
        let body = self.series_bytes(id)?;
        let wrong = || self.file.corrupt("a series is none");
        let mut cursor = Cursor(&body);
        let count = cursor.uvarint().ok_or_else(wrong)?;
        let mut numbers = Vec::with_capacity(2 * count.min(64) as usize);
        for _ in 0..count.saturating_mul(2) {
            let number = cursor.uvarint().and_then(|n| u32::try_from(n).ok());
            numbers.push(number.ok_or_else(wrong)?);
        }
        let chunks = chunk_metas(cursor, window).ok_or_else(wrong)?;
        if chunks.is_empty() {
            return Ok(None);
        }
        for number in &numbers {
            if !symbols.0.contains_key(number) {
                symbols.0.insert(*number, self.symbol(*number)?);
            }
        }
        let text = |number: &u32| symbols.0.get(number).map_or("", |text| text);
        let (pairs, _) = numbers.as_chunks::<2>();
        let pairs: Vec<_> = pairs.iter().map(|[n, v]| (text(n), text(v))).collect();
        Ok(Some(BlockSeries {
            id,
            labels: checked_labels(&pairs),
            chunks,
        }))
    }

    fn series_bytes(&self, id: u32) -> Result<Vec<u8>, StoreError> {
        let from = u64::from(id) * 16;
        let wrong = || self.file.corrupt("a series is none");
        let mut bytes = self.file.read_up_to(from, SERIES_GUESS)?;
        let mut cursor = Cursor(&bytes);
        let length = cursor.uvarint().ok_or_else(wrong)?;
        let length = usize::try_from(length).map_err(|_| wrong())?;
        let head = bytes.len() - cursor.0.len();
        let whole = head.saturating_add(length).saturating_add(4);
        if bytes.len() < whole {
            bytes = self.file.read(from, whole)?;
        }
        let sum = Cursor(&bytes[head + length..]).u32();
        let body = &bytes[head..head + length];
        if !sums_up(body, sum) {
            return Err(self.file.corrupt("a series has a wrong checksum"));
        }
        Ok(body.to_vec())
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.names.keys().map(AsRef::as_ref);
        names.filter(|name: &&str| !name.is_empty())
    }

    pub(crate) fn value_count(&self, name: &str) -> usize {
        self.names.get(name).map_or(0, |values| values.count)
    }

    /// Gives the values of a label from one on, each with the place of its postings, in order, as
    /// long as `take` says to go on.
    pub(crate) fn values(
        &self,
        name: &str,
        from: &str,
        take: &mut dyn FnMut(&str, u64) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let Some(values) = self.names.get(name) else {
            return Ok(());
        };
        // The group that `from` would stand in begins with the last value that is not after it.
        let after = values
            .kept
            .partition_point(|(value, _)| value.as_ref() <= from);
        for group in after.saturating_sub(1)..values.kept.len() {
            let start = values.kept[group].1;
            let end = values.kept.get(group + 1).map_or(values.end, |next| next.1);
            let bytes = self.file.read(start, (end - start) as usize)?;
            let mut cursor = Cursor(&bytes);
            while !cursor.is_empty() {
                let read = entry(&mut cursor);
                let (_, value, place) =
                    read.ok_or_else(|| self.file.corrupt("its table of postings is none"))?;
                if value >= from && !take(value, place)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Reads a list of series.
    pub(crate) fn postings(&self, place: u64) -> Result<RoaringBitmap, StoreError> {
        let bytes = self.section(place)?;
        let wrong = || self.file.corrupt("a list of series is none");
        let mut cursor = Cursor(&bytes);
        let count = cursor.u32().ok_or_else(wrong)? as usize;
        let (ids, rest) = cursor.0.as_chunks::<4>();
        if ids.len() != count || !rest.is_empty() {
            return Err(wrong());
        }
        let ids = ids.iter().map(|id| u32::from_be_bytes(*id));
        RoaringBitmap::from_sorted_iter(ids).map_err(|_| wrong())
    }
}

/// Symbols that one read has met already.
#[derive(Debug, Default)]
pub(crate) struct Symbols(HashMap<u32, Box<str>>);

/// One entry of the table of postings: name, value, place.
fn entry<'a>(cursor: &mut Cursor<'a>) -> Option<(&'a str, &'a str, u64)> {
    let keys = cursor.uvarint()?;
    let found = (cursor.text()?, cursor.text()?, cursor.uvarint()?);
    (keys == 2).then_some(found)
}

fn chunk_metas(mut cursor: Cursor<'_>, window: Window) -> Option<Vec<ChunkMeta>> {
    let count = cursor.uvarint()?;
    let mut found = Vec::new();
    let (mut end_ms, mut place) = (0i64, 0i64);
    for number in 0..count {
        let start_ms = if number == 0 {
            cursor.varint()?
        } else {
            // Written unsigned, also where chunks overlap: the sum wraps back.
            end_ms.wrapping_add(cursor.uvarint()? as i64)
        };
        end_ms = start_ms.wrapping_add(cursor.uvarint()? as i64);
        place = if number == 0 {
            cursor.uvarint()? as i64
        } else {
            place.wrapping_add(cursor.varint()?)
        };
        let span = Window { start_ms, end_ms };
        if span.overlaps(window) {
            let place = place as u64;
            found.push(ChunkMeta { span, place });
        }
    }
    Some(found)
}

impl postings::Index for IndexFile {
    fn everything(&self) -> Result<RoaringBitmap, StoreError> {
        self.equal("", "")
    }

    fn with_name(&self, name: &str) -> Result<RoaringBitmap, StoreError> {
        self.union(name, "", &mut |_| true)
    }

    fn equal(&self, name: &str, value: &str) -> Result<RoaringBitmap, StoreError> {
        let mut found = RoaringBitmap::new();
        self.values(name, value, &mut |first, place| {
            if first == value {
                found = self.postings(place)?;
            }
            Ok(false)
        })?;
        Ok(found)
    }

    fn union(
        &self,
        name: &str,
        prefix: &str,
        wanted: &mut dyn FnMut(&str) -> bool,
    ) -> Result<RoaringBitmap, StoreError> {
        let mut all = Union::default();
        self.values(name, prefix, &mut |value, place| {
            if !value.starts_with(prefix) {
                return Ok(false);
            }
            if wanted(value) {
                all.add_all(&self.postings(place)?);
            }
            Ok(true)
        })?;
        Ok(all.finish())
    }
}
