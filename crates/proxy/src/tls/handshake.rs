//! One handshake: bounded in number and time, and told apart from what is none.

use super::outcome::{Handshakes, Outcome};
use super::{CHALLENGE_PROTOCOL, Present, Tls};
use crate::answer;
use crate::farewell;
use rustls::server::Acceptor;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};

/// The first byte of every TLS connection: a record of the handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 0x16;

/// The encrypted connection, or `None` where none came about. Counts which it was.
pub(crate) async fn accept(
    tls: &Tls,
    counts: &Handshakes,
    stream: TcpStream,
) -> Option<TlsStream<TcpStream>> {
    let present = tls.present.load_full();
    let Some(_running) = Running::enter(&tls.running, present.settings.max_handshakes) else {
        counts.count(Outcome::TooMany);
        return None;
    };
    let patience = present.settings.handshake_timeout;
    let shaken = match tokio::time::timeout(patience, shake(&present, stream)).await {
        Ok(shaken) => shaken,
        Err(_) => Err(Outcome::TooSlow),
    };
    let outcome = shaken
        .as_ref()
        .map_or_else(|outcome| *outcome, |_| Outcome::Served);
    counts.count(outcome);
    shaken.ok()
}

async fn shake(present: &Present, mut stream: TcpStream) -> Result<TlsStream<TcpStream>, Outcome> {
    let mut first = [0; 1];
    match stream.peek(&mut first).await {
        Ok(1) if first[0] == HANDSHAKE => {}
        Ok(1) => {
            farewell::say(&mut stream, answer::SPEAKS_TLS).await;
            return Err(Outcome::NotTls);
        }
        _ => return Err(Outcome::Closed),
    }
    let start = LazyConfigAcceptor::new(Acceptor::default(), stream)
        .await
        .map_err(|error| Outcome::of(&error))?;
    let hello = start.client_hello();
    let protocols = hello.alpn();
    if protocols.is_some_and(|mut asked| asked.any(|protocol| protocol == CHALLENGE_PROTOCOL)) {
        return Err(challenge(present, start).await);
    }
    // rustls would call it an error of no particular kind.
    let has_certificate = present.keys.choose(&hello).is_some();
    let server = present.server.as_ref().ok_or(Outcome::NoCertificate)?;
    let shaken = start.into_stream(Arc::clone(server)).await;
    shaken.map_err(|error| {
        if has_certificate {
            Outcome::of(&error)
        } else {
            Outcome::NoCertificate
        }
    })
}

/// Shows the certificate that proves the name, and ends: nothing is spoken over it.
async fn challenge(present: &Present, start: StartHandshake<TcpStream>) -> Outcome {
    let hello = start.client_hello();
    let host = hello.server_name().map(str::to_ascii_lowercase);
    let Some(config) = host.and_then(|host| present.challenges.get(&host)) else {
        return Outcome::NoCertificate;
    };
    match start.into_stream(Arc::clone(config)).await {
        Ok(mut stream) => {
            let _ = stream.shutdown().await;
            Outcome::Challenged
        }
        Err(error) => Outcome::of(&error),
    }
}

/// A place among the handshakes that run.
struct Running<'a>(&'a AtomicU64);

impl<'a> Running<'a> {
    fn enter(running: &'a AtomicU64, max: u32) -> Option<Self> {
        let place = Self(running);
        let before = running.fetch_add(1, Ordering::AcqRel);
        (before < u64::from(max)).then_some(place)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
