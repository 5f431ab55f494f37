//! The questions of the DNS that the system's resolver does not take: SRV, MX and NS.
//!
//! A stub as RFC 1035 describes it: it asks the servers of `/etc/resolv.conf`, over UDP, and over TCP what
//! did not fit. It keeps nothing and follows no names; search domains are not tried.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mainstay_targets::DnsRecord;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

/// For one server to answer once.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often the servers are asked, one after the other.
const ROUNDS: usize = 2;
/// Servers that are asked, as in the C library.
const LIMIT_SERVERS: usize = 3;
/// Records of one answer.
const LIMIT_RECORDS: usize = 10_000;
/// What an answer over UDP may have; the question says so.
const UDP_BYTES: u16 = 4096;

/// One record: whom it names, and the port of an SRV.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// With the dot at its end.
    pub(super) target: String,
    pub(super) port: Option<u16>,
}

/// The servers of the system.
pub(super) async fn servers() -> Result<Vec<SocketAddr>, String> {
    let text = tokio::fs::read_to_string("/etc/resolv.conf").await;
    let text = text.map_err(|error| format!("reading `/etc/resolv.conf`: {error}"))?;
    let words = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver"));
    let addresses = words.filter_map(|word| word.trim().parse::<IpAddr>().ok());
    let servers: Vec<SocketAddr> = addresses
        .map(|address| SocketAddr::new(address, 53))
        .take(LIMIT_SERVERS)
        .collect();
    if servers.is_empty() {
        return Err("`/etc/resolv.conf` names no server".to_owned());
    }
    Ok(servers)
}

/// The records of a name; none where there is no such name.
pub(super) async fn query(
    servers: &[SocketAddr],
    name: &str,
    kind: DnsRecord,
) -> Result<Vec<Record>, String> {
    let mut last = "no server was asked".to_owned();
    for _ in 0..ROUNDS {
        for server in servers {
            let id = RandomState::new().hash_one(name) as u16;
            let question = question(id, name, kind)?;
            let asked = tokio::time::timeout(PATIENCE, ask(*server, &question)).await;
            match asked {
                Ok(Ok(answer)) => match records(&answer, id, kind) {
                    Ok(records) => return Ok(records),
                    Err(error) => last = format!("{server}: {error}"),
                },
                Ok(Err(error)) => last = format!("{server}: {error}"),
                Err(_) => last = format!("{server} does not answer"),
            }
        }
    }
    Err(last)
}

async fn ask(server: SocketAddr, question: &[u8]) -> std::io::Result<Vec<u8>> {
    let any = if server.is_ipv4() {
        "0.0.0.0:0"
    } else {
        "[::]:0"
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut answer = vec![0; UDP_BYTES.into()];
    loop {
        let length = socket.recv(&mut answer).await?;
        // What is not to this question may be from anybody.
        if length >= 12 && answer[..2] == question[..2] {
            answer.truncate(length);
            break;
        }
    }
    let cut = answer[2] & 0x02 != 0;
    if !cut {
        return Ok(answer);
    }
    let mut stream = TcpStream::connect(server).await?;
    let length = (question.len() as u16).to_be_bytes();
    stream.write_all(&[&length, question].concat()).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; length.into()];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

fn number(kind: DnsRecord) -> u16 {
    match kind {
        DnsRecord::A => 1,
        DnsRecord::Ns => 2,
        DnsRecord::Mx => 15,
        DnsRecord::Aaaa => 28,
        DnsRecord::Srv => 33,
    }
}

fn question(id: u16, name: &str, kind: DnsRecord) -> Result<Vec<u8>, String> {
    let mut message = Vec::with_capacity(64);
    message.extend_from_slice(&id.to_be_bytes());
    // Recursion desired; one question, one additional record.
    message.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
    for label in name.trim_end_matches('.').split('.') {
        if label.is_empty() || label.len() > 63 || message.len() > 255 {
            return Err(format!("`{name}` is no name of the DNS"));
        }
        message.push(label.len() as u8);
        message.extend_from_slice(label.as_bytes());
    }
    message.push(0);
    message.extend_from_slice(&number(kind).to_be_bytes());
    message.extend_from_slice(&[0, 1]);
    // EDNS(0), RFC 6891: how large an answer may be.
    message.extend_from_slice(&[0, 0, 41]);
    message.extend_from_slice(&UDP_BYTES.to_be_bytes());
    message.extend_from_slice(&[0; 6]);
    Ok(message)
}

/// Reads an answer.
struct Message<'a> {
    bytes: &'a [u8],
    at: usize,
}

const SHORT: &str = "the answer ends in the middle";

impl Message<'_> {
    fn byte(&mut self) -> Result<u8, String> {
        let byte = self.bytes.get(self.at).copied().ok_or(SHORT)?;
        self.at += 1;
        Ok(byte)
    }

    fn short(&mut self) -> Result<u16, String> {
        Ok(u16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    fn skip(&mut self, count: usize) -> Result<(), String> {
        self.at += count;
        if self.at > self.bytes.len() {
            Err(SHORT.to_owned())
        } else {
            Ok(())
        }
    }

    /// A name, also where parts of it stand elsewhere; a loop ends with the name's own bound.
    fn name(&mut self) -> Result<String, String> {
        let (mut name, mut after) = (String::new(), None);
        for _ in 0..128 {
            let length = self.byte()?;
            if length & 0xc0 == 0xc0 {
                let low = self.byte()?;
                after.get_or_insert(self.at);
                self.at = usize::from(length & 0x3f) << 8 | usize::from(low);
                continue;
            }
            if length == 0 {
                self.at = after.unwrap_or(self.at);
                return Ok(name);
            }
            let end = self.at + usize::from(length);
            let label = self.bytes.get(self.at..end).ok_or(SHORT)?;
            name.push_str(&String::from_utf8_lossy(label));
            name.push('.');
            self.at = end;
        }
        Err("a name has no end".to_owned())
    }
}

fn records(answer: &[u8], id: u16, kind: DnsRecord) -> Result<Vec<Record>, String> {
    let mut message = Message {
        bytes: answer,
        at: 0,
    };
    if message.short()? != id {
        return Err("the answer is to another question".to_owned());
    }
    let flags = message.short()?;
    match flags & 0x0f {
        0 => {}
        3 => return Ok(Vec::new()),
        code => return Err(format!("the server refuses, code {code}")),
    }
    let (questions, answers) = (message.short()?, message.short()?);
    message.skip(4)?;
    for _ in 0..questions {
        message.name()?;
        message.skip(4)?;
    }
    let mut records = Vec::new();
    for _ in 0..usize::from(answers).min(LIMIT_RECORDS) {
        message.name()?;
        let found = message.short()?;
        message.skip(6)?;
        let length = usize::from(message.short()?);
        let end = message.at + length;
        if found == number(kind) {
            records.push(record(&mut message, kind)?);
        }
        message.at = end;
    }
    Ok(records)
}

fn record(message: &mut Message<'_>, kind: DnsRecord) -> Result<Record, String> {
    let mut port = None;
    match kind {
        DnsRecord::Srv => {
            message.skip(4)?;
            port = Some(message.short()?);
        }
        DnsRecord::Mx => message.skip(2)?,
        _ => {}
    }
    Ok(Record {
        target: message.name()?,
        port,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer with two SRV records, the second's target by a pointer into the question.
    fn answer(question: &[u8], cut: bool) -> Vec<u8> {
        let mut answer = question[..2].to_vec();
        answer.extend_from_slice(&[
            if cut { 0x83 } else { 0x81 },
            0x80,
            0,
            1,
            0,
            if cut { 0 } else { 2 },
            0,
            0,
            0,
            0,
        ]);
        let end = question.len() - 11;
        answer.extend_from_slice(&question[12..end]);
        if cut {
            return answer;
        }
        let head = [0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60];
        answer.extend_from_slice(&head);
        answer.extend_from_slice(&[0, 11, 0, 1, 0, 2, 0x1f, 0x90, 1, b'a', 1, b'b', 0]);
        answer.extend_from_slice(&head);
        answer.extend_from_slice(&[0, 10, 0, 1, 0, 2, 0, 80, 1, b'c', 0xc0, 12]);
        answer
    }

    #[tokio::test]
    async fn records_are_asked_over_udp_and_then_over_tcp() {
        let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = tcp.local_addr().unwrap();
        let udp = UdpSocket::bind(server).await.unwrap();
        tokio::spawn(async move {
            let mut question = [0; 512];
            for cut in [false, true] {
                let (length, from) = udp.recv_from(&mut question).await.unwrap();
                // Somebody else's answer comes first.
                udp.send_to(&[0; 20], from).await.unwrap();
                udp.send_to(&answer(&question[..length], cut), from)
                    .await
                    .unwrap();
            }
            let (mut stream, _) = tcp.accept().await.unwrap();
            let length = stream.read_u16().await.unwrap();
            let mut question = vec![0; length.into()];
            stream.read_exact(&mut question).await.unwrap();
            let answer = answer(&question, false);
            stream.write_u16(answer.len() as u16).await.unwrap();
            stream.write_all(&answer).await.unwrap();
        });
        let record = |target: &str, port| Record {
            target: target.to_owned(),
            port: Some(port),
        };
        let wanted = [record("a.b.", 8080), record("c._m._tcp.svc.", 80)];
        for way in ["udp", "tcp"] {
            let found = query(&[server], "_m._tcp.svc", DnsRecord::Srv).await;
            assert_eq!(found.as_deref(), Ok(&wanted[..]), "{way}");
        }
    }

    #[test]
    fn answers_that_are_none_are_refused() {
        let asked = question(7, "a.b", DnsRecord::Srv).unwrap();
        let good = answer(&asked, false);
        assert_eq!(records(&good, 7, DnsRecord::Srv).unwrap().len(), 2);
        for length in 0..good.len() {
            assert!(
                records(&good[..length], 7, DnsRecord::Srv).is_err(),
                "{length}"
            );
        }
        assert!(records(&good, 8, DnsRecord::Srv).is_err());
        let mut gone = good.clone();
        gone[3] = 0x83;
        assert_eq!(records(&gone, 7, DnsRecord::Srv), Ok(Vec::new()));
        // A name that leads to itself.
        let mut turns = good;
        turns[12] = 0xc0;
        turns[13] = 12;
        assert!(records(&turns, 7, DnsRecord::Srv).is_err());
        for name in ["", "a..b", &"x".repeat(64)] {
            assert!(question(1, name, DnsRecord::Srv).is_err(), "{name}");
        }
    }
}
