//! A proxy process, endpoints to put behind it, and clients to put before it.
//!
//! The process is this test binary started again with [`child_proxy`] as its only test.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use mainstay_model::Bytes as Size;
use mainstay_proxy::config::{
    Accept, Balance, Challenges, Config, Endpoint, EndpointStatus, Limits, Listener, PROTOCOL,
    Pool, Route, Status, Tls,
};
use mainstay_proxy::{Client, Options};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Not a test: the process that the tests start.
#[test]
#[ignore = "started by the other tests, as their proxy"]
fn child_proxy() {
    let Some(directory) = std::env::var_os("TEST_PROXY_DIRECTORY") else {
        return;
    };
    let directory = PathBuf::from(directory);
    let socket = directory.join("proxy.sock");
    if let Err(error) = mainstay_proxy::run(Options { directory, socket }) {
        eprintln!("proxy: {error}");
        std::process::exit(1);
    }
}

/// A running proxy; killed when dropped.
pub(crate) struct Proxy {
    child: Child,
    pub(crate) directory: Arc<TempDir>,
    pub(crate) client: Client,
}

impl Proxy {
    pub(crate) async fn start() -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap())).await
    }

    pub(crate) async fn start_in(directory: Arc<TempDir>) -> Self {
        let child = command(directory.path()).spawn().unwrap();
        let client = Client::new(directory.path().join("proxy.sock"));
        let proxy = Self {
            child,
            directory,
            client,
        };
        eventually("the proxy answers", async || {
            proxy.client.status().await.is_ok()
        })
        .await;
        proxy
    }

    /// Starts with one HTTP listener and one route for everything.
    pub(crate) async fn serving(endpoints: Vec<Endpoint>) -> (Self, Config, SocketAddr) {
        let proxy = Self::start().await;
        let (config, address) = config(endpoints);
        proxy.client.apply(&config).await.unwrap();
        (proxy, config, address)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) async fn status(&self) -> Status {
        self.client.status().await.unwrap()
    }

    pub(crate) async fn endpoint(&self, instance: &str) -> Option<EndpointStatus> {
        let mut endpoints = self.status().await.endpoints.into_iter();
        endpoints.find(|endpoint| endpoint.instance == instance)
    }

    /// `kill -9`; the directory stays.
    pub(crate) fn kill(mut self) -> Arc<TempDir> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        Arc::clone(&self.directory)
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn command(directory: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "support::child_proxy",
            "--ignored",
            "--nocapture",
        ])
        .env("TEST_PROXY_DIRECTORY", directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Waits for something that is to happen, within the deadline.
pub(crate) async fn eventually(what: &str, check: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !check().await {
        assert!(Instant::now() < deadline, "not within the deadline: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// An address nobody listens on.
pub(crate) fn free_address() -> SocketAddr {
    let socket = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.local_addr().unwrap()
}

/// One HTTP listener on a free address, one route for everything, one pool.
pub(crate) fn config(endpoints: Vec<Endpoint>) -> (Config, SocketAddr) {
    let address = free_address();
    let config = Config {
        protocol: PROTOCOL,
        revision: 1,
        listeners: vec![Listener {
            name: "main".to_owned(),
            address,
            from: None,
            tls: None,
            redirect: None,
            accept: Accept::Http {
                routes: vec![route("/", "shop/dev/app")],
            },
        }],
        pools: BTreeMap::from([("shop/dev/app".to_owned(), pool(endpoints))]),
        limits: Limits::default(),
        tls: Tls::default(),
        challenges: Challenges::default(),
    };
    (config, address)
}

pub(crate) fn route(path: &str, pool: &str) -> Route {
    Route {
        name: format!("route {path}"),
        hosts: Vec::new(),
        path: path.to_owned(),
        strip_prefix: false,
        pool: pool.to_owned(),
        timeout: Duration::from_secs(10),
        max_body: Size(16 << 20),
    }
}

pub(crate) fn pool(endpoints: Vec<Endpoint>) -> Pool {
    Pool {
        balance: Balance::RoundRobin,
        endpoints,
        health: None,
        service: "app".to_owned(),
        environment: "dev".to_owned(),
        stack: "shop".to_owned(),
    }
}

pub(crate) fn endpoint(instance: &str, address: SocketAddr, weight: u32) -> Endpoint {
    Endpoint {
        instance: instance.to_owned(),
        release: "r1".to_owned(),
        address,
        weight,
    }
}

pub(crate) type Reply = Response<BoxBody<Bytes, Infallible>>;

pub(crate) fn text(text: impl Into<Bytes>) -> Reply {
    Response::new(Full::new(text.into()).boxed())
}

/// A real HTTP server on loopback, ended when dropped.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    pub(crate) requests: Arc<AtomicU64>,
    pub(crate) connections: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Upstream {
    /// Answers every request with its name.
    pub(crate) async fn named(name: &str) -> Self {
        let name = Bytes::from(name.to_owned());
        Self::serving(move |_| {
            let name = name.clone();
            async move { text(name) }
        })
        .await
    }

    /// Answers with its name, at an address that was used before.
    pub(crate) async fn at(address: SocketAddr, name: &'static str) -> Self {
        let listener = std::cell::RefCell::new(None);
        eventually("the address is free", async || {
            *listener.borrow_mut() = TcpListener::bind(address).await.ok();
            listener.borrow().is_some()
        })
        .await;
        Self::on(listener.into_inner().unwrap(), move |_| async move {
            text(name)
        })
    }

    pub(crate) async fn serving<F, R>(answer: F) -> Self
    where
        F: Fn(Request<Incoming>) -> R + Send + Sync + 'static,
        R: Future<Output = Reply> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        Self::on(listener, answer)
    }

    fn on<F, R>(listener: TcpListener, answer: F) -> Self
    where
        F: Fn(Request<Incoming>) -> R + Send + Sync + 'static,
        R: Future<Output = Reply> + Send + 'static,
    {
        let address = listener.local_addr().unwrap();
        let (requests, connections) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let task = tokio::spawn(accept(
            listener,
            Arc::new(answer),
            Arc::clone(&requests),
            Arc::clone(&connections),
        ));
        Self {
            address,
            requests,
            connections,
            task,
        }
    }

    pub(crate) fn endpoint(&self, instance: &str) -> Endpoint {
        endpoint(instance, self.address, 100)
    }

    pub(crate) fn count(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Its connections live in the task's own set, so that they end with it.
async fn accept<F, R>(
    listener: TcpListener,
    answer: Arc<F>,
    requests: Arc<AtomicU64>,
    connections: Arc<AtomicU64>,
) where
    F: Fn(Request<Incoming>) -> R + Send + Sync + 'static,
    R: Future<Output = Reply> + Send + 'static,
{
    let mut tasks = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        connections.fetch_add(1, Ordering::SeqCst);
        let (answer, requests) = (Arc::clone(&answer), Arc::clone(&requests));
        tasks.spawn(async move {
            let service = service_fn(move |request| {
                requests.fetch_add(1, Ordering::SeqCst);
                let reply = answer(request);
                async move { Ok::<_, Infallible>(reply.await) }
            });
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades()
                .await;
        });
        while tasks.try_join_next().is_some() {}
    }
}

/// A response as it stood on the wire, its body decoded.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1);
        lines.find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A client that says exactly what it is told to, byte for byte.
pub(crate) struct Raw<S = TcpStream> {
    pub(crate) stream: S,
    buffer: Vec<u8>,
}

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }

    pub(crate) fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self::of(stream)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    pub(crate) fn of(stream: S) -> Self {
        let buffer = Vec::new();
        Self { stream, buffer }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Exactly so many bytes.
    pub(crate) async fn bytes(&mut self, count: usize) -> Vec<u8> {
        while self.buffer.len() < count {
            assert!(self.fill().await, "the end after {:?}", self.buffer);
        }
        self.buffer.drain(..count).collect()
    }

    /// Sends a request without a body and reads its response.
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: app.test\r\n\r\n"))
            .await;
        self.answer().await
    }

    /// The next response; fails when the connection ends first.
    pub(crate) async fn answer(&mut self) -> Answer {
        self.read(true).await.expect("a response before the end")
    }

    /// The next response to a HEAD request.
    pub(crate) async fn answer_to_head(&mut self) -> Answer {
        self.read(false).await.expect("a response before the end")
    }

    /// Whether the connection ends without another byte.
    pub(crate) async fn is_ended(&mut self) -> bool {
        self.buffer.is_empty() && !self.fill().await
    }

    async fn read(&mut self, with_body: bool) -> Option<Answer> {
        let end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at;
            }
            if !self.fill().await {
                return None;
            }
        };
        let head = String::from_utf8(self.buffer[..end].to_vec()).unwrap();
        self.buffer.drain(..end + 4);
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer {
            status,
            head,
            body: Vec::new(),
        };
        let has_body = with_body && status >= 200 && status != 204 && status != 304;
        if has_body {
            answer.body = self.body(&answer).await?;
        }
        Some(answer)
    }

    async fn body(&mut self, answer: &Answer) -> Option<Vec<u8>> {
        if answer.header("transfer-encoding") == Some("chunked") {
            return self.chunks().await;
        }
        let Some(length) = answer.header("content-length") else {
            while self.fill().await {}
            return Some(std::mem::take(&mut self.buffer));
        };
        let length = length.parse().unwrap();
        while self.buffer.len() < length {
            if !self.fill().await {
                return None;
            }
        }
        Some(self.buffer.drain(..length).collect())
    }

    async fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = loop {
                if let Some(at) = find(&self.buffer, b"\r\n") {
                    break self.buffer.drain(..at + 2).collect::<Vec<_>>();
                }
                if !self.fill().await {
                    return None;
                }
            };
            let size = std::str::from_utf8(&line).unwrap().trim();
            let size = usize::from_str_radix(size, 16).unwrap();
            while self.buffer.len() < size + 2 {
                if !self.fill().await {
                    return None;
                }
            }
            body.extend(self.buffer.drain(..size));
            self.buffer.drain(..2);
            if size == 0 {
                return Some(body);
            }
        }
    }

    /// Reads some more; `false` at the end.
    async fn fill(&mut self) -> bool {
        let reading = self.stream.read_buf(&mut self.buffer);
        let read = tokio::time::timeout(DEADLINE, reading).await;
        let read = read
            .expect("bytes or the end within the deadline")
            .unwrap_or(0);
        read > 0
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}
