//! The two servers: each started in a folder of its own and ended with the value.

use super::http::Connection;
use super::{Seen, Stored};
use crate::bench::idle::{cpu_seconds, kib};
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// For a server to answer, and to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// Steps of a range query, and the seconds between them.
const STEPS: i64 = 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Kind {
    Prometheus,
    Mainstay,
}

pub(super) struct Server {
    kind: Kind,
    child: Child,
    folder: tempfile::TempDir,
    headers: String,
    connection: RefCell<Connection>,
}

pub(super) fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_millis() as i64
}

impl Server {
    pub(super) fn start(kind: Kind, program: &Path, configuration: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("prometheus.yml"), configuration)?;
        let address = free_address()?;
        let mut command = match kind {
            Kind::Prometheus => prometheus(folder.path(), address),
            Kind::Mainstay => {
                let settings =
                    "metrics: {prometheus: prometheus.yml, host: false, admin_api: true}\n";
                std::fs::write(at("server.yaml"), settings)?;
                let mut command = Command::new(program);
                command.arg("serve").arg("--directory").arg(folder.path());
                command.args(["--api", &address.to_string()]);
                command.args(["--proxy", &free_address()?.to_string()]);
                command
            }
        };
        let log = std::fs::File::create(at("log"))?;
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let child = command
            .spawn()
            .context("cannot start a server\n  hint: apt-get install prometheus")?;
        let connection = RefCell::new(connect(address)?);
        let mut server = Self {
            kind,
            child,
            folder,
            headers: String::new(),
            connection,
        };
        if kind == Kind::Mainstay {
            server.headers = authorization(program, server.folder.path())?;
        }
        server.ready()?;
        Ok(server)
    }

    fn ready(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.get("/-/ready").is_err() {
            if Instant::now() > deadline {
                let log = std::fs::read_to_string(self.folder.path().join("log"));
                bail!(
                    "{:?} does not answer\n{}",
                    self.kind,
                    log.unwrap_or_default()
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    pub(super) fn cpu_seconds(&self) -> Result<f64> {
        cpu_seconds(self.pid()).context("the server has ended")
    }

    pub(super) fn memory(&self) -> Result<Seen> {
        Ok(Seen {
            resident_bytes: kib(self.pid(), "status", "VmRSS:")?,
            peak_bytes: kib(self.pid(), "status", "VmHWM:")?,
            ..Seen::default()
        })
    }

    fn path(&self, path: &str) -> String {
        match self.kind {
            Kind::Prometheus => path.to_owned(),
            Kind::Mainstay => format!("/prometheus{path}"),
        }
    }

    fn get(&self, path: &str) -> Result<Vec<u8>> {
        let line = format!("GET {}", self.path(path));
        self.connection.borrow_mut().send(&line, &self.headers, &[])
    }

    pub(super) fn write(&self, body: &[u8]) -> Result<()> {
        let headers = format!(
            "{}content-type: application/x-protobuf\r\ncontent-encoding: snappy\r\nx-prometheus-remote-write-version: 0.1.0\r\n",
            self.headers
        );
        let line = format!("POST {}", self.path("/api/v1/write"));
        self.connection
            .borrow_mut()
            .send(&line, &headers, body)
            .map(drop)
    }

    /// The value of the only series.
    pub(super) fn ask(&self, expression: &str) -> Result<String> {
        let body = self.get(&format!("/api/v1/query?query={}", encoded(expression)))?;
        let answer: serde_json::Value = serde_json::from_slice(&body)?;
        let value = answer["data"]["result"][0]["value"][1].as_str();
        value
            .map(str::to_owned)
            .with_context(|| format!("{expression}: {answer}"))
    }

    /// CPU and wall seconds of a range query over the last minute, the mean of several: the processor's
    /// time is told in hundredths of a second, and a query may take one or two of them.
    pub(super) fn ask_range(&self, expression: &str, times: usize) -> Result<(f64, f64)> {
        let end = now_ms() / 1_000;
        let path = format!(
            "/api/v1/query_range?query={}&start={}&end={end}&step=1",
            encoded(expression),
            end - STEPS
        );
        let (cpu, began) = (self.cpu_seconds()?, Instant::now());
        for _ in 0..times {
            self.get(&path)?;
        }
        let wall = began.elapsed().as_secs_f64();
        let of = |seconds: f64| seconds / times as f64;
        Ok((of(self.cpu_seconds()? - cpu), of(wall)))
    }

    /// What the blocks of a snapshot have.
    pub(super) fn snapshot(&self) -> Result<Stored> {
        let line = format!("POST {}", self.path("/api/v1/admin/tsdb/snapshot"));
        let body = self
            .connection
            .borrow_mut()
            .send(&line, &self.headers, &[])?;
        let answer: serde_json::Value = serde_json::from_slice(&body)?;
        let name = answer["data"]["name"]
            .as_str()
            .context("the snapshot's name")?;
        let data = match self.kind {
            Kind::Prometheus => "data/snapshots",
            Kind::Mainstay => "metrics/snapshots",
        };
        let mut stored = Stored::default();
        for block in std::fs::read_dir(self.folder.path().join(data).join(name))? {
            let block = block?.path();
            let Ok(meta) = std::fs::read(block.join("meta.json")) else {
                continue;
            };
            let meta: serde_json::Value = serde_json::from_slice(&meta)?;
            stored.samples += meta["stats"]["numSamples"].as_u64().unwrap_or(0);
            stored.bytes += size(&block)?;
            stored.chunk_bytes += size(&block.join("chunks"))?;
            stored.index_bytes += std::fs::metadata(block.join("index"))?.len();
        }
        Ok(stored)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = Pid::from_child(&self.child);
        let _ = kill_process(pid, Signal::TERM);
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        // Its proxy outlives a server that was ended by a signal.
        let folder = self.folder.path().to_string_lossy().into_owned();
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let arguments = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let pid = entry.file_name().to_str().and_then(|pid| pid.parse().ok());
            if String::from_utf8_lossy(&arguments).contains(&folder)
                && let Some(pid) = pid.and_then(Pid::from_raw)
            {
                let _ = kill_process(pid, Signal::TERM);
            }
        }
    }
}

fn prometheus(folder: &Path, address: SocketAddr) -> Command {
    let path = |name: &str| folder.join(name).display().to_string();
    let mut command = Command::new("prometheus");
    command.args([
        format!("--config.file={}", path("prometheus.yml")),
        format!("--storage.tsdb.path={}", path("data")),
        format!("--web.listen-address={address}"),
        "--web.enable-remote-write-receiver".to_owned(),
        "--web.enable-admin-api".to_owned(),
    ]);
    command
}

/// The header that our API asks for.
fn authorization(program: &Path, folder: &Path) -> Result<String> {
    let output = Command::new(program)
        .args([
            "--json", "token", "create", "bench", "--role", "admin", "--server",
        ])
        .arg(folder)
        .output()?;
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let token = answer["secret"].as_str().context("the token")?;
    Ok(format!("authorization: Bearer {token}\r\n"))
}

fn connect(address: SocketAddr) -> Result<Connection> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match Connection::open(address) {
            Ok(connection) => return Ok(connection),
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn free_address() -> Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn size(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        bytes += if meta.is_dir() {
            size(&entry.path())?
        } else {
            meta.len()
        };
    }
    Ok(bytes)
}
