//! A server program of our own in a place, in a temporary directory of its own.
//!
//! It lives as long as its standard input is open: when whoever started it is gone, however that came, the
//! server ends and its directory is removed.

use crate::command::{self, Stderr};
use crate::database::Failure;
use crate::password::Password;
use crate::place::{Place, Running};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// To make an empty engine, where that is a program's work.
const PREPARE: Duration = Duration::from_secs(120);
/// Between two looks whether a server answers.
const LOOK: Duration = Duration::from_millis(50);
/// Of the line that says the directory, in bytes.
const LINE: u64 = 4096;

/// How a server is started: parts of a script of `sh` in which `$D` is its directory, and `$1`… are
/// `arguments`.
#[derive(Debug)]
pub(crate) struct Program<'a> {
    pub(crate) what: &'static str,
    /// Done before; where it fails nothing is started.
    pub(crate) prepare: &'a str,
    /// The server, in the foreground.
    pub(crate) serve: &'a str,
    pub(crate) arguments: &'a [&'a str],
    /// Written to `$D/settings`: may hold secrets. No empty line.
    pub(crate) settings: &'a str,
    /// Done when whoever started it is gone, before the server is ended; `$P` is `password`.
    pub(crate) farewell: &'a str,
    pub(crate) password: &'a Password,
}

/// It runs, as long as this is there.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub(crate) directory: String,
    what: &'static str,
    /// Holds the command. Says how it ended.
    task: JoinHandle<()>,
    ended: watch::Receiver<Option<String>>,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Program<'_> {
    fn script(&self) -> String {
        let (prepare, serve, farewell) = (self.prepare, self.serve, self.farewell);
        format!(
            r#"umask 077
D=$(mktemp -d "${{TMPDIR:-/tmp}}/mainstay-XXXXXX") || exit 1
clean() {{ rm -rf "$D"; }}
while IFS= read -r L && [ -n "$L" ]; do printf '%s\n' "$L"; done >"$D/settings"
{{ {prepare}
}} </dev/null >"$D/said" 2>&1 || {{ tail -n 4 "$D/said" >&2; clean; exit 1; }}
exec 3<&0
{{ {serve}
}} </dev/null >"$D/said" 2>&1 3<&- &
Q=$!
{{ cat <&3 >/dev/null; {farewell}
kill "$Q" 2>/dev/null; while kill -0 "$Q" 2>/dev/null; do sleep 1; done; clean; }} >/dev/null 2>&1 &
W=$!
exec 3<&-
printf '%s\n' "$D"
wait "$Q"
kill "$W" 2>/dev/null
tail -n 4 "$D/said" >&2
clean
exit 1"#
        )
    }

    /// Prepares and starts it. Whether it answers is [`Scratch::until`]'s.
    pub(crate) async fn start(&self, place: &dyn Place) -> Result<Scratch, Failure> {
        let words = self.password.shell(&self.script(), self.arguments)?;
        let mut running = command::start(place, self.what, &words).await?;
        let head = format!("{}\n\n", self.settings.trim_end());
        if let Some(stdin) = &mut running.stdin {
            // Where it ended already, the missing line tells.
            let head = self.password.input(head.as_bytes());
            let _ = stdin.write_all(&head).await;
            let _ = stdin.flush().await;
        }
        let Running {
            stdin,
            stdout,
            stderr,
            end,
        } = running;
        let stderr = Stderr::read(stderr);
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        let mut limited = (&mut stdout).take(LINE);
        let read = timeout(PREPARE, limited.read_line(&mut line)).await;
        read.map_err(|_| command::late(self.what, PREPARE))?
            .map_err(|error| Failure::new(format!("{}: {error}", self.what)))?;
        let Some(directory) = line.strip_suffix('\n') else {
            command::finish(self.what, end, stderr).await?;
            return Err(Failure::new(format!("{} said nothing", self.what)));
        };
        let (tell, ended) = watch::channel(None);
        let task = tokio::spawn(async move {
            let _held = (stdin, stdout);
            let status = end.await;
            let said = stderr.end().await;
            let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
            let said = if said.is_empty() { how } else { said };
            let _ = tell.send(Some(said));
        });
        let directory = directory.to_owned();
        let what = self.what;
        Ok(Scratch {
            directory,
            what,
            task,
            ended,
        })
    }
}

impl Scratch {
    /// For a loop that looks whether it answers.
    pub(crate) fn patience(&self, limit: Duration) -> Patience<'_> {
        Patience {
            scratch: self,
            limit,
            deadline: Instant::now() + limit,
        }
    }
}

/// Waits between two looks.
pub(crate) struct Patience<'a> {
    scratch: &'a Scratch,
    limit: Duration,
    deadline: Instant,
}

impl Patience<'_> {
    /// A moment.
    ///
    /// # Errors
    /// The server ended, with what it said last; or it does not come up in time.
    pub(crate) async fn wait(&mut self) -> Result<(), Failure> {
        let what = self.scratch.what;
        if let Some(said) = &*self.scratch.ended.borrow() {
            return Err(Failure::new(format!("{what} ended: {said}")));
        }
        if Instant::now() > self.deadline {
            return Err(command::late(what, self.limit));
        }
        tokio::time::sleep(LOOK).await;
        Ok(())
    }
}
