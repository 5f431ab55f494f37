//! The body of a request, in pieces, and how far it went.

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

/// Handed to the connection at once, in bytes: what is handed over counts as progress.
const PIECE: usize = 64 << 10;

/// Pieces on their way out.
#[derive(Debug, Default)]
pub(super) struct Upload {
    pieces: VecDeque<Bytes>,
    left: u64,
    progress: Arc<AtomicU64>,
}

impl Upload {
    pub(super) fn new(pieces: Vec<Bytes>) -> Self {
        Self {
            left: pieces.iter().map(|piece| piece.len() as u64).sum(),
            pieces: pieces.into(),
            progress: Arc::default(),
        }
    }

    /// Counts up with every piece.
    pub(super) fn progress(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.progress)
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        while let Some(front) = this.pieces.front_mut() {
            if front.is_empty() {
                this.pieces.pop_front();
                continue;
            }
            let piece = front.split_to(front.len().min(PIECE));
            this.left -= piece.len() as u64;
            this.progress.fetch_add(1, Ordering::Relaxed);
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// `length` bytes from `offset` of what stands in pieces, without a copy.
pub(super) fn slice(content: &[Bytes], offset: usize, length: usize) -> Vec<Bytes> {
    let (mut skip, mut left) = (offset, length);
    let mut out = Vec::new();
    for piece in content {
        if skip >= piece.len() {
            skip -= piece.len();
            continue;
        }
        let end = piece.len().min(skip.saturating_add(left));
        left -= end - skip;
        out.push(piece.slice(skip..end));
        skip = 0;
        if left == 0 {
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::slice;
    use bytes::Bytes;

    #[test]
    fn slices_over_pieces() {
        let content =
            ["abc", "", "defg", "h"].map(|piece: &str| Bytes::copy_from_slice(piece.as_bytes()));
        let whole = content.concat();
        for offset in 0..=whole.len() {
            for length in 0..=whole.len() - offset {
                let cut = slice(&content, offset, length).concat();
                assert_eq!(cut, whole[offset..offset + length], "{offset} {length}");
            }
        }
    }
}
