//! A base backup: the data directory as a tar stream, in constant memory, with its manifest as the last file.

use super::client::{Replication, column};
use super::connection::{Connection, Row, odd};
use crate::command::{IDLE, late};
use crate::database::Failure;
use crate::place::Answer;
use crate::postgres::lsn::Lsn;
use bytes::{Buf as _, Bytes};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWriteExt as _, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// For the checkpoint that a base backup begins with, also on a slow disk.
const CHECKPOINT: Duration = Duration::from_secs(60 * 60);

/// Between the connection and whoever reads, in bytes.
const PIPE: usize = 256 << 10;

/// A manifest, in bytes: it has a line for each file.
const MAX_MANIFEST: usize = 256 << 20;

const BLOCK: usize = 512;

/// A base backup on its way. All of `data` is read first, then `end` says whether it was whole.
pub struct BaseBackup {
    /// The data directory as tar.
    pub data: Box<dyn AsyncRead + Send + Unpin>,
    /// What the server guesses, in bytes.
    pub size: Option<u64>,
    /// Where the log that it needs begins.
    pub start: Lsn,
    pub timeline: u32,
    pub end: Answer<'static, Result<Base, Failure>>,
}

impl std::fmt::Debug for BaseBackup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = f.debug_struct("BaseBackup");
        text.field("start", &self.start)
            .field("timeline", &self.timeline);
        text.finish_non_exhaustive()
    }
}

/// A base backup that is whole, together with the log from `start` to `end`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Base {
    pub start: Lsn,
    /// It can be recovered to a moment not before this.
    pub end: Lsn,
    pub timeline: u32,
}

impl Replication {
    /// Begins a base backup, with a checkpoint at once.
    ///
    /// # Errors
    /// The server refuses, or has tablespaces outside of its data directory.
    pub async fn base_backup(mut self, label: &str) -> Result<BaseBackup, Failure> {
        let major = self.major();
        self.connection.begin(&command(major, label)).await?;
        let begun = timeout(CHECKPOINT, self.connection.rows_until_complete()).await;
        let begun = begun.map_err(|_| late("the checkpoint of a base backup", CHECKPOINT))??;
        let begun = begun
            .first()
            .ok_or_else(|| odd("no start of a base backup"))?;
        let (start, timeline) = (column(begun, 0)?, column(begun, 1)?);
        let tablespaces = timeout(IDLE, self.connection.rows_until_complete()).await;
        let tablespaces = tablespaces.map_err(|_| late("a base backup", IDLE))??;
        let size = one_tablespace(&tablespaces)?;
        let (writer, reader) = tokio::io::duplex(PIPE);
        let task = Task(tokio::spawn(copy(self.connection, writer, major)));
        Ok(BaseBackup {
            data: Box::new(reader),
            size,
            start,
            timeline,
            end: Box::pin(async move {
                let end = task.end().await?;
                Ok(Base {
                    start,
                    end,
                    timeline,
                })
            }),
        })
    }
}

/// The options got brackets with PostgreSQL 15; manifests came with 13.
fn command(major: u32, label: &str) -> String {
    let label = Replication::label(label);
    match major {
        15.. => format!(
            "BASE_BACKUP (LABEL {label}, PROGRESS true, CHECKPOINT 'fast', WAIT true, WAL false, MANIFEST 'yes', \
             MANIFEST_CHECKSUMS 'SHA256')"
        ),
        13.. => format!(
            "BASE_BACKUP LABEL {label} PROGRESS FAST MANIFEST 'yes' MANIFEST_CHECKSUMS 'SHA256'"
        ),
        _ => format!("BASE_BACKUP LABEL {label} PROGRESS FAST"),
    }
}

/// Its size in bytes.
fn one_tablespace(rows: &[Row]) -> Result<Option<u64>, Failure> {
    let others: Vec<&str> = rows
        .iter()
        .filter_map(|row| row.get(1)?.as_deref())
        .collect();
    if !others.is_empty() {
        let message = format!(
            "tablespaces outside of the data directory: {}",
            others.join(", ")
        );
        return Err(Failure::new(message)
            .hint("back this database up by dumps, or move its tables into pg_default"));
    }
    let kilobytes = rows
        .first()
        .and_then(|row| row.get(2)?.as_deref()?.parse::<u64>().ok());
    Ok(kilobytes.map(|kilobytes| kilobytes << 10))
}

/// The copy on its way; dropped, it ends.
struct Task(JoinHandle<Result<Lsn, Failure>>);

impl Task {
    async fn end(mut self) -> Result<Lsn, Failure> {
        let end = (&mut self.0).await;
        end.map_err(|error| Failure::new(format!("the base backup was not copied: {error}")))?
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn copy(connection: Connection, writer: DuplexStream, major: u32) -> Result<Lsn, Failure> {
    let mut copy = Copy {
        connection,
        archive: Archive {
            writer,
            held: Vec::new(),
            ends: major >= 15,
        },
        manifest: Vec::new(),
    };
    if major >= 15 {
        copy.one_stream().await?;
    } else {
        copy.streams(major >= 13).await?;
    }
    let Copy {
        mut connection,
        archive,
        manifest,
    } = copy;
    let rows = connection.rows_until_ready();
    let rows = timeout(IDLE, rows)
        .await
        .map_err(|_| late("a base backup", IDLE))??;
    let end = column(
        rows.first().ok_or_else(|| odd("no end of a base backup"))?,
        0,
    )?;
    archive.finish(&manifest).await?;
    Ok(end)
}

struct Copy {
    connection: Connection,
    archive: Archive,
    manifest: Vec<u8>,
}

impl Copy {
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let frame = timeout(IDLE, self.connection.receive()).await;
        let frame = frame.map_err(|_| late("a base backup", IDLE))??;
        match frame.tag {
            b'd' => Ok(Some(frame.body)),
            b'c' => Ok(None),
            other => Err(odd(format_args!(
                "`{}` within a base backup",
                other.escape_ascii()
            ))
            .into()),
        }
    }

    async fn copy_out(&mut self) -> Result<(), Failure> {
        let frame = timeout(IDLE, self.connection.receive()).await;
        match frame.map_err(|_| late("a base backup", IDLE))??.tag {
            b'H' => Ok(()),
            other => Err(odd(format_args!("`{}` for a base backup", other.escape_ascii())).into()),
        }
    }

    /// From PostgreSQL 15: one copy whose messages say what they are.
    async fn one_stream(&mut self) -> Result<(), Failure> {
        self.copy_out().await?;
        let (mut archives, mut manifest) = (0, false);
        while let Some(mut body) = self.next().await? {
            let kind = if body.is_empty() { 0 } else { body.get_u8() };
            match kind {
                b'n' if archives == 0 => archives = 1,
                b'm' if archives == 1 => manifest = true,
                b'd' if manifest => self.note(&body)?,
                b'd' if archives == 1 => self.archive.write(&body).await?,
                b'p' => {}
                _ => {
                    return Err(
                        odd(format_args!("`{}` of a base backup", kind.escape_ascii())).into(),
                    );
                }
            }
        }
        Ok(())
    }

    /// Before it: a copy for the archive, and one for the manifest.
    async fn streams(&mut self, manifest: bool) -> Result<(), Failure> {
        self.copy_out().await?;
        while let Some(body) = self.next().await? {
            self.archive.write(&body).await?;
        }
        if manifest {
            self.copy_out().await?;
            while let Some(body) = self.next().await? {
                self.note(&body)?;
            }
        }
        Ok(())
    }

    fn note(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.manifest.len() + bytes.len() > MAX_MANIFEST {
            return Err(Failure::new(format!(
                "the manifest has more than {MAX_MANIFEST} bytes"
            )));
        }
        self.manifest.extend_from_slice(bytes);
        Ok(())
    }
}

/// The archive without its last two blocks, so that a file can follow.
struct Archive {
    writer: DuplexStream,
    /// The last of what came, no more than two blocks.
    held: Vec<u8>,
    /// Whether the server ends the archive itself, with two blocks of zeros: from PostgreSQL 15.
    ends: bool,
}

impl Archive {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let mut held = std::mem::take(&mut self.held);
        let over = (held.len() + bytes.len()).saturating_sub(2 * BLOCK);
        let (of_held, of_bytes) = (over.min(held.len()), over.saturating_sub(held.len()));
        self.put(&held[..of_held]).await?;
        self.put(&bytes[..of_bytes]).await?;
        held.drain(..of_held);
        held.extend_from_slice(&bytes[of_bytes..]);
        self.held = held;
        Ok(())
    }

    async fn put(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let put = timeout(IDLE, self.writer.write_all(bytes)).await;
        put.map_err(|_| late("whoever reads a base backup", IDLE))?
            .map_err(|_| Failure::new("the base backup was not read to its end"))
    }

    async fn finish(mut self, manifest: &[u8]) -> Result<(), Failure> {
        let held = std::mem::take(&mut self.held);
        if !self.ends {
            self.put(&held).await?;
        } else if held.len() < 2 * BLOCK || held.iter().any(|byte| *byte != 0) {
            return Err(odd("an archive without an end").into());
        }
        if !manifest.is_empty() {
            self.put(&header("backup_manifest", manifest.len())).await?;
            self.put(manifest).await?;
            self.put(&vec![
                0;
                manifest.len().next_multiple_of(BLOCK) - manifest.len()
            ])
            .await?;
        }
        self.put(&[0; 2 * BLOCK]).await?;
        let shut = timeout(IDLE, self.writer.shutdown()).await;
        let _ = shut.map_err(|_| late("whoever reads a base backup", IDLE))?;
        Ok(())
    }
}

/// The header of a file that its owner alone reads (POSIX ustar).
fn header(name: &str, size: usize) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut field =
        |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    field(0, name);
    field(100, "0000600\0");
    field(108, "0000000\0");
    field(116, "0000000\0");
    field(124, &format!("{size:011o}\0"));
    field(136, "00000000000\0");
    field(148, "        ");
    field(156, "0");
    field(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}
