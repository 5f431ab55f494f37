//! A client's socket, watched: whose turn it is, since when, and what the bytes mean.
//!
//! hyper's own time limit for heads also runs while a connection is idle, and ends it without a
//! word. Here the phases are told apart, so that an idle connection is closed silently and a slow
//! head is answered with 408. Nothing is timed by request: the phases are stamps, and the
//! connection's one timer looks at them.

use crate::coalesce;
use crate::config::Limits;
use crate::framing::Framing;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Requests that a client may give up before anybody wonders.
const MANY_CANCELLED: u64 = 100;

/// What a client connection waits for. Written and read by one thread; atomic only because a
/// connection may be sent there from another.
#[derive(Debug)]
pub(crate) struct Wire {
    epoch: Instant,
    /// Stamps: milliseconds since `epoch`, and one more, so that 0 is "not".
    idle_since: AtomicU64,
    head_since: AtomicU64,
    stalled_since: AtomicU64,
    /// Requests that have begun and not ended; over HTTP/1 at most one.
    serving: AtomicU64,
    heard: AtomicBool,
    /// No longer HTTP.
    raw: AtomicBool,
    /// Requests handed to the service.
    served: AtomicU64,
    /// Those that the client gave up before it was answered.
    cancelled: AtomicU64,
    /// The first head that must not be served.
    ambiguous: AtomicU64,
}

/// Which patience ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// Nothing was asked for.
    Idle,
    /// A head began and did not end.
    Head,
    /// The client does not take what we send.
    Stalled,
}

impl Wire {
    pub(crate) fn new() -> Self {
        Self {
            epoch: Instant::now(),
            idle_since: AtomicU64::new(1),
            head_since: AtomicU64::new(0),
            stalled_since: AtomicU64::new(0),
            serving: AtomicU64::new(0),
            heard: AtomicBool::new(false),
            raw: AtomicBool::new(false),
            served: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
            ambiguous: AtomicU64::new(u64::MAX),
        }
    }

    /// A request begins; `false`: its length can be read in two ways.
    pub(crate) fn begin(&self) -> bool {
        self.serving.fetch_add(1, Relaxed);
        self.served.fetch_add(1, Relaxed) + 1 < self.ambiguous.load(Relaxed)
    }

    /// The encryption stands: patience begins anew.
    pub(crate) fn shaken(&self) {
        self.idle_since.store(self.stamp(Instant::now()), Relaxed);
    }

    /// Its response ended.
    pub(crate) fn end(&self, now: Instant) {
        self.serving.fetch_sub(1, Relaxed);
        self.idle_since.store(self.stamp(now), Relaxed);
    }

    /// The request that ends was given up by its client.
    pub(crate) fn note_cancelled(&self) {
        self.cancelled.fetch_add(1, Relaxed);
    }

    /// Whether this client asks in order to give up: the flood of resets that costs a server more
    /// than it costs the client (CVE-2023-44487).
    pub(crate) fn is_flooded(&self) -> bool {
        let cancelled = self.cancelled.load(Relaxed);
        cancelled >= MANY_CANCELLED && cancelled * 2 > self.served.load(Relaxed)
    }

    /// Whether a request has begun and not ended.
    pub(crate) fn is_serving(&self) -> bool {
        self.serving.load(Relaxed) > 0
    }

    /// From now on the bytes are another protocol's.
    pub(crate) fn become_raw(&self) {
        self.raw.store(true, Relaxed);
    }

    /// When patience ends as things stand; `None` while it is the proxy's turn.
    pub(crate) fn deadline(&self, limits: &Limits) -> Option<(Instant, Expiry)> {
        let stalled = self.stalled_since.load(Relaxed);
        if stalled > 0 {
            let deadline = self.after(stalled, limits.body_timeout);
            return Some((deadline, Expiry::Stalled));
        }
        if self.is_serving() || self.raw.load(Relaxed) {
            return None;
        }
        let idle = self.idle_since.load(Relaxed);
        let head = self.head_since.load(Relaxed);
        if head > 0 {
            // It may have arrived while the request before it was served.
            let deadline = self.after(head.max(idle), limits.header_timeout);
            return Some((deadline, Expiry::Head));
        }
        // Who has not said a word yet is given less time.
        let patience = if self.heard.load(Relaxed) {
            limits.idle_timeout
        } else {
            limits.header_timeout
        };
        Some((self.after(idle, patience), Expiry::Idle))
    }

    fn stamp(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.epoch).as_millis() as u64 + 1
    }

    fn after(&self, stamp: u64, patience: Duration) -> Instant {
        self.epoch + Duration::from_millis(stamp - 1) + patience
    }
}

/// The socket that hyper reads from and writes to.
#[derive(Debug)]
pub(crate) struct Socket<S> {
    stream: S,
    wire: Arc<Wire>,
    /// `None`: the bytes are no HTTP/1, and somebody else looks at the lengths.
    framing: Option<Framing>,
    at_end: bool,
}

impl<S> Socket<S> {
    pub(crate) fn new(stream: S, wire: Arc<Wire>) -> Self {
        Self {
            stream,
            wire,
            framing: Some(Framing::default()),
            at_end: false,
        }
    }

    /// For HTTP/2, whose frames say where everything begins and ends.
    pub(crate) fn framed(stream: S, wire: Arc<Wire>) -> Self {
        Self {
            framing: None,
            ..Self::new(stream, wire)
        }
    }

    /// Whether the client has ended its half.
    pub(crate) fn is_at_end(&self) -> bool {
        self.at_end
    }

    fn watch(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            self.at_end = true;
            return;
        }
        let wire = &self.wire;
        if wire.raw.load(Relaxed) {
            return;
        }
        wire.heard.store(true, Relaxed);
        let Some(framing) = &mut self.framing else {
            return;
        };
        if let Some(ambiguous) = framing.follow(bytes) {
            wire.ambiguous.fetch_min(ambiguous.0, Relaxed);
        }
        let inside = framing.is_inside_head();
        let since = wire.head_since.load(Relaxed);
        if inside && since == 0 {
            wire.head_since.store(wire.stamp(Instant::now()), Relaxed);
        } else if !inside && since > 0 {
            wire.head_since.store(0, Relaxed);
        }
    }

    fn note_write<T>(&self, poll: Poll<T>) -> Poll<T> {
        let stalled = &self.wire.stalled_since;
        if poll.is_pending() {
            if stalled.load(Relaxed) == 0 {
                stalled.store(self.wire.stamp(Instant::now()), Relaxed);
            }
        } else if stalled.load(Relaxed) > 0 {
            stalled.store(0, Relaxed);
        }
        poll
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
        this.watch(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.note_write(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let stream = Pin::new(&mut this.stream);
        let written = coalesce::poll_write_slices(stream, cx, slices);
        this.note_write(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // Only a stream that encrypts holds bytes back here.
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        this.note_write(flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
