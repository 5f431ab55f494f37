//! A receiver of notifications: keeps what it was sent, and fails when it is told to.

use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// No sender of ours is slower.
const PATIENCE: Duration = Duration::from_secs(10);

/// One request that came in.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) body: Value,
}

impl Received {
    /// Names of the alerts in a message of the webhook, with their state.
    pub(crate) fn alerts(&self) -> Vec<(String, String)> {
        let alerts = self.body["alerts"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let named = alerts.iter();
        named
            .map(|alert| (text(&alert["labels"]["alertname"]), text(&alert["status"])))
            .collect()
    }
}

/// Listens until the scenario ends.
pub(crate) struct Hook {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    fails: Arc<AtomicBool>,
}

impl Hook {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let hook = Self {
            address: listener.local_addr().unwrap(),
            received: Arc::default(),
            fails: Arc::default(),
        };
        let (received, fails) = (Arc::clone(&hook.received), Arc::clone(&hook.fails));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (received, fails) = (Arc::clone(&received), Arc::clone(&fails));
                std::thread::spawn(move || answer(stream, &received, &fails));
            }
        });
        hook
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Whether every request is answered with 503 from now on.
    pub(crate) fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// How often this alert was told in this state.
    pub(crate) fn told(&self, alert: &str, status: &str) -> usize {
        let pair = (alert.to_owned(), status.to_owned());
        let all = self.received();
        all.iter()
            .filter(|one| one.alerts().contains(&pair))
            .count()
    }
}

fn answer(mut stream: TcpStream, received: &Mutex<Vec<Received>>, fails: &AtomicBool) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    while let Some((path, body)) = request(&mut stream) {
        let failed = fails.load(Ordering::SeqCst);
        let status = if failed {
            "503 Service Unavailable"
        } else {
            received.lock().unwrap().push(Received {
                path,
                body: serde_json::from_slice(&body).unwrap_or_default(),
            });
            "200 OK"
        };
        if write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}

/// The path and the body of the next request on a connection that is kept.
fn request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let path = head.split(' ').nth(1)?.to_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    Some((path, body))
}
