//! Answers what Prometheus's HTTP API asks: about targets, the store and the server itself.

use super::local::Board;
use super::{Metrics, MetricsError};
use crate::alerts::Alerts;
use crate::control::now;
use crate::rules::Rules;
use mainstay_prometheus::{
    ActiveTarget, Admin, BuildInfo, Count, DroppedTarget, Exemplar, Exemplars, MetricMetadata,
    Readiness, Reload, RuntimeInfo, ScrapeState, SourceError, Sources, Status, TargetMetadata,
    Targets, TsdbStatus, WalReplay,
};
use mainstay_scrape::Health;
use mainstay_series::{Labels, Matcher, Storage, Window};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// The Prometheus whose API this is: clients decide by it what they may ask.
const VERSION: &str = "3.0.0";
/// Metrics whose metadata is listed.
const MOST_METADATA: usize = 100_000;

/// What the API shows beside metrics, and reads again with them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Beside {
    pub(crate) rules: Option<Arc<Rules>>,
    pub(crate) alerts: Option<Arc<Alerts>>,
}

/// What the router of the API is made of.
pub(super) fn of(metrics: &Arc<Metrics>, beside: Beside) -> Sources {
    let admin = metrics.settings.admin_api;
    let storage = Arc::<mainstay_tsdb::Store>::clone(&metrics.store) as Arc<dyn Storage>;
    let plain = Sources::of(storage, Arc::<Metrics>::clone(metrics));
    let rules = beside.rules.clone();
    Sources {
        rules: rules.map_or(plain.rules, |rules| {
            rules as Arc<dyn mainstay_prometheus::Rules>
        }),
        exemplars: Arc::<Metrics>::clone(metrics),
        targets: Arc::<Metrics>::clone(metrics),
        writer: Some(Arc::<super::sink::StoreSink>::clone(&metrics.sink)),
        admin: admin.then(|| Arc::<Metrics>::clone(metrics) as Arc<dyn Admin>),
        reload: Some(Arc::new(Reloader {
            metrics: Arc::clone(metrics),
            beside,
            runtime: tokio::runtime::Handle::current(),
        })),
        ..plain
    }
}

fn source_error(error: &dyn std::fmt::Display) -> SourceError {
    SourceError(error.to_string())
}

impl Exemplars for Metrics {
    fn exemplars(
        &self,
        sets: &[Vec<Matcher>],
        window: Window,
    ) -> Result<Vec<Exemplar>, SourceError> {
        let found = self.store.exemplars(sets, window).into_iter();
        let exemplar = |found: mainstay_tsdb::Exemplar| Exemplar {
            series: found.series,
            labels: found.labels,
            time_ms: found.time_ms,
            value: found.value,
        };
        Ok(found.map(exemplar).collect())
    }
}

impl Targets for Metrics {
    fn pools(&self) -> Vec<String> {
        let scraped = self.loaded().jobs.into_iter().map(|job| job.name);
        let mut names: Vec<String> = scraped.chain(Board::pools()).collect();
        names.sort();
        names.dedup();
        names
    }

    fn active(&self) -> Vec<ActiveTarget> {
        let active = self.scraper.snapshot().active.into_iter();
        let target = |target: mainstay_scrape::ActiveTarget| ActiveTarget {
            pool: target.pool,
            discovered: target.discovered,
            labels: target.labels,
            url: target.url,
            global_url: String::new(),
            health: match target.health {
                Health::Unknown => ScrapeState::Unknown,
                Health::Up => ScrapeState::Up,
                Health::Down => ScrapeState::Down,
            },
            last_error: target.last_error,
            last_scrape_ms: target.last_scrape_ms,
            last_duration: target.last_duration,
            interval: target.interval,
            timeout: target.timeout,
        };
        active.map(target).chain(self.board.active()).collect()
    }

    fn dropped(&self) -> Vec<DroppedTarget> {
        let dropped = self.scraper.snapshot().dropped.into_iter();
        let target = |target: mainstay_scrape::DroppedTarget| DroppedTarget {
            pool: target.pool,
            discovered: target.discovered,
        };
        dropped.map(target).collect()
    }

    fn dropped_counts(&self) -> BTreeMap<String, usize> {
        self.scraper.snapshot().dropped_counts.into_iter().collect()
    }

    fn target_metadata(&self, metric: Option<&str>) -> Vec<TargetMetadata> {
        let active = self.scraper.snapshot().active;
        let mut all = Vec::new();
        for target in active {
            let said = target.metadata.iter();
            let said = said.filter(|one| metric.is_none_or(|metric| metric == one.metric));
            all.extend(said.map(|one| TargetMetadata {
                target: target.labels.clone(),
                metadata: MetricMetadata {
                    metric: one.metric.clone(),
                    kind: one.kind.as_str().to_owned(),
                    help: one.help.clone(),
                    unit: one.unit.clone(),
                },
            }));
        }
        all.extend(self.board.metadata(metric));
        all
    }

    fn metadata(&self, metric: Option<&str>) -> Vec<MetricMetadata> {
        let known = self.store.metadata(metric, MOST_METADATA).into_iter();
        let of_store = known.map(|(metric, said)| MetricMetadata {
            metric,
            kind: said.kind,
            help: said.help,
            unit: said.unit,
        });
        let of_targets = self.target_metadata(metric).into_iter();
        let mut all: Vec<MetricMetadata> =
            of_store.chain(of_targets.map(|one| one.metadata)).collect();
        all.sort();
        all.dedup();
        all
    }
}

impl Status for Metrics {
    fn readiness(&self) -> Readiness {
        if self.stop.is_cancelled() {
            Readiness::Stopping
        } else {
            Readiness::Ready
        }
    }

    /// Secrets stand in the user's file; only what was read of it is shown, and not the text.
    fn configuration(&self) -> String {
        let loaded = self.loaded();
        let interval = self.settings.interval.as_millis();
        let mut text = format!("global:\n  scrape_interval: {interval}ms\nscrape_configs:\n");
        for job in &loaded.jobs {
            let (name, path, scheme) = (&job.name, &job.metrics_path, &job.scheme);
            let (interval, timeout) = (job.interval.as_millis(), job.timeout.as_millis());
            let _ = write!(
                text,
                "- job_name: {name}\n  scrape_interval: {interval}ms\n  scrape_timeout: {timeout}ms\n  metrics_path: {path}\n  scheme: {scheme}\n"
            );
        }
        text
    }

    fn flags(&self) -> BTreeMap<String, String> {
        let retention = self.settings.retention.as_secs();
        let flags = [
            ("storage.tsdb.retention.time", format!("{retention}s")),
            ("query.lookback-delta", "5m".to_owned()),
            ("query.max-concurrency", "20".to_owned()),
            ("query.timeout", "2m".to_owned()),
            ("web.enable-remote-write-receiver", "true".to_owned()),
            ("web.enable-admin-api", self.settings.admin_api.to_string()),
        ];
        let named = flags.into_iter();
        named
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    fn runtime(&self) -> RuntimeInfo {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        RuntimeInfo {
            start_time: self.started_at.to_string(),
            working_directory: self.directory.display().to_string(),
            host_name: super::local::host_name(),
            server_time: now().to_string(),
            reload_succeeded: true,
            last_configuration_time: self.started_at.to_string(),
            corruptions: self.recovery.set_aside.len() as i64,
            threads: threads(),
            cores: cores as i64,
            memory_limit: i64::MAX,
            retention: format!("{}h", self.settings.retention.as_secs() / 3_600),
            ..RuntimeInfo::default()
        }
    }

    fn build(&self) -> BuildInfo {
        BuildInfo {
            version: VERSION.to_owned(),
            revision: format!("mainstay {}", env!("CARGO_PKG_VERSION")),
            branch: String::new(),
            build_user: String::new(),
            build_date: String::new(),
            go_version: String::new(),
        }
    }

    fn tsdb(&self, limit: usize) -> Result<TsdbStatus, SourceError> {
        let stats = self
            .store
            .stats(limit)
            .map_err(|error| source_error(&error))?;
        let head = stats.head;
        let counts = |all: Vec<mainstay_tsdb::Count>| {
            let all = all.into_iter();
            all.map(|one| Count {
                name: one.name,
                value: one.count,
            })
            .collect()
        };
        Ok(TsdbStatus {
            series: head.series as u64,
            label_pairs: head.label_pairs as u64,
            chunks: head.chunks as i64,
            min_time_ms: head.min_time_ms.unwrap_or(i64::MAX),
            max_time_ms: head.max_time_ms.unwrap_or(i64::MIN),
            series_by_metric: counts(head.series_by_metric),
            values_by_label: counts(head.values_by_label),
            bytes_by_label: counts(head.bytes_by_label),
            series_by_pair: counts(head.series_by_pair),
        })
    }

    /// The log was read before anybody could ask.
    fn wal_replay(&self) -> WalReplay {
        let segments = self.recovery.segments as i64;
        WalReplay {
            min: 0,
            max: segments,
            current: segments,
        }
    }

    fn external_labels(&self) -> Labels {
        Labels::from_pairs(self.loaded().external_labels)
    }
}

fn threads() -> i64 {
    std::fs::read_dir("/proc/self/task").map_or(0, |tasks| tasks.count() as i64)
}

impl Admin for Metrics {
    fn delete_series(&self, matchers: &[Matcher], window: Window) -> Result<(), SourceError> {
        let deleted = self.store.delete(matchers, window);
        deleted.map(drop).map_err(|error| source_error(&error))
    }

    fn clean_tombstones(&self) -> Result<(), SourceError> {
        let cleaned = self.store.clean_tombstones(now().as_millis());
        cleaned.map(drop).map_err(|error| source_error(&error))
    }

    fn snapshot(&self, skip_head: bool) -> Result<String, SourceError> {
        let now = now().as_millis();
        let name = format!("{now}-{}", uuid::Uuid::now_v7().simple());
        let path = self.directory.join("snapshots").join(&name);
        let made = self.store.snapshot(&path, !skip_head, now);
        made.map(|()| name).map_err(|error| source_error(&error))
    }
}

/// Reading a file is async here, and the API asks on a blocking thread.
struct Reloader {
    metrics: Arc<Metrics>,
    beside: Beside,
    runtime: tokio::runtime::Handle,
}

impl Reload for Reloader {
    fn reload(&self) -> Result<(), SourceError> {
        self.runtime.block_on(async {
            let reloaded: Result<(), MetricsError> = self.metrics.reload().await;
            reloaded.map_err(|error| source_error(&error))?;
            if let Some(rules) = &self.beside.rules {
                rules.reload().await.map_err(|error| source_error(&error))?;
            }
            if let Some(alerts) = &self.beside.alerts {
                alerts
                    .reload()
                    .await
                    .map_err(|error| source_error(&error))?;
            }
            Ok(())
        })
    }
}
