//! The access log: one JSON line for each request, written by a thread of its own.
//!
//! Workers format lines into a buffer of their own and pass it on when it is full or 200 ms old,
//! so that a line costs no system call and wakes nobody. The queue to the writer is bounded:
//! when the disk does not keep up, lines are dropped and counted, and requests never wait.
//! Lines of the last 200 ms are lost when the process is killed.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::Notify;

/// How old a line may get before it is passed on.
pub(crate) const FLUSH_AFTER: Duration = Duration::from_millis(200);
/// Bytes of a worker's buffer at which it is passed on.
const FULL: usize = 32 << 10;
/// Buffers on their way to the writer.
const QUEUE: usize = 64;
/// Bytes of one file; then it becomes `access.log.1`.
const MAX_FILE: u64 = 64 << 20;
/// Files kept beside the present one.
const KEPT: u32 = 4;

#[derive(Debug)]
pub(crate) struct AccessLog {
    buffers: Box<[Buffer]>,
    queue: SyncSender<Chunk>,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Buffer {
    lines: Mutex<Lines>,
    /// Told when the first line stands in an empty buffer.
    dirty: Notify,
}

#[derive(Debug, Default)]
struct Lines {
    bytes: Vec<u8>,
    count: u64,
    stamp: Stamp,
}

#[derive(Debug)]
struct Chunk {
    bytes: Vec<u8>,
    lines: u64,
}

impl AccessLog {
    /// Opens `path` and starts the writer, which ends when the log is dropped.
    pub(crate) fn open(path: &Path, workers: usize) -> io::Result<(Self, JoinHandle<()>)> {
        let file = Rotated::open(path, MAX_FILE, KEPT)?;
        let (queue, chunks) = sync_channel(QUEUE);
        let writer = std::thread::Builder::new()
            .name("proxy-log".to_owned())
            .spawn(move || write_chunks(&chunks, file))?;
        let log = Self {
            buffers: (0..workers).map(|_| Buffer::default()).collect(),
            queue,
            dropped: AtomicU64::new(0),
        };
        Ok((log, writer))
    }

    /// Adds a line: `format` writes it without its end. `unix_millis` is its time.
    pub(crate) fn line(
        &self,
        worker: usize,
        unix_millis: i64,
        format: impl FnOnce(&mut Vec<u8>, &[u8]),
    ) {
        let buffer = &self.buffers[worker];
        let mut lines = buffer.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = &mut *lines;
        let was_empty = lines.bytes.is_empty();
        let stamp = lines.stamp.at(unix_millis);
        format(&mut lines.bytes, stamp);
        lines.bytes.push(b'\n');
        lines.count += 1;
        if lines.bytes.len() >= FULL {
            self.pass_on(lines);
        } else if was_empty {
            buffer.dirty.notify_one();
        }
    }

    /// Passes a worker's lines on, soon after there are some; never ends.
    pub(crate) async fn keep_flushing(&self, worker: usize) {
        loop {
            self.buffers[worker].dirty.notified().await;
            tokio::time::sleep(FLUSH_AFTER).await;
            self.flush(worker);
        }
    }

    pub(crate) fn flush_all(&self) {
        for worker in 0..self.buffers.len() {
            self.flush(worker);
        }
    }

    /// Lines that the disk did not keep up with.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn flush(&self, worker: usize) {
        let lines = self.buffers[worker].lines.lock();
        self.pass_on(&mut lines.unwrap_or_else(PoisonError::into_inner));
    }

    fn pass_on(&self, lines: &mut Lines) {
        if lines.bytes.is_empty() {
            return;
        }
        let next = Vec::with_capacity(lines.bytes.len().min(FULL * 2));
        let chunk = Chunk {
            bytes: std::mem::replace(&mut lines.bytes, next),
            lines: std::mem::take(&mut lines.count),
        };
        let count = chunk.lines;
        if self.queue.try_send(chunk).is_err() {
            self.dropped.fetch_add(count, Ordering::Relaxed);
        }
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.flush_all();
    }
}

fn write_chunks(chunks: &Receiver<Chunk>, mut file: Rotated) {
    while let Ok(chunk) = chunks.recv() {
        if let Err(error) = file.write(&chunk.bytes) {
            let lines = chunk.lines;
            tracing::warn!(%error, lines, "cannot write the access log");
        }
    }
}

/// A file that moves aside when it is full.
#[derive(Debug)]
struct Rotated {
    path: PathBuf,
    file: File,
    size: u64,
    max: u64,
    kept: u32,
}

impl Rotated {
    fn open(path: &Path, max: u64, kept: u32) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let size = file.metadata()?.len();
        Ok(Self {
            path: path.to_owned(),
            file,
            size,
            max,
            kept,
        })
    }

    /// Lines are never divided between two files.
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.size > 0 && self.size + lines.len() as u64 > self.max {
            self.rotate()?;
        }
        self.file.write_all(lines)?;
        self.size += lines.len() as u64;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let numbered = |number: u32| PathBuf::from(format!("{}.{number}", self.path.display()));
        for number in (1..self.kept).rev() {
            let _ = std::fs::rename(numbered(number), numbered(number + 1));
        }
        std::fs::rename(&self.path, numbered(1))?;
        *self = Self::open(&self.path, self.max, self.kept)?;
        Ok(())
    }
}

/// RFC 3339 with milliseconds; the part down to the second is made once a second.
#[derive(Debug)]
struct Stamp {
    second: i64,
    text: [u8; 24],
}

impl Default for Stamp {
    fn default() -> Self {
        Self {
            second: i64::MIN,
            text: *b"1970-01-01T00:00:00.000Z",
        }
    }
}

impl Stamp {
    fn at(&mut self, unix_millis: i64) -> &[u8] {
        let second = unix_millis.div_euclid(1000);
        if second != self.second {
            let text = mainstay_model::Timestamp::from_millis(second * 1000).to_string();
            if text.len() == self.text.len() {
                self.text.copy_from_slice(text.as_bytes());
            }
            self.second = second;
        }
        let millis = unix_millis.rem_euclid(1000);
        for (place, divisor) in [(20, 100), (21, 10), (22, 1)] {
            self.text[place] = b'0' + (millis / divisor % 10) as u8;
        }
        &self.text
    }
}

/// Writes a JSON string, quotes and all.
pub(crate) fn json_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let plain = |byte: &u8| (0x20..0x7f).contains(byte) && *byte != b'"' && *byte != b'\\';
    if text.iter().all(plain) {
        out.extend_from_slice(text);
    } else {
        for character in String::from_utf8_lossy(text).chars() {
            match character {
                '"' | '\\' => {
                    out.push(b'\\');
                    out.push(character as u8);
                }
                control if control < ' ' || control == '\u{7f}' => {
                    let _ = write!(out, "\\u{:04x}", control as u32);
                }
                other => {
                    let _ = write!(out, "{other}");
                }
            }
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_rfc_3339_in_milliseconds() {
        let mut stamp = Stamp::default();
        for (millis, text) in [
            (1_790_000_000_007, "2026-09-21T14:13:20.007Z"),
            (1_790_000_000_999, "2026-09-21T14:13:20.999Z"),
            (1_790_000_061_000, "2026-09-21T14:14:21.000Z"),
        ] {
            assert_eq!(stamp.at(millis), text.as_bytes());
        }
    }

    #[test]
    fn any_bytes_become_a_json_string() {
        for text in [
            "plain",
            "quote\" back\\slash",
            "tab\t bell\u{7} ü \u{7f}",
            "",
        ] {
            let mut out = Vec::new();
            json_string(&mut out, text.as_bytes());
            let read: String = serde_json::from_slice(&out).unwrap();
            assert_eq!(read, text);
        }
        let mut out = Vec::new();
        json_string(&mut out, b"a\xffb");
        assert_eq!(
            serde_json::from_slice::<String>(&out).unwrap(),
            "a\u{fffd}b"
        );
    }

    #[test]
    fn a_full_file_moves_aside_and_the_oldest_goes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("access.log");
        let mut file = Rotated::open(&path, 10, 2).unwrap();
        for line in ["first\n", "second\n", "third\n", "fourth\n"] {
            file.write(line.as_bytes()).unwrap();
        }
        let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).ok();
        assert_eq!(read("access.log").as_deref(), Some("fourth\n"));
        assert_eq!(read("access.log.1").as_deref(), Some("third\n"));
        assert_eq!(read("access.log.2").as_deref(), Some("second\n"));
        assert_eq!(read("access.log.3"), None);
    }

    #[test]
    fn lines_that_the_queue_cannot_take_are_counted() {
        let (queue, chunks) = sync_channel(1);
        let log = AccessLog {
            buffers: Box::new([Buffer::default()]),
            queue,
            dropped: AtomicU64::new(0),
        };
        for _ in 0..3 {
            log.line(0, 0, |out, _| out.extend_from_slice(b"{}"));
            log.line(0, 0, |out, _| out.extend_from_slice(b"{}"));
            log.flush_all();
        }
        assert_eq!(log.dropped(), 4);
        assert_eq!(chunks.recv().unwrap().bytes, b"{}\n{}\n");
    }
}
