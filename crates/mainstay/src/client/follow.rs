//! Streams that survive a restart of the server.
//!
//! The control plane may be killed and started again while somebody watches a deploy: the stream
//! is then asked for again, after the last thing seen, until it comes or patience ends.

use super::sse::{Message, Parser};
use super::{Answer, CallError, Client};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(200);

/// Three times what a server lets pass before it says that it is still there.
const SILENCE: Duration = Duration::from_secs(45);

/// What to do when a stream breaks off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// It is over: what was asked for has an end.
    None,
    /// Ask again, for so long.
    For(Duration),
}

impl Patience {
    /// Longer than a server needs to come back from a crash.
    pub const RESTART: Self = Self::For(Duration::from_mins(1));
}

/// A stream of events.
///
/// `next` is cancellation safe: what was read stays here.
pub struct Stream<P> {
    client: Client,
    /// The path to ask for, given the id of the last event seen.
    path: P,
    patience: Patience,
    last: Option<String>,
    answer: Option<Answer>,
    parser: Parser,
    ready: VecDeque<Message>,
    /// Since when the server has been away.
    absent: Option<Instant>,
    opened: bool,
}

impl<P> std::fmt::Debug for Stream<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream")
            .field("last", &self.last)
            .field("open", &self.answer.is_some())
            .finish_non_exhaustive()
    }
}

impl<P: FnMut(Option<&str>) -> String> Stream<P> {
    pub fn new(client: &Client, patience: Patience, path: P) -> Self {
        Self {
            client: client.clone(),
            path,
            patience,
            last: None,
            answer: None,
            parser: Parser::default(),
            ready: VecDeque::new(),
            absent: None,
            opened: false,
        }
    }

    /// The next event; `None` at the end. With patience there is no end but an error.
    pub async fn next(&mut self) -> Option<Result<Message, CallError>> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                if message.id.is_some() {
                    self.last.clone_from(&message.id);
                }
                return Some(Ok(message));
            }
            match self.read().await {
                Ok(true) => {}
                Ok(false) if self.patience == Patience::None => return None,
                Ok(false) => self.lost(),
                Err(error) => {
                    self.lost();
                    if self.is_over(&error) {
                        return Some(Err(error));
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Whether there is more; opens the stream where it is not open.
    async fn read(&mut self) -> Result<bool, CallError> {
        if self.answer.is_none() {
            let path = (self.path)(self.last.as_deref());
            self.answer = Some(self.client.stream(&path).await?);
            self.opened = true;
        }
        let Some(answer) = &mut self.answer else {
            return Ok(false);
        };
        let silent = |_| CallError::Lost(format!("silent for {} s", SILENCE.as_secs()));
        match timeout(SILENCE, answer.piece()).await.map_err(silent)? {
            None => Ok(false),
            Some(Err(error)) => Err(error),
            Some(Ok(bytes)) => {
                self.absent = None;
                self.ready.extend(self.parser.feed(&bytes));
                Ok(true)
            }
        }
    }

    /// Forgets the connection and half an event.
    fn lost(&mut self) {
        self.answer = None;
        self.parser = Parser::default();
        self.absent.get_or_insert_with(Instant::now);
    }

    fn is_over(&self, error: &CallError) -> bool {
        let Patience::For(limit) = self.patience else {
            return true;
        };
        let never_there = !self.opened && error.is_nobody();
        let too_long = self.absent.is_some_and(|since| since.elapsed() > limit);
        never_there || too_long || !error.is_absence()
    }
}
