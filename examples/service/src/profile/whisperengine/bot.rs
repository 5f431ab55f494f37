//! The bot's life: connect to the gateway, say who it is, answer what is said, come again when the
//! connection is lost.

use super::answer;
use super::gateway::{
    AUTHENTICATION_FAILED, Connection, DISPATCH, Frame, HEARTBEAT, HEARTBEAT_ACK, HELLO, Message,
};
use crate::app::App;
use crate::cache::Cache;
use crate::reach::{Peer, ReachError};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Packet;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_util::sync::CancellationToken;

/// From losing the gateway until asking again.
const RETRY: Duration = Duration::from_secs(1);

/// Until connected and ready.
const CONNECT: Duration = Duration::from_secs(10);

/// For posting one answer.
const POST: Duration = Duration::from_secs(5);

/// For a last word at the end.
const FAREWELL: Duration = Duration::from_secs(1);

type Socket = WebSocketStream<TcpStream>;

#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error(transparent)]
    Reach(#[from] ReachError),
    #[error("{0}")]
    Socket(#[from] tokio_tungstenite::tungstenite::Error),
    #[error("not ready within {} s", CONNECT.as_secs())]
    Deadline,
    #[error("the gateway does not take the token of DISCORD_BOT_TOKEN")]
    Token,
    #[error("closed by the gateway")]
    Closed,
    #[error("the last heartbeat was not answered")]
    Silent,
    #[error("not a frame of the protocol: {0}")]
    Frame(#[from] serde_json::Error),
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Bot {
    pub(crate) app: Arc<App>,
    pub(crate) cache: Arc<Cache>,
    connection: Arc<Mutex<Connection>>,
    /// -1 before the first answer.
    rate_limit_left: Arc<AtomicI64>,
}

impl Bot {
    pub(crate) fn new(app: Arc<App>) -> Self {
        let connection = match app.settings.peers.discord_gateway {
            Some(_) => Connection::Down,
            None => Connection::NotConfigured,
        };
        Self {
            app,
            cache: Arc::default(),
            connection: Arc::new(Mutex::new(connection)),
            rate_limit_left: Arc::new(AtomicI64::new(-1)),
        }
    }

    pub(crate) fn connection(&self) -> Connection {
        *self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn is_now(&self, connection: Connection) {
        *self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = connection;
    }

    pub(crate) fn rate_limit_left(&self) -> Option<i64> {
        Some(self.rate_limit_left.load(Ordering::Relaxed)).filter(|left| *left >= 0)
    }

    /// Until `stopping`.
    pub(crate) async fn live(self, stopping: CancellationToken) {
        let Some(gateway) = self.app.settings.peers.discord_gateway.clone() else {
            return;
        };
        while !stopping.is_cancelled() {
            if let Err(error) = self.session(&gateway, &stopping).await {
                tracing::warn!(%error, "the gateway is lost");
            }
            self.is_now(Connection::Down);
            let rest = tokio::time::sleep(RETRY);
            stopping.run_until_cancelled(rest).await;
        }
    }

    async fn session(&self, gateway: &Peer, stopping: &CancellationToken) -> Result<(), Lost> {
        let ready = tokio::time::timeout(CONNECT, self.connect(gateway));
        let Some(ready) = stopping.run_until_cancelled(ready).await else {
            return Ok(());
        };
        let (mut socket, beat) = ready.map_err(|_| Lost::Deadline)??;
        self.is_now(Connection::Up { latency: None });
        tracing::info!("ready");
        let ended = self.listen(&mut socket, beat, stopping).await;
        // Whoever comes next may be there at once: say that we are gone.
        let _ = tokio::time::timeout(FAREWELL, socket.close(None)).await;
        ended
    }

    /// Connects and identifies; the interval of heartbeats.
    async fn connect(&self, gateway: &Peer) -> Result<(Socket, Duration), Lost> {
        let stream = gateway.connect().await?;
        let url = format!("{gateway}/?v=10&encoding=json");
        let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await?;
        let hello = next(&mut socket).await?;
        let interval = hello.d["heartbeat_interval"].as_u64();
        let (HELLO, Some(interval)) = (hello.op, interval.filter(|ms| *ms > 0)) else {
            return Err(Lost::Closed);
        };
        let peers = &self.app.settings.peers;
        let token = peers.discord_token.as_ref().map_or("", |token| &token.0);
        socket
            .send(Packet::text(Frame::identify(token).text()))
            .await?;
        loop {
            if next(&mut socket).await?.t.as_deref() == Some("READY") {
                return Ok((socket, Duration::from_millis(interval)));
            }
        }
    }

    async fn listen(
        &self,
        socket: &mut Socket,
        interval: Duration,
        stopping: &CancellationToken,
    ) -> Result<(), Lost> {
        let mut beat = tokio::time::interval(interval);
        let mut sequence = None;
        let mut unanswered: Option<Instant> = None;
        loop {
            let frame = tokio::select! {
                () = stopping.cancelled() => return Ok(()),
                _ = beat.tick() => {
                    if unanswered.replace(Instant::now()).is_some() {
                        return Err(Lost::Silent);
                    }
                    let frame = Frame::of(HEARTBEAT, json!(sequence));
                    socket.send(Packet::text(frame.text())).await?;
                    continue;
                }
                frame = next(socket) => frame?,
            };
            sequence = frame.s.or(sequence);
            match frame.op {
                HEARTBEAT_ACK => {
                    let latency = unanswered.take().map(|sent| sent.elapsed());
                    self.is_now(Connection::Up { latency });
                }
                DISPATCH if frame.t.as_deref() == Some("MESSAGE_CREATE") => {
                    let message: Message = serde_json::from_value(frame.d)?;
                    if !message.author.bot {
                        self.hear(&message).await;
                    }
                }
                _ => {}
            }
        }
    }

    /// Answers one message. What goes wrong is said in the log, and the bot lives on.
    async fn hear(&self, message: &Message) {
        let started = Instant::now();
        let (command, answer) = answer::answer(self, message).await;
        let posted = self.post(message, &answer).await;
        let success = posted.is_ok();
        let took = started.elapsed();
        let labels = [("command", command)];
        let metrics = &self.app.metrics;
        metrics.observe("discord_command_duration_seconds", &labels, took);
        let outcome = if success { "answered" } else { "failed" };
        let labels = [labels[0], ("outcome", outcome)];
        metrics.count("discord_commands_total", &labels, 1);
        let response_time_ms = took.as_secs_f64() * 1000.0;
        let (user_id, guild_id) = (&message.author.id, &message.guild_id);
        match posted {
            Ok(()) => tracing::info!(
                user_id,
                guild_id,
                command,
                response_time_ms,
                success,
                "user_command_processed"
            ),
            Err(error) => tracing::error!(
                user_id,
                guild_id,
                command,
                response_time_ms,
                success,
                %error,
                "user_command_processed"
            ),
        }
    }

    async fn post(&self, message: &Message, answer: &str) -> Result<(), ReachError> {
        let peers = &self.app.settings.peers;
        let (Some(api), Some(token)) = (&peers.discord_api, &peers.discord_token) else {
            return Ok(());
        };
        let path = format!("/channels/{}/messages", message.channel_id);
        let headers = [("authorization", format!("Bot {}", token.0))];
        let body = json!({"content": answer, "message_reference": {"message_id": message.id}});
        let (headers, _) = api.post(&path, &headers, &body, POST).await?;
        let left = headers.get("x-ratelimit-remaining");
        let left = left.and_then(|left| left.to_str().ok()?.parse().ok());
        if let Some(left) = left {
            self.rate_limit_left.store(left, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// The next frame; pings are answered by the library.
async fn next(socket: &mut Socket) -> Result<Frame, Lost> {
    loop {
        match socket.next().await.ok_or(Lost::Closed)?? {
            Packet::Text(text) => return Ok(serde_json::from_str(&text)?),
            Packet::Close(Some(CloseFrame { code, .. }))
                if u16::from(code) == AUTHENTICATION_FAILED =>
            {
                return Err(Lost::Token);
            }
            Packet::Close(_) => return Err(Lost::Closed),
            _ => {}
        }
    }
}
