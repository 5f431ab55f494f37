//! One worker and what is said to it and by it.

use crate::worker::frame::{self, HEAD, Kind};
use crate::worker::job::Order;
use crate::{Failure, FailureKind, Watch};
use serde_json::Value;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// From its last word to its end.
const FAREWELL: Duration = Duration::from_secs(10);

/// Of what it wrote to standard error, in bytes.
const LAST_WORDS: usize = 4096;

/// glibc gives each thread an arena of its own, and keeps in each what was freed.
const ARENAS: (&str, &str) = ("MALLOC_ARENA_MAX", "2");

/// A worker that was started. Killed when dropped.
#[derive(Debug)]
pub(super) struct Talk {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    stderr: ChildStderr,
    /// Longer it may say nothing.
    silence: Duration,
}

/// Why a conversation had no answer.
enum Lost {
    /// It said so itself.
    Failed(Failure),
    /// The pipe ended, or what came was no frame.
    Ended,
    Silent(Duration),
    /// What it read could not be written on.
    Sink(io::Error),
}

impl Talk {
    pub(super) fn start(program: &[OsString], silence: Duration) -> Result<Self, Failure> {
        let fail = |why: &str| {
            let message = format!("cannot start a backup worker: {why}");
            Failure::new(FailureKind::Ended, message)
        };
        let (program, arguments) = program.split_first().ok_or_else(|| fail("no program"))?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env(ARENAS.0, ARENAS.1)
            .kill_on_drop(true);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| fail(&error.to_string()))?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(fail("it has no pipes"));
        };
        Ok(Self {
            child,
            stdin,
            stdout,
            stderr,
            silence,
        })
    }

    /// Gives the job, and writes data that comes back into `sink`.
    pub(super) async fn ask(
        self,
        order: &Order,
        watch: Watch<'_>,
        sink: impl AsyncWrite + Unpin,
    ) -> Result<Value, Failure> {
        let Self {
            child,
            mut stdin,
            mut stdout,
            stderr,
            silence,
        } = self;
        let talk = async {
            // A worker that died cannot be written to; why, the other pipe tells.
            let _ = give(&mut stdin, order).await;
            let answer = answer(&mut stdout, silence, watch, sink).await;
            drop(stdin);
            answer
        };
        conclude(child, stderr, talk).await
    }

    /// Gives the job and its data, and answers what `whole` ended with.
    pub(super) async fn feed<T>(
        self,
        order: &Order,
        watch: Watch<'_>,
        data: impl AsyncRead + Unpin,
        whole: impl Future<Output = Result<T, String>>,
    ) -> Result<(Value, T), Failure> {
        let Self {
            child,
            mut stdin,
            mut stdout,
            stderr,
            silence,
        } = self;
        let talk = async {
            let feed = async {
                give(&mut stdin, order).await?;
                feed(&mut stdin, data, whole).await
            };
            let answer = answer(&mut stdout, silence, watch, tokio::io::sink());
            tokio::pin!(feed, answer);
            let fed = tokio::select! {
                // It failed before all was told.
                answer = &mut answer => return answer.and(Err(Lost::Ended)),
                fed = &mut feed => fed,
            };
            let answer = answer.await?;
            match fed {
                Ok(Some(end)) => Ok((answer, end)),
                Ok(None) | Err(_) => Err(Lost::Ended),
            }
        };
        conclude(child, stderr, talk).await
    }
}

async fn give(stdin: &mut ChildStdin, order: &Order) -> io::Result<()> {
    let text = serde_json::to_vec(order)?;
    stdin
        .write_all(&frame::head(Kind::Job, text.len())?)
        .await?;
    stdin.write_all(&text).await
}

/// Data to its end, and what that end was worth; `None` where it was worth nothing, which the worker was told.
async fn feed<T>(
    stdin: &mut ChildStdin,
    data: impl AsyncRead + Unpin,
    whole: impl Future<Output = Result<T, String>>,
) -> io::Result<Option<T>> {
    tokio::pin!(whole);
    let mut ended = None;
    let pumped = {
        let pump = pump(stdin, data);
        tokio::pin!(pump);
        loop {
            // `whole` is driven beside the data: it may be what reads the other pipe of the same program.
            tokio::select! {
                pumped = &mut pump => break pumped?,
                end = &mut whole, if ended.is_none() => ended = Some(end),
            }
        }
    };
    let end = match (pumped, ended) {
        (Err(error), _) => Err(error.to_string()),
        (Ok(()), Some(end)) => end,
        (Ok(()), None) => whole.await,
    };
    let (kind, payload) = match &end {
        Ok(_) => (Kind::Whole, ""),
        Err(reason) => (Kind::Broken, reason.as_str()),
    };
    stdin.write_all(&frame::head(kind, payload.len())?).await?;
    stdin.write_all(payload.as_bytes()).await?;
    Ok(end.ok())
}

/// The outer failure is the worker's pipe, the inner one the data's.
async fn pump(
    stdin: &mut ChildStdin,
    mut data: impl AsyncRead + Unpin,
) -> io::Result<io::Result<()>> {
    // The head goes before the data in one write.
    let mut buffer = vec![0; HEAD + frame::DATA];
    loop {
        let length = match data.read(&mut buffer[HEAD..]).await {
            Ok(0) => return Ok(Ok(())),
            Ok(length) => length,
            Err(error) => return Ok(Err(error)),
        };
        buffer[..HEAD].copy_from_slice(&frame::head(Kind::Data, length)?);
        stdin.write_all(&buffer[..HEAD + length]).await?;
    }
}

/// Reads until the last frame.
async fn answer(
    stdout: &mut ChildStdout,
    silence: Duration,
    watch: Watch<'_>,
    mut sink: impl AsyncWrite + Unpin,
) -> Result<Value, Lost> {
    loop {
        let next = timeout(silence, next(stdout)).await;
        let (kind, payload) = next
            .map_err(|_| Lost::Silent(silence))?
            .map_err(|_| Lost::Ended)?;
        match kind {
            Kind::Progress => {
                watch(serde_json::from_slice(&payload).map_err(|_| Lost::Ended)?);
            }
            Kind::Data => sink.write_all(&payload).await.map_err(Lost::Sink)?,
            Kind::Done => {
                sink.flush().await.map_err(Lost::Sink)?;
                return serde_json::from_slice(&payload).map_err(|_| Lost::Ended);
            }
            Kind::Failed => {
                let failure = serde_json::from_slice(&payload).map_err(|_| Lost::Ended)?;
                return Err(Lost::Failed(failure));
            }
            Kind::Job | Kind::Whole | Kind::Broken => return Err(Lost::Ended),
        }
    }
}

async fn next(stdout: &mut ChildStdout) -> io::Result<(Kind, Vec<u8>)> {
    let mut head = [0; HEAD];
    stdout.read_exact(&mut head).await?;
    let (kind, length) = frame::parse(head)?;
    let mut payload = vec![0; length];
    stdout.read_exact(&mut payload).await?;
    Ok((kind, payload))
}

/// Talks, ends the worker, and says what became of it.
async fn conclude<R>(
    mut child: Child,
    stderr: ChildStderr,
    talk: impl Future<Output = Result<R, Lost>>,
) -> Result<R, Failure> {
    let talk = async {
        let outcome = talk.await;
        if matches!(outcome, Err(Lost::Silent(_) | Lost::Sink(_))) {
            let _ = child.start_kill();
        }
        let status = if let Ok(status) = timeout(FAREWELL, child.wait()).await {
            status
        } else {
            let _ = child.start_kill();
            child.wait().await
        };
        (outcome, status)
    };
    let ((outcome, status), words) = tokio::join!(talk, last_words(stderr));
    outcome.map_err(|lost| match lost {
        Lost::Failed(failure) => failure,
        Lost::Ended => ended(status.ok(), &words),
        Lost::Silent(silence) => {
            let message = format!("the backup worker was silent for {silence:?} and was ended");
            Failure::new(FailureKind::Ended, message)
        }
        Lost::Sink(error) => {
            let message = format!("what was read cannot be written on: {error}");
            Failure::new(FailureKind::Other, message)
        }
    })
}

fn ended(status: Option<ExitStatus>, words: &str) -> Failure {
    let how = match status {
        Some(status) => match status.signal() {
            Some(9) => "was killed (signal 9: by somebody, or for want of memory)".to_owned(),
            Some(signal) => format!("was ended by signal {signal}"),
            None => format!("ended before its end ({status})"),
        },
        None => "ended before its end".to_owned(),
    };
    let words = match words {
        "" => String::new(),
        words => format!(": {words}"),
    };
    let message = format!("the backup worker {how}{words}");
    Failure::new(FailureKind::Ended, message).hint("try again: what was whole before still is")
}

/// The last line that it wrote.
async fn last_words(mut stderr: ChildStderr) -> String {
    let mut words = Vec::new();
    let mut buffer = [0; 1024];
    while let Ok(length @ 1..) = stderr.read(&mut buffer).await {
        words.extend_from_slice(&buffer[..length]);
        let more = words.len().saturating_sub(LAST_WORDS);
        words.drain(..more);
    }
    let words = String::from_utf8_lossy(&words);
    let mut lines = words.lines().map(str::trim);
    lines
        .rfind(|line| !line.is_empty())
        .unwrap_or_default()
        .to_owned()
}
