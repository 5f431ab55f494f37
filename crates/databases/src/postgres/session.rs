//! A `psql` that stays: one session of the server, and so one transaction, over many questions.

use super::login::Client;
use crate::command::{START, Stderr, finish, late, start};
use crate::database::Failure;
use crate::place::{Answer, Place};
use std::io;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::time::timeout;

/// Said after an answer: what it ends with.
const MARK: &str = "\u{1}mainstay\u{1}";

/// What one answer may hold, in bytes.
const MAX_ANSWER: usize = 16 << 20;

/// Makes texts the same everywhere, and takes away the time limits that a role may have.
const SETTINGS: &str = "\
SET client_encoding = 'UTF8';
SET search_path = pg_catalog;
SET row_security = off;
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET timezone = 'GMT';
SET extra_float_digits = 3;
SET bytea_output = 'hex';
SELECT name || set_config(name, '0', false) FROM pg_settings WHERE name IN
 ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout');
";

/// One session. Dropped, the server rolls back what it had begun.
pub(crate) struct Session {
    stdin: Box<dyn AsyncWrite + Send + Unpin>,
    stdout: BufReader<Box<dyn AsyncRead + Send + Unpin>>,
    stderr: Stderr,
    end: Answer<'static, io::Result<ExitStatus>>,
}

impl Session {
    pub(crate) async fn open(
        place: &dyn Place,
        client: &Client,
        database: &str,
    ) -> Result<Self, Failure> {
        let running = start(place, "psql", &client.psql_words(database)).await?;
        let Some(mut stdin) = running.stdin else {
            return Err(Failure::new("psql has no standard input"));
        };
        let head = timeout(START, stdin.write_all(&client.head())).await;
        head.map_err(|_| late("psql", START))?
            .map_err(|error| Failure::new(format!("psql took no input: {error}")))?;
        let mut session = Self {
            stdin,
            stdout: BufReader::new(running.stdout),
            stderr: Stderr::read(running.stderr),
            end: running.end,
        };
        session.ask(SETTINGS, START).await?;
        Ok(session)
    }

    /// Runs SQL, and answers the lines that it printed.
    ///
    /// # Errors
    /// The SQL fails, the server goes, or it takes longer than `limit`; the session is of no use then.
    pub(crate) async fn ask(&mut self, sql: &str, limit: Duration) -> Result<Vec<String>, Failure> {
        match timeout(limit, self.exchange(sql)).await {
            Ok(Some(lines)) => Ok(lines),
            Ok(None) => Err(self.why().await),
            Err(_) => Err(late("psql", limit)),
        }
    }

    /// `None`: it ended before the mark.
    async fn exchange(&mut self, sql: &str) -> Option<Vec<String>> {
        let text = format!("{sql}\n\\echo {MARK}\n");
        self.stdin.write_all(text.as_bytes()).await.ok()?;
        self.stdin.flush().await.ok()?;
        let (mut lines, mut bytes) = (Vec::new(), 0);
        loop {
            let mut line = Vec::new();
            let count = self.stdout.read_until(b'\n', &mut line).await.ok()?;
            bytes += count;
            if count == 0 || bytes > MAX_ANSWER {
                return None;
            }
            if line.last() == Some(&b'\n') {
                line.pop();
            }
            let line = String::from_utf8_lossy(&line).into_owned();
            if line == MARK {
                return Some(lines);
            }
            lines.push(line);
        }
    }

    async fn why(&mut self) -> Failure {
        let end = std::mem::replace(&mut self.end, Box::pin(std::future::pending()));
        let none = Stderr::read(Box::new(tokio::io::empty()));
        let stderr = std::mem::replace(&mut self.stderr, none);
        match finish("psql", end, stderr).await {
            Err(failure) => failure,
            Ok(()) => Failure::new("psql ended before it had answered"),
        }
    }

    /// Ends the transaction and the session.
    ///
    /// # Errors
    /// The server was gone before it, so that what was read may not be of one moment.
    pub(crate) async fn close(mut self) -> Result<(), Failure> {
        self.ask("COMMIT;", START).await?;
        drop(self.stdin);
        finish("psql", self.end, self.stderr).await
    }
}
