//! Reading the log of an instance: the last lines, from a time on, and as they come.
//!
//! The shim writes `current.log` and renames it to the next number when it is full
//! (`docs/formats/instance-directory.md`). A reader that follows keeps its file open: it reads on
//! in the renamed file to its end, and then goes on with the next number, so that no line is lost
//! or doubled across a rotation. It polls: a file system that tells of changes is not everywhere.

mod reader;

use mainstay_model::{InstanceId, Scope, Timestamp};
use reader::Reader;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;

/// Lines that may wait for whoever reads; then the reader waits.
const LINES: usize = 1024;

/// Read in one go.
pub(crate) const BATCH: usize = 256;

/// Between looks when following.
const POLL: Duration = Duration::from_millis(200);

/// Which lines are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogQuery {
    /// Only the last so many.
    pub tail: Option<usize>,
    /// Only from this time on.
    pub since: Option<Timestamp>,
    /// Goes on with what comes, until the receiver is dropped or the instance removed.
    pub follow: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogStream {
    Stdout,
    Stderr,
    /// What the shim says about the log itself.
    Mainstay,
}

/// One line of output, or a piece of a long one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    pub time: Timestamp,
    pub scope: Scope,
    pub instance: InstanceId,
    pub stream: LogStream,
    pub line: String,
    /// The line goes on in the next piece.
    pub partial: bool,
}

/// One line as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Stored {
    pub(crate) time: Timestamp,
    pub(crate) stream: LogStream,
    pub(crate) line: String,
    #[serde(default)]
    pub(crate) partial: bool,
}

/// Reads the log in `directory`; the lines arrive in order through the channel, which is bounded.
pub(crate) fn read(
    directory: PathBuf,
    scope: Scope,
    instance: InstanceId,
    query: LogQuery,
) -> (mpsc::Receiver<LogLine>, impl Future<Output = ()> + Send) {
    let (sender, receiver) = mpsc::channel(LINES);
    let work = async move {
        let result = forward(directory, &scope, &instance, &query, &sender).await;
        if let Err(error) = result {
            tracing::warn!(%instance, %error, "the log cannot be read");
        }
    };
    (receiver, work)
}

async fn forward(
    directory: PathBuf,
    scope: &Scope,
    instance: &InstanceId,
    query: &LogQuery,
    sender: &mpsc::Sender<LogLine>,
) -> io::Result<()> {
    let tail = query.tail;
    let mut reader = blocking(move || Reader::open(directory, tail)).await?;
    loop {
        let (next, batch) = blocking(move || {
            let batch = reader.next_batch()?;
            Ok((reader, batch))
        })
        .await?;
        reader = next;
        let empty = batch.is_empty();
        for stored in batch {
            if query.since.is_some_and(|since| stored.time < since) {
                continue;
            }
            let line = LogLine {
                time: stored.time,
                scope: scope.clone(),
                instance: instance.clone(),
                stream: stored.stream,
                line: stored.line,
                partial: stored.partial,
            };
            if sender.send(line).await.is_err() {
                return Ok(());
            }
        }
        if !empty {
            continue;
        }
        if !query.follow || reader.is_gone() {
            return Ok(());
        }
        tokio::select! {
            () = sender.closed() => return Ok(()),
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}
