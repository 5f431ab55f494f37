//! `exec`: a command beside an instance, over a WebSocket.

use super::auth::Actor;
use super::environments::InScope;
use super::types::{ApiError, ExecExit, ExecRequest, Role};
use crate::control::Control;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use mainstay_model::Scope;
use mainstay_runtime::exec::Exec;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

/// Until the first frame has to be there.
const REQUEST_DEADLINE: Duration = Duration::from_secs(10);
const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;

pub(super) async fn upgrade(
    State(control): State<Arc<Control>>,
    InScope(scope): InScope,
    actor: Actor,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    actor.needs(Role::Operator)?;
    Ok(upgrade.on_upgrade(move |socket| session(control, scope, actor, socket)))
}

async fn session(control: Arc<Control>, scope: Scope, actor: Actor, mut socket: WebSocket) {
    let started = match first_frame(&mut socket).await {
        Ok(request) => control.exec(&scope, request, &actor).await,
        Err(error) => Err(error),
    };
    let answer = match started {
        Ok(child) => serde_json::to_string(&ExecExit {
            code: pump(child, &mut socket).await,
        }),
        Err(error) => serde_json::to_string(&error),
    };
    if let Ok(text) = answer {
        let _ = socket.send(Message::text(text)).await;
    }
    let _ = socket.send(Message::Close(None)).await;
}

async fn first_frame(socket: &mut WebSocket) -> Result<ExecRequest, ApiError> {
    let frame = tokio::time::timeout(REQUEST_DEADLINE, socket.recv()).await;
    match frame {
        Ok(Some(Ok(Message::Text(text)))) => serde_json::from_str(&text)
            .map_err(|error| ApiError::invalid(format!("exec request: {error}"))),
        _ => Err(ApiError::invalid("the first frame is not an exec request")),
    }
}

/// Carries the three streams until the command ends; it is ended with the connection.
async fn pump(mut child: Exec, socket: &mut WebSocket) -> i32 {
    // Small, so that a slow reader slows the command down and fills no memory.
    let (sender, mut output) = mpsc::channel::<Vec<u8>>(8);
    if let Some(stream) = child.stdout.take() {
        tokio::spawn(forward(STDOUT, stream, sender.clone()));
    }
    if let Some(stream) = child.stderr.take() {
        tokio::spawn(forward(STDERR, stream, sender.clone()));
    }
    drop(sender);
    let mut stdin = child.stdin.take();
    loop {
        tokio::select! {
            frame = output.recv() => match frame {
                Some(frame) => {
                    if socket.send(Message::binary(frame)).await.is_err() {
                        break;
                    }
                }
                None => return wait(&mut child).await,
            },
            message = socket.recv() => match message {
                Some(Ok(Message::Binary(data))) => {
                    if !feed(&mut stdin, &data).await {
                        stdin = None;
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => {}
            },
        }
    }
    child.kill();
    wait(&mut child).await
}

/// Writes one input frame; `false` ends the input.
async fn feed(stdin: &mut Option<Box<dyn AsyncWrite + Send + Unpin>>, data: &[u8]) -> bool {
    match (data.split_first(), stdin) {
        (Some((&STDIN, bytes)), Some(stdin)) if !bytes.is_empty() => {
            stdin.write_all(bytes).await.is_ok() && stdin.flush().await.is_ok()
        }
        (Some((&STDIN, _)), _) => false,
        _ => true,
    }
}

async fn forward(name: u8, mut stream: impl AsyncReadExt + Unpin, sender: mpsc::Sender<Vec<u8>>) {
    let mut buffer = vec![0; 8192];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        let mut frame = vec![name];
        frame.extend_from_slice(&buffer[..count]);
        if sender.send(frame).await.is_err() {
            return;
        }
    }
}

async fn wait(child: &mut Exec) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    match child.wait().await {
        // As a shell says it: 128 and the signal.
        Ok(status) => status
            .code()
            .or_else(|| status.signal().map(|signal| 128 + signal))
            .unwrap_or(1),
        Err(_) => 1,
    }
}
