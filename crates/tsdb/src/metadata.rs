//! What targets say of their metrics: type, help, unit. In memory alone, bounded.

use std::collections::BTreeMap;

/// As the exposition formats have it; each may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metadata {
    /// `counter`, `gauge`, `histogram`, `summary`, … as it stood there.
    pub kind: String,
    pub help: String,
    pub unit: String,
}

#[derive(Debug)]
pub(crate) struct MetadataTable {
    limit: usize,
    by_metric: BTreeMap<String, Metadata>,
}

impl MetadataTable {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            by_metric: BTreeMap::new(),
        }
    }

    /// The newest holds. False when there is no room for another metric.
    pub(crate) fn set(&mut self, metric: &str, metadata: Metadata) -> bool {
        if let Some(known) = self.by_metric.get_mut(metric) {
            *known = metadata;
            return true;
        }
        if self.by_metric.len() >= self.limit {
            return false;
        }
        self.by_metric.insert(metric.to_owned(), metadata);
        true
    }

    /// That of one metric, or of all in order, at most so many; 0: no limit.
    pub(crate) fn get(&self, metric: Option<&str>, limit: usize) -> Vec<(String, Metadata)> {
        let limit = if limit == 0 { usize::MAX } else { limit };
        let wanted = self
            .by_metric
            .iter()
            .filter(|(name, _)| metric.is_none_or(|m| m == *name));
        let wanted = wanted.take(limit);
        wanted
            .map(|(name, metadata)| (name.clone(), metadata.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_holds_and_there_is_a_bound() {
        let mut table = MetadataTable::new(1);
        let of = |help: &str| Metadata {
            help: help.to_owned(),
            ..Metadata::default()
        };
        assert!(table.set("a", of("1")) && table.set("a", of("2")) && !table.set("b", of("3")));
        assert_eq!(table.get(None, 0), [("a".to_owned(), of("2"))]);
        assert!(table.get(Some("b"), 0).is_empty());
    }
}
