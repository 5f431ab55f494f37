//! Streams out of a command and into one.

use super::{IDLE, Stderr, bounded, finish, late, start};
use crate::database::Failure;
use crate::place::{Answer, Place};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::{Instant, Sleep, timeout};

/// Read from a source at once, in bytes.
const CHUNK: usize = 256 << 10;

/// What a command writes, and how it ended.
pub(crate) struct Outflow {
    pub(crate) data: Box<dyn AsyncRead + Send + Unpin>,
    /// Fails also where `data` was not read to its end.
    pub(crate) end: Answer<'static, Result<(), Failure>>,
}

/// Starts a command whose output is streamed. `input` goes to its standard input, which is closed then; it
/// must fit into a pipe.
pub(crate) async fn outflow(
    place: &dyn Place,
    what: &'static str,
    words: &[String],
    input: &[u8],
) -> Result<Outflow, Failure> {
    let running = start(place, what, words).await?;
    let stderr = Stderr::read(running.stderr);
    if let Some(mut stdin) = running.stdin {
        let fed = async {
            let _ = stdin.write_all(input).await;
            let _ = stdin.shutdown().await;
        };
        let fed = timeout(super::START, fed).await;
        fed.map_err(|_| late(what, super::START))?;
    }
    let whole = Arc::new(AtomicBool::new(false));
    let data = Watched {
        inner: running.stdout,
        idle: None,
        limit: IDLE,
        whole: Arc::clone(&whole),
    };
    let end = running.end;
    Ok(Outflow {
        data: Box::new(data),
        end: Box::pin(async move {
            if !whole.load(Ordering::Acquire) {
                return Err(Failure::new(format!(
                    "what {what} wrote was not read to its end"
                )));
            }
            finish(what, end, stderr).await
        }),
    })
}

/// A stream that may not stand still for longer than `limit`, and that tells when its end was seen.
struct Watched {
    inner: Box<dyn AsyncRead + Send + Unpin>,
    /// Runs while the stream is waited for.
    idle: Option<Pin<Box<Sleep>>>,
    limit: Duration,
    whole: Arc<AtomicBool>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        let room = buf.remaining() > 0;
        match Pin::new(&mut this.inner).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                this.idle = None;
                if room && buf.filled().len() == before {
                    this.whole.store(true, Ordering::Release);
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                let until = Instant::now() + this.limit;
                let idle = this
                    .idle
                    .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
                idle.as_mut().poll(cx).map(|()| {
                    let text = format!("nothing came for {} s", this.limit.as_secs());
                    Err(io::Error::new(io::ErrorKind::TimedOut, text))
                })
            }
        }
    }
}

/// Streams `head`, then all of `data`, into a command, and answers what it wrote once it ended well.
///
/// # Errors
/// `data` ended in an error: the command is ended before its input is closed. The command failed. One of both
/// stood still for longer than [`IDLE`].
pub(crate) async fn inflow(
    place: &dyn Place,
    what: &str,
    words: &[String],
    head: &[u8],
    data: &mut (dyn AsyncRead + Send + Unpin),
) -> Result<Vec<u8>, Failure> {
    let mut running = start(place, what, words).await?;
    let stderr = Stderr::read(running.stderr);
    let Some(stdin) = running.stdin.take() else {
        return Err(Failure::new(format!("{what} has no standard input")));
    };
    let answer = bounded(what, running.stdout);
    tokio::pin!(answer);
    let (fed, answered) = {
        let pump = pump(what, head, data, stdin);
        tokio::pin!(pump);
        tokio::select! {
            fed = &mut pump => (fed, None),
            answered = &mut answer => (pump.await, Some(answered)),
        }
    };
    let (stdin, taken) = match fed {
        Ok(fed) => fed,
        Err((stdin, failure)) => {
            drop(running.end);
            drop(stdin);
            return Err(failure);
        }
    };
    drop(stdin);
    let answered = match answered {
        Some(answered) => answered?,
        None => match timeout(IDLE, answer).await {
            Ok(answered) => answered?,
            Err(_) => return Err(late(what, IDLE)),
        },
    };
    finish(what, running.end, stderr).await?;
    if !taken {
        // It needed no more of it; whether the rest is whole still counts.
        drain(what, data).await?;
    }
    Ok(answered)
}

type Stdin = Box<dyn AsyncWrite + Send + Unpin>;

/// Copies everything; answers whether all of it was taken.
async fn pump(
    what: &str,
    head: &[u8],
    data: &mut (dyn AsyncRead + Send + Unpin),
    mut stdin: Stdin,
) -> Result<(Stdin, bool), (Stdin, Failure)> {
    let mut chunk = vec![0; CHUNK];
    match timeout(IDLE, stdin.write_all(head)).await {
        Ok(Ok(())) => {}
        Ok(Err(_)) => return Ok((stdin, false)),
        Err(_) => return Err((stdin, late(what, IDLE))),
    }
    loop {
        let count = match next(what, data, &mut chunk).await {
            Ok(count) => count,
            Err(failure) => return Err((stdin, failure)),
        };
        if count == 0 {
            break;
        }
        match timeout(IDLE, stdin.write_all(&chunk[..count])).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Ok((stdin, false)),
            Err(_) => return Err((stdin, late(what, IDLE))),
        }
    }
    let _ = timeout(IDLE, stdin.shutdown()).await;
    Ok((stdin, true))
}

async fn drain(what: &str, data: &mut (dyn AsyncRead + Send + Unpin)) -> Result<(), Failure> {
    let mut chunk = vec![0; CHUNK];
    while next(what, data, &mut chunk).await? > 0 {}
    Ok(())
}

async fn next(
    what: &str,
    data: &mut (dyn AsyncRead + Send + Unpin),
    chunk: &mut [u8],
) -> Result<usize, Failure> {
    match timeout(IDLE, data.read(chunk)).await {
        Ok(Ok(count)) => Ok(count),
        Ok(Err(error)) => Err(Failure::new(format!(
            "what {what} was to read broke off: {error}"
        ))),
        Err(_) => Err(Failure::new(format!(
            "what {what} was to read stood still for {} s",
            IDLE.as_secs()
        ))),
    }
}
