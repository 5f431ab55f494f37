//! Hands batches to the store, and then to those who get a copy.

use crate::control::now;
use mainstay_exposition::Batch;
use mainstay_prometheus::{SourceError, Stored, Writer};
use mainstay_scrape::{Appended, Forwarder, Sink, SinkError};
use mainstay_series::{Labels, Sample};
use mainstay_tsdb::{Durability, Entry, Exemplar, Metadata, Rejection, SeriesRef, Store};
use std::sync::{Arc, PoisonError, RwLock};

/// How far ahead of this machine's clock a sample may be, as in Prometheus. One that is further
/// would move the window of late samples, and with it shut out those of everybody else.
const AHEAD_MS: i64 = 600_000;

/// How many reasons a sender of remote writes is told.
const REASONS: usize = 5;

pub(super) struct StoreSink {
    store: Arc<Store>,
    forwarders: RwLock<Vec<Forwarder>>,
}

impl StoreSink {
    pub(super) fn new(store: Arc<Store>, forwarders: Vec<Forwarder>) -> Self {
        Self {
            store,
            forwarders: RwLock::new(forwarders),
        }
    }

    /// Lets what is being sent come to its end; the rest waits on disk.
    pub(super) async fn stop(&self) {
        let forwarders = {
            let mut all = self
                .forwarders
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *all)
        };
        for forwarder in forwarders {
            forwarder.stop().await;
        }
    }

    fn store(
        &self,
        batch: &mut Batch,
        durability: Durability,
    ) -> Result<mainstay_tsdb::Appended, mainstay_tsdb::StoreError> {
        let latest_ms = now().as_millis() + AHEAD_MS;
        let mut named = batch.new.iter().peekable();
        let entries: Vec<Entry<'_>> = (0_u32..)
            .zip(&batch.rows)
            .map(|(number, row)| {
                let labels = named.next_if(|(of, _)| *of == number);
                // Without a series it is rejected, in its place.
                let taken = row.time_ms <= latest_ms;
                Entry {
                    series: (taken && row.series != 0).then(|| SeriesRef::of_number(row.series)),
                    labels: labels.filter(|_| taken).map(|(_, labels)| labels),
                    sample: Sample {
                        time_ms: row.time_ms,
                        value: row.value,
                    },
                }
            })
            .collect();
        let done = self.store.append(&entries, durability)?;
        drop(entries);
        for (row, _) in &batch.new {
            let number = done.series[*row as usize].map_or(0, SeriesRef::number);
            batch.rows[*row as usize].series = number;
        }
        self.keep_beside(batch);
        Ok(done)
    }

    /// What is known beside samples: of memory only, so nobody waits for it.
    fn keep_beside(&self, batch: &Batch) {
        for metadata in &batch.metadata {
            let kept = Metadata {
                kind: metadata.kind.as_str().to_owned(),
                help: metadata.help.clone(),
                unit: metadata.unit.clone(),
            };
            self.store.set_metadata(&metadata.metric, kept);
        }
        for exemplar in &batch.exemplars {
            let row = batch.rows[exemplar.row as usize];
            let Some(series) = self.store.labels(SeriesRef::of_number(row.series)) else {
                continue;
            };
            self.store.add_exemplar(Exemplar {
                series,
                labels: exemplar.labels.clone(),
                time_ms: exemplar.time_ms,
                value: exemplar.value,
            });
        }
    }

    /// What the store has forgotten: receivers know it by the store's numbers, which are never used
    /// again for another series while they know them.
    pub(super) fn forget(&self, series: &[SeriesRef]) {
        if series.is_empty() {
            return;
        }
        let all = self
            .forwarders
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        for forwarder in all.iter() {
            forwarder.forget(series.iter().map(|one| one.number()));
        }
    }

    /// What rules gave. It is made again at the next evaluation: nobody waits for the disk.
    pub(super) fn record(&self, batch: &mut Batch) -> Result<Vec<(usize, String)>, String> {
        let done = self.store(batch, Durability::Soon);
        let done = done.map_err(|error| error.to_string())?;
        self.send_on(batch);
        let refused = done.rejected.iter();
        Ok(refused.map(|(row, why)| (*row, why.to_string())).collect())
    }

    fn send_on(&self, batch: &Batch) {
        let all = self
            .forwarders
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        for forwarder in all.iter() {
            if let Err(error) = forwarder.offer(batch) {
                tracing::warn!(receiver = forwarder.name(), %error, "samples are not sent on");
            }
        }
    }
}

/// Of a row; they stand in a batch only where the series is new to whoever made it.
fn labels_of(batch: &Batch, row: u32) -> Option<&Labels> {
    let found = batch.new.binary_search_by_key(&row, |(of, _)| *of).ok()?;
    Some(&batch.new[found].1)
}

/// Scrapes come again: they do not wait for the disk.
impl Sink for StoreSink {
    fn append(&self, batch: &mut Batch) -> Result<Appended, SinkError> {
        let done = self
            .store(batch, Durability::Soon)
            .map_err(|error| SinkError(error.to_string()))?;
        let mut appended = Appended::default();
        let latest_ms = now().as_millis() + AHEAD_MS;
        for (row, why) in &done.rejected {
            match why {
                _ if batch.rows[*row].time_ms > latest_ms => appended.refused += 1,
                Rejection::UnknownSeries => appended.forgotten.push(*row as u32),
                Rejection::OutOfOrder => appended.out_of_order += 1,
                Rejection::DuplicateTimestamp => appended.duplicates += 1,
                _ => appended.refused += 1,
            }
        }
        self.send_on(batch);
        Ok(appended)
    }
}

/// What was acknowledged is on disk.
impl Writer for StoreSink {
    fn write(&self, batch: &mut Batch) -> Result<Stored, SourceError> {
        let done = self
            .store(batch, Durability::Synced)
            .map_err(|error| SourceError(error.to_string()))?;
        let reasons = done.rejected.iter().take(REASONS).map(|(row, why)| {
            let series = labels_of(batch, *row as u32).map(ToString::to_string);
            format!("{why}: {}", series.unwrap_or_default())
        });
        let stored = Stored {
            samples: (batch.rows.len() - done.rejected.len()) as u64,
            exemplars: batch.exemplars.len() as u64,
            rejected: done.rejected.len() as u64,
            reasons: reasons.collect(),
        };
        self.send_on(batch);
        Ok(stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_far_in_the_future_is_refused_and_shuts_nobody_out() {
        let directory = tempfile::tempdir().unwrap();
        let options = mainstay_tsdb::Options::default();
        let now_ms = now().as_millis();
        let (store, _) = Store::open(directory.path(), options, now_ms).unwrap();
        let sink = StoreSink::new(Arc::new(store), Vec::new());
        let named = |name: &str| Labels::from_pairs([("__name__", name)]);
        let mut batch = Batch::default();
        batch.push(named("wild"), now_ms + 2 * AHEAD_MS, 1.0);
        batch.push(named("tame"), now_ms, 1.0);
        let appended = sink.append(&mut batch).unwrap();
        assert_eq!((appended.refused, appended.forgotten), (1, Vec::new()));
        assert_eq!(batch.rows[0].series, 0);
        // Late, but within the window: it would be too old had the other one counted.
        let mut late = Batch::default();
        late.push(named("other"), now_ms - 1_000, 1.0);
        assert_eq!(sink.append(&mut late).unwrap(), Appended::default());
        // By its number as well.
        batch.rows.remove(0);
        batch.new.clear();
        batch.rows[0].time_ms = now_ms + 2 * AHEAD_MS;
        let appended = sink.append(&mut batch).unwrap();
        assert_eq!((appended.refused, appended.forgotten), (1, Vec::new()));
    }
}
