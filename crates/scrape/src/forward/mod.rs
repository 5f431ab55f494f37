//! Sending samples on: remote write to Prometheus, Mimir, VictoriaMetrics and their like.
//!
//! Whoever stores a batch also offers it here. It is relabelled and lies on disk before the offer
//! returns; a task sends it in order, one request at a time, and again with growing pauses until the
//! receiver took it (at least once, also over a restart). What a receiver refuses for good, with a 4xx
//! other than 429, is counted and left.

mod queue;
mod sender;

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mainstay_exposition::remote::{encode_v1, pack};
use mainstay_exposition::{Batch, Metadata};
use mainstay_series::{Labels, Sample};
use mainstay_targets::{RemoteWrite, relabel};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::client::{ClientError, Url};
use crate::scraper::Clock;
use queue::Queue;
use sender::Sender;

/// Bytes of one receiver's queue where nothing else is said.
pub const QUEUE_BYTES: u64 = 512 << 20;

/// Why samples cannot be sent on.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    #[error("the queue in `{folder}`: {problem}")]
    Queue { folder: String, problem: io::Error },
    #[error("{0}")]
    Url(#[from] ClientError),
}

/// What one receiver got, since the start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Forwarded {
    /// Samples that it took.
    pub sent: u64,
    /// Samples that it refused for good.
    pub refused: u64,
    /// Samples that went because the queue was full, or too old.
    pub lost: u64,
    /// Requests that were tried again.
    pub retries: u64,
    /// Bytes that wait on disk.
    pub waiting_bytes: u64,
    /// Why the last try failed; empty: it did not.
    pub last_error: String,
}

/// Counts as they are kept.
#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    refused: AtomicU64,
    lost: AtomicU64,
    retries: AtomicU64,
    last_error: Mutex<String>,
}

/// What the one who offers and the one who sends share.
#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    /// Rung when there is something in the queue.
    bell: Notify,
    counts: Counts,
    metadata: Mutex<HashMap<String, Metadata>>,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn metadata(&self) -> MutexGuard<'_, HashMap<String, Metadata>> {
        self.metadata.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Metrics whose metadata is remembered for version 2.0.
const LIMIT_METADATA: usize = 50_000;

/// Sends to one receiver. Needs a Tokio runtime.
pub struct Forwarder {
    config: RemoteWrite,
    external: Vec<(String, String)>,
    shared: Arc<Shared>,
    now_ms: Clock,
    /// The store's numbers, and what is sent of them; `None`: relabelling drops it.
    series: Mutex<HashMap<u64, Option<Labels>>>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl std::fmt::Debug for Forwarder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forwarder")
            .field("name", &self.config.name)
            .finish_non_exhaustive()
    }
}

impl Forwarder {
    /// Opens the queue in `folder` (its own) and begins to send what is left in it. `external` labels
    /// are put on series that do not have them.
    pub fn start(
        config: RemoteWrite,
        external: impl IntoIterator<Item = (String, String)>,
        folder: &Path,
        now_ms: Clock,
    ) -> Result<Self, ForwardError> {
        let url = Url::parse(&config.url)?;
        let queue = Queue::open(folder, QUEUE_BYTES).map_err(|problem| ForwardError::Queue {
            folder: folder.display().to_string(),
            problem,
        })?;
        let shared = Arc::new(Shared {
            queue: Mutex::new(queue),
            bell: Notify::new(),
            counts: Counts::default(),
            metadata: Mutex::default(),
        });
        let (stop, stopped) = watch::channel(false);
        let sender = Sender::new(&config, url, Arc::clone(&shared), Arc::clone(&now_ms));
        let task = tokio::spawn(sender.run(stopped));
        Ok(Self {
            external: external.into_iter().collect(),
            series: Mutex::default(),
            config,
            shared,
            now_ms,
            stop,
            task,
        })
    }

    /// Takes a batch that was stored: its rows have their numbers. It lies on disk when this returns;
    /// it may wait for the disk. Every batch must be offered, since only the first that has a series
    /// names its labels.
    pub fn offer(&self, batch: &Batch) -> Result<(), ForwardError> {
        self.learn(batch);
        let mut sent: Vec<(Labels, Sample)> = Vec::with_capacity(batch.rows.len());
        {
            let series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
            for row in &batch.rows {
                match series.get(&row.series) {
                    Some(Some(labels)) => {
                        let sample = Sample {
                            time_ms: row.time_ms,
                            value: row.value,
                        };
                        sent.push((labels.clone(), sample));
                    }
                    Some(None) => {}
                    None => {
                        self.shared.counts.lost.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        }
        for part in sent.chunks(self.config.queue.max_samples_per_send) {
            self.push(part)?;
        }
        self.shared.bell.notify_one();
        Ok(())
    }

    fn push(&self, part: &[(Labels, Sample)]) -> Result<(), ForwardError> {
        let series = part
            .iter()
            .map(|(labels, sample)| (labels, std::slice::from_ref(sample)));
        let failed = |problem: io::Error| ForwardError::Queue {
            folder: self.config.name.clone(),
            problem,
        };
        let message =
            pack(&encode_v1(series, &[])).map_err(|error| failed(io::Error::other(error)))?;
        let mut queue = self.shared.queue();
        queue
            .push(&message, part.len() as u32, (self.now_ms)())
            .map_err(failed)
    }

    /// Remembers the labels of new series, as they are sent.
    fn learn(&self, batch: &Batch) {
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        for (row, labels) in &batch.new {
            let number = batch.rows.get(*row as usize).map_or(0, |row| row.series);
            if number != 0 {
                series.entry(number).or_insert_with(|| self.labels(labels));
            }
        }
        drop(series);
        let mut known = self.shared.metadata();
        for metadata in &batch.metadata {
            if known.len() < LIMIT_METADATA || known.contains_key(&metadata.metric) {
                known.insert(metadata.metric.clone(), metadata.clone());
            }
        }
    }

    /// External labels, then `write_relabel_configs`.
    fn labels(&self, stored: &Labels) -> Option<Labels> {
        let mut labels = stored.to_builder();
        for (name, value) in &self.external {
            if stored.get(name).is_none() {
                labels.set(name, value);
            }
        }
        relabel(&self.config.rules, &mut labels).then(|| labels.build())
    }

    /// Forgets series that the store has forgotten.
    pub fn forget(&self, series: impl IntoIterator<Item = u64>) {
        let mut known = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        for number in series {
            known.remove(&number);
        }
    }

    /// The receiver's name.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// What was done so far.
    pub fn counted(&self) -> Forwarded {
        let counts = &self.shared.counts;
        let queue = self.shared.queue();
        Forwarded {
            sent: counts.sent.load(Ordering::Relaxed),
            refused: counts.refused.load(Ordering::Relaxed),
            lost: counts.lost.load(Ordering::Relaxed) + queue.lost(),
            retries: counts.retries.load(Ordering::Relaxed),
            waiting_bytes: queue.bytes(),
            last_error: counts
                .last_error
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }

    /// Stops sending. What was not sent stays on disk, for the next start.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.task.await;
        if let Err(error) = self.shared.queue().sync() {
            tracing::warn!(remote = %self.config.name, %error, "the queue was not made durable");
        }
    }
}
