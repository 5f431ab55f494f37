//! Series in memory: what scripts load.

use std::collections::{BTreeMap, BTreeSet};

use mainstay_series::{
    LabelQuery, Labels, Matcher, Samples, Selection, Series, Storage, StorageError, Window,
};

use super::script::{Command, Load, ScriptError, parse};

/// A store that holds everything in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryStorage {
    series: BTreeMap<Labels, Samples>,
    /// Series of native histograms: selecting one is an error rather than an empty answer.
    refused: Vec<Labels>,
}

impl MemoryStorage {
    /// A store with what the `load` commands of a script load.
    pub fn load(script: &str) -> Result<Self, ScriptError> {
        let mut storage = Self::default();
        for (line, command) in parse(script)? {
            match command {
                Command::Load(load) => storage.append_load(&load),
                Command::Clear => storage = Self::default(),
                Command::Eval(_) => {
                    let message = "only load commands belong here".to_owned();
                    return Err(ScriptError { line, message });
                }
            }
        }
        Ok(storage)
    }

    /// Adds samples of a series; those at a time that is there already replace it.
    pub fn append(&mut self, labels: &Labels, samples: &Samples) {
        let into = self.series.entry(labels.clone()).or_default();
        let in_order = match (into.times.last(), samples.times.first()) {
            (Some(last), Some(first)) => last < first,
            _ => true,
        };
        if in_order {
            into.times.extend_from_slice(&samples.times);
            into.values.extend_from_slice(&samples.values);
            return;
        }
        let mut all: BTreeMap<i64, f64> = BTreeMap::new();
        for sample in into.iter().chain(samples.iter()) {
            all.insert(sample.time_ms, sample.value);
        }
        into.clear();
        for (time, value) in all {
            into.push(time, value);
        }
    }

    /// Adds what a command loads.
    pub(crate) fn append_load(&mut self, load: &Load) {
        for series in &load.series {
            if series.refused {
                self.refused.push(series.labels.clone());
            } else {
                self.append(&series.labels, &series.samples(load.step_ms));
            }
            if load.native {
                self.refused.extend(native_of(&series.labels));
            }
        }
    }

    fn matching<'a>(
        &'a self,
        matchers: &'a [Matcher],
    ) -> impl Iterator<Item = (&'a Labels, &'a Samples)> {
        self.series
            .iter()
            .filter(move |(labels, _)| matches(labels, matchers))
    }
}

fn matches(labels: &Labels, matchers: &[Matcher]) -> bool {
    matchers
        .iter()
        .all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or_default()))
}

/// The native histogram that `load_with_nhcb` makes of a classic one's series.
fn native_of(labels: &Labels) -> Option<Labels> {
    let name = labels.metric()?;
    let base = ["_bucket", "_count", "_sum"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))?;
    let mut builder = labels.to_builder();
    builder.set("__name__", base).delete("le");
    Some(builder.build())
}

struct Found<'a> {
    labels: &'a Labels,
    samples: &'a Samples,
}

impl Series for Found<'_> {
    fn labels(&self) -> &Labels {
        self.labels
    }

    fn read(&self, window: Window, into: &mut Samples) -> Result<(), StorageError> {
        let times = &self.samples.times;
        let from = times.partition_point(|time| *time < window.start_ms);
        let to = times
            .partition_point(|time| *time <= window.end_ms)
            .max(from);
        into.times.extend_from_slice(&times[from..to]);
        into.values
            .extend_from_slice(&self.samples.values[from..to]);
        Ok(())
    }
}

impl Storage for MemoryStorage {
    fn select(&self, selection: &Selection<'_>) -> Result<Vec<Box<dyn Series + '_>>, StorageError> {
        let refused = |labels: &&Labels| matches(labels, selection.matchers);
        if let Some(labels) = self.refused.iter().find(refused) {
            let message = format!("native histograms are not supported: {labels}");
            return Err(StorageError::Read(message));
        }
        let mut found: Vec<Box<dyn Series + '_>> = Vec::new();
        for (labels, samples) in &self.series {
            if matches(labels, selection.matchers) {
                found.push(Box::new(Found { labels, samples }));
            }
        }
        Ok(found)
    }

    fn label_names(&self, query: LabelQuery<'_>) -> Result<BTreeSet<String>, StorageError> {
        let names = self
            .matching(query.matchers)
            .flat_map(|(labels, _)| labels.iter().map(|(name, _)| name.to_owned()));
        Ok(limited(names.collect(), query.limit))
    }

    fn label_values(
        &self,
        name: &str,
        query: LabelQuery<'_>,
    ) -> Result<BTreeSet<String>, StorageError> {
        let values = self
            .matching(query.matchers)
            .filter_map(|(labels, _)| labels.get(name).map(str::to_owned));
        Ok(limited(values.collect(), query.limit))
    }
}

fn limited(all: BTreeSet<String>, limit: usize) -> BTreeSet<String> {
    if limit == 0 {
        return all;
    }
    all.into_iter().take(limit).collect()
}
