//! One probe of an instance: HTTP, TCP or a command, with its deadline.
//!
//! The HTTP probe is a few lines of its own on a TCP connection: one GET, the status line is all
//! that is read, and the connection is closed. Redirects are not followed (they pass).

use crate::spec::Probe;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A status line is never longer than this.
const MAX_STATUS_LINE: usize = 256;

/// Probes once; `command` is how a target runs the probe's command, and is begun for no other. `Err` says what failed, for people: `GET /health: 503`.
pub(crate) async fn run(
    probe: &Probe,
    address: Option<SocketAddr>,
    command: impl Future<Output = Result<(), String>>,
    timeout: Duration,
) -> Result<(), String> {
    let name = describe(probe, address);
    let attempt = async {
        match probe {
            Probe::Http { path } => http(address, path).await,
            Probe::Tcp => tcp(address).await.map(drop),
            Probe::Command { .. } => command.await,
        }
    };
    match tokio::time::timeout(timeout, attempt).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(reason)) => Err(format!("{name}: {reason}")),
        Err(_) => Err(format!(
            "{name}: no answer within {}",
            mainstay_model::format_duration(timeout)
        )),
    }
}

fn describe(probe: &Probe, address: Option<SocketAddr>) -> String {
    match (probe, address) {
        (Probe::Http { path }, _) => format!("GET {path}"),
        (Probe::Tcp, Some(address)) => format!("connect to {address}"),
        (Probe::Tcp, None) => "connect".to_owned(),
        (Probe::Command { command }, _) => {
            format!("`{}`", command.first().map_or("", String::as_str))
        }
    }
}

async fn tcp(address: Option<SocketAddr>) -> Result<TcpStream, String> {
    let address = address.ok_or("the instance has no port; hint: publish or expose one")?;
    TcpStream::connect(address)
        .await
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::ConnectionRefused => format!("nothing listens on {address}"),
            _ => error.to_string(),
        })
}

async fn http(address: Option<SocketAddr>, path: &str) -> Result<(), String> {
    if !path.starts_with('/') || path.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
        return Err("the path must begin with `/` and hold no spaces".into());
    }
    let mut stream = tcp(address).await?;
    let host = address
        .map(|address| address.to_string())
        .unwrap_or_default();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: mainstay-health\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    let text = |error: std::io::Error| error.to_string();
    stream.write_all(request.as_bytes()).await.map_err(text)?;
    let mut head = Vec::new();
    let mut bytes = [0; MAX_STATUS_LINE];
    while !head.contains(&b'\n') && head.len() < MAX_STATUS_LINE {
        match stream.read(&mut bytes).await.map_err(text)? {
            0 => return Err("the connection was closed without an answer".into()),
            count => head.extend_from_slice(&bytes[..count]),
        }
    }
    match status(&head) {
        Some(200..400) => Ok(()),
        Some(status) => Err(status.to_string()),
        None => Err("the answer is not HTTP".into()),
    }
}

fn status(head: &[u8]) -> Option<u16> {
    let line =
        std::str::from_utf8(head.split(|byte| *byte == b'\r' || *byte == b'\n').next()?).ok()?;
    let mut words = line.split(' ');
    words.next()?.strip_prefix("HTTP/1.")?;
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[test]
    fn status_lines() {
        assert_eq!(status(b"HTTP/1.1 200 OK\r\nX: y"), Some(200));
        assert_eq!(status(b"HTTP/1.0 503\r\n"), Some(503));
        for bad in [
            &b"SSH-2.0-OpenSSH\r\n"[..],
            b"HTTP/1.1\r\n",
            b"",
            b"\xff\xfe\n",
        ] {
            assert_eq!(status(bad), None);
        }
    }

    /// Answers one connection with `answer`, and holds it open where that is empty.
    async fn serve(answer: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer).await;
            if answer.is_empty() {
                std::future::pending::<()>().await;
            }
        });
        address
    }

    fn none() -> std::future::Ready<Result<(), String>> {
        std::future::ready(Ok(()))
    }

    async fn probe(answer: &'static [u8]) -> Result<(), String> {
        let address = serve(answer).await;
        let probe = Probe::Http {
            path: "/health".into(),
        };
        run(&probe, Some(address), none(), Duration::from_millis(300)).await
    }

    #[tokio::test]
    async fn http_answers_are_judged_by_their_status() {
        assert_eq!(probe(b"HTTP/1.1 204 No Content\r\n\r\n").await, Ok(()));
        assert_eq!(probe(b"HTTP/1.1 302 Found\r\n\r\n").await, Ok(()));
        let failed = |text: &str| Err(text.to_owned());
        assert_eq!(
            probe(b"HTTP/1.1 503 No\r\n\r\n").await,
            failed("GET /health: 503")
        );
        assert_eq!(
            probe(b"hello\r\n").await,
            failed("GET /health: the answer is not HTTP")
        );
        assert_eq!(
            probe(b"").await,
            failed("GET /health: no answer within 300ms")
        );
    }

    #[tokio::test]
    async fn a_path_cannot_smuggle_a_second_request() {
        for path in ["health", "/a b", "/a\r\nX: y"] {
            let address = SocketAddr::from(([127, 0, 0, 1], 1));
            let probe = Probe::Http { path: path.into() };
            let error = run(&probe, Some(address), none(), Duration::from_secs(5)).await;
            assert!(error.is_err_and(|error| error.contains("must begin with")));
        }
    }

    #[tokio::test]
    async fn who_does_not_listen_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let result = run(&Probe::Tcp, Some(address), none(), Duration::from_secs(5)).await;
        assert_eq!(
            result,
            Err(format!(
                "connect to {address}: nothing listens on {address}"
            ))
        );
    }
}
