//! Shortens the log: what still matters of old segments goes into one checkpoint, and they go.
//!
//! `checkpoint.N/` stands for all segments up to N. It is written beside, made durable, and then
//! renamed; only after that is anything deleted. It is made from files alone, without any lock.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use super::record::{self, Record};
use super::{frame, replay, segments};
use crate::error::{At as _, StoreError};
use crate::report::RecoveryReport;

/// What of the old is kept.
pub(crate) struct Keep<'a> {
    /// Whether a series is still known, or was so lately.
    pub(crate) series: &'a dyn Fn(u64) -> bool,
    /// Samples from here on; older ones stand in blocks.
    pub(crate) from_ms: i64,
}

/// Replaces the segments up to `last` (and the checkpoint before them) by one checkpoint.
pub(crate) fn make(
    dir: &Path,
    last: u64,
    compress: bool,
    keep: &Keep<'_>,
) -> Result<(), StoreError> {
    let listing = segments::list(dir)?;
    if listing.checkpoint >= Some(last) {
        return Ok(());
    }
    let target = segments::checkpoint(dir, last);
    let temporary = dir.join(format!("checkpoint.{last:08}.tmp"));
    if temporary.exists() {
        fs::remove_dir_all(&temporary).at(&temporary)?;
    }
    fs::create_dir(&temporary).at(&temporary)?;
    let mut writer = Writer::new(&temporary, compress)?;
    let first = listing.checkpoint.map_or(0, |number| number + 1);
    if let Some(number) = listing.checkpoint {
        let folder = segments::checkpoint(dir, number);
        for part in segments::list(&folder)?.segments {
            // What is damaged here was reported at the start.
            copy(&segments::segment(&folder, part), true, keep, &mut writer)?;
        }
    }
    let wanted = |number: &&u64| (first..=last).contains(*number);
    for number in listing.segments.iter().filter(wanted) {
        copy(&segments::segment(dir, *number), false, keep, &mut writer)?;
    }
    writer.finish()?;
    segments::sync_dir(&temporary)?;
    fs::rename(&temporary, &target).at(&target)?;
    segments::sync_dir(dir)?;
    if let Some(number) = listing.checkpoint {
        let folder = segments::checkpoint(dir, number);
        fs::remove_dir_all(&folder).at(&folder)?;
    }
    for number in listing.segments.iter().filter(|number| **number <= last) {
        let path = segments::segment(dir, *number);
        fs::remove_file(&path).at(&path)?;
    }
    Ok(())
}

fn copy(path: &Path, lenient: bool, keep: &Keep<'_>, to: &mut Writer) -> Result<(), StoreError> {
    let mut failed = None;
    let mut ignored = RecoveryReport::default();
    let broken = replay::read_segment(path, &mut ignored, &mut |record| {
        if failed.is_none()
            && let Some(bytes) = reduce(record, keep)
        {
            failed = to.put(&bytes).err();
        }
    })?;
    match (failed, broken) {
        (Some(error), _) => Err(error),
        (None, Some(broken)) if !lenient => Err(StoreError::corrupt(path, broken.reason)),
        _ => Ok(()),
    }
}

/// What is left of a record.
fn reduce(record: Record, keep: &Keep<'_>) -> Option<Vec<u8>> {
    match record {
        Record::Series(mut all) => {
            all.retain(|(id, _)| (keep.series)(*id));
            let bytes = || record::series(all.iter().map(|(id, labels)| (*id, labels)));
            (!all.is_empty()).then(bytes)
        }
        Record::Samples(mut all) => {
            all.retain(|s| s.sample.time_ms >= keep.from_ms && (keep.series)(s.id));
            (!all.is_empty()).then(|| record::samples(&all))
        }
        Record::Tombstones(mut all) => {
            all.retain(|(id, window)| window.end_ms >= keep.from_ms && (keep.series)(*id));
            (!all.is_empty()).then(|| record::tombstones(&all))
        }
        Record::Exemplars(mut all) => {
            all.retain(|one| one.sample.time_ms >= keep.from_ms && (keep.series)(one.id));
            (!all.is_empty()).then(|| record::exemplars(&all))
        }
        Record::Other => None,
    }
}

/// Writes framed records into the segments of a checkpoint.
struct Writer<'a> {
    dir: &'a Path,
    file: File,
    segment: u64,
    length: usize,
    compress: bool,
    page: usize,
    buffer: Vec<u8>,
}

/// A segment is read at once after a start; no larger than those of the log.
const SEGMENT: usize = 128 << 20;

/// Bytes that are gathered before a write.
const BUFFER: usize = 1 << 20;

impl<'a> Writer<'a> {
    fn new(dir: &'a Path, compress: bool) -> Result<Self, StoreError> {
        let path = segments::segment(dir, 0);
        Ok(Self {
            dir,
            file: File::create(&path).at(&path)?,
            segment: 0,
            length: 0,
            compress,
            page: 0,
            buffer: Vec::new(),
        })
    }

    fn put(&mut self, record: &[u8]) -> Result<(), StoreError> {
        let packed = self
            .compress
            .then(|| snap::raw::Encoder::new().compress_vec(record));
        match packed {
            Some(Ok(packed)) => frame::put(&packed, true, &mut self.page, &mut self.buffer),
            _ => frame::put(record, false, &mut self.page, &mut self.buffer),
        }
        if self.buffer.len() > BUFFER {
            self.write()?;
        }
        if self.length > SEGMENT {
            frame::pad(&mut self.page, &mut self.buffer);
            self.write()?;
            self.file.sync_all().at(self.dir)?;
            self.segment += 1;
            let path = segments::segment(self.dir, self.segment);
            (self.file, self.length) = (File::create(&path).at(&path)?, 0);
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), StoreError> {
        self.file.write_all(&self.buffer).at(self.dir)?;
        self.length += self.buffer.len();
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<(), StoreError> {
        self.write()?;
        self.file.sync_all().at(self.dir)
    }
}
