//! Metrics: what is collected, kept and answered.
//!
//! Here the store (`mainstay-tsdb`), the scraper (`mainstay-scrape`) and Prometheus's HTTP API
//! (`mainstay-prometheus`) meet; none of them knows another. [`instances`] makes targets of what
//! runs, [`finder`] finds out which of it answers with metrics, [`local`] collects what is had without
//! a scrape, [`sink`] hands batches to the store, [`sources`] answers the API.
//!
//! **Invariant:** metrics never stand in the way of the control plane: a store that cannot be
//! opened or written is said and reported, and everything else goes on.

mod configuration;
mod containers;
mod finder;
mod instances;
mod local;
pub(crate) mod own;
mod sink;
pub(crate) mod sources;

use crate::control::{Control, now};
use crate::rules::OfPrometheus;
use configuration::Loaded;
use mainstay_exposition::{Batch, Limits};
use mainstay_model::Timestamp;
use mainstay_rules::NewSample;
use mainstay_scrape::{Forwarder, Scraper, Settings};
use mainstay_series::Storage;
use mainstay_stack::server_file::MetricsSettings;
use mainstay_targets::Alerting;
use mainstay_tsdb::{Backfilled, Options, RecoveryReport, Store};
use sink::StoreSink;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Between two looks at what runs.
const LOOK: Duration = Duration::from_secs(1);
/// Between two rounds of the store's own work: cutting blocks, merging, retiring.
const MAINTENANCE: Duration = Duration::from_secs(60);
/// The job of instances; what it is called in series is the service.
const SERVICES: &str = "services";
/// Pages of blocks that are kept in memory. Small: most servers are asked for the last hours.
const CACHE_BYTES: usize = 16 << 20;

/// Everything about metrics that a server has.
pub(crate) struct Metrics {
    store: Arc<Store>,
    sink: Arc<StoreSink>,
    scraper: Scraper,
    /// What is collected without a scrape.
    board: Arc<local::Board>,
    settings: MetricsSettings,
    loaded: Mutex<Loaded>,
    recovery: RecoveryReport,
    directory: PathBuf,
    started_at: Timestamp,
    stop: CancellationToken,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

/// Why samples of the past were not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackfillError {
    #[error(transparent)]
    Text(#[from] mainstay_exposition::ParseError),
    #[error("a sample is in the future")]
    Ahead,
    #[error(transparent)]
    Store(#[from] mainstay_tsdb::StoreError),
}

/// Why there are no metrics.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MetricsError {
    #[error("the store of metrics: {0}")]
    Store(#[from] mainstay_tsdb::StoreError),
    #[error("{0}")]
    Configuration(String),
    #[error(transparent)]
    Forward(#[from] mainstay_scrape::ForwardError),
}

impl Metrics {
    /// Opens the store, whatever state it was left in, and begins to scrape what the files name.
    pub(crate) async fn open(
        directory: &Path,
        settings: &MetricsSettings,
        stop: CancellationToken,
    ) -> Result<Arc<Self>, MetricsError> {
        let loaded = configuration::load(settings).await?;
        let path = directory.to_owned();
        let options = options(settings);
        let opened =
            tokio::task::spawn_blocking(move || Store::open(&path, options, now().as_millis()));
        let (store, recovery) = match opened.await {
            Ok(opened) => opened?,
            Err(panic) => return Err(MetricsError::Configuration(panic.to_string())),
        };
        say(&recovery);
        let store = Arc::new(store);
        let forwarders = forwarders(&loaded, directory)?;
        let sink = Arc::new(StoreSink::new(Arc::clone(&store), forwarders));
        let scraper = Scraper::new(
            Arc::<StoreSink>::clone(&sink),
            Settings {
                parallel: 1,
                docker: Some(Arc::new(containers::Engines)),
                ..Settings::default()
            },
        );
        scraper.apply(&loaded.jobs);
        Ok(Arc::new(Self {
            store,
            sink,
            scraper,
            board: Arc::default(),
            settings: settings.clone(),
            loaded: Mutex::new(loaded),
            recovery,
            directory: directory.to_owned(),
            started_at: now(),
            stop,
        }))
    }

    /// Prometheus's HTTP API over all of it.
    pub(crate) fn router(self: &Arc<Self>, beside: sources::Beside) -> axum::Router {
        let options = mainstay_prometheus::Options::default();
        mainstay_prometheus::router(sources::of(self, beside), options)
    }

    /// Where rules read.
    pub(crate) fn storage(&self) -> &dyn Storage {
        &*self.store
    }

    /// Stores what rules gave, in its order; what was not taken, by its place, with the reason.
    pub(crate) fn record<'a>(
        &self,
        samples: impl Iterator<Item = &'a NewSample>,
    ) -> Result<Vec<(usize, String)>, String> {
        let mut batch = Batch::default();
        for new in samples {
            batch.push(new.labels.clone(), new.sample.time_ms, new.sample.value);
        }
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        self.sink.record(&mut batch)
    }

    /// Writes samples of the past, from an OpenMetrics file, into blocks. For a thread that may wait. A
    /// file that is wrong writes nothing.
    pub(crate) fn backfill(&self, text: &[u8]) -> Result<Backfilled, BackfillError> {
        let series = mainstay_exposition::backfill(text, &Limits::default())?;
        let now_ms = now().as_millis();
        let ahead = series.iter().any(|(_, samples)| {
            let last = samples.times.last();
            last.is_some_and(|last| *last > now_ms)
        });
        if ahead {
            return Err(BackfillError::Ahead);
        }
        let samples = series.iter().flat_map(|(labels, samples)| {
            let samples = samples.iter();
            samples.map(move |sample| Ok::<_, Infallible>((labels.clone(), sample)))
        });
        Ok(self.store.backfill(samples, now_ms)?)
    }

    /// What the file of Prometheus says of rules.
    pub(crate) fn rules_of_prometheus(&self) -> OfPrometheus {
        self.loaded().rules
    }

    pub(crate) fn external_labels(&self) -> BTreeMap<String, String> {
        self.loaded().external_labels
    }

    /// Alertmanagers that the file of Prometheus names.
    pub(crate) fn alerting(&self) -> Option<Alerting> {
        self.loaded().alerting
    }

    fn loaded(&self) -> Loaded {
        let loaded = self.loaded.lock();
        loaded.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the file of Prometheus again; what was in force stays where it is wrong.
    async fn reload(&self) -> Result<(), MetricsError> {
        let loaded = configuration::load(&self.settings).await?;
        if loaded.remote_write != self.loaded().remote_write {
            return Err(MetricsError::Configuration(
                "`remote_write` has changed, which takes a new start of the server".to_owned(),
            ));
        }
        self.scraper.apply(&loaded.jobs);
        *self.loaded.lock().unwrap_or_else(PoisonError::into_inner) = loaded;
        Ok(())
    }

    /// Looks after all of it until the server stops.
    pub(crate) async fn run(self: Arc<Self>, control: Arc<Control>) {
        tokio::select! {
            ((), ()) = async { tokio::join!(self.look(&control), self.keep_house()) } => {}
            () = control.stopping() => {}
        }
        self.end().await;
    }

    /// Finds what is to be scraped, and stores what needs no request.
    async fn look(&self, control: &Arc<Control>) {
        let mut finder = finder::Finder::default();
        let mut local = local::Local::new(&self.settings, Arc::clone(&self.board));
        let mut given = None;
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            look.tick().await;
            let seen = instances::seen(control);
            let groups = instances::groups(&finder.choose(seen));
            if given.as_ref() != Some(&groups)
                && self
                    .scraper
                    .found(SERVICES, "runtime", groups.clone())
                    .await
            {
                given = Some(groups);
            }
            local.collect_when_due(control, &self.sink).await;
        }
    }

    /// Beside the looking: merging blocks may take minutes.
    async fn keep_house(&self) {
        let mut maintenance = tokio::time::interval(MAINTENANCE);
        maintenance.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            maintenance.tick().await;
            self.maintain().await;
        }
    }

    async fn maintain(&self) {
        let store = Arc::clone(&self.store);
        let work = move || store.maintain(now().as_millis());
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(done)) if done != mainstay_tsdb::Maintenance::default() => {
                self.sink.forget(&done.forgotten);
                tracing::info!(
                    cut = done.cut,
                    merged = done.compacted,
                    retired = done.retired,
                    forgotten = done.forgotten.len(),
                    "looked after the store of metrics"
                );
                for file in done.set_aside {
                    tracing::error!(file = %file.display(), "a damaged file of metrics was set aside");
                }
            }
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::error!(%error, "the store of metrics was not looked after"),
            Err(error) => tracing::error!(%error, "the store of metrics was not looked after"),
        }
    }

    async fn end(&self) {
        self.scraper.stop().await;
        self.sink.stop().await;
        let store = Arc::clone(&self.store);
        let flushed = tokio::task::spawn_blocking(move || store.flush()).await;
        if let Ok(Err(error)) = flushed {
            tracing::error!(%error, "the last samples may be lost");
        }
    }
}

fn options(settings: &MetricsSettings) -> Options {
    Options {
        retention_ms: settings.retention.as_millis() as i64,
        retention_bytes: settings.max_size.map(|size| size.0),
        cache_bytes: CACHE_BYTES,
        ..Options::default()
    }
}

fn forwarders(loaded: &Loaded, directory: &Path) -> Result<Vec<Forwarder>, MetricsError> {
    let clock = Settings::default().now_ms;
    let receivers = loaded.remote_write.iter();
    let started = receivers.map(|receiver| {
        let folder = directory.join("remote").join(folder_name(&receiver.name));
        let external = loaded.external_labels.clone();
        Forwarder::start(receiver.clone(), external, &folder, Arc::clone(&clock))
    });
    started
        .collect::<Result<_, _>>()
        .map_err(MetricsError::Forward)
}

/// A receiver's name as that of a folder: whatever it holds, it leads nowhere else.
fn folder_name(name: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    name.bytes().map(byte).collect()
}

/// What a start had to mend.
fn say(recovery: &RecoveryReport) {
    for cut in &recovery.cuts {
        tracing::warn!(
            file = %cut.file.display(),
            lost_bytes = cut.lost_bytes,
            reason = cut.reason,
            "the end of a log of metrics was cut off"
        );
    }
    for file in &recovery.set_aside {
        tracing::error!(file = %file.display(), "a damaged file of metrics was set aside");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receivers_folder_stays_where_it_belongs_and_is_its_own() {
        assert_eq!(folder_name("remote-0"), "remote-0");
        assert_eq!(folder_name("../../x"), "%2E%2E%2F%2E%2E%2Fx");
        assert_ne!(folder_name("a/b"), folder_name("a_b"));
    }
}
