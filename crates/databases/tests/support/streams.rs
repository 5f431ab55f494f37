//! Copies in memory, and sources that break off.

use mainstay_databases::{Dump, Dumped, Failure};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};

/// All of a copy, and how it ended.
pub(crate) async fn read(dump: Dump) -> (Vec<u8>, Result<Dumped, Failure>) {
    let Dump { mut data, end } = dump;
    let mut bytes = Vec::new();
    let _ = data.read_to_end(&mut bytes).await;
    (bytes, end.await)
}

pub(crate) fn boxed(bytes: &[u8]) -> Box<dyn AsyncRead + Send + Unpin> {
    Box::new(std::io::Cursor::new(bytes.to_vec()))
}

/// `bytes`, then an error.
pub(crate) fn breaking(bytes: &[u8]) -> Box<dyn AsyncRead + Send + Unpin> {
    Box::new(std::io::Cursor::new(bytes.to_vec()).chain(Broken))
}

struct Broken;

impl AsyncRead for Broken {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
    }
}
