//! What a store is told when it is opened.

use std::time::Duration;

/// Settings, each with its default. Times are in milliseconds where samples are meant.
#[derive(Debug, Clone)]
pub struct Options {
    /// The span of a block that is cut from the head. Default 2 h, as Prometheus.
    pub block_ms: i64,
    /// The longest span that blocks are merged to. Default 31 days; never more than a tenth of
    /// [`Self::retention_ms`].
    pub max_block_ms: i64,
    /// How far before the newest sample of the store a sample may be older than the newest of its
    /// series. Default 10 min; 0 closes the window.
    pub out_of_order_ms: i64,
    /// How long samples are kept. Default 15 days.
    pub retention_ms: i64,
    /// How long 5-minute aggregates are kept of samples that are older than that; 0: none are made.
    /// Default 90 days. They are made when a block grows too old, not when it goes for its size.
    pub aggregate_retention_ms: i64,
    /// How many bytes blocks and log, without aggregates, may take together; the oldest blocks go first. Default: any.
    pub retention_bytes: Option<u64>,
    /// How many series the head takes. Default 5 000 000; at most 16 777 215.
    pub max_series: usize,
    /// The most samples of one batch. Default 1 000 000.
    pub max_batch: usize,
    /// How many exemplars, and metadata of how many metrics, are kept in memory. Default 10 000 each.
    pub max_exemplars: usize,
    pub max_metadata: usize,
    /// Memory for pages of blocks. Default 64 MiB.
    pub cache_bytes: usize,
    /// The size of a segment of the log. Default 128 MiB.
    pub segment_bytes: usize,
    /// Whether records of the log are compressed with snappy. Default yes.
    pub compress_log: bool,
    /// How old a group may become that nobody waits for, before it is made durable. Default 1 s.
    pub flush_interval: Duration,
    /// How large it may become. Default 1 MiB.
    pub flush_bytes: usize,
}

const HOUR_MS: i64 = 3_600_000;

impl Default for Options {
    fn default() -> Self {
        Self {
            block_ms: 2 * HOUR_MS,
            max_block_ms: 31 * 24 * HOUR_MS,
            out_of_order_ms: HOUR_MS / 6,
            retention_ms: 15 * 24 * HOUR_MS,
            aggregate_retention_ms: 90 * 24 * HOUR_MS,
            retention_bytes: None,
            max_series: 5_000_000,
            max_batch: 1_000_000,
            max_exemplars: 10_000,
            max_metadata: 10_000,
            cache_bytes: 64 << 20,
            segment_bytes: 128 << 20,
            compress_log: true,
            flush_interval: Duration::from_secs(1),
            flush_bytes: 1 << 20,
        }
    }
}

impl Options {
    /// Spans that blocks are merged to: each three times the one before, from the head's on.
    pub(crate) fn ranges(&self) -> Vec<i64> {
        let most = self
            .max_block_ms
            .min(self.retention_ms / 10)
            .max(self.block_ms);
        let spans = std::iter::successors(Some(self.block_ms), |span| span.checked_mul(3));
        spans.take_while(|span| *span <= most).take(10).collect()
    }
}
