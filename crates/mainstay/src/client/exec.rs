//! `exec`: a WebSocket that carries the command's streams.
//!
//! The first frame is the request, as text. Binary frames are a stream byte (0: input, 1: output,
//! 2: errors) and data; an input frame without data ends the input. The last text frame is the
//! exit code.

use super::websocket::{self, lost};
use super::{CallError, Client};
use futures_util::{SinkExt, StreamExt};
use mainstay_server::api::types::{ApiError, ExecExit, ExecRequest};
use tokio_tungstenite::tungstenite::Message;

const INPUT: u8 = 0;
const ERRORS: u8 = 2;

/// The command's standard input, block by block; ends when the sender does.
pub type ExecInput = tokio::sync::mpsc::Receiver<Vec<u8>>;

/// Runs the command to its end; `print(to_errors, data)` gets what it writes. Answers its code.
pub async fn exec(
    client: &Client,
    path: &str,
    request: &ExecRequest,
    mut input: ExecInput,
    mut print: impl FnMut(bool, &[u8]) -> Result<(), CallError>,
) -> Result<i32, CallError> {
    let mut socket = websocket::open(client, path).await?;
    let first = serde_json::to_string(request).map_err(|e| CallError::Form(e.to_string()))?;
    socket
        .send(Message::text(first))
        .await
        .map_err(|error| lost(&error))?;
    let mut open = true;
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Binary(frame))) => {
                    if let Some((stream, data)) = frame.split_first() {
                        print(*stream == ERRORS, data)?;
                    }
                }
                Some(Ok(Message::Text(text))) => return ended(text.as_str()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(lost(&error)),
                None => return Err(CallError::Lost("it closed the stream".to_owned())),
            },
            block = input.recv(), if open => {
                let more = block.is_some();
                let mut frame = vec![INPUT];
                frame.extend(block.unwrap_or_default());
                // A command that has ended takes no more input, and its server may be gone from the
                // line: what it said last is still to be read.
                open = socket.send(Message::binary(frame)).await.is_ok() && more;
            }
        }
    }
}

/// The last frame: the exit code, or why the command did not run.
fn ended(text: &str) -> Result<i32, CallError> {
    if let Ok(exit) = serde_json::from_str::<ExecExit>(text) {
        return Ok(exit.code);
    }
    match serde_json::from_str::<ApiError>(text) {
        Ok(error) => Err(CallError::Api(hyper::StatusCode::BAD_REQUEST, error)),
        Err(error) => Err(CallError::Form(error.to_string())),
    }
}
