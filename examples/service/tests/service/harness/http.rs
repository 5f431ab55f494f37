//! A client that shows everything: one request, one connection.

use super::DEADLINE;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A request to be sent.
pub(crate) struct Request {
    head: String,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path, &[])
    }

    pub(crate) fn post(path: &str, body: &[u8]) -> Self {
        Self::new("POST", path, body)
    }

    pub(crate) fn json(path: &str, body: &Value) -> Self {
        Self::post(path, body.to_string().as_bytes()).header("content-type", "application/json")
    }

    pub(crate) fn new(method: &str, path: &str, body: &[u8]) -> Self {
        Self {
            head: format!(
                "{method} {path} HTTP/1.1\r\nhost: sample\r\ncontent-length: {}\r\n",
                body.len()
            ),
            body: body.to_vec(),
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let _ = write!(self.head, "{name}: {value}\r\n");
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn send(self, to: SocketAddr) -> Answer {
        self.header("connection", "close").write(to).read()
    }

    /// Sends it; the answer is read later.
    pub(crate) fn write(self, to: SocketAddr) -> Waiting {
        let mut stream = TcpStream::connect(to).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("can be set");
        let mut bytes = format!("{}\r\n", self.head).into_bytes();
        bytes.extend(self.body);
        // A refusal may come before all was sent.
        let _ = stream.write_all(&bytes);
        Waiting { stream }
    }
}

/// A request that was sent.
pub(crate) struct Waiting {
    pub(crate) stream: TcpStream,
}

impl Waiting {
    /// The answer, once the other side has closed the connection.
    pub(crate) fn read(mut self) -> Answer {
        let mut bytes = Vec::new();
        let read = self.stream.read_to_end(&mut bytes);
        assert!(read.is_ok() || !bytes.is_empty(), "no answer: {read:?}");
        Answer::parse(&bytes)
    }
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .expect("the head is whole");
        let head = String::from_utf8_lossy(&bytes[..end]);
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        Self {
            status: status.and_then(|text| text.parse().ok()).expect("a status"),
            headers: lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect(),
            body: bytes[end + 4..].to_vec(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// A form with one field, as a browser or curl sends it: content type and body.
pub(crate) fn boundary_form(
    field: &str,
    file_name: Option<&str>,
    content: &[u8],
) -> (String, Vec<u8>) {
    let file_name = file_name.map_or(String::new(), |name| format!("; filename=\"{name}\""));
    let mut body =
        format!("--edge\r\ncontent-disposition: form-data; name=\"{field}\"{file_name}\r\n\r\n")
            .into_bytes();
    body.extend(content);
    body.extend(b"\r\n--edge--\r\n");
    ("multipart/form-data; boundary=edge".to_owned(), body)
}
