//! Limits, each with its default.

use std::time::Duration;

/// Settings. The defaults are Prometheus's where it has the same one.
#[derive(Debug, Clone)]
pub struct Options {
    /// How queries are evaluated: lookback, samples, series.
    pub engine: mainstay_promql::Options,
    /// Whether queries may call the functions that Prometheus has behind
    /// `promql-experimental-functions`. Default no.
    pub experimental_functions: bool,
    /// How many queries run at once. Default 20, as `--query.max-concurrency`.
    pub concurrency: usize,
    /// How many more may wait; whoever comes then is refused with 503. Default 200.
    pub queue: usize,
    /// The longest a query may take, waiting included. Default 2 min, as `--query.timeout`.
    pub timeout: Duration,
    /// The longest that deleting, cleaning, a snapshot or a reload is waited for. Default 1 h.
    pub admin_timeout: Duration,
    /// How many remote reads run at once. Default 10, as `--storage.remote.read-concurrent-limit`.
    pub read_concurrency: usize,
    /// The most samples of one remote read. Default 50 000 000, as
    /// `--storage.remote.read-sample-limit`.
    pub read_samples: usize,
    /// How many remote writes are stored at once. Default 8.
    pub write_concurrency: usize,
    /// How many more may wait, each with its body in memory; whoever comes then is refused with 503
    /// and comes again. Default 24.
    pub write_queue: usize,
    /// The largest form, in bytes. Default 10 MiB, as Go's.
    pub form_bytes: usize,
    /// The largest body of a remote write or read as it is sent, in bytes. Default 16 MiB.
    pub body_bytes: usize,
    /// What it may become once unpacked, in bytes. Default 64 MiB.
    pub unpacked_bytes: usize,
    /// How long a body may take to arrive. Default 1 min.
    pub body_timeout: Duration,
    /// How far ahead of this machine's clock a written sample may be. Default 10 min.
    pub ahead: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            engine: mainstay_promql::Options::default(),
            experimental_functions: false,
            concurrency: 20,
            queue: 200,
            timeout: Duration::from_secs(120),
            admin_timeout: Duration::from_secs(3600),
            read_concurrency: 10,
            read_samples: 50_000_000,
            write_concurrency: 8,
            write_queue: 24,
            form_bytes: 10 << 20,
            body_bytes: 16 << 20,
            unpacked_bytes: 64 << 20,
            body_timeout: Duration::from_secs(60),
            ahead: Duration::from_secs(600),
        }
    }
}
