//! One connection: log-in, queries, messages.

use super::connect::{Connect, Stream};
use crate::database::Failure;
use crate::postgres::login::Login;
use bytes::{Buf as _, Bytes, BytesMut};
use mainstay_model::Secret;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::frontend;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

/// For log-in and short commands.
pub(crate) const SHORT: Duration = Duration::from_secs(60);

/// A message of the server, in bytes: those of the log have 128 KiB.
const MAX_MESSAGE: usize = 16 << 20;

/// Read at once, in bytes.
const CHUNK: usize = 256 << 10;

/// What a query may answer, in bytes: history files are short.
const MAX_ROWS: usize = 16 << 20;

/// Why a connection is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The server's own words, and its code
    /// (<https://www.postgresql.org/docs/15/errcodes-appendix.html>).
    #[error("{message}")]
    Refused { code: String, message: String },
    #[error("{0}")]
    Lost(String),
    /// It sent all of its log, and stops.
    #[error("PostgreSQL ended the log: it shuts down")]
    ShutsDown,
}

impl From<Broken> for Failure {
    fn from(broken: Broken) -> Self {
        Failure::new(broken.to_string())
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Lost(format!("the connection to PostgreSQL: {error}"))
    }
}

pub(crate) fn odd(what: impl std::fmt::Display) -> Broken {
    Broken::Lost(format!("PostgreSQL sent what is not expected: {what}"))
}

/// One message of the server.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) tag: u8,
    pub(crate) body: Bytes,
}

/// A row: a column that is null is `None`.
pub(crate) type Row = Vec<Option<String>>;

pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    buffer: BytesMut,
    /// As the server says it: `15.14 (Debian …)`.
    pub(crate) version: String,
}

impl Connection {
    /// Logs in for replication. A server whose rules let nobody in for physical replication may let the user
    /// in with its database: that is the same protocol, and asked for second.
    pub(crate) async fn open(connect: &dyn Connect, login: &Login) -> Result<Self, Broken> {
        match Self::log_in(connect, login, "true").await {
            // invalid_authorization_specification: no rule of `pg_hba.conf` fits.
            Err(Broken::Refused { code, .. }) if code == "28000" => {
                Self::log_in(connect, login, "database").await
            }
            other => other,
        }
    }

    async fn log_in(connect: &dyn Connect, login: &Login, mode: &str) -> Result<Self, Broken> {
        let stream = connect.connect().await?;
        let mut connection = Self {
            stream,
            buffer: BytesMut::with_capacity(CHUNK),
            version: String::new(),
        };
        let parameters = [
            ("user", login.user.as_str()),
            ("database", login.database.as_str()),
            ("replication", mode),
            ("application_name", "mainstay"),
            ("client_encoding", "UTF8"),
        ];
        let mut out = BytesMut::new();
        frontend::startup_message(parameters, &mut out)?;
        let greeted = async {
            connection.send(&out).await?;
            connection.authenticate(login).await
        };
        let greeted = timeout(SHORT, greeted).await;
        greeted.map_err(|_| Broken::Lost("PostgreSQL did not let us in in time".to_owned()))??;
        Ok(connection)
    }

    async fn authenticate(&mut self, login: &Login) -> Result<(), Broken> {
        let mut scram: Option<ScramSha256> = None;
        let password = || {
            let password = login.password.as_ref().map(Secret::expose);
            password.ok_or_else(|| {
                Broken::Lost(format!(
                    "PostgreSQL asks for a password of {}, and none is known",
                    login.user
                ))
            })
        };
        loop {
            let Frame { tag, mut body } = self.receive().await?;
            let mut out = BytesMut::new();
            match (tag, tag == b'R' && body.len() >= 4) {
                (b'R', true) => match body.get_u32() {
                    0 => {}
                    3 => frontend::password_message(password()?.as_bytes(), &mut out)?,
                    5 if body.len() == 4 => {
                        let salt = [body[0], body[1], body[2], body[3]];
                        let hash = md5_hash(login.user.as_bytes(), password()?.as_bytes(), salt);
                        frontend::password_message(hash.as_bytes(), &mut out)?;
                    }
                    10 => {
                        let offered = body
                            .split(|byte| *byte == 0)
                            .any(|name| name == SCRAM_SHA_256.as_bytes());
                        if !offered {
                            return Err(odd("no SCRAM-SHA-256"));
                        }
                        let begun =
                            ScramSha256::new(password()?.as_bytes(), ChannelBinding::unsupported());
                        frontend::sasl_initial_response(SCRAM_SHA_256, begun.message(), &mut out)?;
                        scram = Some(begun);
                    }
                    11 => {
                        let scram = scram.as_mut().ok_or_else(|| odd("SCRAM out of turn"))?;
                        scram.update(&body)?;
                        frontend::sasl_response(scram.message(), &mut out)?;
                    }
                    12 => {
                        let scram = scram.as_mut().ok_or_else(|| odd("SCRAM out of turn"))?;
                        scram.finish(&body)?;
                    }
                    other => {
                        return Err(Broken::Lost(format!(
                            "PostgreSQL asks for a log-in of kind {other}, which is not known"
                        )));
                    }
                },
                (b'K', _) => {}
                (b'Z', _) => return Ok(()),
                _ => return Err(odd(format_args!("`{}` at log-in", tag.escape_ascii()))),
            }
            self.send(&out).await?;
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        if bytes.is_empty() {
            return Ok(());
        }
        let sent = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        let sent = timeout(SHORT, sent).await;
        sent.map_err(|_| Broken::Lost("PostgreSQL takes nothing any more".to_owned()))??;
        Ok(())
    }

    /// The next message that says something: notices are passed over, errors are errors.
    ///
    /// Cancellation safe: what was read stays.
    pub(crate) async fn receive(&mut self) -> Result<Frame, Broken> {
        loop {
            let Some(frame) = self.buffered()? else {
                let room = self.buffer.capacity() - self.buffer.len();
                if room < CHUNK / 4 {
                    self.buffer.reserve(CHUNK);
                }
                if self.stream.read_buf(&mut self.buffer).await? == 0 {
                    return Err(Broken::Lost("PostgreSQL closed the connection".to_owned()));
                }
                continue;
            };
            match frame.tag {
                b'N' => {}
                b'S' => {
                    let mut parts = frame.body.split(|byte| *byte == 0);
                    if parts.next() == Some(b"server_version".as_slice()) {
                        let value = parts.next().unwrap_or_default();
                        self.version = String::from_utf8_lossy(value).into_owned();
                    }
                }
                b'E' => return Err(refused(&frame.body)),
                _ => return Ok(frame),
            }
        }
    }

    /// Whether a whole message is here, with this tag and first byte.
    pub(crate) fn has_frame(&self, [tag, first]: [u8; 2]) -> bool {
        let Some(head) = self.buffer.first_chunk::<6>() else {
            return false;
        };
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        head[0] == tag && head[5] == first && self.buffer.len() > length
    }

    fn buffered(&mut self) -> Result<Option<Frame>, Broken> {
        if self.buffer.len() < 5 {
            return Ok(None);
        }
        let length = (&self.buffer[1..5]).get_u32() as usize;
        if !(4..=MAX_MESSAGE).contains(&length) {
            return Err(odd(format_args!("a message of {length} bytes")));
        }
        if self.buffer.len() < length + 1 {
            self.buffer.reserve(length + 1 - self.buffer.len());
            return Ok(None);
        }
        let mut frame = self.buffer.split_to(length + 1);
        let tag = frame[0];
        frame.advance(5);
        Ok(Some(Frame {
            tag,
            body: frame.freeze(),
        }))
    }

    /// Sends a command and reads its rows, up to the server's readiness.
    pub(crate) async fn query(&mut self, command: &str) -> Result<Vec<Row>, Broken> {
        let asked = async {
            self.begin(command).await?;
            self.rows_until_ready().await
        };
        let answer = timeout(SHORT, asked).await;
        answer.map_err(|_| Broken::Lost(format!("PostgreSQL does not answer {command}")))?
    }

    pub(crate) async fn begin(&mut self, command: &str) -> Result<(), Broken> {
        let mut out = BytesMut::new();
        frontend::query(command, &mut out)?;
        self.send(&out).await
    }

    /// After an error the server becomes ready again; the error is what is answered.
    pub(crate) async fn rows_until_ready(&mut self) -> Result<Vec<Row>, Broken> {
        let (mut rows, mut bytes, mut error) = (Vec::new(), 0, None);
        loop {
            match self.receive().await {
                Ok(frame) => match frame.tag {
                    b'T' | b'C' | b'I' => {}
                    b'D' => {
                        bytes += frame.body.len();
                        if bytes > MAX_ROWS {
                            return Err(odd("too many rows"));
                        }
                        rows.push(row(frame.body)?);
                    }
                    b'Z' => return error.map_or(Ok(rows), Err),
                    other => {
                        return Err(odd(format_args!("`{}` among rows", other.escape_ascii())));
                    }
                },
                Err(refused @ Broken::Refused { .. }) if error.is_none() => error = Some(refused),
                Err(broken) => return Err(error.unwrap_or(broken)),
            }
        }
    }

    /// The rows of one result among several: up to its end.
    pub(crate) async fn rows_until_complete(&mut self) -> Result<Vec<Row>, Broken> {
        let mut rows = Vec::new();
        loop {
            let frame = self.receive().await?;
            match frame.tag {
                b'T' => {}
                b'D' => rows.push(row(frame.body)?),
                b'C' => return Ok(rows),
                other => return Err(odd(format_args!("`{}` among rows", other.escape_ascii()))),
            }
        }
    }
}

pub(crate) fn row(mut body: Bytes) -> Result<Row, Broken> {
    let short = || odd("a row that is cut off");
    let count = if body.len() < 2 {
        return Err(short());
    } else {
        body.get_u16()
    };
    (0..count)
        .map(|_| {
            if body.len() < 4 {
                return Err(short());
            }
            let Ok(length) = usize::try_from(body.get_i32()) else {
                return Ok(None);
            };
            if body.len() < length {
                return Err(short());
            }
            let value = body.split_to(length);
            Ok(Some(String::from_utf8_lossy(&value).into_owned()))
        })
        .collect()
}

/// Reads an `ErrorResponse`: fields of a letter and a text.
fn refused(body: &[u8]) -> Broken {
    let field = |letter: u8| {
        let mut fields = body.split(|byte| *byte == 0);
        let found = fields.find(|field| field.first() == Some(&letter));
        found.map(|field| String::from_utf8_lossy(&field[1..]).into_owned())
    };
    let message = field(b'M').unwrap_or_else(|| "PostgreSQL refused without a reason".to_owned());
    Broken::Refused {
        code: field(b'C').unwrap_or_default(),
        message: match field(b'D') {
            Some(detail) => format!("{message}: {detail}"),
            None => message,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_its_code_and_detail() {
        let broken = refused(b"SFATAL\0C28000\0Mno entry\0Dfor you\0\0");
        assert_eq!(
            broken,
            Broken::Refused {
                code: "28000".to_owned(),
                message: "no entry: for you".to_owned()
            }
        );
    }

    #[test]
    fn a_row_that_is_cut_off_is_an_error() {
        let whole = Bytes::from_static(b"\0\x02\0\0\0\x01a\xff\xff\xff\xff");
        assert_eq!(row(whole.clone()).unwrap(), [Some("a".to_owned()), None]);
        for end in 0..whole.len() {
            assert!(row(whole.slice(..end)).is_err());
        }
    }
}
