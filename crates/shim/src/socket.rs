//! The shim's socket: several connections, one request a line, nobody can hold up the others.
//!
//! Bounds: [`MAX_CONNECTIONS`] at a time, [`MAX_REQUEST`] bytes a line, [`MAX_UNREAD`] bytes of
//! answers that a client has not read, [`IDLE`] without a word. Who breaks one is hung up on;
//! garbage is answered with a refusal.

use mainstay_wire::shim::{Request, Response};
use rustix::net::sockopt::socket_peercred;
use std::fs::Permissions;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

pub(crate) const MAX_CONNECTIONS: usize = 16;
const MAX_REQUEST: usize = 4 << 10;
const MAX_UNREAD: usize = 256 << 10;
const IDLE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: UnixStream,
    input: Vec<u8>,
    output: Vec<u8>,
    /// Asked to be told the end; such a connection is never idle.
    pub(crate) waits: bool,
    last_word: Duration,
    broken: bool,
}

/// Listens at `path`, in place of whatever stood there: the instance's lock is held.
pub(crate) fn listen(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Takes in who has called, as far as there is room.
pub(crate) fn accept(listener: &UnixListener, connections: &mut Vec<Connection>, now: Duration) {
    while let Ok((stream, _)) = listener.accept() {
        if connections.len() >= MAX_CONNECTIONS {
            let idle = (0..connections.len())
                .filter(|index| !connections[*index].waits)
                .min_by_key(|index| connections[*index].last_word);
            match idle {
                Some(index) => drop(connections.swap_remove(index)),
                None => continue,
            }
        }
        if may_speak(&stream) && stream.set_nonblocking(true).is_ok() {
            connections.push(Connection {
                stream,
                input: Vec::new(),
                output: Vec::new(),
                waits: false,
                last_word: now,
                broken: false,
            });
        }
    }
}

/// The socket's mode says the same; this also holds where a directory was given away.
fn may_speak(stream: &UnixStream) -> bool {
    socket_peercred(stream)
        .is_ok_and(|peer| peer.uid.is_root() || peer.uid == rustix::process::geteuid())
}

impl Connection {
    /// Reads what is there and gives back the requests in it; `Err` holds why a line is none.
    pub(crate) fn read(&mut self, now: Duration) -> Vec<Result<Request, String>> {
        let mut bytes = [0; 1024];
        let mut requests = Vec::new();
        // Bounded, so that a client that never stops cannot hold the loop.
        for _ in 0..8 {
            match self.stream.read(&mut bytes) {
                Ok(0) => self.broken = true,
                Ok(count) => {
                    self.last_word = now;
                    self.take(&bytes[..count], &mut requests);
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => self.broken = true,
            }
            break;
        }
        requests
    }

    fn take(&mut self, mut bytes: &[u8], requests: &mut Vec<Result<Request, String>>) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.input.extend_from_slice(&bytes[..end]);
            bytes = &bytes[end + 1..];
            requests.push(
                serde_json::from_slice(&self.input)
                    .map_err(|error| format!("not a request: {error}")),
            );
            self.input.clear();
        }
        self.input.extend_from_slice(bytes);
        if self.input.len() > MAX_REQUEST {
            requests.push(Err(format!("a request is at most {MAX_REQUEST} bytes")));
            self.input = Vec::new();
            self.broken = true;
        }
    }

    pub(crate) fn answer(&mut self, response: &Response) {
        if let Ok(mut line) = serde_json::to_vec(response) {
            line.push(b'\n');
            self.output.extend_from_slice(&line);
        }
        self.write();
        if self.output.len() > MAX_UNREAD {
            self.broken = true;
        }
    }

    /// Writes as much as the client takes.
    pub(crate) fn write(&mut self) {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(0) => self.broken = true,
                Ok(count) => {
                    self.output.drain(..count);
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => self.broken = true,
            }
            break;
        }
    }

    pub(crate) fn has_unread(&self) -> bool {
        !self.output.is_empty()
    }

    /// To be dropped: hung up, against the rules, or silent for long.
    pub(crate) fn is_done(&self, now: Duration) -> bool {
        self.broken || (!self.waits && now.saturating_sub(self.last_word) > IDLE)
    }

    /// When it becomes idle.
    pub(crate) fn wake_at(&self) -> Option<Duration> {
        (!self.waits).then(|| self.last_word + IDLE + Duration::from_millis(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> Connection {
        Connection {
            stream: UnixStream::pair().unwrap().0,
            input: Vec::new(),
            output: Vec::new(),
            waits: false,
            last_word: Duration::ZERO,
            broken: false,
        }
    }

    proptest::proptest! {
        #[test]
        fn garbage_is_bounded_and_refused(
            pieces in proptest::collection::vec(proptest::collection::vec(0_u8..=255, 0..3000), 0..10),
        ) {
            let mut connection = connection();
            for piece in pieces {
                let mut requests = Vec::new();
                connection.take(&piece, &mut requests);
                proptest::prop_assert!(requests.iter().all(Result::is_err));
                proptest::prop_assert!(connection.input.len() <= MAX_REQUEST);
            }
        }

        #[test]
        fn a_request_may_come_in_any_pieces(size in 1_usize..40) {
            let text = b"{\"do\":\"status\"}\n{\"do\":\"stop\",\"grace\":5}\nno\n";
            let mut connection = connection();
            let mut requests = Vec::new();
            for piece in text.chunks(size) {
                connection.take(piece, &mut requests);
            }
            let stop = Request::Stop { grace: Duration::from_millis(5) };
            proptest::prop_assert_eq!(&requests[..2], &[Ok(Request::Status), Ok(stop)]);
            proptest::prop_assert!(requests[2].is_err() && requests.len() == 3);
        }
    }

    #[test]
    fn silence_ends_a_connection_unless_it_waits() {
        let mut connection = connection();
        assert!(!connection.is_done(IDLE));
        assert!(connection.is_done(connection.wake_at().unwrap()));
        connection.waits = true;
        assert!(!connection.is_done(IDLE * 100));
        assert_eq!(connection.wake_at(), None);
    }
}
