//! A pipe whose end is an end only where whoever wrote says that it was all.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, DuplexStream, ReadBuf};
use tokio::sync::oneshot;

/// Bytes that may wait for whoever reads; then the writer waits.
const BUFFER: usize = 1 << 20;

/// The reading end: an error where the verdict is one, or never comes.
#[derive(Debug)]
pub(super) struct Checked {
    data: DuplexStream,
    verdict: oneshot::Receiver<Result<(), String>>,
}

/// The writing end, and where its verdict goes once all is written and the end is dropped.
pub(super) fn pipe() -> (DuplexStream, oneshot::Sender<Result<(), String>>, Checked) {
    let (writer, data) = tokio::io::duplex(BUFFER);
    let (sender, verdict) = oneshot::channel();
    (writer, sender, Checked { data, verdict })
}

impl AsyncRead for Checked {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.data).poll_read(context, buffer) {
            Poll::Ready(Ok(())) if buffer.filled().len() == before => {}
            other => return other,
        }
        match Pin::new(&mut self.verdict).poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(Ok(()))) => Poll::Ready(Ok(())),
            Poll::Ready(Ok(Err(reason))) => Poll::Ready(Err(io::Error::other(reason))),
            Poll::Ready(Err(_)) => {
                let reason = "whoever wrote it went away before its end";
                Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, reason)))
            }
        }
    }
}

/// The work of packing, and what it failed with.
pub(super) type Packing = tokio::task::JoinHandle<io::Result<()>>;

/// A directory as tar, with names that begin with `root`.
pub(super) fn packed(folder: &Path, root: &'static str) -> (DuplexStream, Packing) {
    let (writer, reader) = tokio::io::duplex(BUFFER);
    let folder = folder.to_owned();
    let packing = tokio::task::spawn_blocking(move || {
        let writer = tokio_util::io::SyncIoBridge::new(writer);
        let mut archive = tar::Builder::new(writer);
        archive.follow_symlinks(false);
        archive.append_dir_all(root, &folder)?;
        archive.into_inner()?;
        Ok(())
    });
    (reader, packing)
}

/// A stream, and what is to be asked only when all of it was read.
pub(super) fn in_order<R, T>(
    data: R,
    end: impl Future<Output = Result<T, String>> + Send,
) -> (Noticed<R>, impl Future<Output = Result<T, String>> + Send)
where
    R: AsyncRead + Send + Unpin,
{
    let (sender, seen) = oneshot::channel();
    let noticed = Noticed {
        data,
        end: Some(sender),
    };
    let whole = async move {
        match seen.await {
            Ok(()) => end.await,
            Err(_) => Err("it was not read to its end".to_owned()),
        }
    };
    (noticed, whole)
}

/// Tells when its end was seen.
#[derive(Debug)]
pub(super) struct Noticed<R> {
    data: R,
    end: Option<oneshot::Sender<()>>,
}

impl<R: AsyncRead + Unpin> AsyncRead for Noticed<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (before, room) = (buffer.filled().len(), buffer.remaining() > 0);
        let read = Pin::new(&mut self.data).poll_read(context, buffer);
        if let Poll::Ready(Ok(())) = &read
            && room
            && buffer.filled().len() == before
            && let Some(end) = self.end.take()
        {
            let _ = end.send(());
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn the_verdict_is_asked_for_only_when_all_was_read() {
        let asked = Arc::new(AtomicBool::new(false));
        let ask = Arc::clone(&asked);
        let (mut data, whole) = in_order(&b"some"[..], async move {
            ask.store(true, Ordering::Relaxed);
            Ok(())
        });
        let verdict = tokio::spawn(whole);
        let mut four = [0; 4];
        data.read_exact(&mut four).await.unwrap();
        tokio::task::yield_now().await;
        assert!(!asked.load(Ordering::Relaxed));
        assert_eq!(data.read(&mut four).await.unwrap(), 0);
        verdict.await.unwrap().unwrap();
        assert!(asked.load(Ordering::Relaxed));
    }

    async fn read(verdict: Option<Result<(), String>>) -> io::Result<Vec<u8>> {
        let (mut writer, sender, mut reader) = pipe();
        writer.write_all(b"some").await.unwrap();
        drop(writer);
        match verdict {
            Some(verdict) => sender.send(verdict).unwrap(),
            None => drop(sender),
        }
        let mut all = Vec::new();
        reader.read_to_end(&mut all).await.map(|_| all)
    }

    #[tokio::test]
    async fn an_end_without_a_verdict_is_an_error() {
        assert_eq!(read(Some(Ok(()))).await.unwrap(), b"some");
        let broken = read(Some(Err("a pack is damaged".to_owned()))).await;
        assert_eq!(broken.unwrap_err().to_string(), "a pack is damaged");
        assert!(read(None).await.is_err());
    }
}
