//! Writes a block: chunks, index, tombstones, `meta.json`; under another name until it is whole.
//!
//! The symbols must be known before the series, because they stand before them in the file. Series
//! come in the order of their labels.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use hashbrown::HashMap;
use mainstay_series::Labels;

use super::index::{MAGIC, VERSION};
use super::meta::Meta;
use super::tombstones::{self, Tombstones};
use super::{CHUNKS_MAGIC, CHUNKS_VERSION};
use crate::bytes::{put_text, put_uvarint, put_varint};
use crate::chunk::{self, Chunk, ENCODING_XOR};
use crate::error::{At as _, StoreError};
use crate::wal::segments::sync_dir;

/// As Prometheus: a place in a file of chunks stands in 32 bits.
const CHUNK_FILE_BYTES: u64 = 512 << 20;

/// Behind the ULID until the block is whole; Prometheus removes such directories at its start too.
pub(crate) const UNFINISHED: &str = ".tmp-for-creation";

/// A block in the making.
#[derive(Debug)]
pub(crate) struct BlockWriter {
    parent: PathBuf,
    dir: PathBuf,
    meta: Meta,
    chunks: ChunkWriter,
    index: IndexWriter,
}

impl BlockWriter {
    pub(crate) fn begin(
        parent: &Path,
        meta: Meta,
        symbols: BTreeSet<Box<str>>,
    ) -> Result<Self, StoreError> {
        let dir = parent.join(format!("{}{UNFINISHED}", meta.ulid));
        let folder = dir.join("chunks");
        fs::create_dir_all(&folder).at(&folder)?;
        let index = IndexWriter::begin(&dir.join("index"), symbols).inspect_err(|_| {
            let _ = fs::remove_dir_all(&dir);
        })?;
        Ok(Self {
            parent: parent.to_owned(),
            chunks: ChunkWriter::new(&folder),
            index,
            dir,
            meta,
        })
    }

    /// The next series with its chunks in order of time; one without chunks is left out.
    pub(crate) fn add(&mut self, labels: &Labels, chunks: &[Chunk]) -> Result<(), StoreError> {
        if chunks.is_empty() {
            return Ok(());
        }
        let mut places = Vec::with_capacity(chunks.len());
        for one in chunks {
            places.push(self.chunks.put(one)?);
            self.meta.stats.num_samples += chunk::count(&one.bytes) as u64;
        }
        self.meta.stats.num_chunks += chunks.len() as u64;
        self.meta.stats.num_series += 1;
        self.index.add(labels, chunks, &places)
    }

    /// Makes the block whole. `None` when it has no series: then there is no block. After an error
    /// nothing of it is left, since a full disk is the likeliest.
    pub(crate) fn finish(self) -> Result<Option<PathBuf>, StoreError> {
        let dir = self.dir.clone();
        let finished = self.make_whole();
        if finished.is_err() {
            let _ = fs::remove_dir_all(dir);
        }
        finished
    }

    fn make_whole(mut self) -> Result<Option<PathBuf>, StoreError> {
        if self.meta.stats.num_series == 0 {
            drop(self.index);
            fs::remove_dir_all(&self.dir).at(&self.dir)?;
            return Ok(None);
        }
        self.chunks.close()?;
        self.index.finish()?;
        tombstones::write(&self.dir, &Tombstones::new())?;
        self.meta.write(&self.dir)?;
        sync_dir(&self.dir.join("chunks"))?;
        sync_dir(&self.dir)?;
        let target = self.parent.join(&self.meta.ulid);
        fs::rename(&self.dir, &target).at(&target)?;
        sync_dir(&self.parent)?;
        Ok(Some(target))
    }

    /// Takes away what was written.
    pub(crate) fn abandon(self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A file that knows how long it is.
#[derive(Debug)]
struct Counted {
    path: PathBuf,
    file: BufWriter<File>,
    length: u64,
}

impl Counted {
    fn create(path: PathBuf) -> Result<Self, StoreError> {
        let file = File::create(&path).at(&path)?;
        Ok(Self {
            file: BufWriter::with_capacity(256 << 10, file),
            path,
            length: 0,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.file.write_all(bytes).at(&self.path)?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn align(&mut self, to: u64) -> Result<(), StoreError> {
        let missing = self.length.next_multiple_of(to) - self.length;
        self.write(&[0; 16][..missing as usize])
    }

    fn finish(self) -> Result<(), StoreError> {
        let path = self.path;
        let file = self
            .file
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error);
        file.and_then(|file| file.sync_all()).at(path)
    }
}

#[derive(Debug)]
struct ChunkWriter {
    folder: PathBuf,
    count: u64,
    open: Option<Counted>,
    buffer: Vec<u8>,
}

impl ChunkWriter {
    fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            count: 0,
            open: None,
            buffer: Vec::new(),
        }
    }

    /// Writes a chunk; says its place as the index names it.
    fn put(&mut self, chunk: &Chunk) -> Result<u64, StoreError> {
        let room = |file: &Counted| file.length + chunk.bytes.len() as u64 + 16 <= CHUNK_FILE_BYTES;
        if !self.open.as_ref().is_some_and(room) {
            self.close()?;
        }
        if self.open.is_none() {
            self.open = Some(self.next()?);
        }
        let Some(file) = &mut self.open else {
            return Err(StoreError::corrupt(&self.folder, "no file is open"));
        };
        let place = ((self.count - 1) << 32) | file.length;
        self.buffer.clear();
        put_uvarint(&mut self.buffer, chunk.bytes.len() as u64);
        let body = self.buffer.len();
        self.buffer.push(ENCODING_XOR);
        self.buffer.extend_from_slice(&chunk.bytes);
        let sum = crc32c::crc32c(&self.buffer[body..]);
        self.buffer.extend_from_slice(&sum.to_be_bytes());
        file.write(&self.buffer)?;
        Ok(place)
    }

    fn next(&mut self) -> Result<Counted, StoreError> {
        self.count += 1;
        let mut file = Counted::create(self.folder.join(format!("{:06}", self.count)))?;
        file.write(&CHUNKS_MAGIC.to_be_bytes())?;
        file.write(&[CHUNKS_VERSION, 0, 0, 0])?;
        Ok(file)
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.open.take().map_or(Ok(()), Counted::finish)
    }
}

/// Series of one value of one label, both by the numbers of their symbols: the order of these is
/// the order of the texts.
type Lists = BTreeMap<(u32, u32), Vec<u32>>;

#[derive(Debug)]
struct IndexWriter {
    file: Counted,
    symbols: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
    series_from: u64,
    all: Vec<u32>,
    lists: Lists,
    last: Option<Labels>,
}

impl IndexWriter {
    fn begin(path: &Path, symbols: BTreeSet<Box<str>>) -> Result<Self, StoreError> {
        let mut file = Counted::create(path.to_owned())?;
        file.write(&MAGIC.to_be_bytes())?;
        file.write(&[VERSION])?;
        let mut body = (symbols.len() as u32).to_be_bytes().to_vec();
        for symbol in &symbols {
            put_text(&mut body, symbol);
        }
        section(&mut file, &body)?;
        let symbols: Vec<_> = symbols.into_iter().collect();
        let numbers = (0u32..)
            .zip(&symbols)
            .map(|(n, s)| (s.clone(), n))
            .collect();
        file.align(16)?;
        Ok(Self {
            series_from: file.length,
            file,
            symbols,
            numbers,
            all: Vec::new(),
            lists: Lists::new(),
            last: None,
        })
    }

    fn number(&self, text: &str) -> Result<u32, StoreError> {
        let number = self.numbers.get(text).copied();
        number.ok_or_else(|| StoreError::corrupt(&self.file.path, "a label is no symbol"))
    }

    fn add(&mut self, labels: &Labels, chunks: &[Chunk], places: &[u64]) -> Result<(), StoreError> {
        if self.last.as_ref().is_some_and(|last| last >= labels) {
            let reason = format!("series out of order at {labels}");
            return Err(StoreError::corrupt(&self.file.path, reason));
        }
        self.last = Some(labels.clone());
        self.file.align(16)?;
        let id = u32::try_from(self.file.length / 16).map_err(|_| StoreError::TooMuch {
            what: "bytes of an index",
            limit: u32::MAX as usize,
        })?;
        let mut body = Vec::with_capacity(128);
        put_uvarint(&mut body, labels.len() as u64);
        for (name, value) in labels {
            let pair = (self.number(name)?, self.number(value)?);
            put_uvarint(&mut body, pair.0.into());
            put_uvarint(&mut body, pair.1.into());
            self.lists.entry(pair).or_default().push(id);
        }
        self.all.push(id);
        put_chunks(&mut body, chunks, places);
        let mut head = Vec::with_capacity(5);
        put_uvarint(&mut head, body.len() as u64);
        self.file.write(&head)?;
        self.file.write(&body)?;
        self.file.write(&crc32c::crc32c(&body).to_be_bytes())
    }

    fn finish(mut self) -> Result<(), StoreError> {
        self.file.align(4)?;
        let label_indexes_from = self.file.length;
        let label_indexes = self.write_label_indexes()?;
        self.file.align(4)?;
        let postings_from = self.file.length;
        let postings = self.write_postings()?;
        let label_table_from = self.file.length;
        let mut body = (label_indexes.len() as u32).to_be_bytes().to_vec();
        for (name, place) in label_indexes {
            body.push(1);
            put_text(&mut body, &self.symbols[name as usize]);
            put_uvarint(&mut body, place);
        }
        section(&mut self.file, &body)?;
        let postings_table_from = self.file.length;
        section(&mut self.file, &postings)?;
        let places = [
            5,
            self.series_from,
            label_indexes_from,
            label_table_from,
            postings_from,
            postings_table_from,
        ];
        let toc: Vec<u8> = places
            .iter()
            .flat_map(|place: &u64| place.to_be_bytes())
            .collect();
        self.file.write(&toc)?;
        self.file.write(&crc32c::crc32c(&toc).to_be_bytes())?;
        self.file.finish()
    }

    /// The values of each label; nobody reads them any more, but older Prometheus versions expect
    /// the section.
    fn write_label_indexes(&mut self) -> Result<Vec<(u32, u64)>, StoreError> {
        let mut values: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (name, value) in self.lists.keys() {
            values.entry(*name).or_default().push(*value);
        }
        let mut places = Vec::with_capacity(values.len());
        for (name, values) in values {
            self.file.align(4)?;
            places.push((name, self.file.length));
            let mut body = 1u32.to_be_bytes().to_vec();
            body.extend_from_slice(&(values.len() as u32).to_be_bytes());
            body.extend(values.iter().flat_map(|value| value.to_be_bytes()));
            section(&mut self.file, &body)?;
        }
        Ok(places)
    }

    /// The lists, and the body of the table of their places.
    fn write_postings(&mut self) -> Result<Vec<u8>, StoreError> {
        let lists = std::mem::take(&mut self.lists);
        let mut table = (lists.len() as u32 + 1).to_be_bytes().to_vec();
        let all = std::mem::take(&mut self.all);
        let mut put = |file: &mut Counted, name: &str, value: &str, ids: &[u32]| {
            file.align(4)?;
            table.push(2);
            put_text(&mut table, name);
            put_text(&mut table, value);
            put_uvarint(&mut table, file.length);
            let mut body = (ids.len() as u32).to_be_bytes().to_vec();
            body.extend(ids.iter().flat_map(|id| id.to_be_bytes()));
            section(file, &body)
        };
        put(&mut self.file, "", "", &all)?;
        for ((name, value), ids) in lists {
            let (name, value) = (&self.symbols[name as usize], &self.symbols[value as usize]);
            put(&mut self.file, name, value, &ids)?;
        }
        Ok(table)
    }
}

/// A section: its length, its bytes, their checksum.
fn section(file: &mut Counted, body: &[u8]) -> Result<(), StoreError> {
    let length = u32::try_from(body.len()).map_err(|_| StoreError::TooMuch {
        what: "bytes of a section of an index",
        limit: u32::MAX as usize,
    })?;
    file.write(&length.to_be_bytes())?;
    file.write(body)?;
    file.write(&crc32c::crc32c(body).to_be_bytes())
}

fn put_chunks(body: &mut Vec<u8>, chunks: &[Chunk], places: &[u64]) {
    put_uvarint(body, chunks.len() as u64);
    let mut before: Option<(&Chunk, u64)> = None;
    for (chunk, &place) in chunks.iter().zip(places) {
        match before {
            None => put_varint(body, chunk.min_ms),
            Some((last, _)) => put_uvarint(body, chunk.min_ms.wrapping_sub(last.max_ms) as u64),
        }
        put_uvarint(body, chunk.max_ms.wrapping_sub(chunk.min_ms) as u64);
        match before {
            None => put_uvarint(body, place),
            Some((_, last)) => put_varint(body, place.wrapping_sub(last) as i64),
        }
        before = Some((chunk, place));
    }
}
