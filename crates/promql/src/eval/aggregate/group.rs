//! Which group a row belongs to.

use std::collections::HashMap;

use mainstay_series::{Labels, METRIC_NAME};

use super::super::column::is_name;

/// Groups in the order in which their first row came.
pub(super) struct Grouping<'a> {
    names: &'a [String],
    without: bool,
    known: HashMap<Vec<u8>, usize>,
    labels: Vec<Labels>,
    key: Vec<u8>,
    /// The key and the number of the row before: rows of one group often follow one another.
    last: (Vec<u8>, Option<usize>),
}

impl<'a> Grouping<'a> {
    pub(super) fn new(names: &'a [String], without: bool) -> Self {
        Self {
            names,
            without,
            known: HashMap::new(),
            labels: Vec::new(),
            key: Vec::new(),
            last: (Vec::new(), None),
        }
    }

    /// Whether a label is one of the group's. `nameless`: the metric's name is gone already.
    fn keeps(&self, name: &str, nameless: bool) -> bool {
        if nameless && is_name(name) {
            return false;
        }
        let named = self.names.iter().any(|n| n == name);
        if self.without {
            !named && name != METRIC_NAME
        } else {
            named
        }
    }

    /// The number of a row's group; a new one is the next number.
    pub(super) fn find(&mut self, labels: &Labels, nameless: bool) -> usize {
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        if self.without || !self.names.is_empty() {
            for (name, value) in labels.iter().filter(|(name, _)| self.keeps(name, nameless)) {
                for part in [name, value] {
                    key.extend_from_slice(&part.len().to_le_bytes());
                    key.extend_from_slice(part.as_bytes());
                }
            }
        }
        if let (last, Some(at)) = &self.last
            && *last == key
        {
            self.key = key;
            return *at;
        }
        let found = self.known.get(&key).copied();
        let at = found.unwrap_or_else(|| {
            let group = labels.retain(|name| self.keeps(name, nameless));
            self.labels.push(group);
            self.known.insert(key.clone(), self.labels.len() - 1);
            self.labels.len() - 1
        });
        self.key = std::mem::replace(&mut self.last.0, key);
        self.last.1 = Some(at);
        at
    }

    /// How many groups there are.
    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }

    /// The labels of the groups, by number.
    pub(super) fn into_labels(self) -> Vec<Labels> {
        self.labels
    }
}
