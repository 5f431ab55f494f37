//! Stands in for Discord: its gateway for bots, the path where they post, and a path by which
//! people and tests say something.
//!
//! It keeps a tally of how many bots were connected at once and whether a message was answered
//! twice: what a singleton must not do shows here, from outside of the bot.

use crate::profile::whisperengine::gateway::{
    AUTHENTICATION_FAILED, Author, Frame, HEARTBEAT, HEARTBEAT_ACK, HELLO, IDENTIFY, Message,
};
use crate::settings::{Settings, parse_duration};
use crate::web::ApiError;
use axum::extract::ws::{self, CloseFrame, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

const BEAT: Duration = Duration::from_secs(1);

/// Messages not yet sent to the slowest bot; it misses the rest.
const QUEUE: usize = 256;

/// Answers kept; the oldest go.
const MAX_MESSAGES: usize = 1000;

/// Somebody who says something waits at most this long for the answers.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// How Discord's own limit for posting looks; it is shown and not enforced.
const RATE_LIMIT: u64 = 50;

#[derive(Debug, Clone)]
struct Discord {
    token: Arc<str>,
    said: broadcast::Sender<Message>,
    tally: Arc<Mutex<Tally>>,
    /// Changes with each answer.
    answered: watch::Sender<u64>,
    stopping: CancellationToken,
}

#[derive(Debug, Default)]
struct Tally {
    connected: u64,
    most_connected: u64,
    sessions: u64,
    messages: u64,
    answered_twice: u64,
    /// By message, oldest first.
    answers: BTreeMap<u64, Vec<String>>,
}

/// # Errors
/// Without the token that bots have to show.
pub(super) fn router(settings: &Settings, stopping: CancellationToken) -> anyhow::Result<Router> {
    let token = settings.peers.discord_token.as_ref().ok_or_else(|| {
        anyhow::anyhow!("DISCORD_BOT_TOKEN is missing\n  hint: set what bots have to show")
    })?;
    let discord = Discord {
        token: token.0.as_str().into(),
        said: broadcast::channel(QUEUE).0,
        tally: Arc::default(),
        answered: watch::channel(0).0,
        stopping,
    };
    Ok(Router::new()
        .route("/gateway/", get(connect))
        .route("/api/v10/channels/{channel}/messages", post(answer))
        .route("/say", post(say))
        .route("/status", get(status))
        .with_state(discord))
}

async fn connect(State(discord): State<Discord>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async move |mut socket| {
        if let Some(close) = session(&discord, &mut socket).await {
            let _ = socket.send(ws::Message::Close(Some(close))).await;
        }
    })
}

/// Ends with what to say at the end; `None` where nobody is there any more.
async fn session(discord: &Discord, socket: &mut WebSocket) -> Option<CloseFrame> {
    let hello = json!({"heartbeat_interval": BEAT.as_millis() as u64});
    send(socket, &Frame::of(HELLO, hello)).await?;
    let identify = receive(socket).await?;
    if identify.op != IDENTIFY || identify.d["token"] != *discord.token {
        return Some(CloseFrame {
            code: AUTHENTICATION_FAILED,
            reason: "Authentication failed.".into(),
        });
    }
    let _there = There::come(discord);
    let mut said = discord.said.subscribe();
    let user = json!({"id": "1", "username": "bot", "bot": true});
    let mut sequence = 1;
    send(
        socket,
        &Frame::event("READY", sequence, json!({"v": 10, "user": user})),
    )
    .await?;
    loop {
        tokio::select! {
            () = discord.stopping.cancelled() => {
                return Some(CloseFrame { code: 1001, reason: "going away".into() });
            }
            message = said.recv() => {
                // A bot that was too slow has missed some.
                let Ok(message) = message else { continue };
                sequence += 1;
                send(socket, &Frame::event("MESSAGE_CREATE", sequence, json!(message))).await?;
            }
            frame = receive(socket) => {
                if frame?.op == HEARTBEAT {
                    send(socket, &Frame::of(HEARTBEAT_ACK, Value::Null)).await?;
                }
            }
        }
    }
}

async fn send(socket: &mut WebSocket, frame: &Frame) -> Option<()> {
    let message = ws::Message::Text(frame.text().into());
    socket.send(message).await.ok()
}

async fn receive(socket: &mut WebSocket) -> Option<Frame> {
    loop {
        match socket.recv().await?.ok()? {
            ws::Message::Text(text) => return serde_json::from_str(&text).ok(),
            ws::Message::Close(_) => return None,
            _ => {}
        }
    }
}

/// One bot that is connected, for as long as the value lives.
struct There<'a>(&'a Discord);

impl<'a> There<'a> {
    fn come(discord: &'a Discord) -> Self {
        let mut tally = discord.tally();
        tally.sessions += 1;
        tally.connected += 1;
        tally.most_connected = tally.most_connected.max(tally.connected);
        Self(discord)
    }
}

impl Drop for There<'_> {
    fn drop(&mut self) {
        self.0.tally().connected -= 1;
    }
}

impl Discord {
    fn tally(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answers_to(&self, message: u64) -> Vec<String> {
        let tally = self.tally();
        tally.answers.get(&message).cloned().unwrap_or_default()
    }
}

#[derive(Debug, Deserialize)]
struct Said {
    content: String,
    #[serde(default = "somebody")]
    user: String,
}

fn somebody() -> String {
    "somebody".to_owned()
}

#[derive(Debug, Deserialize)]
struct Wait {
    wait: Option<String>,
}

/// `POST /say?wait=5s`: to every bot that is connected; answers come back with it.
async fn say(
    State(discord): State<Discord>,
    Query(Wait { wait }): Query<Wait>,
    Json(said): Json<Said>,
) -> Result<Json<Value>, ApiError> {
    let wait = wait.as_deref().map(parse_duration).transpose();
    let wait = wait.map_err(|error| ApiError::new(StatusCode::BAD_REQUEST, error))?;
    let wait = wait.unwrap_or(Duration::from_secs(5)).min(MAX_WAIT);
    let (id, to) = {
        let mut tally = discord.tally();
        tally.messages += 1;
        let id = tally.messages;
        tally.answers.insert(id, Vec::new());
        if tally.answers.len() > MAX_MESSAGES {
            tally.answers.pop_first();
        }
        (id, tally.connected)
    };
    // Unique beyond this process: it begins with 1 each time, and bots remember.
    let unique = format!("{}-{id}", uuid::Uuid::now_v7());
    let mut news = discord.answered.subscribe();
    // Fails where nobody listens; the tally says so.
    let _ = discord.said.send(Message {
        id: unique,
        channel_id: "1".to_owned(),
        guild_id: "1".to_owned(),
        author: Author {
            id: said.user.clone(),
            username: said.user,
            bot: false,
        },
        content: said.content,
    });
    let heard = news.wait_for(|_| !discord.answers_to(id).is_empty());
    if to > 0 {
        let _ = tokio::time::timeout(wait, heard).await;
    }
    Ok(Json(
        json!({"heard_by": to, "answers": discord.answers_to(id)}),
    ))
}

/// `POST /api/v10/channels/{channel}/messages`: a bot's answer.
async fn answer(
    State(discord): State<Discord>,
    Path(channel): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<impl IntoResponse, ApiError> {
    let shown = headers.get(header::AUTHORIZATION);
    let shown = shown.and_then(|value| value.to_str().ok()?.strip_prefix("Bot "));
    if shown != Some(&discord.token) {
        return Err(ApiError::new(StatusCode::UNAUTHORIZED, "401: Unauthorized"));
    }
    let content = body["content"].as_str().unwrap_or_default().to_owned();
    let to = body["message_reference"]["message_id"].as_str();
    let number = to.and_then(|id| id.rsplit_once('-')?.1.parse().ok());
    let answer =
        json!({"id": uuid::Uuid::now_v7().to_string(), "channel_id": channel, "content": content});
    if let Some(number) = number {
        let mut tally = discord.tally();
        let mut twice = false;
        if let Some(answers) = tally.answers.get_mut(&number) {
            twice = !answers.is_empty();
            answers.push(content);
        }
        tally.answered_twice += u64::from(twice);
    }
    discord.answered.send_modify(|count| *count += 1);
    let limit = [
        ("x-ratelimit-limit", RATE_LIMIT.to_string()),
        ("x-ratelimit-remaining", (RATE_LIMIT - 1).to_string()),
    ];
    Ok((limit, Json(answer)))
}

/// `GET /status`
async fn status(State(discord): State<Discord>) -> Json<Value> {
    let tally = discord.tally();
    Json(json!({
        "stand_in_for": "discord",
        "connected": tally.connected,
        "most_connected": tally.most_connected,
        "sessions": tally.sessions,
        "messages": tally.messages,
        "answered_twice": tally.answered_twice,
    }))
}
