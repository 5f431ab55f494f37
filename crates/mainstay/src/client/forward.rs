//! `forward`: one TCP connection, carried to an instance over a WebSocket.
//!
//! Binary frames are bytes; one without data says that its side sends no more.

use super::websocket::{self, Socket, lost};
use super::{CallError, Client};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

/// Read at a time.
const BLOCK: usize = 16 << 10;

/// A connection to an instance that nothing is carried over yet.
pub struct Forward(Socket);

impl Forward {
    /// Fails where the instance does not take the connection.
    pub async fn open(client: &Client, path: &str) -> Result<Self, CallError> {
        websocket::open(client, path).await.map(Self)
    }

    /// Until both sides have ended, or one is gone.
    pub async fn carry(mut self, mut local: TcpStream) -> Result<(), CallError> {
        let (mut from, mut to) = local.split();
        let mut block = vec![0; BLOCK];
        let (mut reading, mut writing) = (true, true);
        while reading || writing {
            tokio::select! {
                read = from.read(&mut block), if reading => {
                    let count = read.unwrap_or(0);
                    reading = count > 0;
                    let frame = Message::binary(block[..count].to_vec());
                    self.0.send(frame).await.map_err(|error| lost(&error))?;
                }
                message = self.0.next() => match message {
                    Some(Ok(Message::Binary(data))) if data.is_empty() => {
                        writing = false;
                        let _ = to.shutdown().await;
                    }
                    Some(Ok(Message::Binary(data))) => {
                        if to.write_all(&data).await.is_err() {
                            break;
                        }
                    }
                    Some(Ok(Message::Close(_))) | None => break,
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(lost(&error)),
                },
            }
        }
        let _ = self.0.close(None).await;
        Ok(())
    }

    /// Ends it with nothing carried.
    pub async fn close(mut self) {
        let _ = self.0.close(None).await;
    }
}
