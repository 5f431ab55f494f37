//! Bodies on their way through: counted, limited, and timed.

use crate::exchange::Passage;
use crate::http2::Taking;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::time::Sleep;

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body is longer than {0} bytes")]
    TooLong(u64),
    #[error("no byte of the body came for {0:?}")]
    Idle(Duration),
    #[error("the body broke off: {0}")]
    Broken(#[from] hyper::Error),
}

/// How far a request body got; shared between the upstream connection that reads it and the
/// exchange that waits for the response.
#[derive(Debug)]
pub(crate) struct Upload {
    began: Instant,
    bytes: AtomicU64,
    state: AtomicU8,
    /// Milliseconds from `began` to the last progress.
    last: AtomicU64,
}

/// Where an upload stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum UploadState {
    Running = 0,
    Ended = 1,
    TooLong = 2,
    Idle = 3,
    Broken = 4,
}

impl Upload {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            bytes: AtomicU64::new(0),
            state: AtomicU8::new(UploadState::Running as u8),
            last: AtomicU64::new(0),
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn state(&self) -> UploadState {
        match self.state.load(Ordering::Acquire) {
            0 => UploadState::Running,
            1 => UploadState::Ended,
            2 => UploadState::TooLong,
            3 => UploadState::Idle,
            _ => UploadState::Broken,
        }
    }

    /// When the last byte was taken on, or the body ended.
    pub(crate) fn last_progress(&self) -> Instant {
        self.began + Duration::from_millis(self.last.load(Ordering::Relaxed))
    }

    fn set(&self, state: UploadState) {
        self.touch();
        self.state.store(state as u8, Ordering::Release);
    }

    fn touch(&self) {
        let millis = self.began.elapsed().as_millis() as u64;
        self.last.store(millis, Ordering::Relaxed);
    }
}

/// A request's body on its way to the endpoint.
#[derive(Debug)]
pub(crate) enum RequestBody {
    Empty,
    Stream(Box<Stream>),
}

#[derive(Debug)]
pub(crate) struct Stream {
    incoming: Incoming,
    upload: Arc<Upload>,
    max: u64,
    idle: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl RequestBody {
    /// Wraps a client's body; the second is `None` when there is no body at all.
    pub(crate) fn new(incoming: Incoming, max: u64, idle: Duration) -> (Self, Option<Arc<Upload>>) {
        if incoming.is_end_stream() {
            return (Self::Empty, None);
        }
        let upload = Arc::new(Upload::new());
        let stream = Stream {
            incoming,
            upload: Arc::clone(&upload),
            max,
            idle,
            timer: None,
        };
        (Self::Stream(Box::new(stream)), Some(upload))
    }
}

impl Stream {
    fn fail(&self, state: UploadState, error: BodyError) -> BodyError {
        self.upload.set(state);
        error
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) else {
            let idle = self.idle;
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(tokio::time::sleep(idle)));
            ready!(timer.as_mut().poll(cx));
            return Poll::Ready(Some(Err(
                self.fail(UploadState::Idle, BodyError::Idle(idle))
            )));
        };
        self.timer = None;
        let frame = match frame {
            None => {
                self.upload.set(UploadState::Ended);
                return Poll::Ready(None);
            }
            Some(Err(error)) => {
                return Poll::Ready(Some(Err(self.fail(UploadState::Broken, error.into()))));
            }
            Some(Ok(frame)) => frame,
        };
        if let Some(data) = frame.data_ref() {
            let length = data.len() as u64;
            let bytes = self.upload.bytes.fetch_add(length, Ordering::Relaxed) + length;
            if bytes > self.max {
                let error = BodyError::TooLong(self.max);
                return Poll::Ready(Some(Err(self.fail(UploadState::TooLong, error))));
            }
        }
        if self.incoming.is_end_stream() {
            self.upload.set(UploadState::Ended);
        } else {
            self.upload.touch();
        }
        Poll::Ready(Some(Ok(frame)))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Stream(stream) => stream.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Stream(stream) => stream.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Stream(stream) => stream.incoming.size_hint(),
        }
    }
}

/// A response's body on its way to the client.
#[derive(Debug)]
pub(crate) enum ResponseBody {
    /// The proxy's own words, or nothing.
    Own(Option<Bytes>),
    Upstream(Box<Download>),
}

/// An endpoint's body. Dropping it ends the exchange: the connection goes back when the body was
/// read to its end and is closed otherwise.
#[derive(Debug)]
pub(crate) struct Download {
    incoming: Incoming,
    passage: Passage,
    idle: Option<Duration>,
    timer: Option<Pin<Box<Sleep>>>,
    ended: bool,
    /// Over HTTP/2: whether the client takes what it is given.
    taking: Option<Taking>,
}

impl Download {
    /// `idle`: how long the endpoint may be silent; `None` for streams that are silent by design.
    pub(crate) fn new(
        incoming: Incoming,
        passage: Passage,
        idle: Option<Duration>,
        taking: Option<Taking>,
    ) -> Self {
        Self {
            incoming,
            passage,
            idle,
            timer: None,
            ended: false,
            taking,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(taking) = &self.taking {
            taking.asked();
        }
        let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) else {
            let Some(idle) = self.idle else {
                return Poll::Pending;
            };
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(tokio::time::sleep(idle)));
            ready!(timer.as_mut().poll(cx));
            self.passage.record.error = Some("endpoint went silent in its body");
            return Poll::Ready(Some(Err(BodyError::Idle(idle))));
        };
        self.timer = None;
        match frame {
            None => {
                self.ended = true;
                Poll::Ready(None)
            }
            Some(Err(error)) => {
                self.passage.record.error = Some("endpoint broke off in its body");
                Poll::Ready(Some(Err(error.into())))
            }
            // Over HTTP/1 they are dropped; both kinds of client get the same.
            Some(Ok(frame)) if frame.is_trailers() => self.poll(cx),
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    self.passage.record.bytes_out += data.len() as u64;
                }
                if let Some(taking) = &self.taking {
                    taking.handed();
                }
                Poll::Ready(Some(Ok(frame)))
            }
        }
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        let ended = self.ended || self.incoming.is_end_stream();
        self.passage.finish(ended);
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Own(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Upstream(download) => download.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(bytes) => bytes.is_none(),
            Self::Upstream(download) => download.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Upstream(download) => download.incoming.size_hint(),
        }
    }
}
