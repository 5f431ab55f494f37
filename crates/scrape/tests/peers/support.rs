//! Peers as processes, and the other ends of their connections.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

/// For a peer to come up, or to do what it is to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The program on the `PATH`; where there is none the test is skipped, and says so past the capture
/// of its output.
pub(crate) fn program(name: &str, test: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/bin")])
        .map(|folder| folder.join(name))
        .find(|file| Path::is_file(file));
    if found.is_none() {
        assert!(
            std::env::var_os("MAINSTAY_REQUIRE_PEERS").is_none(),
            "{name} is not here"
        );
        let line = format!("skipped for want of {name}: {test}\n");
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
    found
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// A process that is ended with the test.
pub(crate) struct Peer(Child);

impl Peer {
    /// Starts it and waits until it listens.
    pub(crate) fn start(command: &mut Command, port: u16) -> Self {
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let peer = Self(child);
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "{command:?} does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        peer
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Content type and body.
pub(crate) fn get(port: u16, path: &str, accept: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!("GET {path} HTTP/1.0\r\nhost: x\r\naccept: {accept}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let kind = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-type")
            .then(|| value.trim().to_owned())
    });
    (kind.unwrap_or_default(), answer.split_off(end + 4))
}

/// A target that always says this; its port.
pub(crate) fn serve(body: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = request(&stream);
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\nconnection: close";
            let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            let _ = (&stream).write_all(answer.as_bytes());
        }
    });
    port
}

/// A receiver of requests: its port, and their bodies.
pub(crate) fn receive() -> (u16, Receiver<Vec<u8>>) {
    receive_with(vec!["204 No Content"])
}

/// One that answers with these statuses in turn, with the last one for ever.
pub(crate) fn receive_with(statuses: Vec<&'static str>) -> (u16, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (bodies, received) = sync_channel(1000);
    std::thread::spawn(move || {
        let mut statuses = statuses.into_iter();
        let mut status = statuses.next().unwrap_or_default();
        for stream in listener.incoming().flatten() {
            if let Some(body) = request(&stream) {
                let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\n\r\n");
                status = statuses.next().unwrap_or(status);
                let _ = (&stream).write_all(answer.as_bytes());
                let _ = bodies.send(body);
            }
        }
    });
    (port, received)
}

/// Reads one request; its body.
fn request(stream: &TcpStream) -> Option<Vec<u8>> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let line = line.trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}
