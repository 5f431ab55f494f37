//! A WebSocket that tells how a job goes on: the job as JSON, each time it changed, until it is
//! finished.

use super::Transcriber;
use super::bell::next_change;
use super::job::Job;
use super::jobs::{LOOK, visible};
use crate::account::Caller;
use crate::web::ApiError;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, State};
use axum::response::Response;
use std::time::Duration;

/// Who does not take a message for this long is gone.
const SEND: Duration = Duration::from_secs(10);

/// A quiet connection is asked whether somebody is there, before something in between ends it.
const PING: Duration = Duration::from_secs(20);

/// `GET` with an upgrade.
pub(crate) async fn progress(
    State(here): State<Transcriber>,
    caller: Caller,
    Path(id): Path<String>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    visible(&here, &caller, &id).await?;
    Ok(upgrade.on_upgrade(move |socket| async move {
        here.app.metrics.count("websockets_total", &[], 1);
        let mut teller = Teller {
            socket,
            here,
            told: None,
        };
        let close = teller.follow(&caller, &id).await;
        let _ = teller.send(Message::Close(Some(close))).await;
    }))
}

struct Teller {
    socket: WebSocket,
    here: Transcriber,
    told: Option<Job>,
}

/// The other side has gone.
struct Gone;

impl Teller {
    /// Ends with why.
    async fn follow(&mut self, caller: &Caller, id: &str) -> CloseFrame {
        let here = self.here.clone();
        let mut listener = here.bell.listen();
        let mut ping = tokio::time::interval(PING);
        loop {
            let Ok(job) = visible(&here, caller, id).await else {
                return close(close_code::AGAIN, "the database is not available");
            };
            let is_final = job.state.is_final();
            if self.tell(job).await.is_err() {
                return close(close_code::NORMAL, "");
            }
            if is_final {
                return close(close_code::NORMAL, "finished");
            }
            tokio::select! {
                () = next_change(&mut listener, id, LOOK) => {}
                () = here.app.stopping.cancelled() => {
                    // The browser comes again, to another instance.
                    return close(close_code::RESTART, "this instance ends");
                }
                _ = ping.tick() => {
                    if self.send(Message::Ping(bytes::Bytes::new())).await.is_err() {
                        return close(close_code::NORMAL, "");
                    }
                }
                message = self.socket.recv() => {
                    if !matches!(message, Some(Ok(message)) if !matches!(message, Message::Close(_))) {
                        return close(close_code::NORMAL, "");
                    }
                }
            }
        }
    }

    /// Sends the job where it is news.
    async fn tell(&mut self, job: Job) -> Result<(), Gone> {
        if self.told.as_ref() == Some(&job) {
            return Ok(());
        }
        let text = serde_json::to_string(&job).map_err(|_| Gone)?;
        self.told = Some(job);
        self.send(Message::Text(text.into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), Gone> {
        match tokio::time::timeout(SEND, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Gone),
        }
    }
}

fn close(code: u16, reason: &'static str) -> CloseFrame {
    CloseFrame {
        code,
        reason: reason.into(),
    }
}
