//! What can be told without a request: the figures of the control plane and of its proxy, and those
//! of the machine (`mainstay-exporters`). They are stored as if they had been scraped.

use super::sink::StoreSink;
use crate::control::{Control, now};
use mainstay_exporters::host::Host;
use mainstay_exposition::{Batch, Cycle, Format, Limits, Mutate, Reading, Row, Times};
use mainstay_scrape::Sink as _;
use mainstay_series::{Labels, METRIC_NAME};
use mainstay_stack::server_file::MetricsSettings;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The job of what the server itself tells.
const SERVER: &str = "mainstay";
/// The job of the machine, as node_exporter's is mostly called.
const HOST: &str = "node";

/// Collects on time.
pub(super) struct Local {
    interval: Duration,
    due: Instant,
    host: bool,
    server: Option<Memory>,
    machine: Option<Memory>,
}

#[derive(Default)]
struct Memory {
    cycle: Cycle,
    batch: Batch,
}

/// Labels that every series gets, where it has none of the name.
struct Beside {
    job: &'static str,
    instance: String,
}

impl Mutate for Beside {
    fn labels(&self, scraped: Labels, _empty: &[String]) -> Result<Option<Labels>, String> {
        let mut labels = scraped.to_builder();
        for (name, value) in [("job", self.job), ("instance", &self.instance)] {
            if labels.get(name).is_none() {
                labels.set(name, value);
            }
        }
        Ok(Some(labels.build()))
    }
}

impl Local {
    pub(super) fn new(settings: &MetricsSettings) -> Self {
        Self {
            interval: settings.interval,
            // The proxy is just being started.
            due: Instant::now() + settings.interval,
            host: settings.host,
            server: Some(Memory::default()),
            machine: Some(Memory::default()),
        }
    }

    /// Stores what there is, when it is time.
    pub(super) async fn collect_when_due(&mut self, control: &Arc<Control>, sink: &Arc<StoreSink>) {
        if Instant::now() < self.due {
            return;
        }
        self.due = Instant::now() + self.interval;
        let text = control.metrics().await;
        let address = control.api_address().map(|address| address.to_string());
        let beside = Beside {
            job: SERVER,
            instance: address.unwrap_or_else(|| "control".to_owned()),
        };
        collect(&mut self.server, beside, sink, move || text).await;
        if self.host {
            let beside = Beside {
                job: HOST,
                instance: host_name(),
            };
            let text = || {
                Host::default()
                    .collect(now().as_millis() as f64 / 1e3)
                    .text()
            };
            collect(&mut self.machine, beside, sink, text).await;
        }
    }
}

pub(super) fn host_name() -> String {
    let names = rustix::system::uname();
    names.nodename().to_string_lossy().into_owned()
}

/// On a blocking thread: files are read, and the store may wait.
async fn collect(
    memory: &mut Option<Memory>,
    beside: Beside,
    sink: &Arc<StoreSink>,
    text: impl FnOnce() -> String + Send + 'static,
) {
    let mut kept = memory.take().unwrap_or_default();
    let sink = Arc::clone(sink);
    let job = beside.job;
    let work = move || {
        let stored = store(&mut kept, &text(), &beside, &sink);
        (kept, stored)
    };
    match tokio::task::spawn_blocking(work).await {
        Ok((kept, stored)) => {
            *memory = Some(kept);
            if let Err(error) = stored {
                tracing::warn!(job, error, "own metrics were not stored");
            }
        }
        Err(error) => tracing::error!(job, %error, "own metrics were not stored"),
    }
}

fn store(memory: &mut Memory, text: &str, beside: &Beside, sink: &StoreSink) -> Result<(), String> {
    let Memory { cycle, batch } = memory;
    batch.clear();
    let scrape_ms = now().as_millis();
    let reading = Reading {
        format: Format::Text,
        times: Times {
            scrape_ms,
            honor: false,
            track: false,
        },
        limits: Limits::default(),
        sample_limit: 0,
    };
    let (_, read) = cycle.scrape(text.as_bytes(), &reading, beside, batch);
    if read.is_err() {
        cycle.vanish(scrape_ms, batch);
    }
    let up = f64::from(u8::from(read.is_ok()));
    let named = || {
        let up = Labels::from_pairs([(METRIC_NAME, "up")]);
        beside.labels(up, &[]).ok().flatten().unwrap_or_default()
    };
    cycle.report("up", scrape_ms, up, named, batch);
    append(cycle, batch, sink)?;
    read.map_err(|error| error.to_string())
}

/// What the store has forgotten goes to it once more, by its labels.
fn append(cycle: &mut Cycle, batch: &mut Batch, sink: &StoreSink) -> Result<(), String> {
    let text = |error: mainstay_scrape::SinkError| error.to_string();
    let forgotten = sink.append(batch).map_err(text)?.forgotten;
    cycle.stored(batch);
    if forgotten.is_empty() {
        return Ok(());
    }
    let rows: Vec<Row> = forgotten
        .iter()
        .filter_map(|row| batch.rows.get(*row as usize).copied())
        .collect();
    let mut again = cycle.again(rows);
    sink.append(&mut again).map_err(text)?;
    cycle.stored(&again);
    Ok(())
}
