//! A file of ours for a while, with whatever SQLite puts beside it.

use crate::database::Failure;
use crate::token::token;
use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};

/// What SQLite puts beside a database.
pub(super) const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Read at once, in bytes.
const CHUNK: usize = 256 << 10;

/// Is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Spooled {
    path: PathBuf,
}

impl Spooled {
    /// A name that is free; the file is there, and empty.
    pub(super) fn new(directory: &Path) -> Result<Self, Failure> {
        let path = directory.join(format!("mainstay-{}.sqlite", token()?));
        let mut options = fs::OpenOptions::new();
        let made = options.write(true).create_new(true).mode(0o600).open(&path);
        made.map_err(|error| Failure::new(format!("making {}: {error}", path.display())))?;
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes in all of `data`.
    pub(super) async fn fill(
        &self,
        data: &mut (dyn AsyncRead + Send + Unpin),
    ) -> Result<(), Failure> {
        fill(&self.path, data).await.map(|_| ())
    }

    /// Its content; the file is there as long as that is read.
    pub(super) async fn read(self) -> Result<Reading, Failure> {
        let file = tokio::fs::File::open(&self.path).await;
        let file = file.map_err(|error| Failure::new(format!("reading a copy: {error}")))?;
        Ok(Reading {
            file,
            _spooled: self,
        })
    }
}

impl Drop for Spooled {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Removes a database with what is beside it; what is not there is no failure.
pub(super) fn remove(path: &Path) {
    let _ = fs::remove_file(path);
    for end in BESIDE {
        let mut beside = path.as_os_str().to_owned();
        beside.push(end);
        let _ = fs::remove_file(beside);
    }
}

/// Writes all of `data` into a file that is there; answers how many bytes.
pub(super) async fn fill(
    path: &Path,
    data: &mut (dyn AsyncRead + Send + Unpin),
) -> Result<u64, Failure> {
    let wrong = |error: io::Error| Failure::new(format!("writing {}: {error}", path.display()));
    let options = tokio::fs::OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(path)
        .await;
    let mut file = options.map_err(wrong)?;
    let mut chunk = vec![0; CHUNK];
    let mut all = 0;
    loop {
        let read = data.read(&mut chunk).await;
        let count = read.map_err(|error| Failure::new(format!("reading a copy: {error}")))?;
        if count == 0 {
            break;
        }
        file.write_all(&chunk[..count]).await.map_err(wrong)?;
        all += count as u64;
    }
    file.sync_all().await.map_err(wrong)?;
    Ok(all)
}

/// The content of a file that is gone afterwards.
pub(super) struct Reading {
    file: tokio::fs::File,
    _spooled: Spooled,
}

impl AsyncRead for Reading {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.file).poll_read(cx, buf)
    }
}
