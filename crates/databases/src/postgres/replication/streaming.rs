//! The log as it comes, and what is answered to it.

use super::client::{Replication, column};
use super::connection::{Broken, Connection, odd};
use crate::postgres::lsn::Lsn;
use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use mainstay_model::Timestamp;
use postgres_protocol::message::frontend;

/// Microseconds of PostgreSQL's clock begin in the year 2000.
const EPOCH_MILLIS: i64 = 946_684_800_000;

/// What the server says.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// Bytes of the log from `start` on. `end` is what the server has, at `sent`.
    Data {
        start: Lsn,
        end: Lsn,
        sent: Timestamp,
        data: Bytes,
    },
    Alive {
        sent: Timestamp,
        reply: bool,
    },
    /// The timeline ended: the server went on in `timeline` from `from`.
    Ended {
        timeline: u32,
        from: Lsn,
    },
}

pub(crate) struct Streaming {
    connection: Connection,
    /// A timeline that ends where we begin gives its end at once.
    ended: Option<(u32, Lsn)>,
}

impl Streaming {
    pub(super) async fn begin(mut connection: Connection, command: &str) -> Result<Self, Broken> {
        connection.begin(command).await?;
        let ended = match connection.receive().await?.tag {
            b'W' => None,
            b'T' => Some(next_timeline(&mut connection).await?),
            other => return Err(odd(format_args!("`{}` for the log", other.escape_ascii()))),
        };
        Ok(Self { connection, ended })
    }

    /// The next event. Cancellation safe, but for the end of a timeline.
    pub(crate) async fn next(&mut self) -> Result<Event, Broken> {
        if let Some((timeline, from)) = self.ended {
            return Ok(Event::Ended { timeline, from });
        }
        let frame = self.connection.receive().await?;
        match frame.tag {
            b'd' => event(frame.body),
            b'c' => {
                let mut out = BytesMut::new();
                frontend::copy_done(&mut out);
                self.connection.send(&out).await?;
                // Asked to, it says that it is alive also after it ended the copy.
                while self.connection.receive().await?.tag == b'd' {}
                let (timeline, from) = next_timeline(&mut self.connection).await?;
                self.ended = Some((timeline, from));
                Ok(Event::Ended { timeline, from })
            }
            // The end of the command without that of the copy: a server that stops takes leave so.
            b'C' => Err(Broken::ShutsDown),
            other => Err(odd(format_args!(
                "`{}` within the log",
                other.escape_ascii()
            ))),
        }
    }

    /// Whether [`Self::next`] would answer bytes of the log without waiting.
    pub(crate) fn has_data(&self) -> bool {
        self.connection.has_frame(*b"dw")
    }

    /// Says what is on our disk; `reply`: the server is to answer at once.
    pub(crate) async fn status(
        &mut self,
        flushed: Lsn,
        now: Timestamp,
        reply: bool,
    ) -> Result<(), Broken> {
        let mut body = BytesMut::with_capacity(34);
        body.put_u8(b'r');
        // Written and flushed; nothing is applied here.
        body.put_u64(flushed.0);
        body.put_u64(flushed.0);
        body.put_u64(0);
        body.put_i64((now.as_millis() - EPOCH_MILLIS) * 1000);
        body.put_u8(u8::from(reply));
        let mut out = BytesMut::new();
        frontend::CopyData::new(body)?.write(&mut out);
        self.connection.send(&out).await
    }

    /// After [`Event::Ended`], commands are taken again.
    pub(crate) fn into_commands(self) -> Replication {
        Replication {
            connection: self.connection,
        }
    }
}

/// The rest of the answer that tells the next timeline. A server that shuts down has none.
async fn next_timeline(connection: &mut Connection) -> Result<(u32, Lsn), Broken> {
    let rows = connection.rows_until_ready().await?;
    let row = rows.first().ok_or(Broken::ShutsDown)?;
    Ok((column(row, 0)?, column(row, 1)?))
}

fn event(mut body: Bytes) -> Result<Event, Broken> {
    let short = || odd("a message of the log that is cut off");
    match (body.first(), body.len()) {
        (Some(b'w'), 25..) => {
            body.advance(1);
            let (start, end) = (Lsn(body.get_u64()), Lsn(body.get_u64()));
            let sent = moment(body.get_i64());
            Ok(Event::Data {
                start,
                end,
                sent,
                data: body,
            })
        }
        (Some(b'k'), 18) => {
            body.advance(9);
            let sent = moment(body.get_i64());
            Ok(Event::Alive {
                sent,
                reply: body.get_u8() == 1,
            })
        }
        _ => Err(short()),
    }
}

fn moment(micros: i64) -> Timestamp {
    Timestamp::from_millis(micros / 1000 + EPOCH_MILLIS)
}
