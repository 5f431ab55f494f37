//! All jobs together: what is configured now, and what is known of it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mainstay_exposition::Tally;
use mainstay_targets::{Group, Job};
use tokio::sync::Semaphore;

use crate::discovery::DockerTargets;
use crate::fetch::Budget;
use crate::pool::Pool;
use crate::sink::{Appended, Sink};
use crate::state::Snapshot;

/// The wall clock, in milliseconds since the epoch.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What a scraper is told once.
#[derive(Clone)]
pub struct Settings {
    /// Makes moments of targets differ between servers that scrape the same ones.
    pub seed: u64,
    /// Whether `scrape_timeout_seconds`, `scrape_sample_limit` and `scrape_body_size_bytes` are
    /// stored for every target.
    pub extra_metrics: bool,
    /// How many bodies are read at a time. Default: as many as there are processors.
    pub parallel: usize,
    pub now_ms: Clock,
    /// Who knows containers; `None`: `docker_sd_configs` find nothing, and say so.
    pub docker: Option<Arc<dyn DockerTargets>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 0,
            extra_metrics: false,
            parallel: std::thread::available_parallelism().map_or(2, Into::into),
            now_ms: Arc::new(|| {
                let since = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default();
                since.as_millis() as i64
            }),
            docker: None,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("seed", &self.seed)
            .field("extra_metrics", &self.extra_metrics)
            .field("parallel", &self.parallel)
            .finish_non_exhaustive()
    }
}

/// What every task has a hand on.
pub(crate) struct Shared {
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) seed: u64,
    pub(crate) extra_metrics: bool,
    pub(crate) now_ms: Clock,
    /// How many bodies may be read at once.
    pub(crate) turns: Semaphore,
    pub(crate) budget: Budget,
    pub(crate) docker: Option<Arc<dyn DockerTargets>>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    scrapes: AtomicU64,
    samples: AtomicU64,
    duplicates: AtomicU64,
    out_of_order: AtomicU64,
    refused: AtomicU64,
    native_histograms: AtomicU64,
}

/// What a scraper has done since it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    pub scrapes: u64,
    pub samples: u64,
    pub duplicates: u64,
    pub out_of_order: u64,
    /// By the sink: too old, too far in the future, over its limits.
    pub refused: u64,
    /// Histograms that had no classic buckets.
    pub native_histograms: u64,
}

impl Shared {
    pub(crate) fn count(&self, tally: &Tally) {
        let counts = &self.counts;
        counts.scrapes.fetch_add(1, Ordering::Relaxed);
        counts.samples.fetch_add(tally.scraped, Ordering::Relaxed);
        counts
            .duplicates
            .fetch_add(tally.duplicates, Ordering::Relaxed);
        counts
            .native_histograms
            .fetch_add(tally.native_histograms, Ordering::Relaxed);
    }

    pub(crate) fn count_refused(&self, appended: &Appended) {
        let counts = &self.counts;
        counts
            .duplicates
            .fetch_add(appended.duplicates, Ordering::Relaxed);
        counts
            .out_of_order
            .fetch_add(appended.out_of_order, Ordering::Relaxed);
        counts
            .refused
            .fetch_add(appended.refused, Ordering::Relaxed);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

/// Scrapes what it is told to, until it is stopped. Needs a Tokio runtime.
#[derive(Debug)]
pub struct Scraper {
    shared: Arc<Shared>,
    pools: Mutex<BTreeMap<String, Pool>>,
}

/// How long a stop waits for what is under way.
const STOP: Duration = Duration::from_secs(5);

impl Scraper {
    /// One that scrapes nothing yet.
    pub fn new(sink: Arc<dyn Sink>, settings: Settings) -> Self {
        let shared = Shared {
            sink,
            seed: settings.seed,
            extra_metrics: settings.extra_metrics,
            now_ms: settings.now_ms,
            turns: Semaphore::new(settings.parallel.max(1)),
            budget: Budget::new(),
            docker: settings.docker,
            counts: Counts::default(),
        };
        Self {
            shared: Arc::new(shared),
            pools: Mutex::default(),
        }
    }

    /// Makes these the jobs. A job that did not change goes on untouched. One that changed takes its
    /// targets over without a gap, unless its series are labelled in another way now: then they end and
    /// begin anew. One that is gone ends its targets' series.
    pub fn apply(&self, jobs: &[Job]) {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|name, _| jobs.iter().any(|job| job.name == *name));
        for job in jobs {
            let old = pools.remove(&job.name);
            let pool = match old {
                Some(old) if *old.job() == *job => old,
                Some(old) => Pool::start(job.clone(), &self.shared, old.retire(job)),
                None => Pool::start(job.clone(), &self.shared, None),
            };
            pools.insert(job.name.clone(), pool);
        }
    }

    /// Gives a job targets that somebody else has found, under a name of theirs; they replace what
    /// was given under that name. `false`: there is no such job.
    pub async fn found(&self, job: &str, source: &str, groups: Vec<Group>) -> bool {
        let feed = {
            let pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
            pools.get(job).map(Pool::feed)
        };
        match feed {
            Some(feed) => feed.give(source, groups).await,
            None => false,
        }
    }

    /// Every target, as it is now.
    pub fn snapshot(&self) -> Snapshot {
        let pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let mut snapshot = Snapshot::default();
        for pool in pools.values() {
            pool.show(&mut snapshot);
        }
        snapshot
    }

    /// What was done so far.
    pub fn counted(&self) -> Counted {
        let counts = &self.shared.counts;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counted {
            scrapes: read(&counts.scrapes),
            samples: read(&counts.samples),
            duplicates: read(&counts.duplicates),
            out_of_order: read(&counts.out_of_order),
            refused: read(&counts.refused),
            native_histograms: read(&counts.native_histograms),
        }
    }

    /// Stops scraping; series do not end by it. Waits for what is being stored.
    pub async fn stop(&self) {
        let pools = {
            let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *pools)
        };
        let stopping = async {
            for pool in pools.into_values() {
                pool.stop().await;
            }
        };
        if tokio::time::timeout(STOP, stopping).await.is_err() {
            tracing::warn!("scrapes did not stop within {} s", STOP.as_secs());
        }
    }
}
