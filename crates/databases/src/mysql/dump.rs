//! A dump as it passes: counted, and judged by its last line.

use super::Mysql;
use super::client::{self, hinted, text};
use super::scan::{Scan, Scanned};
use crate::clock::now;
use crate::command::outflow;
use crate::counting::counting;
use crate::database::{Dump, Dumped, Failure};
use crate::place::{Answer, Place};
use mainstay_model::Timestamp;
use mainstay_recovery::Figures;
use std::collections::BTreeMap;
use std::io::Read;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// `mariadb-dump`, or `mysqldump`.
pub(super) const PROGRAMS: [&str; 2] = ["mariadb-dump", "mysqldump"];

/// What every dump is made with. Dates are left out, so that the same state is the same text.
pub(super) const WAYS: [&str; 5] = [
    "--single-transaction",
    "--quick",
    "--hex-blob",
    "--skip-dump-date",
    "--no-tablespaces",
];

/// Read at once, in bytes.
const CHUNK: usize = 128 << 10;

/// What is asked beforehand: tables that no transaction covers.
const LOOSE: &str = "FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND engine NOT IN ('InnoDB', \
                     'RocksDB', 'ROCKSDB', 'MyRocks') AND table_schema = ";

/// Begins a dump.
pub(super) async fn dump(mysql: &Mysql, place: &dyn Place) -> Result<Dump, Failure> {
    let mut details = BTreeMap::new();
    details.insert("database".to_owned(), mysql.database.clone());
    let version = client::execute(mysql, place, None, "SELECT VERSION();").await?;
    details.insert("version".to_owned(), version.trim().to_owned());
    let loose = format!("{LOOSE}{}", text(&mysql.database));
    let loose = client::list(mysql, place, "table_name", &loose).await?;
    if !loose.is_empty() {
        details.insert("not-of-one-moment".to_owned(), loose.join(", "));
    }
    let began = now();
    let mut more = WAYS.to_vec();
    more.extend([
        "--routines",
        "--triggers",
        "--events",
        "--max-allowed-packet=1G",
        &mysql.database,
    ]);
    let words = mysql.login.words(PROGRAMS, &more)?;
    let input = mysql.login.password.input(b"");
    let flow = outflow(place, "mysqldump", &words, &input).await?;
    let (chunks, scanned) = counting(read);
    let (data, out) = duplex(CHUNK);
    let pumped = tokio::spawn(pump(flow.data, out, chunks));
    let end = ended(pumped, flow.end, scanned, (began, details));
    Ok(Dump {
        data: Box::new(data),
        end: Box::pin(end),
    })
}

/// What a dump counts, when nobody wants its bytes.
pub(super) async fn figures(mysql: &Mysql, place: &dyn Place) -> Result<Figures, Failure> {
    let Dump { mut data, end } = dump(mysql, place).await?;
    let read = tokio::io::copy(&mut data, &mut tokio::io::sink()).await;
    read.map_err(|error| Failure::new(format!("reading a dump: {error}")))?;
    Ok(end.await?.figures)
}

fn read(source: &mut dyn Read) -> std::io::Result<Scanned> {
    let mut scan = Scan::new();
    let mut buffer = vec![0; CHUNK];
    while let count @ 1.. = source.read(&mut buffer)? {
        scan.push(&buffer[..count]);
    }
    Ok(scan.end())
}

async fn pump(
    mut from: Box<dyn AsyncRead + Send + Unpin>,
    mut out: DuplexStream,
    chunks: mpsc::Sender<Vec<u8>>,
) -> Result<(), Failure> {
    let given_up = |_| Failure::new("the dump was not read to its end");
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        let read = from.read_buf(&mut chunk).await;
        let count = read.map_err(|error| Failure::new(format!("the dump broke off: {error}")))?;
        if count == 0 {
            break;
        }
        out.write_all(&chunk).await.map_err(given_up)?;
        let sent = chunks.send(chunk).await;
        sent.map_err(|_| Failure::new("the dump cannot be counted"))?;
    }
    out.shutdown().await.map_err(given_up)
}

async fn ended(
    pumped: JoinHandle<Result<(), Failure>>,
    command: Answer<'static, Result<(), Failure>>,
    scanned: JoinHandle<std::io::Result<Scanned>>,
    about: (Timestamp, BTreeMap<String, String>),
) -> Result<Dumped, Failure> {
    let lost = || Failure::new("the dump was given up");
    let pumped = pumped.await.map_err(|_| lost())?;
    // What the command says is the better reason.
    command.await.map_err(hinted)?;
    pumped?;
    let scanned = scanned.await.map_err(|_| lost())?.map_err(|_| lost())?;
    if !scanned.complete {
        return Err(Failure::new(
            "the dump is not whole: its last line does not say so",
        ));
    }
    let (taken, details) = about;
    Ok(Dumped {
        taken,
        figures: scanned.figures,
        details,
    })
}
