//! Reading files by `pread` in pages, with a bounded memory of pages that all blocks share.
//!
//! Two generations: a page that is asked for moves into the young one; when that is full it becomes
//! the old one, and what was old is dropped. It never holds more than its bound and needs no list.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::HashMap;
use parking_lot::Mutex;

use crate::error::{At as _, StoreError};

const PAGE: u64 = 32 * 1024;

/// Longer reads go past the cache.
const MAX_CACHED: usize = 4 * PAGE as usize;

type Pages = HashMap<(u64, u64), Arc<[u8]>>;

#[derive(Debug, Default)]
struct Generations {
    young: Pages,
    old: Pages,
}

/// Pages of files, at most so many bytes.
#[derive(Debug)]
pub(crate) struct PageCache {
    half: usize,
    pages: Mutex<Generations>,
}

impl PageCache {
    pub(crate) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            half: (bytes / 2 / PAGE as usize).max(4),
            pages: Mutex::default(),
        })
    }

    fn get(&self, key: (u64, u64)) -> Option<Arc<[u8]>> {
        let mut pages = self.pages.lock();
        if let Some(page) = pages.young.get(&key) {
            return Some(Arc::clone(page));
        }
        let page = pages.old.remove(&key)?;
        self.put(&mut pages, key, Arc::clone(&page));
        Some(page)
    }

    fn put(&self, pages: &mut Generations, key: (u64, u64), page: Arc<[u8]>) {
        if pages.young.len() >= self.half {
            pages.old = std::mem::take(&mut pages.young);
        }
        pages.young.insert(key, page);
    }
}

static NEXT_FILE: AtomicU64 = AtomicU64::new(1);

/// A file that does not change any more.
#[derive(Debug)]
pub(crate) struct CachedFile {
    id: u64,
    file: File,
    length: u64,
    path: std::path::PathBuf,
    cache: Arc<PageCache>,
}

impl CachedFile {
    pub(crate) fn open(path: &Path, cache: &Arc<PageCache>) -> Result<Self, StoreError> {
        let file = File::open(path).at(path)?;
        let length = file.metadata().at(path)?.len();
        Ok(Self {
            id: NEXT_FILE.fetch_add(1, Ordering::Relaxed),
            file,
            length,
            path: path.to_owned(),
            cache: Arc::clone(cache),
        })
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    pub(crate) fn corrupt(&self, reason: &str) -> StoreError {
        StoreError::corrupt(&self.path, reason)
    }

    /// Exactly so many bytes from a place on.
    pub(crate) fn read(&self, from: u64, length: usize) -> Result<Vec<u8>, StoreError> {
        let end = from.checked_add(length as u64);
        if end.is_none_or(|end| end > self.length) {
            return Err(self.corrupt("it ends before what it says it has"));
        }
        if length > MAX_CACHED {
            let mut bytes = vec![0; length];
            self.file.read_exact_at(&mut bytes, from).at(&self.path)?;
            return Ok(bytes);
        }
        let mut bytes = Vec::with_capacity(length);
        let mut at = from;
        while bytes.len() < length {
            let page = self.page(at / PAGE)?;
            let start = (at % PAGE) as usize;
            let part = page.len().saturating_sub(start).min(length - bytes.len());
            if part == 0 {
                return Err(self.corrupt("it became shorter"));
            }
            bytes.extend_from_slice(&page[start..start + part]);
            at += part as u64;
        }
        Ok(bytes)
    }

    /// Up to so many bytes: fewer at the end of the file.
    pub(crate) fn read_up_to(&self, from: u64, length: usize) -> Result<Vec<u8>, StoreError> {
        let left = self.length.saturating_sub(from);
        self.read(
            from,
            length.min(usize::try_from(left).unwrap_or(usize::MAX)),
        )
    }

    fn page(&self, number: u64) -> Result<Arc<[u8]>, StoreError> {
        let key = (self.id, number);
        if let Some(page) = self.cache.get(key) {
            return Ok(page);
        }
        let page = self.load(number).at(&self.path)?;
        let mut pages = self.cache.pages.lock();
        self.cache.put(&mut pages, key, Arc::clone(&page));
        Ok(page)
    }

    fn load(&self, number: u64) -> io::Result<Arc<[u8]>> {
        let from = number * PAGE;
        let length = PAGE.min(self.length - from) as usize;
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, from)?;
        Ok(bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_is_there_and_memory_is_bounded() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let bytes: Vec<u8> = (0..1_000_000u32).map(|n| (n / 7) as u8).collect();
        std::fs::write(file.path(), &bytes).unwrap();
        let cache = PageCache::new(0);
        let cached = CachedFile::open(file.path(), &cache).unwrap();
        for (from, length) in [
            (0, 5),
            (32_760, 20),
            (999_990, 10),
            (1000, 200_000),
            (70_000, 60_000),
        ] {
            let read = cached.read(from as u64, length).unwrap();
            assert_eq!(read, bytes[from..from + length]);
        }
        assert!(cached.read(999_990, 11).is_err());
        assert_eq!(cached.read_up_to(999_990, 50).unwrap().len(), 10);
        let pages = cache.pages.lock();
        assert!(pages.young.len() <= cache.half && pages.old.len() <= cache.half);
    }
}
