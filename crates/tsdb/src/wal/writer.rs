//! The one thread that writes the log, and the queue before it.
//!
//! **Group commit.** Callers put records into a queue and either wait for their fsync or go on. The
//! thread takes all that is queued, writes it, makes it durable with one `fdatasync`, and wakes
//! those who wait; what arrives meanwhile is the next group. While nobody waits, a group closes
//! when it is [`Settings::flush_interval`] old or [`Settings::flush_bytes`] large.
//!
//! **A full disk.** What could not be written stays in memory, [`Wal::failure`] says why, and the
//! thread tries again each [`RETRY`]. The caller takes no more samples until then, so that what
//! waits is bounded, and nothing between is lost.
//!
//! Lock order: the head's lock may be held when the queue's is taken, never the other way round.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::{frame, segments};
use crate::error::{At as _, StoreError};

/// How often a write that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// More than this may not wait in the queue; who comes later waits for room.
const MAX_QUEUED: usize = 64 << 20;

/// How long a caller waits for its fsync or for room before it is told that there is none.
const PATIENCE: Duration = Duration::from_secs(30);

/// At so many bytes the thread writes within a group.
const WRITE_BYTES: usize = 4 << 20;

/// How the log is written.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) segment_bytes: usize,
    pub(crate) compress: bool,
    pub(crate) flush_interval: Duration,
    pub(crate) flush_bytes: usize,
}

/// A place in the queue: all up to it is durable once it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

#[derive(Debug)]
enum Item {
    Record(Vec<u8>),
    /// Begin a new segment here.
    Rotate,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Item>,
    queued_bytes: usize,
    since: Option<Instant>,
    issued: u64,
    durable: u64,
    waiting: usize,
    /// Ticket and number of the last segment that was asked for.
    rotated: (u64, u64),
    failure: Option<String>,
    closing: bool,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    state: Mutex<State>,
    /// For the thread: there is work.
    work: Condvar,
    /// For callers: something became durable, or failed.
    done: Condvar,
}

/// The log as those who write to it see it.
#[derive(Debug)]
pub(crate) struct Wal {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Wal {
    /// Starts the thread that writes, into a segment of that number as soon as there is something to
    /// write. A disk that is full does not keep a store from opening.
    pub(crate) fn start(dir: &Path, segment: u64, settings: Settings) -> Result<Self, StoreError> {
        let output = Output::new(dir, segment, settings.clone());
        let shared = Arc::new(Shared {
            settings,
            state: Mutex::default(),
            work: Condvar::new(),
            done: Condvar::new(),
        });
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("tsdb-wal".to_owned())
            .spawn(move || run(&theirs, output))
            .at(dir)?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Waits until the queue has room; an error where the log cannot be written.
    pub(crate) fn ready(&self) -> Result<(), StoreError> {
        let mut state = self.shared.state.lock();
        let until = Instant::now() + PATIENCE;
        while state.failure.is_none() && state.queued_bytes > MAX_QUEUED {
            self.shared.work.notify_one();
            if self.shared.done.wait_until(&mut state, until).timed_out() {
                return Err(StoreError::Stopped("the log is too slow".to_owned()));
            }
        }
        match &state.failure {
            Some(reason) => Err(StoreError::Stopped(reason.clone())),
            None => Ok(()),
        }
    }

    /// Queues records in order.
    pub(crate) fn queue(&self, records: impl IntoIterator<Item = Vec<u8>>) -> Ticket {
        let mut state = self.shared.state.lock();
        for record in records {
            state.queued_bytes += record.len();
            state.queue.push_back(Item::Record(record));
            state.issued += 1;
        }
        self.announce(&mut state);
        Ticket(state.issued)
    }

    /// Queues the beginning of a new segment.
    pub(crate) fn queue_rotation(&self) -> Ticket {
        let mut state = self.shared.state.lock();
        state.queue.push_back(Item::Rotate);
        state.issued += 1;
        self.announce(&mut state);
        Ticket(state.issued)
    }

    fn announce(&self, state: &mut State) {
        let was_idle = state.since.is_none();
        state.since.get_or_insert_with(Instant::now);
        if was_idle || state.queued_bytes >= self.shared.settings.flush_bytes {
            self.shared.work.notify_one();
        }
    }

    /// Waits until all up to a place is durable.
    pub(crate) fn wait(&self, ticket: Ticket) -> Result<(), StoreError> {
        let mut state = self.shared.state.lock();
        let until = Instant::now() + PATIENCE;
        state.waiting += 1;
        self.shared.work.notify_one();
        let mut outcome = Ok(());
        while state.durable < ticket.0 {
            if let Some(reason) = &state.failure {
                outcome = Err(StoreError::Stopped(reason.clone()));
                break;
            }
            if self.shared.done.wait_until(&mut state, until).timed_out() {
                outcome = Err(StoreError::Stopped("the log is too slow".to_owned()));
                break;
            }
        }
        state.waiting -= 1;
        outcome
    }

    /// Waits for a rotation, and says the number of the segment that it began.
    pub(crate) fn wait_rotation(&self, ticket: Ticket) -> Result<u64, StoreError> {
        self.wait(ticket)?;
        let state = self.shared.state.lock();
        // Only maintenance rotates by ticket, one at a time.
        debug_assert_eq!(state.rotated.0, ticket.0);
        Ok(state.rotated.1)
    }

    /// All that was queued so far is durable afterwards.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        let ticket = Ticket(self.shared.state.lock().issued);
        self.wait(ticket)
    }

    /// Why nothing can be written now.
    pub(crate) fn failure(&self) -> Option<String> {
        self.shared.state.lock().failure.clone()
    }
}

impl Drop for Wal {
    fn drop(&mut self) {
        self.shared.state.lock().closing = true;
        self.shared.work.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(shared: &Shared, mut output: Output) {
    let mut items = VecDeque::new();
    let mut taken = 0;
    while gather(shared, &mut items, &mut taken) {
        let written = output.write(&mut items);
        let mut state = shared.state.lock();
        match written {
            Ok(()) => {
                state.durable = taken;
                state.failure = None;
            }
            Err(error) => state.failure = Some(error.to_string()),
        }
        if let Some(segment) = output.rotated.take() {
            state.rotated = (output.rotated_at, segment);
        }
        shared.done.notify_all();
        if state.failure.is_some() {
            if state.closing {
                return;
            }
            shared.work.wait_for(&mut state, RETRY);
        }
    }
}

/// Takes the next group; false when there will be none.
fn gather(shared: &Shared, items: &mut VecDeque<Item>, taken: &mut u64) -> bool {
    let mut state = shared.state.lock();
    if state.failure.is_none() {
        loop {
            let Some(since) = state.since else {
                if state.closing {
                    return false;
                }
                shared.work.wait(&mut state);
                continue;
            };
            let closes = since + shared.settings.flush_interval;
            let full = state.queued_bytes >= shared.settings.flush_bytes;
            if full || state.waiting > 0 || state.closing || Instant::now() >= closes {
                break;
            }
            shared.work.wait_until(&mut state, closes);
        }
    }
    items.append(&mut state.queue);
    state.queued_bytes = 0;
    state.since = None;
    *taken = state.issued;
    true
}

/// The open segment, and what of it is not durable yet.
#[derive(Debug)]
struct Output {
    dir: PathBuf,
    settings: Settings,
    /// Made with the first write.
    file: Option<File>,
    segment: u64,
    /// Up to here the file is durable.
    durable: u64,
    /// What comes behind; kept until it is durable, so that it can be written again.
    pending: Vec<u8>,
    written: usize,
    page: usize,
    rotated: Option<u64>,
    rotated_at: u64,
    handled: u64,
}

impl Output {
    fn new(dir: &Path, segment: u64, settings: Settings) -> Self {
        Self {
            dir: dir.to_owned(),
            settings,
            file: None,
            segment,
            durable: 0,
            pending: Vec::new(),
            written: 0,
            page: 0,
            rotated: None,
            rotated_at: 0,
            handled: 0,
        }
    }

    /// Writes all items durably. After an error the same call goes on where it stopped.
    fn write(&mut self, items: &mut VecDeque<Item>) -> Result<(), StoreError> {
        while let Some(item) = items.front() {
            match item {
                Item::Record(record) => {
                    let size = self.durable as usize + self.pending.len();
                    let length = frame::framed_length(record.len());
                    if size > 0 && size + length > self.settings.segment_bytes {
                        self.rotate()?;
                    }
                    self.put(record);
                }
                Item::Rotate => {
                    self.rotate()?;
                    self.rotated = Some(self.segment);
                    self.rotated_at = self.handled + 1;
                }
            }
            self.handled += 1;
            items.pop_front();
            if self.pending.len() - self.written > WRITE_BYTES {
                self.push()?;
            }
        }
        self.sync()
    }

    fn put(&mut self, record: &[u8]) {
        if self.settings.compress
            && let Ok(packed) = snap::raw::Encoder::new().compress_vec(record)
            && packed.len() < record.len()
        {
            frame::put(&packed, true, &mut self.page, &mut self.pending);
        } else {
            frame::put(record, false, &mut self.page, &mut self.pending);
        }
    }

    fn path(&self) -> PathBuf {
        segments::segment(&self.dir, self.segment)
    }

    /// The open file, made where it is missing.
    fn file(&mut self) -> Result<&File, StoreError> {
        let file = if let Some(file) = self.file.take() {
            file
        } else {
            let file = create(&self.path()).at(self.path())?;
            segments::sync_dir(&self.dir)?;
            file
        };
        Ok(self.file.insert(file))
    }

    fn push(&mut self) -> Result<(), StoreError> {
        let (place, from) = (self.durable + self.written as u64, self.written);
        let pending = std::mem::take(&mut self.pending);
        let path = self.path();
        let written = self
            .file()
            .and_then(|file| file.write_all_at(&pending[from..], place).at(path));
        self.pending = pending;
        // Where an error stopped it is not known: all that is not durable is written again.
        self.written = written.as_ref().map_or(0, |()| self.pending.len());
        written
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.push()?;
        let path = self.path();
        if let Err(error) = self.file()?.sync_data() {
            // The kernel may have dropped the pages: they are written again.
            self.written = 0;
            return Err(error).at(path);
        }
        self.durable += self.pending.len() as u64;
        self.pending.clear();
        self.pending.shrink_to(WRITE_BYTES);
        self.written = 0;
        Ok(())
    }

    /// Goes on in the next segment, unless this one is still to be made: numbers have no gaps.
    fn rotate(&mut self) -> Result<(), StoreError> {
        frame::pad(&mut self.page, &mut self.pending);
        self.sync()?;
        if self.file.take().is_some() {
            self.segment += 1;
            self.durable = 0;
        }
        Ok(())
    }
}

/// Overwrites what an attempt that failed may have left.
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
}
