//! Figures of the head, for `/api/v1/status/tsdb` and for whoever looks for what takes the room.

use mainstay_series::METRIC_NAME;

use super::Head;

/// A name, or `name=value`, and how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    pub name: String,
    pub count: u64,
}

/// What the head holds. Lists are the largest first, at most as many as asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeadStats {
    pub series: usize,
    pub chunks: usize,
    /// How many different label pairs there are.
    pub label_pairs: usize,
    /// `None` while the head is empty.
    pub min_time_ms: Option<i64>,
    pub max_time_ms: Option<i64>,
    /// Samples taken since the start.
    pub appended: u64,
    pub series_by_metric: Vec<Count>,
    pub values_by_label: Vec<Count>,
    /// Bytes of the values of each label, once for each series that has them.
    pub bytes_by_label: Vec<Count>,
    pub series_by_pair: Vec<Count>,
    /// About what series and their samples take; the index comes on top.
    pub memory_bytes: u64,
}

impl Head {
    pub(crate) fn stats(&self, limit: usize) -> HeadStats {
        let names = &self.index.names;
        let metrics = names.get(METRIC_NAME).into_iter();
        let metrics = metrics.flat_map(|values| &values.by_value);
        let pairs = names.iter().flat_map(|(name, values)| {
            let values = values.by_value.iter();
            values.map(move |(value, slots)| ((name, value), slots.len()))
        });
        let bytes = names.iter().map(|(name, values)| {
            let bytes = values
                .by_value
                .iter()
                .map(|(v, slots)| v.len() as u64 * slots.len());
            (name, bytes.sum())
        });
        let series = self.slots.iter().filter_map(Option::as_deref);
        let has_any = self.oldest_ms <= self.newest_ms;
        HeadStats {
            series: self.count,
            chunks: self.chunks,
            label_pairs: names.values().map(|values| values.by_value.len()).sum(),
            min_time_ms: has_any.then_some(self.oldest_ms),
            max_time_ms: has_any.then_some(self.newest_ms),
            appended: self.appended,
            series_by_metric: top(
                metrics.map(|(m, s)| (m, s.len())),
                limit,
                ToString::to_string,
            ),
            values_by_label: top(
                names
                    .iter()
                    .map(|(name, values)| (name, values.by_value.len() as u64)),
                limit,
                ToString::to_string,
            ),
            bytes_by_label: top(bytes, limit, ToString::to_string),
            series_by_pair: top(pairs, limit, |(name, value)| format!("{name}={value}")),
            memory_bytes: series.map(|series| series.bytes() as u64).sum(),
        }
    }
}

/// The largest, by count and then by name; names are made only for those that stay.
fn top<T: Ord>(
    all: impl Iterator<Item = (T, u64)>,
    limit: usize,
    name: impl Fn(T) -> String,
) -> Vec<Count> {
    let mut heap = std::collections::BinaryHeap::with_capacity(limit + 1);
    for (of, count) in all {
        heap.push((std::cmp::Reverse(count), of));
        if heap.len() > limit {
            heap.pop();
        }
    }
    let sorted = heap.into_sorted_vec().into_iter();
    let counted = sorted.map(|(count, of)| Count {
        name: name(of),
        count: count.0,
    });
    counted.collect()
}
