//! `forward`: one TCP connection to an instance, over a WebSocket.
//!
//! Binary frames carry bytes in both directions; one without data says that its side sends no
//! more. Why a connection cannot be had is the answer to the upgrade, with a status that fits.

use super::auth::Actor;
use super::environments::InScope;
use super::sent::Asked;
use super::types::{ApiError, ForwardQuery, Role};
use crate::control::Control;
use crate::forwarding::Forwarded;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Read from the instance at a time.
const BLOCK: usize = 16 << 10;

pub(super) async fn upgrade(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
    Asked(query): Asked<ForwardQuery>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    actor.needs(Role::Operator)?;
    let forwarded = control.forward(&scope, &query, &actor).await?;
    let stopping = Arc::clone(&control);
    Ok(upgrade.on_upgrade(async move |socket| {
        tokio::select! {
            () = carry(forwarded, socket) => {}
            // The person sees the connection end, as with a network that goes away.
            () = stopping.stopping() => {}
        }
    }))
}

/// Until both sides have ended, or one is gone.
async fn carry(mut forwarded: Forwarded, mut socket: WebSocket) {
    let (mut from, mut to) = forwarded.stream.split();
    let mut block = vec![0; BLOCK];
    let (mut reading, mut writing) = (true, true);
    while reading || writing {
        tokio::select! {
            read = from.read(&mut block), if reading => {
                let count = read.unwrap_or(0);
                reading = count > 0;
                let frame = Message::binary(block[..count].to_vec());
                if socket.send(frame).await.is_err() {
                    return;
                }
            }
            message = socket.recv() => match message {
                Some(Ok(Message::Binary(data))) if data.is_empty() => {
                    writing = false;
                    let _ = to.shutdown().await;
                }
                Some(Ok(Message::Binary(data))) => {
                    if to.write_all(&data).await.is_err() {
                        return;
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
        }
    }
    let _ = socket.send(Message::Close(None)).await;
}
