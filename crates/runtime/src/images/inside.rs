//! The files of an image, as far as their paths and modes tell something.
//!
//! The engine writes a container's file system out as an archive; the container is created for
//! that, never started, and removed. Only the headers are read.

use super::Images;
use super::error::ImageError;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::RemoveContainerOptionsBuilder;
use futures_util::StreamExt;
use mainstay_audit::image::ImageFiles;
use std::io::{self, Read};
use std::time::Duration;
use tokio::sync::mpsc;

/// Of reading one image.
const DEADLINE: Duration = Duration::from_mins(10);

/// Entries beyond these are not looked at.
const LIMIT_ENTRIES: usize = 2_000_000;

/// Pieces of the archive that wait for the reader.
const PIECES: usize = 16;

impl Images {
    /// Looks through all files of an image.
    pub async fn files(&self, image: &str) -> Result<ImageFiles, ImageError> {
        let what = format!("cannot read the files of `{image}`");
        let body = ContainerCreateBody {
            image: Some(image.to_owned()),
            // It never runs, but an image without a command is refused otherwise.
            cmd: Some(vec!["/".to_owned()]),
            ..ContainerCreateBody::default()
        };
        let made = self
            .docker
            .create_container(None, body)
            .await
            .map_err(self.failed(what.as_str()))?;
        let found = tokio::time::timeout(DEADLINE, self.read(&made.id)).await;
        let options = RemoveContainerOptionsBuilder::default()
            .force(true)
            .v(true)
            .build();
        let removed = self.docker.remove_container(&made.id, Some(options)).await;
        let found = found
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|error| ImageError::new(format!("{what}: {error}")))?;
        removed.map_err(self.failed(what))?;
        Ok(found)
    }

    async fn read(&self, container: &str) -> io::Result<ImageFiles> {
        let (sender, receiver) = mpsc::channel(PIECES);
        let reader = tokio::task::spawn_blocking(move || scan(Pieces::new(receiver)));
        let mut stream = std::pin::pin!(self.docker.export_container(container));
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(io::Error::other)?;
            // The reader ends early where it has seen enough, or cannot read on.
            if sender.send(piece).await.is_err() {
                break;
            }
        }
        drop(sender);
        reader.await.map_err(io::Error::other)?
    }
}

fn scan(archive: impl Read) -> io::Result<ImageFiles> {
    let mut files = ImageFiles::default();
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries()?.take(LIMIT_ENTRIES) {
        let entry = entry?;
        if entry.header().entry_type().is_file() {
            let path = entry.path_bytes();
            let path = String::from_utf8_lossy(&path);
            files.add(path.trim_start_matches("./"), entry.header().mode()?);
        }
    }
    Ok(files)
}

/// Pieces that come over a channel, as a reader.
struct Pieces {
    receiver: mpsc::Receiver<bytes::Bytes>,
    current: bytes::Bytes,
}

impl Pieces {
    fn new(receiver: mpsc::Receiver<bytes::Bytes>) -> Self {
        Self {
            receiver,
            current: bytes::Bytes::new(),
        }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.current = piece,
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.current.len());
        buffer[..count].copy_from_slice(&self.current.split_to(count));
        Ok(count)
    }
}
