//! Where series are read from: the trait that the query engine asks and the store keeps.
//!
//! It is series-major: a query selects series once and reads each one once, as columns, over the
//! whole of its window. That is what lets an engine slide its windows over decoded samples.

use std::collections::BTreeSet;

use crate::{Labels, Matcher, Samples};

/// A span of time, both ends in it, in milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    pub start_ms: i64,
    pub end_ms: i64,
}

impl Window {
    /// All of time.
    pub const ALL: Self = Self {
        start_ms: i64::MIN,
        end_ms: i64::MAX,
    };

    /// Whether two spans share an instant.
    pub fn overlaps(self, other: Self) -> bool {
        self.start_ms <= other.end_ms && other.start_ms <= self.end_ms
    }

    /// Whether an instant lies in it.
    pub fn contains(self, time_ms: i64) -> bool {
        (self.start_ms..=self.end_ms).contains(&time_ms)
    }
}

/// Why a store could not answer.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// What was asked for cannot be read.
    #[error("reading series: {0}")]
    Read(String),
    /// The answer would be larger than allowed.
    #[error("{what} would be more than {limit}")]
    TooMuch { what: &'static str, limit: usize },
    /// Only aggregates are kept of that time, and they cannot answer this exactly.
    #[error("{0}")]
    OnlyAggregates(String),
}

/// What series are asked for, and what for.
#[derive(Debug, Clone, Copy)]
pub struct Selection<'a> {
    /// All of them must match.
    pub matchers: &'a [Matcher],
    pub window: Window,
    /// The function or aggregation that will read the samples (`rate`, `sum`, …); empty: a plain
    /// selector. A store that keeps aggregates of old samples decides by it whether they do.
    pub function: &'a str,
    /// The range of a range selector in milliseconds, 0 for an instant selector.
    pub range_ms: i64,
    /// The step of the query in milliseconds, 0 for an instant query.
    pub step_ms: i64,
}

impl<'a> Selection<'a> {
    /// A plain selection.
    pub fn new(matchers: &'a [Matcher], window: Window) -> Self {
        Self {
            matchers,
            window,
            function: "",
            range_ms: 0,
            step_ms: 0,
        }
    }
}

/// What names or values are asked for.
#[derive(Debug, Clone, Copy)]
pub struct LabelQuery<'a> {
    /// Only of series that meet all of these; empty: of all series.
    pub matchers: &'a [Matcher],
    pub window: Window,
    /// At most so many, the first in order; 0: no limit.
    pub limit: usize,
}

/// One series that a selection found.
pub trait Series: Send {
    /// Its labels.
    fn labels(&self) -> &Labels;

    /// Appends its samples of the window to `into`, in order; stale markers are samples.
    fn read(&self, window: Window, into: &mut Samples) -> Result<(), StorageError>;
}

/// A readable store. Implementations show one moment: what is written later is not seen by series
/// that were selected before.
pub trait Storage: Send + Sync {
    /// Every series that meets all matchers and may have a sample in the window, in the order of
    /// [`Labels`].
    fn select(&self, selection: &Selection<'_>) -> Result<Vec<Box<dyn Series + '_>>, StorageError>;

    /// The names of labels.
    fn label_names(&self, query: LabelQuery<'_>) -> Result<BTreeSet<String>, StorageError>;

    /// The values of one label.
    fn label_values(
        &self,
        name: &str,
        query: LabelQuery<'_>,
    ) -> Result<BTreeSet<String>, StorageError>;
}
