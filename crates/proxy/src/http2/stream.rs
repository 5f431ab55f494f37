//! One HTTP/2 stream: given up when its client does not take what it asked for.
//!
//! A client may keep the window of one stream closed while the connection lives. hyper then waits
//! for ever, and with it an endpoint would. So each stream's task is watched from outside: the
//! response's body notes when a piece was handed over, and the task is dropped, which resets the
//! stream, once the next piece was not asked for within the time that HTTP/1 clients have.

use hyper::rt::Executor;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::time::Sleep;

tokio::task_local! {
    static TAKING: Taking;
}

/// Since when a client has not asked for more of a response.
#[derive(Debug, Clone)]
pub(crate) struct Taking(Arc<Since>);

#[derive(Debug)]
struct Since {
    epoch: Instant,
    /// Milliseconds since `epoch`, and one more; 0: it is the proxy's turn.
    handed: AtomicU64,
}

impl Taking {
    fn new() -> Self {
        Self(Arc::new(Since {
            epoch: Instant::now(),
            handed: AtomicU64::new(0),
        }))
    }

    /// Of the stream whose task this is; none outside of HTTP/2.
    pub(crate) fn present() -> Option<Self> {
        TAKING.try_with(Self::clone).ok()
    }

    /// A piece was handed over; the client takes it or not.
    pub(crate) fn handed(&self) {
        let stamp = self.0.epoch.elapsed().as_millis() as u64 + 1;
        self.0.handed.store(stamp, Relaxed);
    }

    /// The next one was asked for.
    pub(crate) fn asked(&self) {
        self.0.handed.store(0, Relaxed);
    }

    fn deadline(&self, patience: Duration) -> Option<Instant> {
        let stamp = self.0.handed.load(Relaxed).checked_sub(1)?;
        Some(self.0.epoch + Duration::from_millis(stamp) + patience)
    }
}

/// Where hyper starts the tasks of a connection's streams.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    patience: Duration,
}

impl Streams {
    pub(super) fn new(patience: Duration) -> Self {
        Self { patience }
    }
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        tokio::spawn(watched(stream, self.patience));
    }
}

async fn watched<F: Future<Output = ()>>(stream: F, patience: Duration) {
    let taking = Taking::new();
    let mut stream = pin!(TAKING.scope(taking.clone(), stream));
    let mut timer: Option<Pin<Box<Sleep>>> = None;
    poll_fn(|cx| {
        if stream.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        while let Some(deadline) = taking.deadline(patience) {
            let timer =
                timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline.into());
        }
        Poll::Pending
    })
    .await;
}
