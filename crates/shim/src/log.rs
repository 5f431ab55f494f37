//! The log of an instance: `log/current.log` and the files rotated out of it.
//!
//! One JSON object a line; see `docs/formats/instance-directory.md`. A line is written whole or
//! not at all, and a whole line is never taken back. Where it cannot be written (a full disk) it is dropped and counted, the file is cut
//! back to its last whole line, and the count is written once there is room again: the instance
//! never waits for its log.

use crate::clock;
use mainstay_model::Timestamp;
use mainstay_wire::shim::LogPolicy;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Lines are collected up to this many bytes before they are written.
const BATCH: usize = 32 << 10;

/// After a failed write, how long until the next is tried without a new line.
const RETRY: Duration = Duration::from_secs(2);

const CURRENT: &str = "current.log";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
    /// The shim's own words.
    Mainstay,
}

impl Stream {
    fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Mainstay => "mainstay",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Log {
    directory: PathBuf,
    policy: LogPolicy,
    file: Option<File>,
    /// Bytes of whole lines in the current file.
    size: u64,
    /// When the first line of the current file was written.
    born: Timestamp,
    batch: Vec<u8>,
    /// Lines that could not be written, and why the last one could not.
    dropped: u64,
    last_error: String,
    retry_at: Option<Duration>,
}

impl Log {
    /// Opens or creates `directory`. A log that cannot be opened now is tried again later.
    pub(crate) fn open(directory: &Path, policy: &LogPolicy) -> Self {
        let mut log = Self {
            directory: directory.to_owned(),
            policy: policy.clone(),
            file: None,
            size: 0,
            born: clock::now(),
            batch: Vec::new(),
            dropped: 0,
            last_error: String::new(),
            retry_at: None,
        };
        if let Err(error) = log.reopen() {
            log.fail(&error, 0);
        }
        log.remove_surplus(clock::now());
        log
    }

    /// Adds one line; it is on disk after [`Log::flush`] at the latest.
    pub(crate) fn line(&mut self, time: Timestamp, stream: Stream, bytes: &[u8], partial: bool) {
        let line = format_line(time, stream, bytes, partial);
        let begun = self.size + self.batch.len() as u64;
        let full = begun > 0 && begun + line.len() as u64 > self.policy.max_size.0;
        if full || (begun > 0 && time.since(self.born) > self.longest_current()) {
            self.flush();
            self.rotate(time);
        }
        if self.size == 0 && self.batch.is_empty() {
            self.born = time;
        }
        self.batch.extend_from_slice(&line);
        if self.batch.len() >= BATCH {
            self.flush();
        }
    }

    /// Writes what was collected, or drops and counts it.
    pub(crate) fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let mut batch = std::mem::take(&mut self.batch);
        self.write_with_notice(&batch);
        // Keeps the allocation where it is of ordinary size.
        if batch.capacity() <= 2 * BATCH {
            batch.clear();
            self.batch = batch;
        }
    }

    /// Reports dropped lines where there is room again, and removes files that have become too old.
    pub(crate) fn tick(&mut self, now: Duration) {
        if self.retry_at.is_some_and(|at| at <= now) {
            self.write_with_notice(&[]);
        }
        self.remove_surplus(clock::now());
    }

    pub(crate) fn wake_at(&self) -> Option<Duration> {
        self.retry_at
    }

    fn fail(&mut self, error: &io::Error, lines: u64) {
        self.dropped += lines;
        self.last_error = error.to_string();
        self.retry_at = Some(clock::monotonic() + RETRY);
    }

    fn write_with_notice(&mut self, batch: &[u8]) {
        let mut written = Ok(());
        if self.dropped > 0 {
            let text = format!("{} lines were dropped: {}", self.dropped, self.last_error);
            let notice = format_line(clock::now(), Stream::Mainstay, text.as_bytes(), false);
            written = self.write(&notice).map_err(|(error, _)| (error, batch));
        }
        if written.is_ok() {
            self.dropped = 0;
            written = self.write(batch);
        }
        match written {
            Ok(()) => self.retry_at = None,
            Err((error, unwritten)) => self.fail(&error, lines_in(unwritten)),
        }
    }

    /// Writes all of `bytes`, or as many whole lines as there is room for; what was not written.
    fn write<'a>(&mut self, bytes: &'a [u8]) -> Result<(), (io::Error, &'a [u8])> {
        if self.file.is_none() {
            self.reopen().map_err(|error| (error, bytes))?;
        }
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let mut written = 0;
        let error = loop {
            match file.write(&bytes[written..]) {
                Ok(count) if written + count == bytes.len() => {
                    self.size += bytes.len() as u64;
                    return Ok(());
                }
                Ok(0) => break io::ErrorKind::WriteZero.into(),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break error,
            }
        };
        // A torn line at the end is cut off; a whole line is not, because it may have been read.
        let whole = bytes[..written]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        self.size += whole as u64;
        if file.set_len(self.size).is_err() {
            // Opening it again mends the end.
            self.file = None;
        }
        Err((error, &bytes[whole..]))
    }

    fn reopen(&mut self) -> io::Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory)?;
        let path = self.directory.join(CURRENT);
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)?;
        let length = file.metadata()?.len();
        if length > 0 && !ends_with_line_end(&path, length)? {
            // A shim was killed while it wrote; the next line must not grow onto its last.
            file.write_all(b"\n")?;
        }
        self.size = file.metadata()?.len();
        self.born = first_time(&path).unwrap_or_else(clock::now);
        self.file = Some(file);
        Ok(())
    }

    /// The current file becomes the newest rotated one. Where that fails it just goes on growing.
    fn rotate(&mut self, now: Timestamp) {
        let next = self.rotated().last().map_or(1, |(number, _)| number + 1);
        let to = self.directory.join(format!("{next:08}.log"));
        if std::fs::rename(self.directory.join(CURRENT), to).is_err() {
            return;
        }
        self.file = None;
        self.size = 0;
        if let Err(error) = self.reopen() {
            self.fail(&error, 0);
        }
        self.remove_surplus(now);
    }

    /// Also the current file is rotated by age, so that no line is kept much longer than asked.
    fn longest_current(&self) -> Duration {
        self.policy.max_age / (self.policy.max_files + 1)
    }

    fn remove_surplus(&self, now: Timestamp) {
        let rotated = self.rotated();
        let surplus = rotated.len().saturating_sub(self.policy.max_files as usize);
        for (index, (_, path)) in rotated.iter().enumerate() {
            if index < surplus || age(path, now).is_some_and(|age| age > self.policy.max_age) {
                // Tried again at the next rotation.
                let _ = std::fs::remove_file(path);
            }
        }
    }

    /// Rotated files, oldest first.
    fn rotated(&self) -> Vec<(u64, PathBuf)> {
        let mut files: Vec<(u64, PathBuf)> = std::fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let number = path.file_name()?.to_str()?.strip_suffix(".log")?;
                Some((number.parse().ok()?, path))
            })
            .collect();
        files.sort_unstable();
        files
    }
}

fn lines_in(bytes: &[u8]) -> u64 {
    (bytes.split(|byte| *byte == b'\n').count() - 1) as u64
}

fn format_line(time: Timestamp, stream: Stream, bytes: &[u8], partial: bool) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let mut line = Vec::with_capacity(text.len() + 80);
    let _ = write!(
        line,
        "{{\"time\":\"{time}\",\"stream\":\"{}\",",
        stream.name()
    );
    if partial {
        line.extend_from_slice(b"\"partial\":true,");
    }
    line.extend_from_slice(b"\"line\":");
    // Writing a text into memory cannot fail.
    let _ = serde_json::to_writer(&mut line, text.as_ref());
    line.extend_from_slice(b"}\n");
    line
}

fn ends_with_line_end(path: &Path, length: u64) -> io::Result<bool> {
    use std::os::unix::fs::FileExt;
    let mut last = [0];
    File::open(path)?.read_exact_at(&mut last, length - 1)?;
    Ok(last == *b"\n")
}

/// The time of the first line.
fn first_time(path: &Path) -> Option<Timestamp> {
    let mut first = Vec::new();
    let file = File::open(path).ok()?;
    io::BufReader::with_capacity(1024, io::Read::take(file, 1 << 20))
        .read_until(b'\n', &mut first)
        .ok()?;
    let line: serde_json::Value = serde_json::from_slice(&first).ok()?;
    serde_json::from_value(line.get("time")?.clone()).ok()
}

/// How long ago the file was last written, which for a rotated file is when it was full.
fn age(path: &Path, now: Timestamp) -> Option<Duration> {
    let written = path.metadata().ok()?.modified().ok()?;
    let since = written.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(now.since(Timestamp::from_millis(since.as_millis() as i64)))
}

#[cfg(test)]
mod tests;
