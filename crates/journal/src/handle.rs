//! The journal for the async world: a writer thread with a bounded queue, and a reader thread with
//! a connection of its own.
//!
//! Dropping a future that waits does not undo what it asked for: a write that was queued is
//! written. The threads end when the last handle is dropped and the queues are empty.

use crate::error::JournalError;
use crate::journal::{Journal, Rows};
use crate::schema;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

/// Writes and reads waiting at a time; whoever comes next waits for a place.
const QUEUE: usize = 256;

/// The longest wait for an answer. A disk that takes longer is stuck.
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);

type Job<S> = Box<dyn FnOnce(&mut S) + Send>;

/// Shared access to one journal. Cheap to clone.
#[derive(Debug, Clone)]
pub struct JournalHandle {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    writes: mpsc::Sender<Job<Journal>>,
    reads: mpsc::Sender<Job<rusqlite::Connection>>,
    newest: watch::Receiver<u64>,
}

impl JournalHandle {
    /// Opens the file ([`Journal::open`]) and starts both threads. Blocks while it migrates.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let journal = Journal::open(path)?;
        let reader = schema::open_to_read(path)?;
        let newest = journal.subscribe();
        Ok(Self {
            inner: Arc::new(Inner {
                writes: serve("journal-writer", path, journal)?,
                reads: serve("journal-reader", path, reader)?,
                newest,
            }),
        })
    }

    /// Runs `write` on the writer thread; durable when this answers `Ok`.
    pub async fn write<T: Send + 'static, E: From<JournalError> + Send + 'static>(
        &self,
        write: impl FnOnce(&mut Journal) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        ask(&self.inner.writes, write).await?
    }

    /// Runs `read` on the reader thread. It sees everything that was written before.
    pub async fn read<T: Send + 'static, E: From<JournalError> + Send + 'static>(
        &self,
        read: impl FnOnce(Rows<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        ask(
            &self.inner.reads,
            |connection: &mut rusqlite::Connection| read(Rows { connection }),
        )
        .await?
    }

    /// The `seq` of the newest committed event; see [`Journal::subscribe`].
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.inner.newest.clone()
    }
}

/// Starts a thread that owns `state` and runs what comes, until nobody can ask any more.
fn serve<S: Send + 'static>(
    name: &str,
    path: &Path,
    mut state: S,
) -> Result<mpsc::Sender<Job<S>>, JournalError> {
    let (sender, mut jobs) = mpsc::channel::<Job<S>>(QUEUE);
    let work = move || {
        while let Some(job) = jobs.blocking_recv() {
            job(&mut state);
        }
    };
    let started = thread::Builder::new().name(name.to_owned()).spawn(work);
    match started {
        Ok(_) => Ok(sender),
        Err(source) => Err(JournalError::Io {
            what: "start a thread for",
            path: path.to_owned(),
            source,
        }),
    }
}

async fn ask<S, T: Send + 'static>(
    queue: &mpsc::Sender<Job<S>>,
    job: impl FnOnce(&mut S) -> T + Send + 'static,
) -> Result<T, JournalError> {
    let (answer, answered) = oneshot::channel();
    let job: Job<S> = Box::new(move |state| {
        // Whoever asked may have gone; the work is done all the same.
        let _ = answer.send(job(state));
    });
    let wait = async {
        queue.send(job).await.map_err(|_| JournalError::Closed)?;
        answered.await.map_err(|_| JournalError::Closed)
    };
    let late = |_| JournalError::TimedOut {
        seconds: ANSWER_DEADLINE.as_secs(),
    };
    timeout(ANSWER_DEADLINE, wait).await.map_err(late)?
}
