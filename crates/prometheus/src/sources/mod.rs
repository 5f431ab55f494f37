//! What this crate needs from others, as traits and values of its own: the server joins them.
//!
//! Every method may be called at any time from any thread. Those that can take long say so; they
//! are called on blocking threads.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mainstay_exposition::Batch;
use mainstay_series::{Labels, Matcher, Storage, Window};
use serde::Serialize;

mod rules;

pub use rules::{AlertingStatus, Alertmanagers, RuleAlert, RuleGroup, RuleStatus, Rules};

/// Where answers come from.
#[derive(Clone)]
pub struct Sources {
    /// What is queried.
    pub storage: Arc<dyn Storage>,
    pub exemplars: Arc<dyn Exemplars>,
    pub targets: Arc<dyn Targets>,
    pub rules: Arc<dyn Rules>,
    pub status: Arc<dyn Status>,
    /// `None`: remote writes are not taken.
    pub writer: Option<Arc<dyn Writer>>,
    /// `None`: the admin API is off, as it is in Prometheus by default.
    pub admin: Option<Arc<dyn Admin>>,
    /// `None`: the configuration cannot be reloaded over HTTP.
    pub reload: Option<Arc<dyn Reload>>,
}

impl Sources {
    /// Of a store alone: no targets, no rules, no exemplars, nothing that changes anything. The other fields can
    /// be set afterwards.
    pub fn of(storage: Arc<dyn Storage>, status: Arc<dyn Status>) -> Self {
        Self {
            storage,
            status,
            exemplars: Arc::new(Nobody),
            targets: Arc::new(Nobody),
            rules: Arc::new(Nobody),
            writer: None,
            admin: None,
            reload: None,
        }
    }
}

/// Where there are none.
struct Nobody;

impl Exemplars for Nobody {
    fn exemplars(&self, _: &[Vec<Matcher>], _: Window) -> Result<Vec<Exemplar>, SourceError> {
        Ok(Vec::new())
    }
}

impl Rules for Nobody {
    fn groups(&self) -> Vec<RuleGroup> {
        Vec::new()
    }
}

impl Targets for Nobody {
    fn pools(&self) -> Vec<String> {
        Vec::new()
    }

    fn active(&self) -> Vec<ActiveTarget> {
        Vec::new()
    }

    fn dropped(&self) -> Vec<DroppedTarget> {
        Vec::new()
    }

    fn dropped_counts(&self) -> BTreeMap<String, usize> {
        BTreeMap::new()
    }

    fn target_metadata(&self, _: Option<&str>) -> Vec<TargetMetadata> {
        Vec::new()
    }

    fn metadata(&self, _: Option<&str>) -> Vec<MetricMetadata> {
        Vec::new()
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources")
            .field("writer", &self.writer.is_some())
            .field("admin", &self.admin.is_some())
            .field("reload", &self.reload.is_some())
            .finish_non_exhaustive()
    }
}

/// Why a source could not do what it was asked for: one line, for whoever asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);

/// One observation that stands for others.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// Of the series it belongs to.
    pub series: Labels,
    /// Its own.
    pub labels: Labels,
    pub time_ms: i64,
    pub value: f64,
}

/// Where exemplars are.
pub trait Exemplars: Send + Sync {
    /// Those of a window whose series meets all matchers of one of the sets, ordered by series and
    /// time.
    fn exemplars(
        &self,
        sets: &[Vec<Matcher>],
        window: Window,
    ) -> Result<Vec<Exemplar>, SourceError>;
}

/// How the last scrape of a target went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ScrapeState {
    /// There was none yet.
    #[default]
    Unknown,
    Up,
    Down,
}

impl ScrapeState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// A target that is scraped.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ActiveTarget {
    /// The job's name.
    pub pool: String,
    /// Before relabelling.
    pub discovered: Labels,
    /// After it.
    pub labels: Labels,
    pub url: String,
    /// The same address as others reach it; empty: [`Self::url`].
    pub global_url: String,
    pub health: ScrapeState,
    /// Empty: the last scrape went well.
    pub last_error: String,
    /// Milliseconds since the epoch; `None`: not scraped yet.
    pub last_scrape_ms: Option<i64>,
    pub last_duration: Duration,
    pub interval: Duration,
    pub timeout: Duration,
}

/// One that relabelling dropped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DroppedTarget {
    pub pool: String,
    pub discovered: Labels,
}

/// What is known of a metric.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct MetricMetadata {
    /// The name of its family.
    pub metric: String,
    /// `counter`, `gauge`, `histogram`, `gaugehistogram`, `summary`, `info`, `stateset`, `unknown`.
    pub kind: String,
    pub help: String,
    pub unit: String,
}

/// What one target says of one metric.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TargetMetadata {
    /// The target's labels after relabelling.
    pub target: Labels,
    pub metadata: MetricMetadata,
}

/// What is scraped. It is asked on blocking threads.
pub trait Targets: Send + Sync {
    /// The names of all jobs, those without targets among them.
    fn pools(&self) -> Vec<String>;
    /// By job.
    fn active(&self) -> Vec<ActiveTarget>;
    /// By job; perhaps not all of them.
    fn dropped(&self) -> Vec<DroppedTarget>;
    /// How many were dropped of each job.
    fn dropped_counts(&self) -> BTreeMap<String, usize>;
    /// What active targets say of one metric, or of all.
    fn target_metadata(&self, metric: Option<&str>) -> Vec<TargetMetadata>;
    /// What is known of one metric, or of all, from targets and from remote writes. A metric stands
    /// here once for each different thing that was said of it.
    fn metadata(&self, metric: Option<&str>) -> Vec<MetricMetadata>;
}

/// Whether requests are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    Ready,
    /// Still starting.
    NotReady,
    Stopping,
}

/// Answers `status/runtimeinfo`. Times are RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct RuntimeInfo {
    #[serde(rename = "startTime")]
    pub start_time: String,
    #[serde(rename = "CWD")]
    pub working_directory: String,
    #[serde(rename = "hostname")]
    pub host_name: String,
    #[serde(rename = "serverTime")]
    pub server_time: String,
    #[serde(rename = "reloadConfigSuccess")]
    pub reload_succeeded: bool,
    #[serde(rename = "lastConfigTime")]
    pub last_configuration_time: String,
    /// How often damage was found in the log.
    #[serde(rename = "corruptionCount")]
    pub corruptions: i64,
    /// Threads: there are no goroutines here.
    #[serde(rename = "goroutineCount")]
    pub threads: i64,
    #[serde(rename = "GOMAXPROCS")]
    pub cores: i64,
    /// The memory limit in bytes; `i64::MAX`: none.
    #[serde(rename = "GOMEMLIMIT")]
    pub memory_limit: i64,
    #[serde(rename = "GOGC")]
    pub go_gc: String,
    #[serde(rename = "GODEBUG")]
    pub go_debug: String,
    /// `15d`, `15d or 10GiB`.
    #[serde(rename = "storageRetention")]
    pub retention: String,
}

/// Answers `status/buildinfo`. It never has Mimir's `features`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BuildInfo {
    /// Of the Prometheus whose API this is: clients decide by it what they may ask.
    pub version: String,
    pub revision: String,
    pub branch: String,
    #[serde(rename = "buildUser")]
    pub build_user: String,
    #[serde(rename = "buildDate")]
    pub build_date: String,
    #[serde(rename = "goVersion")]
    pub go_version: String,
}

impl BuildInfo {
    /// Only the version is told.
    pub fn of_version(version: impl Into<String>) -> Self {
        Self {
            version: version.into(),
            revision: String::new(),
            branch: String::new(),
            build_user: String::new(),
            build_date: String::new(),
            go_version: String::new(),
        }
    }
}

/// A name and how often it occurs, or how large it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Count {
    pub name: String,
    pub value: u64,
}

/// Answers `status/tsdb`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TsdbStatus {
    pub series: u64,
    pub label_pairs: u64,
    pub chunks: i64,
    /// Of the head, in milliseconds; `i64::MAX` and `i64::MIN` where it is empty.
    pub min_time_ms: i64,
    pub max_time_ms: i64,
    pub series_by_metric: Vec<Count>,
    pub values_by_label: Vec<Count>,
    pub bytes_by_label: Vec<Count>,
    pub series_by_pair: Vec<Count>,
}

/// Answers `status/walreplay`: segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct WalReplay {
    pub min: i64,
    pub max: i64,
    pub current: i64,
}

/// What is known of the server itself.
pub trait Status: Send + Sync {
    /// Ready, unless it says otherwise.
    fn readiness(&self) -> Readiness {
        Readiness::Ready
    }
    /// The configuration as YAML, without secrets.
    fn configuration(&self) -> String;
    /// Flags and their values, under Prometheus's names.
    fn flags(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
    fn runtime(&self) -> RuntimeInfo;
    fn build(&self) -> BuildInfo;
    /// At most `limit` of each list, the largest first. May take long.
    fn tsdb(&self, limit: usize) -> Result<TsdbStatus, SourceError>;
    fn wal_replay(&self) -> WalReplay {
        WalReplay::default()
    }
    /// The external labels, which federation and remote read attach.
    fn external_labels(&self) -> Labels {
        Labels::empty()
    }
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stored {
    /// Samples that are there now, those that were there before with the same value among them.
    pub samples: u64,
    pub exemplars: u64,
    /// Samples that were not taken (out of order, too old, twice at one time, limits).
    pub rejected: u64,
    /// Why, of the first few: Prometheus's words and the series.
    pub reasons: Vec<String>,
}

/// Where remote writes go.
pub trait Writer: Send + Sync {
    /// Stores a batch, whose rows name their series by labels ([`Batch::new`]), and gives back
    /// control when it is on disk. What of it can be stored is stored. An error is for what may go
    /// well later: the sender comes again with the whole batch.
    fn write(&self, batch: &mut Batch) -> Result<Stored, SourceError>;
}

/// What the admin API does. All of it may take long.
pub trait Admin: Send + Sync {
    /// Deletes the samples of a window from all series that meet all matchers.
    fn delete_series(&self, matchers: &[Matcher], window: Window) -> Result<(), SourceError>;
    /// Removes what was deleted from disk.
    fn clean_tombstones(&self) -> Result<(), SourceError>;
    /// Makes a snapshot and answers its name below `snapshots`.
    fn snapshot(&self, skip_head: bool) -> Result<String, SourceError>;
}

/// Reads the configuration again. May take long.
pub trait Reload: Send + Sync {
    fn reload(&self) -> Result<(), SourceError>;
}
