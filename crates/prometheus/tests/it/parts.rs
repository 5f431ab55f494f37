//! Everything that the API asks of others, in memory.

use mainstay_exposition::Batch;
use mainstay_prometheus::{
    ActiveTarget, Admin, Alertmanagers, BuildInfo, Count, DroppedTarget, Exemplar, Exemplars,
    MetricMetadata, Readiness, Reload, RuleGroup, Rules, RuntimeInfo, ScrapeState, SourceError,
    Status, Stored, TargetMetadata, Targets, TsdbStatus, WalReplay, Writer,
};
use mainstay_series::{
    LabelQuery, Labels, Matcher, Samples, Selection, Series, Storage, StorageError, Window,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::data::{One, labels};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) series: RwLock<BTreeMap<Labels, Samples>>,
    pub(crate) metadata: RwLock<Vec<MetricMetadata>>,
    pub(crate) exemplars: RwLock<Vec<Exemplar>>,
    pub(crate) groups: RwLock<Vec<RuleGroup>>,
    pub(crate) alertmanagers: RwLock<Vec<String>>,
    pub(crate) starting: AtomicBool,
    pub(crate) external: RwLock<Labels>,
    /// What the admin API was asked for.
    pub(crate) asked: RwLock<Vec<String>>,
}

impl Parts {
    pub(crate) fn add(&self, all: &[One]) {
        let mut series = self.series.write().unwrap();
        for (labels, samples) in all {
            let into = series.entry(labels.clone()).or_default();
            for sample in samples {
                into.push(sample.time_ms, sample.value);
            }
        }
    }
}

fn meets(labels: &Labels, matchers: &[Matcher]) -> bool {
    let meets = |m: &Matcher| m.matches(labels.get(m.name()).unwrap_or(""));
    matchers.iter().all(meets)
}

fn within(samples: &Samples, window: Window) -> bool {
    samples.times.iter().any(|time| window.contains(*time))
}

struct Read(Labels, Samples);

impl Series for Read {
    fn labels(&self) -> &Labels {
        &self.0
    }

    fn read(&self, window: Window, into: &mut Samples) -> Result<(), StorageError> {
        for sample in self.1.iter().filter(|s| window.contains(s.time_ms)) {
            into.push(sample.time_ms, sample.value);
        }
        Ok(())
    }
}

impl Storage for Parts {
    fn select(&self, selection: &Selection<'_>) -> Result<Vec<Box<dyn Series + '_>>, StorageError> {
        let series = self.series.read().unwrap();
        let found = series.iter().filter(|(labels, samples)| {
            meets(labels, selection.matchers) && within(samples, selection.window)
        });
        let found = found.map(|(labels, samples)| {
            Box::new(Read(labels.clone(), samples.clone())) as Box<dyn Series>
        });
        Ok(found.collect())
    }

    fn label_names(&self, query: LabelQuery<'_>) -> Result<BTreeSet<String>, StorageError> {
        let selection = Selection::new(query.matchers, query.window);
        let found = self.select(&selection)?;
        let names = found.iter().flat_map(|series| series.labels().iter());
        let all: BTreeSet<_> = names.map(|(name, _)| name.to_owned()).collect();
        let limit = if query.limit == 0 {
            usize::MAX
        } else {
            query.limit
        };
        Ok(all.into_iter().take(limit).collect())
    }

    fn label_values(
        &self,
        name: &str,
        query: LabelQuery<'_>,
    ) -> Result<BTreeSet<String>, StorageError> {
        let selection = Selection::new(query.matchers, query.window);
        let found = self.select(&selection)?;
        let values = found.iter().filter_map(|series| series.labels().get(name));
        let all: BTreeSet<_> = values.map(str::to_owned).collect();
        let limit = if query.limit == 0 {
            usize::MAX
        } else {
            query.limit
        };
        Ok(all.into_iter().take(limit).collect())
    }
}

impl Writer for Parts {
    fn write(&self, batch: &mut Batch) -> Result<Stored, SourceError> {
        let mut series = self.series.write().unwrap();
        let mut stored = Stored::default();
        for (row, labels) in &batch.new {
            let row = batch.rows[*row as usize];
            let into = series.entry(labels.clone()).or_default();
            if into.times.last().is_some_and(|last| *last >= row.time_ms) {
                stored.rejected += 1;
                stored
                    .reasons
                    .push(format!("out of order sample of {labels}"));
                continue;
            }
            into.push(row.time_ms, row.value);
            stored.samples += 1;
        }
        stored.exemplars = batch.exemplars.len() as u64;
        let mut metadata = self.metadata.write().unwrap();
        metadata.extend(batch.metadata.iter().map(|known| MetricMetadata {
            metric: known.metric.clone(),
            kind: known.kind.as_str().to_owned(),
            help: known.help.clone(),
            unit: known.unit.clone(),
        }));
        Ok(stored)
    }
}

impl Exemplars for Parts {
    fn exemplars(
        &self,
        sets: &[Vec<Matcher>],
        window: Window,
    ) -> Result<Vec<Exemplar>, SourceError> {
        let all = self.exemplars.read().unwrap();
        let found = all.iter().filter(|exemplar| {
            let meets = sets.iter().any(|set| meets(&exemplar.series, set));
            meets && window.contains(exemplar.time_ms)
        });
        Ok(found.cloned().collect())
    }
}

impl Rules for Parts {
    fn groups(&self) -> Vec<RuleGroup> {
        self.groups.read().unwrap().clone()
    }

    fn alertmanagers(&self) -> Alertmanagers {
        Alertmanagers {
            active: self.alertmanagers.read().unwrap().clone(),
            dropped: Vec::new(),
        }
    }
}

impl Targets for Parts {
    fn pools(&self) -> Vec<String> {
        vec!["web".to_owned(), "api".to_owned()]
    }

    fn active(&self) -> Vec<ActiveTarget> {
        let one = |pool: &str, error: &str| ActiveTarget {
            pool: pool.to_owned(),
            discovered: Labels::from_pairs([("__address__", "a:1")]),
            labels: Labels::from_pairs([("instance", "a:1"), ("job", pool)]),
            url: "http://a:1/metrics".to_owned(),
            health: if error.is_empty() {
                ScrapeState::Up
            } else {
                ScrapeState::Down
            },
            last_error: error.to_owned(),
            last_scrape_ms: error.is_empty().then_some(1_700_000_000_123),
            last_duration: Duration::from_micros(1500),
            interval: Duration::from_secs(15),
            timeout: Duration::from_secs(10),
            ..ActiveTarget::default()
        };
        vec![one("web", "connection refused"), one("api", "")]
    }

    fn dropped(&self) -> Vec<DroppedTarget> {
        vec![DroppedTarget {
            pool: "web".to_owned(),
            discovered: Labels::from_pairs([("__address__", "b:1")]),
        }]
    }

    fn dropped_counts(&self) -> BTreeMap<String, usize> {
        BTreeMap::from([("api".to_owned(), 0), ("web".to_owned(), 1)])
    }

    fn target_metadata(&self, metric: Option<&str>) -> Vec<TargetMetadata> {
        let target = Labels::from_pairs([("instance", "a:1"), ("job", "api")]);
        let all = self
            .metadata(metric)
            .into_iter()
            .map(|metadata| TargetMetadata {
                target: target.clone(),
                metadata,
            });
        all.collect()
    }

    fn metadata(&self, metric: Option<&str>) -> Vec<MetricMetadata> {
        let all = self.metadata.read().unwrap();
        let found = all
            .iter()
            .filter(|one| metric.is_none_or(|m| m == one.metric));
        found.cloned().collect()
    }
}

impl Status for Parts {
    fn readiness(&self) -> Readiness {
        if self.starting.load(Ordering::Relaxed) {
            Readiness::NotReady
        } else {
            Readiness::Ready
        }
    }

    fn configuration(&self) -> String {
        "global:\n  scrape_interval: 15s\n".to_owned()
    }

    fn flags(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("query.timeout".to_owned(), "2m".to_owned())])
    }

    fn runtime(&self) -> RuntimeInfo {
        RuntimeInfo {
            retention: "15d".to_owned(),
            ..RuntimeInfo::default()
        }
    }

    fn build(&self) -> BuildInfo {
        BuildInfo::of_version("3.5.0")
    }

    fn tsdb(&self, limit: usize) -> Result<TsdbStatus, SourceError> {
        let count = Count {
            name: "up".to_owned(),
            value: limit as u64,
        };
        Ok(TsdbStatus {
            series: 3,
            series_by_metric: vec![count],
            ..TsdbStatus::default()
        })
    }

    fn wal_replay(&self) -> WalReplay {
        WalReplay::default()
    }

    fn external_labels(&self) -> Labels {
        self.external.read().unwrap().clone()
    }
}

impl Admin for Parts {
    fn delete_series(&self, matchers: &[Matcher], window: Window) -> Result<(), SourceError> {
        if matchers.iter().any(|m| m.value() == "fails") {
            return Err(SourceError("the disk is full".to_owned()));
        }
        let matchers: Vec<_> = matchers.iter().map(ToString::to_string).collect();
        let asked = format!("delete {} {window:?}", matchers.join(","));
        self.asked.write().unwrap().push(asked);
        Ok(())
    }

    fn clean_tombstones(&self) -> Result<(), SourceError> {
        self.asked.write().unwrap().push("clean".to_owned());
        Ok(())
    }

    fn snapshot(&self, skip_head: bool) -> Result<String, SourceError> {
        let asked = format!("snapshot {skip_head}");
        self.asked.write().unwrap().push(asked);
        Ok("20261127T120000Z-0123456789abcdef".to_owned())
    }
}

impl Reload for Parts {
    fn reload(&self) -> Result<(), SourceError> {
        Err(SourceError("line 3 is wrong".to_owned()))
    }
}

/// An exemplar of a series with samples.
pub(crate) fn exemplar(time_ms: i64) -> Exemplar {
    Exemplar {
        series: labels("up", &[("job", "api")]),
        labels: Labels::from_pairs([("trace_id", "abc")]),
        time_ms,
        value: 0.25,
    }
}
