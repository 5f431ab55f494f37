//! One body against the memory: every sample becomes a row.

use super::{Cycle, Mutate, Reading, Tally};
use crate::batch::{Batch, Exemplar, Row};
use crate::entry::{Meta, Point, Reason, SeenExemplar, Visit};
use crate::series::{scraped_labels, series_labels};

pub(super) struct Visitor<'a> {
    cycle: &'a mut Cycle,
    reading: &'a Reading,
    mutate: &'a dyn Mutate,
    batch: &'a mut Batch,
    tally: Tally,
    /// The entries of this body, in order.
    order: Vec<u32>,
    /// Where in the last body's order the next series is expected.
    next: usize,
    /// Series of this body, each once.
    seen: usize,
}

impl<'a> Visitor<'a> {
    pub(super) fn new(
        cycle: &'a mut Cycle,
        reading: &'a Reading,
        mutate: &'a dyn Mutate,
        batch: &'a mut Batch,
    ) -> Self {
        let order = Vec::with_capacity(cycle.order.len());
        Self {
            cycle,
            reading,
            mutate,
            batch,
            tally: Tally::default(),
            order,
            next: 0,
            seen: 0,
        }
    }

    pub(super) fn finish(self) -> (Tally, Vec<u32>, usize) {
        (self.tally, self.order, self.seen)
    }

    /// The entry of a text that is not the expected one.
    fn look_up(&mut self, text: &str) -> Result<u32, Reason> {
        if let Some(entry) = self.cycle.entries.find(text) {
            self.resume_after(entry);
            return Ok(entry);
        }
        let (scraped, empty) = scraped_labels(text)?;
        let labels = self.mutate.labels(scraped, &empty);
        let labels = labels.map_err(Reason::Refused)?;
        if labels
            .as_ref()
            .is_some_and(|labels| labels.metric().is_none())
        {
            return Err(Reason::NoName);
        }
        if labels.is_some() {
            self.tally.added += 1;
        }
        Ok(self.cycle.entries.add(text, labels))
    }

    /// Guesses on after an entry that was found elsewhere: a few series went away before it. One
    /// that was moved further is no reason to guess anew.
    fn resume_after(&mut self, entry: u32) {
        const AHEAD: usize = 8;
        let order = self.cycle.order.get(self.next..).unwrap_or_default();
        if let Some(skipped) = order.iter().take(AHEAD).position(|other| *other == entry) {
            self.next += skipped + 1;
        }
    }

    fn exemplar(&mut self, exemplar: SeenExemplar<'_>, time_ms: i64) -> Result<(), Reason> {
        self.batch.exemplars.push(Exemplar {
            row: self.batch.rows.len() as u32 - 1,
            labels: series_labels(exemplar.labels)?,
            value: exemplar.value,
            time_ms: exemplar.time_ms.unwrap_or(time_ms),
        });
        Ok(())
    }
}

impl Visit for Visitor<'_> {
    fn expected(&self) -> &str {
        let entry = self.cycle.order.get(self.next);
        entry.map_or("", |entry| self.cycle.entries.text(*entry))
    }

    fn sample(&mut self, point: Point<'_>) -> Result<(), Reason> {
        self.tally.scraped += 1;
        let entry = if point.expected {
            self.next += 1;
            self.cycle.order[self.next - 1]
        } else {
            self.look_up(point.series)?
        };
        let times = self.reading.times;
        let explicit = point.time_ms.filter(|_| times.honor);
        let tracked = explicit.is_none() || times.track;
        let (twice, series) = self.cycle.entries.see(entry, self.cycle.scrape, tracked);
        if twice {
            if explicit.is_none() && series.is_some() {
                self.tally.kept += 1;
                self.tally.duplicates += 1;
                return Ok(());
            }
        } else {
            self.seen += 1;
            self.order.push(entry);
        }
        let Some(series) = series else { return Ok(()) };
        self.tally.kept += 1;
        if self.reading.sample_limit > 0 && self.tally.kept > self.reading.sample_limit {
            return Ok(());
        }
        if series == 0
            && let Some(labels) = self.cycle.entries.labels(entry)
        {
            self.batch
                .new
                .push((self.batch.rows.len() as u32, labels.clone()));
        }
        let time_ms = explicit.unwrap_or(times.scrape_ms);
        self.batch.rows.push(Row {
            series,
            time_ms,
            value: point.value,
            entry,
        });
        match point.exemplar {
            Some(exemplar) => self.exemplar(exemplar, time_ms),
            None => Ok(()),
        }
    }

    fn meta(&mut self, meta: Meta<'_>) -> Result<(), Reason> {
        self.cycle.metas.see(&meta);
        Ok(())
    }

    fn native_histogram(&mut self, _name: &str) -> Result<(), Reason> {
        self.tally.native_histograms += 1;
        Ok(())
    }
}
