//! What the conversations over a WebSocket share: the upgrade, and how it fails.

use super::address::{Address, Connection};
use super::{CallError, Client};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, handshake::client::Request};

/// Either kind of connection to a server.
pub(super) trait Line: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Line for S {}

pub(super) type Socket = WebSocketStream<Box<dyn Line>>;

/// Connects and upgrades. What the server refuses is an answer of the API.
pub(super) async fn open(client: &Client, path: &str) -> Result<Socket, CallError> {
    let line: Box<dyn Line> = match client.address.connect().await? {
        Connection::Unix(stream) => Box::new(stream),
        Connection::Tcp(stream) => Box::new(stream),
    };
    let upgrade = upgrade(&client.address, path)?;
    match tokio_tungstenite::client_async(upgrade, line).await {
        Ok((socket, _)) => Ok(socket),
        Err(error) => Err(refused(error)),
    }
}

fn upgrade(address: &Address, path: &str) -> Result<Request, CallError> {
    let mut upgrade = format!("ws://{}{path}", address.host())
        .into_client_request()
        .map_err(|error| CallError::Form(error.to_string()))?;
    if let Some(token) = address.token()
        && let Ok(value) = format!("Bearer {}", token.expose()).parse()
    {
        upgrade.headers_mut().insert("authorization", value);
    }
    Ok(upgrade)
}

fn refused(error: tungstenite::Error) -> CallError {
    if let tungstenite::Error::Http(response) = error {
        let status = response.status();
        let body = response.body().as_deref().unwrap_or_default();
        let error =
            serde_json::from_slice(body).unwrap_or_else(|_| super::unexplained(status, body));
        return CallError::Api(status, error);
    }
    lost(&error)
}

pub(super) fn lost(error: &tungstenite::Error) -> CallError {
    CallError::Lost(error.to_string())
}
