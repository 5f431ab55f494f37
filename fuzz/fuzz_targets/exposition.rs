//! Any bytes as a body of metrics, in each format: no panic; what one reading takes a second one takes
//! too, with nothing new in it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mainstay_exposition::{Batch, Cycle, Format, Limits, Mutate, Reading, Times, backfill};
use mainstay_series::Labels;

struct Keep;

impl Mutate for Keep {
    fn labels(&self, labels: Labels, _: &[String]) -> Result<Option<Labels>, String> {
        Ok(labels.metric().is_some().then_some(labels))
    }
}

fuzz_target!(|bytes: &[u8]| {
    for format in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
        let limits = Limits { samples: 10_000, ..Limits::default() };
        let times = Times { scrape_ms: 1, honor: true, track: false };
        let reading = Reading { format, times, limits, sample_limit: 0 };
        let (mut cycle, mut batch) = (Cycle::default(), Batch::default());
        let (first, outcome) = cycle.scrape(bytes, &reading, &Keep, &mut batch);
        if outcome.is_err() {
            assert!(batch.is_empty());
            continue;
        }
        for (row, _) in batch.new.clone() {
            batch.rows[row as usize].series = u64::from(row) + 1;
        }
        cycle.stored(&batch);
        let rows = batch.rows.len();
        batch.clear();
        let (second, outcome) = cycle.scrape(bytes, &reading, &Keep, &mut batch);
        assert!(outcome.is_ok());
        assert_eq!((second.added, second.scraped, batch.rows.len()), (0, first.scraped, rows));
    }
    let _ = backfill(bytes, &Limits::default());
});
