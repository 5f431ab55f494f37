//! Brings a dump into a database of its own.

use super::client::{PROGRAMS, hinted};
use super::objects::{create, is_there};
use super::scan::END;
use super::{Mysql, left, swap, undo};
use crate::command::inflow;
use crate::database::{Failure, Load, Undo};
use crate::place::Place;
use crate::token::token;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, ReadBuf};

/// Longer than the last line of a dump, in bytes.
const LAST: usize = 128;

pub(super) async fn load(
    mysql: &Mysql,
    place: &dyn Place,
    data: &mut (dyn AsyncRead + Send + Unpin),
    load: Load,
) -> Result<Undo, Failure> {
    match load {
        Load::Beside { name } => {
            if is_there(mysql, place, &name).await? {
                return Err(
                    Failure::new(format!("there is a database `{name}` already"))
                        .hint("name one that is not there"),
                );
            }
            create(mysql, place, &name, &mysql.database).await?;
            fill(mysql, place, &name, data).await?;
            Ok(undo::beside(&name))
        }
        Load::Replace => exchanged(mysql, place, data, None).await,
        Load::Tables { names } => exchanged(mysql, place, data, Some(&names)).await,
    }
}

async fn exchanged(
    mysql: &Mysql,
    place: &dyn Place,
    data: &mut (dyn AsyncRead + Send + Unpin),
    only: Option<&[String]>,
) -> Result<Undo, Failure> {
    left::sweep(mysql, place).await?;
    let token = token()?;
    let loaded = format!("mainstay_load_{token}");
    create(mysql, place, &loaded, &mysql.database).await?;
    fill(mysql, place, &loaded, data).await?;
    let swapped = swap::swap(mysql, place, &loaded, &token, only).await;
    let removed = undo::drop_database(mysql, place, &loaded).await;
    let undo = swapped?;
    removed?;
    Ok(undo)
}

/// Fills a database that was just made; it is removed again where that fails.
async fn fill(
    mysql: &Mysql,
    place: &dyn Place,
    schema: &str,
    data: &mut (dyn AsyncRead + Send + Unpin),
) -> Result<(), Failure> {
    let database = format!("--database={schema}");
    let more = ["--binary-mode", "--max-allowed-packet=1G", &database];
    let words = mysql.login.words(PROGRAMS, &more)?;
    let head = mysql.login.password.input(b"");
    let mut whole = Whole {
        inner: data,
        last: Vec::new(),
    };
    let filled = inflow(place, "mysql", &words, &head, &mut whole).await;
    if filled.is_err() {
        undo::drop_database(mysql, place, schema).await?;
    }
    filled.map(|_| ()).map_err(hinted)
}

/// A dump that must end as one does: where it does not, its end is an error, and the command that reads it is
/// ended.
struct Whole<'a> {
    inner: &'a mut (dyn AsyncRead + Send + Unpin),
    last: Vec<u8>,
}

impl AsyncRead for Whole<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        let room = buf.remaining() > 0;
        std::task::ready!(Pin::new(&mut *this.inner).poll_read(cx, buf))?;
        let new = &buf.filled()[before..];
        this.last
            .extend_from_slice(&new[new.len().saturating_sub(LAST)..]);
        let over = this.last.len().saturating_sub(LAST);
        this.last.drain(..over);
        if room && new.is_empty() && !is_end(&this.last) {
            let text = "the dump is not whole: its last line does not say so";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, text)));
        }
        Poll::Ready(Ok(()))
    }
}

/// Whether the last line is that of a dump that came to its end.
fn is_end(last: &[u8]) -> bool {
    let last = last.trim_ascii_end();
    let begin = last
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    last[begin..].starts_with(END)
}
