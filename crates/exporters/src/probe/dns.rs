//! One question of the Domain Name System (RFC 1035), over UDP, and over TCP where the answer does not
//! fit into a datagram.
//!
//! A recursive question with one name. Of the answer the header is read, and of a zone's first record
//! its serial number; nothing else of it is looked into. What is not the answer to this very question
//! is waited past.

use std::net::SocketAddr;
use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use super::Seen;
use super::connect::{resolve, split};

/// Start of a zone: the one type whose record is looked into.
pub(super) const SOA: u16 = 6;
/// Bytes of a header.
const HEADER: usize = 12;
/// Bytes of a datagram that are taken. Without EDNS a server sends 512 at most.
const DATAGRAM: usize = 4096;
/// Datagrams that are none of ours before the probe is given up.
const STRANGERS: usize = 64;
/// Labels of a name; 255 bytes hold no more (RFC 1035, 2.3.4).
const LABELS: usize = 128;

/// What the header says, and the serial number of the first record where it is that of a zone.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    code: u8,
    truncated: bool,
    pub(super) answers: u16,
    pub(super) authorities: u16,
    pub(super) additionals: u16,
    pub(super) serial: Option<u32>,
}

/// Succeeds where the server answers without an error.
pub(super) async fn ask(
    server: &str,
    name: &str,
    record: u16,
    seen: &mut Seen,
) -> Result<(), String> {
    let (host, port) = split(server)?;
    let id = identity();
    let question = question(id, name, record)?;
    let address = resolve(host, port, seen).await?;
    seen.address = Some(address.ip());
    let began = Instant::now();
    let exchanged = exchange(address, &question).await;
    seen.processing += began.elapsed();
    let answer = exchanged.map_err(|error| error.to_string())?;
    let code = answer.code;
    seen.dns = Some(answer);
    match code {
        0 => Ok(()),
        code => Err(format!("the server answers with {}", word(code))),
    }
}

/// Cannot be guessed by who does not see the question.
fn identity() -> u16 {
    use std::hash::{BuildHasher as _, Hasher as _};
    std::hash::RandomState::new().build_hasher().finish() as u16
}

fn question(id: u16, name: &str, record: u16) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(HEADER + name.len() + 6);
    bytes.extend(id.to_be_bytes());
    // Recursion is desired; one question.
    bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name
        .trim_end_matches('.')
        .split('.')
        .filter(|_| name != ".")
    {
        let length = u8::try_from(label.len())
            .ok()
            .filter(|length| (1..=63).contains(length));
        let length = length.ok_or_else(|| format!("`{name}` is no name"))?;
        bytes.push(length);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    if bytes.len() > HEADER + 255 {
        return Err(format!("`{name}` is no name"));
    }
    bytes.extend(record.to_be_bytes());
    // The Internet.
    bytes.extend([0, 1]);
    Ok(bytes)
}

async fn exchange(server: SocketAddr, question: &[u8]) -> std::io::Result<Answer> {
    let own: SocketAddr = if server.is_ipv4() {
        (std::net::Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (std::net::Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(own).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut bytes = vec![0; DATAGRAM];
    for _ in 0..STRANGERS {
        let length = socket.recv(&mut bytes).await?;
        match read(&bytes[..length], question) {
            Some(answer) if answer.truncated => return over_tcp(server, question).await,
            Some(answer) => return Ok(answer),
            None => {}
        }
    }
    Err(std::io::Error::other(
        "only answers to other questions came",
    ))
}

async fn over_tcp(server: SocketAddr, question: &[u8]) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(question.len()).map_err(std::io::Error::other)?;
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(question).await?;
    let mut bytes = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut bytes).await?;
    read(&bytes, question).ok_or_else(|| std::io::Error::other("the answer is none"))
}

/// `None`: it is no answer to this question.
fn read(bytes: &[u8], question: &[u8]) -> Option<Answer> {
    let header = bytes.get(..HEADER)?;
    let number = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let is_answer = header[..2] == question[..2] && header[2] & 0x80 != 0;
    let asked = bytes.get(HEADER..question.len());
    // A server that refuses may leave the question out.
    let same = number(4) == 0 || asked.is_some_and(|asked| same(asked, &question[HEADER..]));
    (is_answer && same).then(|| Answer {
        code: header[3] & 0x0f,
        truncated: header[2] & 0x02 != 0,
        answers: number(6),
        authorities: number(8),
        additionals: number(10),
        serial: (number(4) == 1 && number(6) > 0)
            .then(|| serial(bytes, question.len()))
            .flatten(),
    })
}

fn same(asked: &[u8], question: &[u8]) -> bool {
    asked.eq_ignore_ascii_case(question)
}

/// Of the record at `at`, where it is that of a zone: name, type, class, time to live, length; then
/// two names and the number.
fn serial(bytes: &[u8], at: usize) -> Option<u32> {
    let at = after_name(bytes, at)?;
    if bytes.get(at..at + 2)? != SOA.to_be_bytes() {
        return None;
    }
    let at = after_name(bytes, after_name(bytes, at + 10)?)?;
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// A pointer ends a name (RFC 1035, 4.1.4); it is not followed.
fn after_name(bytes: &[u8], mut at: usize) -> Option<usize> {
    for _ in 0..LABELS {
        match *bytes.get(at)? {
            0 => return Some(at + 1),
            length if length >= 0xc0 => return Some(at + 2),
            length => at += 1 + usize::from(length),
        }
    }
    None
}

/// As RFC 1035 and 2136 call it.
fn word(code: u8) -> String {
    let word = match code {
        1 => "FORMERR",
        2 => "SERVFAIL",
        3 => "NXDOMAIN",
        4 => "NOTIMP",
        5 => "REFUSED",
        other => return format!("error {other}"),
    };
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The start of a zone, as a server sends it.
    fn answered() -> (Vec<u8>, Vec<u8>) {
        let question = question(0x1234, "a.test.", SOA).unwrap();
        let mut bytes = question.clone();
        bytes[2..4].copy_from_slice(&[0x81, 0x80]);
        bytes[7] = 1;
        bytes.extend([0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 9, 0, 28]);
        bytes.extend([2, b'n', b's', 0xc0, 12, 1, b'h', 0]);
        bytes.extend(2_024_010_203_u32.to_be_bytes());
        bytes.extend([0; 16]);
        (question, bytes)
    }

    #[test]
    fn an_answer_is_read_and_anything_else_is_none() {
        let (question, bytes) = answered();
        let answer = read(&bytes, &question).unwrap();
        assert_eq!((answer.code, answer.answers), (0, 1));
        assert_eq!(answer.serial, Some(2_024_010_203));
        for (at, byte) in [(0, 0), (2, 1), (HEADER + 1, b'b'), (question.len() - 3, 1)] {
            let mut other = bytes.clone();
            other[at] = byte;
            assert_eq!(read(&other, &question), None, "byte {at}");
        }
        let mut louder = bytes.clone();
        louder[HEADER + 1] = b'A';
        assert!(read(&louder, &question).is_some());
        // Cut anywhere, and with any byte anywhere: never a panic.
        for cut in 0..bytes.len() {
            let _ = read(&bytes[..cut], &question);
            for byte in [0, 1, 63, 0x80, 0xc0, 0xff] {
                let mut wild = bytes.clone();
                wild[cut] = byte;
                let _ = read(&wild, &question);
            }
        }
    }

    #[test]
    fn names_that_are_none_are_not_sent() {
        assert!(question(1, ".", 2).is_ok());
        for name in ["", "a..b", &"a".repeat(64), &"a.".repeat(130)] {
            assert!(question(1, name, 1).is_err(), "{name}");
        }
    }
}
