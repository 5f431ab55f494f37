//! What is still to be sent, on disk (`docs/formats/remote-write-queue.md`).
//!
//! Segments with records, and a cursor that says what was acknowledged. A record is a packed
//! `WriteRequest` of version 1.0; several of them, unpacked and put one after the other, are one too.
//!
//! **Invariant:** what was pushed is there after a restart until it is acknowledged, unless the whole
//! grew beyond its bound: then the oldest segment goes, and what was in it is counted.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// `MSRW`, major and minor version, two bytes that are nothing yet.
const HEADER: [u8; 8] = *b"MSRW\x01\x00\x00\x00";
/// Length, checksum, samples, time.
const FRAME: usize = 4 + 4 + 4 + 8;
/// A segment is closed when it is larger.
const SEGMENT_BYTES: u64 = 4 << 20;
/// Bytes of one record; more than any request is cut to.
const LIMIT_RECORD: usize = 64 << 20;
/// How old what is written may become before it is made durable.
const SYNC: Duration = Duration::from_secs(1);

/// A place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    segment: u64,
    offset: u64,
}

/// What is to be sent next.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Chunk {
    /// Packed messages.
    pub(crate) messages: Vec<Vec<u8>>,
    pub(crate) samples: u64,
    /// When the first of them was pushed, in milliseconds since the epoch.
    pub(crate) first_ms: i64,
    pub(crate) end: Option<Position>,
}

/// The queue of one receiver.
#[derive(Debug)]
pub(crate) struct Queue {
    folder: PathBuf,
    limit: u64,
    /// Segments that are there, with their sizes; the last is written to.
    segments: Vec<(u64, u64)>,
    file: File,
    synced: Instant,
    read: Position,
    /// Samples that were lost to the bound or to damage.
    lost: u64,
}

impl Queue {
    /// Opens what is in the folder, which is made if it is not there.
    pub(crate) fn open(folder: &Path, limit: u64) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let mut segments = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if let Some(number) = segment_number(&entry.file_name().to_string_lossy()) {
                known_version(&entry.path())?;
                segments.push((number, entry.metadata()?.len()));
            }
        }
        segments.sort_unstable();
        let next = segments.last().map_or(1, |(number, _)| number + 1);
        // A segment is never written to by two runs: a torn end stays at an end.
        let file = create(folder, next)?;
        segments.push((next, HEADER.len() as u64));
        let first = segments.first().map_or(next, |(number, _)| *number);
        let start = Position {
            segment: first,
            offset: HEADER.len() as u64,
        };
        let read = cursor(folder).unwrap_or(start).max(start);
        let synced = Instant::now();
        let folder = folder.to_owned();
        Ok(Self {
            folder,
            limit,
            segments,
            file,
            synced,
            read,
            lost: 0,
        })
    }

    /// Adds a packed message.
    pub(crate) fn push(&mut self, message: &[u8], samples: u32, now_ms: i64) -> io::Result<()> {
        let mut record = Vec::with_capacity(FRAME + message.len());
        record.extend_from_slice(&(message.len() as u32).to_le_bytes());
        record.extend_from_slice(&[0; 4]);
        record.extend_from_slice(&samples.to_le_bytes());
        record.extend_from_slice(&now_ms.to_le_bytes());
        record.extend_from_slice(message);
        let sum = crc32c::crc32c(&record[8..]);
        record[4..8].copy_from_slice(&sum.to_le_bytes());
        self.file.write_all(&record)?;
        if let Some(last) = self.segments.last_mut() {
            last.1 += record.len() as u64;
        }
        if self.synced.elapsed() >= SYNC {
            self.file.sync_data()?;
            self.synced = Instant::now();
        }
        if self
            .segments
            .last()
            .is_some_and(|(_, size)| *size >= SEGMENT_BYTES)
        {
            self.roll()?;
        }
        self.bound()
    }

    /// Makes everything durable.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.synced = Instant::now();
        self.file.sync_data()
    }

    fn roll(&mut self) -> io::Result<()> {
        self.sync()?;
        let next = self.segments.last().map_or(1, |(number, _)| number + 1);
        self.file = create(&self.folder, next)?;
        self.segments.push((next, HEADER.len() as u64));
        Ok(())
    }

    /// Lets the oldest segment go while there is too much.
    fn bound(&mut self) -> io::Result<()> {
        while self.bytes() > self.limit && self.segments.len() > 1 {
            let (number, _) = self.segments[0];
            let from = if self.read.segment == number {
                self.read.offset
            } else {
                0
            };
            if self.read.segment <= number {
                self.lost += self.count(number, from);
            }
            self.remove_first()?;
        }
        Ok(())
    }

    fn remove_first(&mut self) -> io::Result<()> {
        let (number, _) = self.segments.remove(0);
        std::fs::remove_file(path(&self.folder, number))?;
        let first = self
            .segments
            .first()
            .map_or(number + 1, |(number, _)| *number);
        self.read = self.read.max(Position {
            segment: first,
            offset: HEADER.len() as u64,
        });
        Ok(())
    }

    /// Samples of a segment from an offset on.
    fn count(&self, number: u64, from: u64) -> u64 {
        let mut reader = Reader::open(&self.folder, number, from.max(HEADER.len() as u64));
        let mut samples = 0;
        while let Some(record) = reader.as_mut().and_then(Reader::record) {
            samples += u64::from(record.samples);
        }
        samples
    }

    /// What comes next, up to so many samples (one record at least). Nothing is taken away by it.
    pub(crate) fn peek(&mut self, samples: u64) -> Chunk {
        let mut chunk = Chunk::default();
        let mut at = self.read;
        loop {
            let open = self
                .segments
                .last()
                .is_some_and(|(number, _)| *number == at.segment);
            let mut reader = Reader::open(&self.folder, at.segment, at.offset);
            while let Some(record) = reader.as_mut().and_then(Reader::record) {
                let full = chunk.samples + u64::from(record.samples) > samples;
                if full && !chunk.messages.is_empty() {
                    return chunk;
                }
                if chunk.messages.is_empty() {
                    chunk.first_ms = record.time_ms;
                }
                chunk.samples += u64::from(record.samples);
                at.offset += record.bytes;
                chunk.messages.push(record.message);
                chunk.end = Some(at);
            }
            let following = self
                .segments
                .iter()
                .find(|(number, _)| *number > at.segment);
            let Some((next, _)) = following.filter(|_| !open) else {
                return chunk;
            };
            at = Position {
                segment: *next,
                offset: HEADER.len() as u64,
            };
            if chunk.messages.is_empty() {
                self.read = at;
            }
        }
    }

    /// Notes that everything up to here was sent, and lets go of segments that are done with.
    pub(crate) fn acknowledge(&mut self, end: Position) -> io::Result<()> {
        self.read = self.read.max(end);
        while self.segments.len() > 1 && self.segments[0].0 < self.read.segment {
            let (number, _) = self.segments.remove(0);
            std::fs::remove_file(path(&self.folder, number))?;
        }
        let text = format!("{} {}\n", self.read.segment, self.read.offset);
        let (new, name) = (self.folder.join("cursor.new"), self.folder.join("cursor"));
        let mut file = File::create(&new)?;
        file.write_all(text.as_bytes())?;
        std::fs::rename(new, name)
    }

    /// Bytes on disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.segments.iter().map(|(_, size)| size).sum()
    }

    /// Samples that were lost since it was opened.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }
}

/// One record.
struct Record {
    message: Vec<u8>,
    samples: u32,
    time_ms: i64,
    bytes: u64,
}

/// Reads records until one is not whole.
struct Reader(File);

impl Reader {
    fn open(folder: &Path, number: u64, offset: u64) -> Option<Self> {
        let mut file = File::open(path(folder, number)).ok()?;
        let mut header = [0; HEADER.len()];
        file.read_exact(&mut header).ok()?;
        // A minor version adds nothing that this would stumble over; a major one does.
        if header[..5] != HEADER[..5] {
            return None;
        }
        file.seek(SeekFrom::Start(offset)).ok()?;
        Some(Self(file))
    }

    fn record(&mut self) -> Option<Record> {
        let mut frame = [0; FRAME];
        self.0.read_exact(&mut frame).ok()?;
        let number = |at: usize| -> Option<[u8; 4]> { frame.get(at..at + 4)?.try_into().ok() };
        let length = u32::from_le_bytes(number(0)?) as usize;
        if length > LIMIT_RECORD {
            return None;
        }
        let mut message = vec![0; length];
        self.0.read_exact(&mut message).ok()?;
        let sum = crc32c::crc32c_append(crc32c::crc32c(&frame[8..]), &message);
        if sum != u32::from_le_bytes(number(4)?) {
            return None;
        }
        Some(Record {
            message,
            samples: u32::from_le_bytes(number(8)?),
            time_ms: i64::from_le_bytes(frame.get(12..20)?.try_into().ok()?),
            bytes: (FRAME + length) as u64,
        })
    }
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:010}.queue"))
}

fn segment_number(name: &str) -> Option<u64> {
    name.strip_suffix(".queue")?.parse().ok()
}

/// Refuses a segment that a newer Mainstay wrote: taking it for damage would lose it.
fn known_version(path: &Path) -> io::Result<()> {
    let mut header = [0; HEADER.len()];
    let whole = File::open(path)?.read_exact(&mut header).is_ok();
    if whole && header[..4] == HEADER[..4] && header[4] > HEADER[4] {
        let text = format!(
            "`{}` is of format {}, newer than 1",
            path.display(),
            header[4]
        );
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(())
}

fn create(folder: &Path, number: u64) -> io::Result<File> {
    let mut file = OpenOptions::new()
        .append(true)
        .create_new(true)
        .open(path(folder, number))?;
    file.write_all(&HEADER)?;
    Ok(file)
}

/// Where sending had come to; `None`: nowhere yet, or it cannot be read (then all is sent again).
fn cursor(folder: &Path) -> Option<Position> {
    let text = std::fs::read_to_string(folder.join("cursor")).ok()?;
    let (segment, offset) = text.trim().split_once(' ')?;
    Some(Position {
        segment: segment.parse().ok()?,
        offset: offset.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(queue: &mut Queue) -> Vec<Vec<u8>> {
        queue.peek(u64::MAX).messages
    }

    #[test]
    fn what_was_not_acknowledged_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let mut queue = Queue::open(folder.path(), 1 << 30).unwrap();
        for message in [b"one", b"two", b"six"] {
            queue.push(message, 10, 5).unwrap();
        }
        let first = queue.peek(10);
        assert_eq!(
            (first.messages.len(), first.samples, first.first_ms),
            (1, 10, 5)
        );
        queue.acknowledge(first.end.unwrap()).unwrap();
        assert_eq!(all(&mut queue), [b"two", b"six"]);
        drop(queue);
        let mut queue = Queue::open(folder.path(), 1 << 30).unwrap();
        queue.push(b"ten", 1, 6).unwrap();
        assert_eq!(all(&mut queue), [b"two", b"six", b"ten"]);
        let end = queue.peek(u64::MAX).end.unwrap();
        queue.acknowledge(end).unwrap();
        assert_eq!((all(&mut queue).len(), queue.segments.len()), (0, 1));
    }

    #[test]
    fn a_torn_or_damaged_end_costs_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let mut queue = Queue::open(folder.path(), 1 << 30).unwrap();
        queue.push(b"whole", 1, 0).unwrap();
        queue.push(b"torn", 1, 0).unwrap();
        drop(queue);
        let file = OpenOptions::new()
            .write(true)
            .open(path(folder.path(), 1))
            .unwrap();
        let size = file.metadata().unwrap().len();
        file.set_len(size - 1).unwrap();
        let mut queue = Queue::open(folder.path(), 1 << 30).unwrap();
        queue.push(b"after", 1, 0).unwrap();
        assert_eq!(all(&mut queue), [b"whole".to_vec(), b"after".to_vec()]);
    }

    #[test]
    fn a_newer_format_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(path(folder.path(), 1), b"MSRW\x02\x00\x00\x00").unwrap();
        assert!(
            Queue::open(folder.path(), 1)
                .unwrap_err()
                .to_string()
                .contains("newer than 1")
        );
    }

    #[test]
    fn beyond_its_bound_the_oldest_goes_and_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let limit = 3 * SEGMENT_BYTES;
        let mut queue = Queue::open(folder.path(), limit).unwrap();
        let message = vec![7; 1 << 20];
        for _ in 0..20 {
            queue.push(&message, 1, 0).unwrap();
        }
        assert!(queue.bytes() <= limit + SEGMENT_BYTES);
        let kept = queue.peek(u64::MAX).samples;
        assert_eq!(kept + queue.lost(), 20);
        assert!(queue.lost() >= 4);
    }
}
