//! What is known of every target: the value behind `/api/v1/targets`.

use std::sync::Arc;
use std::time::Duration;

use mainstay_exposition::Metadata;
use mainstay_series::Labels;

/// How a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    /// Not scraped yet.
    #[default]
    Unknown,
    Up,
    Down,
}

impl Health {
    /// As Prometheus's API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// One target.
#[derive(Debug, Clone, PartialEq)]
pub struct ActiveTarget {
    /// The job's name.
    pub pool: String,
    pub discovered: Labels,
    pub labels: Labels,
    pub url: String,
    pub health: Health,
    /// Empty: the last scrape went well.
    pub last_error: String,
    /// Milliseconds since the epoch; `None`: not scraped yet.
    pub last_scrape_ms: Option<i64>,
    pub last_duration: Duration,
    pub interval: Duration,
    pub timeout: Duration,
    /// Samples of the last scrape, in the body and after relabelling.
    pub samples: u64,
    pub kept: u64,
    /// What it says of its metrics, for `/api/v1/targets/metadata`.
    pub metadata: Arc<[Metadata]>,
}

/// One that relabelling dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DroppedTarget {
    pub pool: String,
    pub discovered: Labels,
}

/// A way of finding targets that does not work at the moment. What it found last still holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoveryTrouble {
    pub pool: String,
    pub source: String,
    pub error: String,
}

/// Everything, at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// By job, then by labels.
    pub active: Vec<ActiveTarget>,
    /// The first thousand of each job.
    pub dropped: Vec<DroppedTarget>,
    /// How many there are of each job.
    pub dropped_counts: Vec<(String, usize)>,
    pub troubles: Vec<DiscoveryTrouble>,
}
