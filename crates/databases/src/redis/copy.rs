//! A copy as it passes: read, counted, and judged by its end.
//!
//! Three go side by side: the command, a pump that hands on what it writes and holds back its end, and a
//! thread that reads the same bytes as an RDB file. A copy is whole when the command ended well *and* the
//! file ends with its checksum (redis-cli's exit code alone says nothing about a pipe).

use super::rdb::{self, Rdb, RdbError, Tail};
use super::{Redis, cli};
use crate::clock::now;
use crate::command::{Outflow, outflow};
use crate::counting::counting;
use crate::database::{Dump, Dumped, Failure};
use crate::place::{Answer, Place};
use mainstay_model::Timestamp;
use std::collections::BTreeMap;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};

/// Read at once, in bytes.
const CHUNK: usize = 128 << 10;

/// Begins a copy of the whole server.
pub(super) async fn dump(redis: &Redis, place: &dyn Place) -> Result<Dump, Failure> {
    let words = cli::words(redis, &["--no-auth-warning", "--rdb", "-"])?;
    let input = redis.password.input(b"");
    let flow = outflow(place, "redis-cli", &words, &input).await?;
    Ok(watched(flow, now()))
}

/// Reads an RDB file that a command writes, and counts.
pub(super) fn watched(flow: Outflow, began: Timestamp) -> Dump {
    let (chunks, counted) = counting(|source| rdb::read(source));
    let (data, out) = duplex(CHUNK);
    let pumped = tokio::spawn(pump(flow.data, out, chunks));
    let end = ended(pumped, flow.end, counted, began);
    Dump {
        data: Box::new(data),
        end: Box::pin(end),
    }
}

/// What the pump saw.
struct Pumped {
    length: u64,
    summed: bool,
    /// When the first byte came.
    first: Option<Timestamp>,
}

async fn pump(
    mut from: Box<dyn AsyncRead + Send + Unpin>,
    mut out: DuplexStream,
    chunks: mpsc::Sender<Vec<u8>>,
) -> Result<Pumped, Failure> {
    let given_up = |_| Failure::new("the copy was not read to its end");
    let mut tail = Tail::default();
    let mut first = None;
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = from.read(&mut buffer).await;
        let count = read.map_err(|error| Failure::new(format!("the copy broke off: {error}")))?;
        if count == 0 {
            break;
        }
        first.get_or_insert_with(now);
        let free = tail.push(&buffer[..count]);
        out.write_all(&free).await.map_err(given_up)?;
        // The thread may have met what it does not know.
        let _ = chunks.send(free).await;
    }
    let end = tail
        .end()
        .map_err(|_| Failure::new("the copy is not whole: it does not end as one"))?;
    out.write_all(&end.rest).await.map_err(given_up)?;
    out.shutdown().await.map_err(given_up)?;
    let _ = chunks.send(end.rest).await;
    Ok(Pumped {
        length: end.length,
        summed: end.summed,
        first,
    })
}

async fn ended(
    pumped: JoinHandle<Result<Pumped, Failure>>,
    command: Answer<'static, Result<(), Failure>>,
    counting: JoinHandle<Result<Rdb, RdbError>>,
    began: Timestamp,
) -> Result<Dumped, Failure> {
    let lost = |error: JoinError| Failure::new(format!("the copy was given up: {error}"));
    let pumped = pumped.await.map_err(lost)?;
    // What the command says is the better reason.
    command.await.map_err(hinted)?;
    let pumped = pumped?;
    let mut details = BTreeMap::new();
    let rdb = match counting.await.map_err(lost)? {
        Ok(rdb) if rdb.length != pumped.length => {
            return Err(Failure::new("the copy is damaged: it ends before its end"));
        }
        Ok(rdb) => rdb,
        Err(error @ RdbError::Unknown(_)) if pumped.summed => {
            details.insert("counted".to_owned(), format!("no: {error}"));
            Rdb::default()
        }
        Err(error) => return Err(Failure::new(format!("the copy is not whole: {error}"))),
    };
    if !pumped.summed {
        details.insert("checksum".to_owned(), "none: `rdbchecksum no`".to_owned());
    }
    if let Some(version) = rdb.about.get("redis-ver").or(rdb.about.get("valkey-ver")) {
        details.insert("version".to_owned(), version.clone());
    }
    details.insert("expiring-keys".to_owned(), rdb.expiring.to_string());
    let taken = taken(&rdb, began, pumped.first);
    Ok(Dumped {
        taken,
        figures: rdb.figures,
        details,
    })
}

/// The server's own word for when it forked, in whole seconds; never before the copy was asked for, nor after
/// its first byte.
fn taken(rdb: &Rdb, began: Timestamp, first: Option<Timestamp>) -> Timestamp {
    let said = rdb
        .about
        .get("ctime")
        .and_then(|text| text.parse::<i64>().ok());
    let said = said.map(|seconds| Timestamp::from_millis(seconds.saturating_mul(1000)));
    said.unwrap_or(began)
        .clamp(began, first.unwrap_or(began).max(began))
}

fn hinted(failure: Failure) -> Failure {
    let message = &failure.message;
    if message.contains("NOPERM") {
        failure.hint("give its user the right to `sync` and `replconf`")
    } else if message.contains("NOAUTH")
        || message.contains("WRONGPASS")
        || message.contains("AUTH failed")
    {
        failure.hint("say where the password is: a variable or a file of the service")
    } else {
        failure
    }
}
