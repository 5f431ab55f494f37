//! One look, into the store: read like the body of a scrape, with `up` beside it.

use super::{SLACK, Wanted};
use crate::control::{Control, now};
use crate::metrics::sink::StoreSink;
use mainstay_exposition::{Batch, Cycle, Format, Limits, Mutate, Reading, Row, Times};
use mainstay_model::Timestamp;
use mainstay_prometheus::MetricMetadata;
use mainstay_scrape::Sink as _;
use mainstay_series::{Labels, METRIC_NAME};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What one look remembers for the next.
#[derive(Default)]
pub(super) struct Memory {
    cycle: Cycle,
    batch: Batch,
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let series = self.cycle.remembered();
        f.debug_struct("Memory")
            .field("series", &series)
            .finish_non_exhaustive()
    }
}

/// What came of a look.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) at: Timestamp,
    pub(super) took: Duration,
    /// Why the thing could not be read; told beside what was.
    pub(super) trouble: Option<String>,
    /// `None`: what was known before holds.
    pub(super) metadata: Option<Vec<MetricMetadata>>,
}

/// Labels that every series gets, where it has none of the name.
struct Beside<'a>(&'a Labels);

impl Mutate for Beside<'_> {
    fn labels(&self, scraped: Labels, _empty: &[String]) -> Result<Option<Labels>, String> {
        let mut labels = scraped.to_builder();
        for (name, value) in self.0 {
            if labels.get(name).is_none() {
                labels.set(name, value);
            }
        }
        Ok(Some(labels.build()))
    }
}

/// Looks once, within the deadline.
pub(super) async fn look(
    control: &Arc<Control>,
    sink: Arc<StoreSink>,
    wanted: &Wanted,
    mut memory: Box<Memory>,
) -> (Box<Memory>, Outcome) {
    let (at, began) = (now(), Instant::now());
    let told = tokio::time::timeout(wanted.timeout + SLACK, wanted.source.tell(control)).await;
    let (text, trouble) = match told {
        Ok((text, trouble)) => (text, trouble),
        // Nothing of it: its series end, and `up` is 0.
        Err(_) => (None, Some("no answer in time".to_owned())),
    };
    let took = began.elapsed();
    let labels = wanted.labels.clone();
    let work = move || {
        let stored = memory.store(at, took, text.as_deref(), &labels, &sink);
        (memory, stored)
    };
    match tokio::task::spawn_blocking(work).await {
        Ok((memory, stored)) => {
            let metadata = memory.cycle.metadata().map(|said| MetricMetadata {
                metric: said.metric.clone(),
                kind: said.kind.as_str().to_owned(),
                help: said.help.clone(),
                unit: said.unit.clone(),
            });
            let outcome = Outcome {
                at,
                took,
                trouble: stored.err().or(trouble),
                metadata: Some(metadata.collect()),
            };
            (memory, outcome)
        }
        Err(error) => (Box::default(), Outcome::failed(at, took, error.to_string())),
    }
}

/// Ends every series of something that is gone.
pub(super) async fn end(mut memory: Box<Memory>, sink: Arc<StoreSink>) {
    let work = move || {
        let Memory { cycle, batch } = &mut *memory;
        batch.clear();
        let at = now().as_millis();
        cycle.vanish(at, batch);
        cycle.vanish_reports(at, batch);
        append(cycle, batch, &sink)
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(error, "series were not ended"),
        Err(error) => tracing::error!(%error, "series were not ended"),
    }
}

impl Memory {
    /// Without a text there was nothing to be had at all.
    fn store(
        &mut self,
        at: Timestamp,
        took: Duration,
        text: Option<&str>,
        labels: &Labels,
        sink: &StoreSink,
    ) -> Result<(), String> {
        let Self { cycle, batch } = self;
        batch.clear();
        let scrape_ms = at.as_millis();
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
        let beside = Beside(labels);
        let read = match text {
            Some(text) => cycle.scrape(text.as_bytes(), &reading, &beside, batch).1,
            None => Ok(()),
        };
        if read.is_err() || text.is_none() {
            cycle.vanish(scrape_ms, batch);
        }
        let up = f64::from(u8::from(read.is_ok() && text.is_some()));
        for (name, value) in [("up", up), ("scrape_duration_seconds", took.as_secs_f64())] {
            let named = || {
                let named = Labels::from_pairs([(METRIC_NAME, name)]);
                beside.labels(named, &[]).ok().flatten().unwrap_or_default()
            };
            cycle.report(name, scrape_ms, value, named, batch);
        }
        append(cycle, batch, sink)?;
        read.map_err(|error| error.to_string())
    }
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
