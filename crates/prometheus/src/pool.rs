//! Where queries run: on blocking threads, so many at once, so many more waiting, each with a
//! deadline.
//!
//! Dropping the future of [`Pool::run`], which is what happens when a client goes away, makes the
//! work's [`Ticket`] say so; the work ends at its next look at it, and gives its place free then and
//! not before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mainstay_promql::Interrupt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout_at;

use crate::failure::{Failure, Kind};

/// How long work that is over its time gets to notice.
const GRACE: Duration = Duration::from_secs(5);

/// No work may take longer, whatever is configured.
const LONGEST: Duration = Duration::from_secs(86_400);

/// So many at once, and so many more that wait.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    running: Arc<Semaphore>,
    /// Running and waiting.
    admitted: Arc<Semaphore>,
    concurrency: usize,
    queue: usize,
}

/// A place among those that run or wait.
#[derive(Debug)]
pub(crate) struct Admitted(#[expect(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

/// What work is shown: how long it may go on, and whether anybody waits for it.
#[derive(Debug)]
pub(crate) struct Ticket {
    deadline: Instant,
    abandoned: AtomicBool,
    /// How long it waited for its turn.
    pub(crate) queued: Duration,
}

impl Ticket {
    /// Whether to go on.
    pub(crate) fn check(&self) -> Result<(), Interrupt> {
        if self.abandoned.load(Ordering::Relaxed) {
            Err(Interrupt::Canceled)
        } else if Instant::now() >= self.deadline {
            Err(Interrupt::Timeout)
        } else {
            Ok(())
        }
    }

    /// The same as a failure, for work that evaluates no query.
    pub(crate) fn go_on(&self) -> Result<(), Failure> {
        self.check()
            .map_err(|interrupt| mainstay_promql::QueryError::from(interrupt).into())
    }
}

/// Says that nobody waits any more, unless it was told that all is well.
struct Waiting(Arc<Ticket>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.abandoned.store(true, Ordering::Relaxed);
    }
}

impl Pool {
    pub(crate) fn new(concurrency: usize, queue: usize) -> Self {
        let concurrency = concurrency.clamp(1, Semaphore::MAX_PERMITS / 2);
        let queue = queue.min(Semaphore::MAX_PERMITS / 2);
        Self {
            running: Arc::new(Semaphore::new(concurrency)),
            admitted: Arc::new(Semaphore::new(concurrency + queue)),
            concurrency,
            queue,
        }
    }

    /// A place among those that run or wait, or the reason why there is none.
    pub(crate) fn admit(&self) -> Result<Admitted, Failure> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned();
        admitted.map(Admitted).map_err(|_| {
            let message = format!(
                "too many requests at once: {} run and {} wait; try again later",
                self.concurrency, self.queue
            );
            Failure::new(Kind::Busy, message)
        })
    }

    /// Runs work when its turn comes.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        timeout: Duration,
        work: impl FnOnce(&Ticket) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        self.run_admitted(self.admit()?, timeout, work).await
    }

    /// The same for who has a place already.
    pub(crate) async fn run_admitted<T: Send + 'static>(
        &self,
        admitted: Admitted,
        timeout: Duration,
        work: impl FnOnce(&Ticket) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let begun = Instant::now();
        let deadline = begun + timeout.min(LONGEST);
        let turn = self.turn(deadline).await?;
        let ticket = Arc::new(Ticket {
            deadline,
            abandoned: AtomicBool::new(false),
            queued: begun.elapsed(),
        });
        let waiting = Waiting(Arc::clone(&ticket));
        let task = tokio::task::spawn_blocking(move || {
            let _held = (admitted, turn);
            work(&ticket)
        });
        let done = timeout_at((deadline + GRACE).into(), task).await;
        drop(waiting);
        match done {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(Failure::new(Kind::Internal, "the request's work panicked")),
            Err(_) => Err(Failure::from(mainstay_promql::QueryError::Timeout)),
        }
    }

    async fn turn(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, Failure> {
        let turn = Arc::clone(&self.running).acquire_owned();
        match timeout_at(deadline.into(), turn).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(Failure::new(
                Kind::Timeout,
                "query timed out in query queue",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::sync_channel;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn so_many_run_so_many_wait_and_the_rest_is_refused() {
        let pool = Pool::new(1, 1);
        let (started, has_started) = sync_channel(0);
        let (release, released) = sync_channel::<()>(0);
        let first = tokio::spawn({
            let pool = pool.clone();
            async move {
                let work = move |_: &Ticket| {
                    started.send(()).unwrap();
                    released.recv().unwrap();
                    Ok(1)
                };
                pool.run(LONG, work).await
            }
        });
        tokio::task::spawn_blocking(move || has_started.recv().unwrap())
            .await
            .unwrap();
        let waits = pool.run(Duration::from_millis(1), |_| Ok(2)).await;
        let message = waits.unwrap_err().message;
        assert_eq!(message, "query timed out in query queue");
        let (second, third, ()) = tokio::join!(
            pool.run(LONG, |_| Ok(2)),
            pool.run(LONG, |_| Ok(3)),
            async { release.send(()).unwrap() },
        );
        assert_eq!(second, Ok(2));
        let refused = third.unwrap_err();
        assert_eq!(refused.kind, Kind::Busy);
        assert!(refused.message.contains("1 run and 1 wait"));
        assert_eq!(first.await.unwrap(), Ok(1));
    }

    #[tokio::test]
    async fn work_is_told_when_its_time_is_over_and_when_nobody_waits() {
        let pool = Pool::new(1, 0);
        let until_told = |ticket: &Ticket| loop {
            if let Err(interrupt) = ticket.check() {
                return Ok(interrupt);
            }
            std::thread::yield_now();
        };
        let told = pool.run(Duration::from_millis(5), until_told).await;
        assert_eq!(told, Ok(Interrupt::Timeout));

        let (tell, told) = tokio::sync::oneshot::channel();
        let (started, has_started) = tokio::sync::oneshot::channel();
        let abandoned = tokio::spawn({
            let pool = pool.clone();
            async move {
                let work = move |ticket: &Ticket| {
                    started.send(()).unwrap();
                    tell.send(until_told(ticket)).unwrap();
                    Ok(())
                };
                pool.run(LONG, work).await
            }
        });
        has_started.await.unwrap();
        abandoned.abort();
        assert_eq!(told.await.unwrap(), Ok(Interrupt::Canceled));
    }

    #[tokio::test]
    async fn work_that_panics_is_an_error_and_gives_its_place_free() {
        let pool = Pool::new(1, 0);
        let panics = |_: &Ticket| -> Result<(), Failure> { panic!("on purpose") };
        assert_eq!(
            pool.run(LONG, panics).await.unwrap_err().kind,
            Kind::Internal
        );
        assert_eq!(pool.run(LONG, |_| Ok(1)).await, Ok(1));
    }
}
