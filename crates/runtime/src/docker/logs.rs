//! The log of a container, read from its engine: the last lines, from a time on, and as they come.
//!
//! The engine's stream ends with the run; one that follows goes on with the next run of the same
//! container, from where it was: by the time of the last line, which the engine tells to the
//! nanosecond.

use super::shared::Shared;
use crate::logs::{LogLine, LogQuery, LogStream};
use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::StreamExt;
use mainstay_model::{InstanceId, Scope, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Between looks whether a container runs again.
const POLL: Duration = Duration::from_millis(200);

/// The engine cuts longer lines into pieces of this size.
const PIECE: usize = 16 << 10;

/// Who reads what.
pub(crate) struct Reading {
    pub(crate) shared: Arc<Shared>,
    pub(crate) scope: Scope,
    pub(crate) id: InstanceId,
    pub(crate) query: LogQuery,
    /// The instance is removed: nothing will come any more.
    pub(crate) gone: CancellationToken,
    pub(crate) sender: mpsc::Sender<LogLine>,
}

/// How far it was read: the time of the last line, and how many had that very time.
#[derive(Debug, Default)]
struct Place {
    time: String,
    lines: usize,
}

/// What is left to be passed over after beginning anew.
#[derive(Debug, Default)]
struct Skip {
    time: String,
    lines: usize,
}

impl Reading {
    pub(crate) async fn run(self) {
        let name = self.scope.instance_name(&self.id);
        let mut place = Place::default();
        let mut read_run = None;
        loop {
            let found = self.shared.engine.look(&self.scope, &self.id).await;
            let found = found.ok().flatten();
            let run = found.as_ref().and_then(|container| container.run.clone());
            let running = found.as_ref().is_some_and(|container| container.running);
            let gone = self.gone.is_cancelled();
            if found.is_some() && (running || read_run.is_none() || run != read_run) {
                if self.stream(&name, &mut place).await.is_none() {
                    return;
                }
                read_run = run;
            }
            if !self.query.follow || gone {
                return;
            }
            tokio::select! {
                () = self.sender.closed() => return,
                () = self.gone.cancelled() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Passes on what the engine has, to the end of its stream. `None`: nobody listens any more.
    async fn stream(&self, name: &str, place: &mut Place) -> Option<()> {
        let Ok(docker) = self.shared.engine.api().await else {
            return Some(());
        };
        let since = parse_time(&place.time).or(self.query.since);
        let mut skip = Skip {
            time: place.time.clone(),
            lines: place.lines,
        };
        let again = !place.time.is_empty();
        let tail = self.query.tail.filter(|_| !again);
        let options = LogsOptionsBuilder::default()
            .stdout(true)
            .stderr(true)
            .timestamps(true)
            .follow(self.query.follow)
            .since(since.map_or(0, |since| (since.as_millis() / 1000) as i32))
            .tail(&tail.map_or_else(|| "all".to_owned(), |tail| tail.to_string()))
            .build();
        let mut lines = docker.logs(name, Some(options));
        loop {
            let piece = tokio::select! {
                () = self.sender.closed() => return None,
                piece = lines.next() => piece,
            };
            let Some(Ok(piece)) = piece else {
                return Some(());
            };
            let stream = match piece {
                LogOutput::StdErr { .. } => LogStream::Stderr,
                _ => LogStream::Stdout,
            };
            let bytes = piece.into_bytes();
            let Some((time, text)) = split(&bytes) else {
                continue;
            };
            if skip.passes_over(&time) {
                continue;
            }
            place.note(&time);
            let Some(line) = self.line(&time, stream, text) else {
                continue;
            };
            self.sender.send(line).await.ok()?;
        }
    }

    fn line(&self, time: &str, stream: LogStream, text: &[u8]) -> Option<LogLine> {
        let time = parse_time(time)?;
        if self.query.since.is_some_and(|since| time < since) {
            return None;
        }
        let whole = text.strip_suffix(b"\n");
        Some(LogLine {
            time,
            scope: self.scope.clone(),
            instance: self.id.clone(),
            stream,
            line: String::from_utf8_lossy(whole.unwrap_or(text)).into_owned(),
            partial: whole.is_none() && text.len() >= PIECE,
        })
    }
}

impl Place {
    fn note(&mut self, time: &str) {
        if self.time == time {
            self.lines += 1;
        } else {
            time.clone_into(&mut self.time);
            self.lines = 1;
        }
    }
}

impl Skip {
    fn passes_over(&mut self, time: &str) -> bool {
        if time == self.time && self.lines > 0 {
            self.lines -= 1;
            return true;
        }
        // Of one form and one zone, so that text sorts as time does.
        time < self.time.as_str()
    }
}

/// `2026-09-21T14:13:20.007123456Z text`
fn split(bytes: &[u8]) -> Option<(String, &[u8])> {
    let space = bytes.iter().position(|byte| *byte == b' ')?;
    let time = std::str::from_utf8(&bytes[..space]).ok()?;
    Some((time.to_owned(), &bytes[space + 1..]))
}

fn parse_time(text: &str) -> Option<Timestamp> {
    serde_json::from_value(text.into()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_passed_over_and_nothing_else() {
        let lines = ["1", "2", "2", "2", "3"];
        let mut place = Place::default();
        for line in &lines[..3] {
            place.note(line);
        }
        let mut skip = Skip {
            time: place.time.clone(),
            lines: place.lines,
        };
        let left: Vec<_> = lines
            .iter()
            .filter(|line| !skip.passes_over(line))
            .collect();
        assert_eq!(left, [&"2", &"3"]);
    }
}
