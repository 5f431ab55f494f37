//! The memory of one target between its scrapes: text of a series → the store's number for it.
//!
//! A scrape mostly says what the one before said, in the same order, with other values. So the next
//! text is guessed from the last scrape's order and only compared; a text that was moved is found by
//! its hash; one that is new is parsed, relabelled and remembered. What was there and is not there
//! now gets a stale marker.
//!
//! **Invariant:** a scrape that fails leaves nothing in its batch but stale markers; the memory never
//! grows beyond what two scrapes had.

mod entries;
mod meta;
mod visit;

#[cfg(test)]
mod tests;

use mainstay_series::{Labels, STALE};

use crate::batch::{Batch, Metadata, Row};
use crate::entry::{Limits, ParseError};
use crate::negotiate::Format;
use entries::Entries;
use meta::Metas;
use visit::Visitor;

/// What becomes of a scraped series: its final labels, or `None` when it is dropped. An error fails
/// the scrape.
pub trait Mutate {
    /// `empty` names labels that the target gave an empty value.
    fn labels(&self, scraped: Labels, empty: &[String]) -> Result<Option<Labels>, String>;
}

/// Whose clock counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// When the scrape was, in milliseconds since the epoch.
    pub scrape_ms: i64,
    /// Whether times that stand in the body hold (`honor_timestamps`).
    pub honor: bool,
    /// Whether series with such times get stale markers (`track_timestamps_staleness`).
    pub track: bool,
}

/// What a scrape came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Samples in the body.
    pub scraped: u64,
    /// Of those, samples that relabelling left.
    pub kept: u64,
    /// Series that were not there in the scrape before.
    pub added: u64,
    /// Samples of a series that the body already had.
    pub duplicates: u64,
    /// Histograms without classic buckets, which cannot be taken up.
    pub native_histograms: u64,
}

/// Why a scrape failed although there was a body. The tally says how far it came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CycleError {
    #[error("{0}")]
    Parse(#[from] ParseError),
    #[error("sample limit exceeded: {kept} samples after relabelling, the limit is {limit}")]
    SampleLimit { kept: u64, limit: u64 },
}

/// What one scrape is read with.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    pub format: Format,
    pub times: Times,
    pub limits: Limits,
    /// The most samples after relabelling; 0: any number.
    pub sample_limit: u64,
}

/// One target's memory.
#[derive(Debug, Default)]
pub struct Cycle {
    entries: Entries,
    /// Entries in the order of the last body.
    order: Vec<u32>,
    metas: Metas,
    /// Counts scrapes; an entry knows the last one that had it.
    scrape: u32,
    reports: Vec<Report>,
}

/// A series that says something of the scrape itself.
#[derive(Debug)]
struct Report {
    name: &'static str,
    labels: Labels,
    series: u64,
}

/// Entries from here on are reports.
const REPORTS: u32 = u32::MAX - 64;

impl Cycle {
    /// Reads a body into `batch`, which must be empty. When it fails, `batch` is cleared; call
    /// [`Self::vanish`] then. The tally holds either way.
    pub fn scrape(
        &mut self,
        body: &[u8],
        reading: &Reading,
        mutate: &dyn Mutate,
        batch: &mut Batch,
    ) -> (Tally, Result<(), CycleError>) {
        self.scrape = self.scrape.wrapping_add(1).max(1);
        self.metas.begin();
        let mut visitor = Visitor::new(self, reading, mutate, batch);
        let parsed = crate::parse(body, reading.format, &reading.limits, &mut visitor);
        let (tally, order, seen) = visitor.finish();
        let limit = reading.sample_limit;
        let outcome = match parsed {
            Err(error) => Err(CycleError::Parse(error)),
            Ok(()) if limit > 0 && tally.kept > limit => Err(CycleError::SampleLimit {
                kept: tally.kept,
                limit,
            }),
            Ok(()) => Ok(()),
        };
        if outcome.is_ok() {
            self.settle_order(order, seen, reading.times.scrape_ms, batch);
        } else {
            batch.clear();
            self.metas.forget();
            self.entries.bound(self.order.len());
        }
        (tally, outcome)
    }

    /// Marks what was there before and is not there now, and forgets it.
    fn settle_order(&mut self, order: Vec<u32>, seen: usize, scrape_ms: i64, batch: &mut Batch) {
        self.order = order;
        if self.entries.len() > seen {
            self.entries.sweep(self.scrape, |series| {
                batch.rows.push(Row {
                    series,
                    time_ms: scrape_ms,
                    value: STALE,
                    entry: REPORTS - 1,
                });
            });
        }
        batch.metadata = self.metas.changed();
    }

    /// Marks every series of the last scrape as gone: the scrape failed, or the target goes.
    pub fn vanish(&mut self, time_ms: i64, batch: &mut Batch) {
        for index in &self.order {
            if let Some(series) = self.entries.untrack(*index) {
                batch.rows.push(Row {
                    series,
                    time_ms,
                    value: STALE,
                    entry: *index,
                });
            }
        }
    }

    /// Adds a series about the scrape itself, `up` and the like. `labels` are asked for once.
    pub fn report(
        &mut self,
        name: &'static str,
        time_ms: i64,
        value: f64,
        labels: impl FnOnce() -> Labels,
        batch: &mut Batch,
    ) {
        let known = self.reports.iter().position(|report| report.name == name);
        let index = known.unwrap_or_else(|| {
            self.reports.push(Report {
                name,
                labels: labels(),
                series: 0,
            });
            self.reports.len() - 1
        });
        let report = &self.reports[index];
        if report.series == 0 {
            batch
                .new
                .push((batch.rows.len() as u32, report.labels.clone()));
        }
        let entry = REPORTS + index as u32;
        batch.rows.push(Row {
            series: report.series,
            time_ms,
            value,
            entry,
        });
    }

    /// Marks the reports as gone: the target goes.
    pub fn vanish_reports(&mut self, time_ms: i64, batch: &mut Batch) {
        for (index, report) in self
            .reports
            .iter()
            .enumerate()
            .filter(|(_, r)| r.series != 0)
        {
            let entry = REPORTS + index as u32;
            batch.rows.push(Row {
                series: report.series,
                time_ms,
                value: STALE,
                entry,
            });
        }
    }

    /// Takes up the numbers that the store gave to new series.
    pub fn stored(&mut self, batch: &Batch) {
        for (row, _) in &batch.new {
            let Some(row) = batch.rows.get(*row as usize) else {
                continue;
            };
            self.set(row.entry, row.series);
        }
    }

    /// A batch of rows whose numbers the store no longer knows, by labels this time.
    pub fn again(&mut self, rows: impl IntoIterator<Item = Row>) -> Batch {
        let mut batch = Batch::default();
        for row in rows {
            self.set(row.entry, 0);
            let labels = match row.entry.checked_sub(REPORTS) {
                Some(report) => self
                    .reports
                    .get(report as usize)
                    .map(|report| &report.labels),
                None => self.entries.labels(row.entry),
            };
            if let Some(labels) = labels {
                batch.new.push((batch.rows.len() as u32, labels.clone()));
                batch.rows.push(Row { series: 0, ..row });
            }
        }
        batch
    }

    fn set(&mut self, entry: u32, series: u64) {
        match entry.checked_sub(REPORTS) {
            Some(report) => {
                if let Some(report) = self.reports.get_mut(report as usize) {
                    report.series = series;
                }
            }
            None => self.entries.set(entry, series),
        }
    }

    /// How many series are remembered, dropped ones among them.
    pub fn remembered(&self) -> usize {
        self.entries.len()
    }

    /// What the target says of its metrics.
    pub fn metadata(&self) -> impl Iterator<Item = &Metadata> {
        self.metas.all()
    }
}
