//! 64 keep-alive connections at full speed, and what they saw.

use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;

const CONNECTIONS: usize = 64;
/// A generator that nobody ends, ends by itself.
const MOST_TIME: Duration = Duration::from_secs(120);
/// Longer than any answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A load that runs in the background until it is asked what it saw.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<Seen>>,
}

/// What all connections saw together.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) answers: u64,
    /// By release.
    pub(crate) releases: BTreeMap<String, u64>,
    /// What was not a 2xx, in words; the first of each connection.
    pub(crate) failures: Vec<String>,
    /// Connections that the proxy closed between requests, which it may.
    pub(crate) reconnects: u64,
}

impl Load {
    /// On `/health`, which asks the service's database too.
    pub(crate) fn start(address: SocketAddr) -> Self {
        Self::start_at(address, "/health")
    }

    pub(crate) fn start_at(address: SocketAddr, path: &'static str) -> Self {
        Self::of(async move |stop| generate(address, path, stop).await)
    }

    /// Any other load that ends when its flag says so.
    pub(crate) fn of<F: AsyncFnOnce(Arc<AtomicBool>) -> Seen + Send + 'static>(load: F) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(load(flag))
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }

    /// Ends it.
    pub(crate) fn seen(mut self) -> Seen {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

impl Seen {
    pub(crate) async fn together(mut tasks: tokio::task::JoinSet<Self>) -> Self {
        let mut all = Self::default();
        while let Some(seen) = tasks.join_next().await {
            let seen = seen.unwrap();
            all.answers += seen.answers;
            all.reconnects += seen.reconnects;
            all.failures.extend(seen.failures);
            for (release, count) in seen.releases {
                *all.releases.entry(release).or_default() += count;
            }
        }
        all
    }

    /// Every request was answered with 2xx, and there were enough to mean something.
    #[track_caller]
    pub(crate) fn no_failed_request(&self) {
        assert!(self.failures.is_empty(), "{self:#?}");
        assert!(self.answers > 500, "too few to mean anything: {self:#?}");
    }
}

async fn generate(address: SocketAddr, path: &'static str, stop: Arc<AtomicBool>) -> Seen {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        tasks.spawn(connection(address, path, Arc::clone(&stop)));
    }
    Seen::together(tasks).await
}

async fn connection(address: SocketAddr, path: &'static str, stop: Arc<AtomicBool>) -> Seen {
    let mut seen = Seen::default();
    let end = tokio::time::Instant::now() + MOST_TIME;
    while !stop.load(Ordering::SeqCst) && tokio::time::Instant::now() < end {
        if let Err(failure) = requests(address, path, &stop, &mut seen).await {
            seen.failures.push(failure);
            break;
        }
        seen.reconnects += 1;
    }
    seen
}

/// Requests on one connection, until it was closed properly or something failed.
async fn requests(
    address: SocketAddr,
    path: &str,
    stop: &AtomicBool,
    seen: &mut Seen,
) -> Result<(), String> {
    let words =
        |what: &'static str| move |error: &dyn std::fmt::Display| format!("{what}: {error}");
    let stream = TcpStream::connect(address)
        .await
        .map_err(|e| words("connect")(&e))?;
    let _ = stream.set_nodelay(true);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| words("handshake")(&e))?;
    let driver = tokio::spawn(connection);
    while !stop.load(Ordering::SeqCst) {
        if sender.ready().await.is_err() {
            break;
        }
        let request = Request::get(path)
            .header("host", "localhost")
            .body(Empty::<Bytes>::new())
            .unwrap();
        let answer = tokio::time::timeout(PATIENCE, sender.send_request(request)).await;
        let answer = answer.map_err(|e| words("no answer")(&e))?;
        let answer = answer.map_err(|e| words("request")(&e))?;
        let status = answer.status();
        let release = answer.headers().get("x-release");
        let release = release
            .and_then(|value| value.to_str().ok())
            .unwrap_or("none")
            .to_owned();
        let body = answer
            .into_body()
            .collect()
            .await
            .map_err(|e| words("body")(&e))?;
        if !status.is_success() {
            let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
            return Err(format!("{status} from {release}: {body}"));
        }
        seen.answers += 1;
        *seen.releases.entry(release).or_default() += 1;
    }
    driver.abort();
    Ok(())
}
