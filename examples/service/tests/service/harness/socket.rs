//! A WebSocket client that only listens (RFC 6455).

use super::DEADLINE;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// What the service sent.
#[derive(Debug, PartialEq)]
pub(crate) enum Frame {
    Text(Value),
    Close(u16),
}

pub(crate) struct Socket {
    stream: BufReader<TcpStream>,
}

impl Socket {
    /// # Errors
    /// The status line, where it is not 101.
    pub(crate) fn connect(to: SocketAddr, path: &str) -> Result<Self, String> {
        let mut stream = TcpStream::connect(to).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("can be set");
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: sample\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("can be sent");
        let mut stream = BufReader::new(stream);
        let mut status = String::new();
        stream.read_line(&mut status).expect("an answer");
        if !status.contains(" 101 ") {
            return Err(status);
        }
        let mut line = status;
        while line.trim() != "" {
            line.clear();
            stream.read_line(&mut line).expect("the head goes on");
        }
        Ok(Self { stream })
    }

    /// The next text or close; pings are passed over.
    pub(crate) fn next(&mut self) -> Frame {
        loop {
            let [first, second] = self.read::<2>();
            let length = match second & 0x7F {
                126 => u64::from(u16::from_be_bytes(self.read())),
                127 => u64::from_be_bytes(self.read()),
                short => u64::from(short),
            };
            let mut payload = vec![0; length as usize];
            self.stream.read_exact(&mut payload).expect("a whole frame");
            match first & 0x0F {
                1 => return Frame::Text(serde_json::from_slice(&payload).expect("is JSON")),
                8 => return Frame::Close(u16::from_be_bytes([payload[0], payload[1]])),
                _ => {}
            }
        }
    }

    fn read<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes).expect("a frame");
        bytes
    }
}
