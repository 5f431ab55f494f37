//! Runs one command over a [`Place`]: with a deadline, a bound on what it may say, and the end of its
//! standard error as the reason where it fails.
//!
//! Three shapes: [`run`] collects a short answer, [`outflow`] streams what a command writes, [`inflow`]
//! streams into one. Nothing here knows an engine.
//!
//! **Invariant:** a command counts as done only when its exit code was seen and was zero, and a stream out of
//! it only when it was read to its end; a source that fails ends the command before its input is closed.

mod shell;
mod stderr;
mod stream;

pub(crate) use shell::{quote, words};
pub(crate) use stderr::Stderr;
pub(crate) use stream::{Outflow, inflow, outflow};

use crate::database::Failure;
use crate::place::{Answer, Place, Running};
use std::io;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

/// To start a command, and to end once its streams are closed.
pub(crate) const START: Duration = Duration::from_secs(60);

/// For a stream that moves nothing: longer than a lock that a dump waits for may be held.
pub(crate) const IDLE: Duration = Duration::from_secs(15 * 60);

/// What a command that is collected may write, in bytes.
pub(crate) const MAX_ANSWER: u64 = 16 << 20;

/// Runs `words` with `input` on its standard input, and answers what it wrote, within `limit`.
///
/// # Errors
/// The command cannot be started, does not end in time, writes more than [`MAX_ANSWER`], or fails: then the
/// message begins with `what` and holds the end of its standard error.
pub(crate) async fn run(
    place: &dyn Place,
    what: &str,
    words: &[String],
    input: &[u8],
    limit: Duration,
) -> Result<Vec<u8>, Failure> {
    match timeout(limit, collect(place, what, words, input)).await {
        Ok(answer) => answer,
        Err(_) => Err(late(what, limit)),
    }
}

async fn collect(
    place: &dyn Place,
    what: &str,
    words: &[String],
    input: &[u8],
) -> Result<Vec<u8>, Failure> {
    let running = start(place, what, words).await?;
    let (stdin, stdout, end) = (running.stdin, running.stdout, running.end);
    let stderr = Stderr::read(running.stderr);
    let feed = async move {
        if let Some(mut stdin) = stdin {
            // A command that needs no more of its input may close it: its exit code judges.
            let _ = stdin.write_all(input).await;
            let _ = stdin.shutdown().await;
        }
    };
    let ((), answer) = tokio::join!(feed, bounded(what, stdout));
    let answer = answer?;
    finish(what, end, stderr).await?;
    Ok(answer)
}

/// All of a stream, no more than [`MAX_ANSWER`].
async fn bounded(
    what: &str,
    stdout: Box<dyn AsyncRead + Send + Unpin>,
) -> Result<Vec<u8>, Failure> {
    let mut answer = Vec::new();
    let read = stdout.take(MAX_ANSWER + 1).read_to_end(&mut answer).await;
    read.map_err(|error| Failure::new(format!("{what}: {error}")))?;
    if answer.len() as u64 > MAX_ANSWER {
        return Err(Failure::new(format!(
            "{what} wrote more than {MAX_ANSWER} bytes"
        )));
    }
    Ok(answer)
}

/// Starts a command.
pub(crate) async fn start(
    place: &dyn Place,
    what: &str,
    words: &[String],
) -> Result<Running, Failure> {
    match timeout(START, place.run(words)).await {
        Ok(Ok(running)) => Ok(running),
        Ok(Err(error)) => Err(Failure::new(format!("{what} cannot be started: {error}"))),
        Err(_) => Err(late(what, START)),
    }
}

/// Waits for the exit code of a command whose streams are closed.
pub(crate) async fn finish(
    what: &str,
    end: Answer<'static, io::Result<ExitStatus>>,
    stderr: Stderr,
) -> Result<(), Failure> {
    let status = match timeout(START, end).await {
        Ok(Ok(status)) => status,
        Ok(Err(error)) => {
            return Err(Failure::new(format!("how {what} ended is lost: {error}")));
        }
        Err(_) => return Err(late(what, START)),
    };
    if status.success() {
        return Ok(());
    }
    let said = stderr.end().await;
    Err(if said.is_empty() {
        Failure::new(format!("{what} failed: {status}"))
    } else {
        Failure::new(format!("{what} failed: {said}"))
    })
}

pub(crate) fn late(what: &str, limit: Duration) -> Failure {
    Failure::new(format!("{what} did not end within {} s", limit.as_secs()))
}
