//! What a server of our own says of itself while it recovers. Its messages are English and have no prefix.

use super::lsn::Lsn;
use crate::command::Stderr;
use mainstay_model::Timestamp;
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Of the last lines, in bytes.
const KEPT: usize = 8 << 10;

const CLOSE: Duration = Duration::from_secs(2);

/// What it said so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Said {
    /// The last segment that it read.
    pub(crate) restored: Option<String>,
    /// Why it stopped where it did.
    pub(crate) stopped: Option<String>,
    /// The last byte that it took in.
    pub(crate) redone: Option<Lsn>,
    /// When the last transaction was committed that it took in.
    pub(crate) committed: Option<Timestamp>,
    pub(crate) ready: bool,
    pub(crate) fatal: Option<String>,
    last: String,
}

impl Said {
    fn hear(&mut self, line: &str) {
        let within = |before: &str| {
            let rest = &line[line.find(before)? + before.len()..];
            Some(rest.split(['"', ' ']).next().unwrap_or_default())
        };
        if let Some(segment) = within("restored log file \"") {
            self.restored = Some(segment.to_owned());
        } else if let Some(at) = line.find("recovery stopping ") {
            self.stopped = Some(line[at..].to_owned());
        } else if let Some(lsn) = within("redo done at ") {
            self.redone = lsn.parse().ok();
        } else if let Some(at) = line.find("transaction was at log time ") {
            self.committed = moment(&line[at + "transaction was at log time ".len()..]);
        } else if line.contains("database system is ready to accept connections") {
            self.ready = true;
        }
        if let Some(fatal) = line
            .strip_prefix("FATAL:")
            .or_else(|| line.strip_prefix("PANIC:"))
        {
            // Whoever looks whether it is up is told so.
            if !fatal.contains("the database system is") {
                self.fatal = Some(fatal.trim().to_owned());
            }
        }
        self.last.push_str(line);
        self.last.push('\n');
        let mut over = self.last.len().saturating_sub(KEPT);
        while !self.last.is_char_boundary(over) {
            over += 1;
        }
        self.last.drain(..over);
    }

    /// The reason of an end: its own, or else the last lines.
    fn end(&self) -> String {
        self.fatal.clone().unwrap_or_else(|| {
            let lines: Vec<&str> = self.last.lines().collect();
            lines[lines.len().saturating_sub(4)..].join("; ")
        })
    }
}

/// `2026-11-27 20:12:13.123456+00`
fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim().replacen(' ', "T", 1);
    let text = text.strip_suffix("+00").map(|text| format!("{text}Z"));
    text?.parse().ok()
}

/// A log as it is read.
pub(crate) struct Log {
    pub(crate) said: watch::Receiver<Said>,
    task: JoinHandle<()>,
    /// What the script around the server said.
    stderr: Option<Stderr>,
}

impl Log {
    pub(crate) fn read(
        mut stream: impl AsyncBufRead + Send + Unpin + 'static,
        stderr: Stderr,
    ) -> Self {
        let (sender, said) = watch::channel(Said::default());
        let task = tokio::spawn(async move {
            let mut line = Vec::new();
            loop {
                line.clear();
                match stream.read_until(b'\n', &mut line).await {
                    Ok(1..) => {}
                    _ => break,
                }
                let text = String::from_utf8_lossy(&line);
                sender.send_modify(|said| said.hear(text.trim_end()));
            }
        });
        Self {
            said,
            task,
            stderr: Some(stderr),
        }
    }

    /// What it ended with.
    pub(crate) async fn end(&mut self) -> String {
        let _ = timeout(CLOSE, &mut self.task).await;
        let said = self.said.borrow().end();
        if !said.is_empty() {
            return said;
        }
        match self.stderr.take() {
            Some(stderr) => stderr.end().await,
            None => said,
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovery_is_read_from_its_log() {
        let mut said = Said::default();
        for line in [
            "LOG:  restored log file \"000000010000000000000003\" from archive",
            "FATAL:  the database system is starting up",
            "LOG:  recovery stopping before commit of transaction 761, time 2026-11-27 20:12:13.5+00",
            "LOG:  redo done at 0/3003B28 system usage: CPU: user: 0.00 s",
            "LOG:  last completed transaction was at log time 2026-11-27 20:12:13.123456+00",
            "LOG:  database system is ready to accept connections",
        ] {
            said.hear(line);
        }
        assert_eq!(said.restored.as_deref(), Some("000000010000000000000003"));
        assert_eq!(said.redone, Some(Lsn(0x300_3B28)));
        assert_eq!(
            said.committed.unwrap().to_string(),
            "2026-11-27T20:12:13.123Z"
        );
        assert!(said.ready && said.fatal.is_none());
        said.hear("FATAL:  recovery ended before configured recovery target was reached");
        assert!(said.end().starts_with("recovery ended before"));
    }
}
