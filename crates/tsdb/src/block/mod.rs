//! Blocks: what lies in a directory of its own and does not change, in Prometheus's own format.
//!
//! A block is complete when its name is a ULID: it is written under another and renamed. Only its
//! tombstones (and their count in `meta.json`) are ever replaced.

pub(crate) mod cache;
mod index;
pub(crate) mod meta;
mod tombstones;
pub(crate) mod write;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mainstay_series::{Matcher, Window};
use parking_lot::RwLock;
use roaring::RoaringBitmap;

use crate::bytes::{Cursor, sums_up};
use crate::chunk::ENCODING_XOR;
use crate::error::{At as _, StoreError};
use crate::postings;
use cache::{CachedFile, PageCache};
pub(crate) use index::{BlockSeries, ChunkMeta};
use index::{IndexFile, Symbols};
use meta::Meta;
use tombstones::Tombstones;

/// First bytes of a file of chunks.
const CHUNKS_MAGIC: u32 = 0x85BD_40DD;
const CHUNKS_VERSION: u8 = 1;

/// Bytes that a chunk is likely to take with what is around it.
const CHUNK_GUESS: usize = 512;

/// A chunk longer than this is none.
const MAX_CHUNK: u64 = 1 << 20;

/// An open block.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) dir: PathBuf,
    pub(crate) meta: Meta,
    pub(crate) bytes: u64,
    index: IndexFile,
    chunks: Vec<CachedFile>,
    stones: RwLock<Arc<Tombstones>>,
    none: Arc<[Window]>,
}

impl Block {
    /// Opens one, and checks what can be checked without reading all of it.
    pub(crate) fn open(dir: &Path, cache: &Arc<PageCache>) -> Result<Self, StoreError> {
        let meta = Meta::read(dir)?;
        let index = IndexFile::open(&dir.join("index"), cache)?;
        let folder = dir.join("chunks");
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder).at(&folder)? {
            let path = entry.at(&folder)?.path();
            let is_number = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
            if path
                .file_name()
                .and_then(|n| n.to_str())
                .is_some_and(is_number)
            {
                names.push(path);
            }
        }
        names.sort();
        let mut chunks = Vec::with_capacity(names.len());
        for path in &names {
            let file = CachedFile::open(path, cache)?;
            let head = file.read(0, 8)?;
            let mut cursor = Cursor(&head);
            if cursor.u32() != Some(CHUNKS_MAGIC) || cursor.byte() != Some(CHUNKS_VERSION) {
                return Err(file.corrupt("it is no file of chunks of version 1"));
            }
            chunks.push(file);
        }
        let stones = Arc::new(tombstones::read(dir)?);
        Ok(Self {
            bytes: size(dir)?,
            dir: dir.to_owned(),
            meta,
            index,
            chunks,
            stones: RwLock::new(stones),
            none: Arc::from([]),
        })
    }

    pub(crate) fn window(&self) -> Window {
        self.meta.window()
    }

    /// What was deleted of a series.
    pub(crate) fn deleted(&self, id: u32) -> Arc<[Window]> {
        match self.stones.read().get(&id) {
            Some(spans) => spans.as_slice().into(),
            None => Arc::clone(&self.none),
        }
    }

    pub(crate) fn has_tombstones(&self) -> bool {
        !self.stones.read().is_empty()
    }

    /// How many series have tombstones.
    pub(crate) fn tombstone_count(&self) -> usize {
        self.stones.read().len()
    }

    /// The series that meet all matchers and have chunks in the window, in order.
    pub(crate) fn select(
        &self,
        matchers: &[Matcher],
        window: Window,
    ) -> Result<Vec<BlockSeries>, StoreError> {
        let ids = postings::select(&self.index, matchers)?;
        self.series(&ids, window)
    }

    fn series(&self, ids: &RoaringBitmap, window: Window) -> Result<Vec<BlockSeries>, StoreError> {
        let mut symbols = Symbols::default();
        let mut found = Vec::new();
        for id in ids {
            found.extend(self.index.series(id, window, &mut symbols)?);
        }
        Ok(found)
    }

    /// The ids of all series; ascending is the order of labels.
    pub(crate) fn ids(&self) -> Result<Vec<u32>, StoreError> {
        let all = postings::Index::everything(&self.index)?;
        Ok(all.iter().collect())
    }

    /// One series with all its chunks.
    pub(crate) fn one(&self, id: u32) -> Result<Option<BlockSeries>, StoreError> {
        self.index.series(id, Window::ALL, &mut Symbols::default())
    }

    pub(crate) fn symbols(&self, take: &mut dyn FnMut(&str)) -> Result<(), StoreError> {
        self.index.symbols(take)
    }

    /// The bytes of a chunk, verified.
    pub(crate) fn chunk(&self, chunk: &ChunkMeta) -> Result<Vec<u8>, StoreError> {
        let (segment, from) = ((chunk.place >> 32) as usize, chunk.place & 0xffff_ffff);
        let file = self.chunks.get(segment).ok_or_else(|| {
            StoreError::corrupt(
                &self.dir,
                "its index names a file of chunks that is not there",
            )
        })?;
        let mut bytes = file.read_up_to(from, CHUNK_GUESS)?;
        let mut cursor = Cursor(&bytes);
        let length = cursor.uvarint().filter(|length| *length <= MAX_CHUNK);
        let length = length.ok_or_else(|| file.corrupt("a chunk is none"))? as usize;
        let head = bytes.len() - cursor.0.len();
        let whole = head + 1 + length + 4;
        if bytes.len() < whole {
            bytes = file.read(from, whole)?;
        }
        let sum = Cursor(&bytes[head + 1 + length..]).u32();
        if !sums_up(&bytes[head..=head + length], sum) {
            return Err(file.corrupt("a chunk has a wrong checksum"));
        }
        if bytes[head] != ENCODING_XOR {
            return Err(file.corrupt("a chunk of native histograms, which are not supported yet"));
        }
        bytes.truncate(head + 1 + length);
        bytes.drain(..=head);
        Ok(bytes)
    }

    pub(crate) fn label_names(
        &self,
        matchers: &[Matcher],
        take: &mut dyn FnMut(&str),
    ) -> Result<(), StoreError> {
        if matchers.is_empty() {
            self.index.names().for_each(take);
            return Ok(());
        }
        for series in self.select(matchers, Window::ALL)? {
            series.labels.iter().for_each(|(name, _)| take(name));
        }
        Ok(())
    }

    /// The values of a label in order; `take` says whether to go on.
    pub(crate) fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        take: &mut dyn FnMut(&str) -> bool,
    ) -> Result<(), StoreError> {
        if matchers.is_empty() {
            return self.index.values(name, "", &mut |value, _| Ok(take(value)));
        }
        let ids = postings::select(&self.index, matchers)?;
        if ids.len() <= self.index.value_count(name) as u64 {
            // Few series: their labels say it sooner than the lists of all values.
            let series = self.series(&ids, Window::ALL)?;
            let values: BTreeSet<&str> = series.iter().filter_map(|s| s.labels.get(name)).collect();
            values.into_iter().all(take);
            return Ok(());
        }
        self.index.values(name, "", &mut |value, place| {
            let of = self.index.postings(place)?;
            Ok(of.is_disjoint(&ids) || take(value))
        })
    }

    /// Marks samples of a window as deleted. Returns how many series that concerned.
    pub(crate) fn delete(&self, matchers: &[Matcher], window: Window) -> Result<usize, StoreError> {
        let series = self.select(matchers, window)?;
        if series.is_empty() {
            return Ok(0);
        }
        let mut stones = Tombstones::clone(&self.stones.read());
        for series in &series {
            tombstones::add(stones.entry(series.id).or_default(), window);
        }
        tombstones::write(&self.dir, &stones)?;
        let mut meta = self.meta.clone();
        meta.stats.num_tombstones = stones.values().map(|spans| spans.len() as u64).sum();
        meta.write(&self.dir)?;
        *self.stones.write() = Arc::new(stones);
        Ok(series.len())
    }
}

/// How many bytes a block's files take.
fn size(dir: &Path) -> Result<u64, StoreError> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir).at(dir)? {
        let entry = entry.at(dir)?;
        let meta = entry.metadata().at(dir)?;
        bytes += if meta.is_dir() {
            size(&entry.path())?
        } else {
            meta.len()
        };
    }
    Ok(bytes)
}

/// Replaces a file durably: written beside, synced, renamed, and the name synced.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let beside = path.with_extension("tmp");
    let mut file = File::create(&beside).at(&beside)?;
    file.write_all(bytes).at(&beside)?;
    file.sync_all().at(&beside)?;
    fs::rename(&beside, path).at(path)?;
    match path.parent() {
        Some(parent) => crate::wal::segments::sync_dir(parent),
        None => Ok(()),
    }
}
