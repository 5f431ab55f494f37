//! A bandwidth limit around any store: what goes in and out is counted against one bucket of tokens.
//!
//! The bucket is told the time and says how long to wait, so that it is tested without a clock.

use super::{Range, Store};
use crate::Failure;
use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How much may go at once after a pause, as time at full rate.
const BURST: Duration = Duration::from_millis(500);

/// Tokens that flow in at a rate and are taken by the byte. May be overdrawn: the next taker waits for it.
#[derive(Debug)]
pub struct Bucket {
    /// Bytes per second.
    rate: u64,
    /// Bytes; negative where it is overdrawn.
    level: f64,
    /// Time of the last taking, since any fixed moment.
    at: Duration,
}

impl Bucket {
    /// Full at first. `rate` in bytes per second; zero counts as one.
    pub fn new(rate: u64) -> Self {
        let mut bucket = Self {
            rate: rate.max(1),
            level: 0.0,
            at: Duration::ZERO,
        };
        bucket.level = bucket.most();
        bucket
    }

    fn most(&self) -> f64 {
        self.rate as f64 * BURST.as_secs_f64()
    }

    /// Takes `bytes` at the moment `now`, and answers how long to wait before they may go.
    pub fn take(&mut self, bytes: u64, now: Duration) -> Duration {
        let flowed = now.saturating_sub(self.at).as_secs_f64() * self.rate as f64;
        self.at = now.max(self.at);
        self.level = (self.level + flowed).min(self.most()) - bytes as f64;
        if self.level >= 0.0 {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(-self.level / self.rate as f64).unwrap_or(Duration::MAX)
    }
}

/// A store that is not asked for more than a rate.
#[derive(Debug)]
pub struct Limited {
    inner: Arc<dyn Store>,
    bucket: Mutex<Bucket>,
    started: Instant,
}

impl Limited {
    /// `rate` in bytes per second, both directions together.
    pub fn new(inner: Arc<dyn Store>, rate: u64) -> Self {
        Self {
            inner,
            bucket: Mutex::new(Bucket::new(rate)),
            started: Instant::now(),
        }
    }

    fn wait(&self, bytes: u64) {
        let wait = self.bucket.lock().take(bytes, self.started.elapsed());
        if !wait.is_zero() {
            std::thread::sleep(wait);
        }
    }
}

impl Store for Limited {
    fn create(&self) -> Result<(), Failure> {
        self.inner.create()
    }

    fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, Failure> {
        self.inner.list(prefix)
    }

    fn read(&self, name: &str, range: Option<Range>) -> Result<Bytes, Failure> {
        if let Some(range) = range {
            self.wait(range.length);
            return self.inner.read(name, Some(range));
        }
        // How long it is shows only then: the next one waits for it.
        let content = self.inner.read(name, None)?;
        self.wait(content.len() as u64);
        Ok(content)
    }

    fn write(&self, name: &str, content: &[Bytes]) -> Result<(), Failure> {
        self.wait(content.iter().map(|piece| piece.len() as u64).sum());
        self.inner.write(name, content)
    }

    fn remove(&self, name: &str) -> Result<(), Failure> {
        self.inner.remove(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_lets_a_burst_go_and_then_the_rate() {
        let second = Duration::from_secs;
        let mut bucket = Bucket::new(1000);
        assert_eq!(bucket.take(500, second(0)), Duration::ZERO, "the burst");
        assert_eq!(bucket.take(1000, second(0)), second(1));
        assert_eq!(bucket.take(1000, second(1)), second(1));
        // After an hour no more than a burst is saved up.
        assert_eq!(bucket.take(1500, second(3600)), second(1));
    }

    #[test]
    fn time_that_goes_back_gives_nothing() {
        let mut bucket = Bucket::new(1000);
        bucket.take(500, Duration::from_secs(10));
        let wait = bucket.take(100, Duration::from_secs(5));
        assert_eq!(wait, Duration::from_millis(100));
    }
}
