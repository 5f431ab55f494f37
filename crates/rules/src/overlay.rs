//! A store with what the rules of this evaluation gave laid over it: a later rule of a group sees
//! what an earlier one recorded, though nothing of it is stored yet.

use std::collections::{BTreeMap, BTreeSet};

use mainstay_series::{
    LabelQuery, Labels, Matcher, Sample, Samples, Selection, Series, Storage, StorageError, Window,
};

/// What is there and what is new.
pub(crate) struct Overlay<'a> {
    base: &'a dyn Storage,
    /// One sample of each series: a group's samples are all of one moment.
    fresh: BTreeMap<Labels, Sample>,
}

/// The series has another value at that moment already.
#[derive(Debug)]
pub(crate) struct Duplicate;

impl<'a> Overlay<'a> {
    pub(crate) fn new(base: &'a dyn Storage) -> Self {
        Self {
            base,
            fresh: BTreeMap::new(),
        }
    }

    /// Adds a sample. The same value again is no harm.
    pub(crate) fn append(&mut self, labels: &Labels, sample: Sample) -> Result<(), Duplicate> {
        match self.fresh.get(labels) {
            Some(old) if old.value.to_bits() == sample.value.to_bits() => Ok(()),
            Some(_) => Err(Duplicate),
            None => {
                self.fresh.insert(labels.clone(), sample);
                Ok(())
            }
        }
    }

    fn matching(&self, matchers: &[Matcher], window: Window) -> Vec<(&Labels, Sample)> {
        let meets = |labels: &Labels| {
            let mut all = matchers.iter();
            all.all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or_default()))
        };
        let fresh = self.fresh.iter();
        fresh
            .filter(|(labels, sample)| window.contains(sample.time_ms) && meets(labels))
            .map(|(labels, sample)| (labels, *sample))
            .collect()
    }
}

/// A series of the store, of the overlay, or of both.
struct Joined<'a> {
    base: Option<Box<dyn Series + 'a>>,
    labels: Labels,
    fresh: Sample,
}

impl Series for Joined<'_> {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn read(&self, window: Window, into: &mut Samples) -> Result<(), StorageError> {
        let fresh = Some(self.fresh).filter(|sample| window.contains(sample.time_ms));
        let from = into.len();
        if let Some(base) = &self.base {
            base.read(window, into)?;
        }
        let Some(fresh) = fresh else {
            return Ok(());
        };
        let stored = into.times.get(from..).unwrap_or_default();
        let at = from + stored.partition_point(|time| *time < fresh.time_ms);
        // What is stored holds: the new one will be refused.
        if into.times.get(at) != Some(&fresh.time_ms) {
            into.times.insert(at, fresh.time_ms);
            into.values.insert(at, fresh.value);
        }
        Ok(())
    }
}

impl Storage for Overlay<'_> {
    fn select(&self, selection: &Selection<'_>) -> Result<Vec<Box<dyn Series + '_>>, StorageError> {
        let base = self.base.select(selection)?;
        let fresh = self.matching(selection.matchers, selection.window);
        if fresh.is_empty() {
            return Ok(base);
        }
        let mut fresh = fresh.into_iter().peekable();
        let mut all: Vec<Box<dyn Series + '_>> = Vec::with_capacity(base.len());
        let joined = |base, (labels, fresh): (&Labels, Sample)| {
            let labels = labels.clone();
            Box::new(Joined {
                base,
                labels,
                fresh,
            })
        };
        for series in base {
            while let Some(new) = fresh.next_if(|(labels, _)| *labels < series.labels()) {
                all.push(joined(None, new));
            }
            match fresh.next_if(|(labels, _)| *labels == series.labels()) {
                Some(new) => all.push(joined(Some(series), new)),
                None => all.push(series),
            }
        }
        for new in fresh {
            all.push(joined(None, new));
        }
        Ok(all)
    }

    fn label_names(&self, query: LabelQuery<'_>) -> Result<BTreeSet<String>, StorageError> {
        let mut names = self.base.label_names(query)?;
        for (labels, _) in self.matching(query.matchers, query.window) {
            names.extend(labels.iter().map(|(name, _)| name.to_owned()));
        }
        Ok(limited(names, query.limit))
    }

    fn label_values(
        &self,
        name: &str,
        query: LabelQuery<'_>,
    ) -> Result<BTreeSet<String>, StorageError> {
        let mut values = self.base.label_values(name, query)?;
        for (labels, _) in self.matching(query.matchers, query.window) {
            values.extend(labels.get(name).map(str::to_owned));
        }
        Ok(limited(values, query.limit))
    }
}

fn limited(all: BTreeSet<String>, limit: usize) -> BTreeSet<String> {
    if limit == 0 {
        return all;
    }
    all.into_iter().take(limit).collect()
}
