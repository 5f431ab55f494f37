//! Asking the source on blocking threads: so many at once, each with a deadline.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::reply::Failure;
use crate::source::Alerting;

/// How many requests ask the source at once; others wait.
const CONCURRENCY: usize = 16;

/// How long a request takes at most, waiting included.
const DEADLINE: Duration = Duration::from_secs(30);

/// What every handler has.
#[derive(Clone)]
pub(crate) struct Api {
    source: Arc<dyn Alerting>,
    turns: Arc<Semaphore>,
}

impl Api {
    pub(crate) fn new(source: Arc<dyn Alerting>) -> Self {
        Self {
            source,
            turns: Arc::new(Semaphore::new(CONCURRENCY)),
        }
    }

    /// Asks. Work that was begun goes on to its end, and keeps its turn until then.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Alerting) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let source = Arc::clone(&self.source);
        let turns = Arc::clone(&self.turns);
        let asked = async move {
            let turn = turns.acquire_owned().await.map_err(|_| Failure::busy())?;
            let work = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                work(source.as_ref())
            });
            work.await
                .unwrap_or_else(|_| Err(Failure::internal("the request could not be answered")))
        };
        timeout(DEADLINE, asked)
            .await
            .unwrap_or_else(|_| Err(Failure::busy()))
    }
}
