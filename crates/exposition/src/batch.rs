//! What is handed to a store: rows that name their series by number, or by labels at first.

use mainstay_series::Labels;

use crate::entry::MetricType;

/// One sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// The store's own number of the series; 0 where it is not known yet: then the row stands in
    /// [`Batch::new`] too, and the store puts its number here.
    pub series: u64,
    pub time_ms: i64,
    pub value: f64,
    /// Which entry of the [`crate::Cycle`] it is; nothing to a store.
    pub entry: u32,
}

/// An example beside a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// Index of the sample's row.
    pub row: u32,
    pub labels: Labels,
    pub value: f64,
    pub time_ms: i64,
}

/// What is known of a metric.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// The name of its family, as it was exposed.
    pub metric: String,
    pub kind: MetricType,
    pub help: String,
    pub unit: String,
}

/// Samples that are stored together, and what belongs to them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    pub rows: Vec<Row>,
    /// Rows whose series has no number yet, and its labels.
    pub new: Vec<(u32, Labels)>,
    pub exemplars: Vec<Exemplar>,
    /// Of metrics that are new or have changed.
    pub metadata: Vec<Metadata>,
}

impl Batch {
    /// Forgets all, and keeps the room.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.new.clear();
        self.exemplars.clear();
        self.metadata.clear();
    }

    /// Whether there is nothing to store.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.metadata.is_empty()
    }

    /// Adds a sample by its labels.
    pub fn push(&mut self, labels: Labels, time_ms: i64, value: f64) {
        self.new.push((self.rows.len() as u32, labels));
        self.rows.push(Row {
            series: 0,
            time_ms,
            value,
            entry: u32::MAX,
        });
    }
}
