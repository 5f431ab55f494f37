//! A Prometheus of our own: started on a free port in a temporary directory, ended with the test.

use crate::data::Times;
use mainstay_series::Labels;
use serde_json::Value as Json;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// For it to come up, and for one answer.
const PATIENCE: Duration = Duration::from_secs(60);

const REQUIRE: &str = "MAINSTAY_REQUIRE_PEERS";

/// A running Prometheus.
#[derive(Debug)]
pub(crate) struct Prometheus {
    child: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

/// The program on the `PATH`; where there is none the test is skipped, and says so past the capture
/// of its output.
fn program(name: &str, test: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/bin")])
        .map(|folder| folder.join(name))
        .find(|file| Path::is_file(file));
    if found.is_none() {
        assert!(std::env::var_os(REQUIRE).is_none(), "{name} is required");
        let line = format!("skipped for want of {name}: {test}\n");
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
    found
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

impl Prometheus {
    /// Starts one for a test and waits until it answers.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let program = program("prometheus", test)?;
        let directory = tempfile::tempdir().expect("a directory");
        let config = directory.path().join("prometheus.yml");
        std::fs::write(&config, "global: {evaluation_interval: 1m}\n").expect("a file");
        let port = free_port();
        let child = Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                directory.path().join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--web.enable-remote-write-receiver", "--log.level=error"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus starts");
        let prometheus = Self {
            child,
            port,
            _directory: directory,
        };
        prometheus.wait();
        Some(prometheus)
    }

    fn wait(&self) {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let ready = self.exchange("GET /-/ready HTTP/1.0\r\n\r\n".as_bytes());
            if ready.is_ok_and(|(status, _)| status == 200) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("prometheus is not ready after {PATIENCE:?}");
    }

    /// One request in HTTP/1.0, so that the answer ends with the connection.
    fn exchange(&self, request: &[u8]) -> std::io::Result<(u16, Vec<u8>)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(request)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let body = answer.split_off(end.map_or(answer.len(), |end| end + 4));
        let head = String::from_utf8_lossy(&answer);
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        Ok((status.unwrap_or_default(), body))
    }

    /// Sends samples by remote write.
    pub(crate) fn write(&self, samples: &[(&Labels, i64, f64)]) {
        let body = snappy(&write_request(samples));
        let mut request = format!(
            "POST /api/v1/write HTTP/1.0\r\nContent-Encoding: snappy\r\nContent-Type: \
             application/x-protobuf\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(&body);
        let (status, answer) = self.exchange(&request).expect("an answer");
        let answer = String::from_utf8_lossy(&answer);
        assert_eq!(status, 204, "{answer}");
    }

    /// Evaluates: the data of an answer, or an error.
    pub(crate) fn query(&self, text: &str, times: Times) -> Result<Json, String> {
        let seconds = |ms: i64| format!("{}.{:03}", ms / 1000, ms % 1000);
        let (path, times) = match times {
            Times::Instant(time) => ("query", format!("time={}", seconds(time))),
            Times::Range(start, end, step) => (
                "query_range",
                format!(
                    "start={}&end={}&step={}",
                    seconds(start),
                    seconds(end),
                    seconds(step)
                ),
            ),
        };
        self.get(&format!("{path}?query={}&{times}", percent(text)))
    }

    /// An expression as it prints it.
    pub(crate) fn format(&self, text: &str) -> Result<Json, String> {
        self.get(&format!("format_query?query={}", percent(text)))
    }

    fn get(&self, path: &str) -> Result<Json, String> {
        let request = format!("GET /api/v1/{path} HTTP/1.0\r\n\r\n");
        let (_, body) = self.exchange(request.as_bytes()).expect("an answer");
        let mut answer: Json = serde_json::from_slice(&body).unwrap_or_else(|error| {
            panic!("{path}: {error}: {}", String::from_utf8_lossy(&body));
        });
        if answer["status"] == "success" {
            return Ok(answer["data"].take());
        }
        Err(answer["error"].to_string())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn percent(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// `prometheus.WriteRequest`, one series per sample.
fn write_request(samples: &[(&Labels, i64, f64)]) -> Vec<u8> {
    let mut request = Vec::new();
    for (labels, time, value) in samples {
        let mut series = Vec::new();
        for (name, value) in *labels {
            let mut label = Vec::new();
            field(&mut label, 1, name.as_bytes());
            field(&mut label, 2, value.as_bytes());
            field(&mut series, 1, &label);
        }
        let mut sample = vec![1 << 3 | 1];
        sample.extend_from_slice(&value.to_bits().to_le_bytes());
        sample.push(2 << 3);
        varint(&mut sample, *time as u64);
        field(&mut series, 2, &sample);
        field(&mut request, 1, &series);
    }
    request
}

/// A field of bytes.
fn field(into: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    into.push(number << 3 | 2);
    varint(into, bytes.len() as u64);
    into.extend_from_slice(bytes);
}

fn varint(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

/// Snappy's format without compression: literals only.
fn snappy(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint(&mut out, bytes.len() as u64);
    for chunk in bytes.chunks(1 << 16) {
        out.push(61 << 2);
        out.extend_from_slice(&((chunk.len() - 1) as u16).to_le_bytes());
        out.extend_from_slice(chunk);
    }
    out
}
