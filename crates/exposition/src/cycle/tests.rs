//! Scrapes in sequence: what is stored of each.

use super::*;
use mainstay_series::is_stale;

/// A store that counts its numbers up from 1.
#[derive(Default)]
struct Store {
    series: Vec<Labels>,
}

impl Store {
    /// The rows as `name@time=value`, stale markers as `stale`.
    fn take(&mut self, cycle: &mut Cycle, batch: &mut Batch) -> Vec<String> {
        for (row, labels) in &batch.new {
            let known = self.series.iter().position(|other| other == labels);
            let place = known.unwrap_or_else(|| {
                self.series.push(labels.clone());
                self.series.len() - 1
            });
            batch.rows[*row as usize].series = place as u64 + 1;
        }
        cycle.stored(batch);
        let shown = batch.rows.iter().map(|row| {
            let labels = &self.series[row.series as usize - 1];
            if is_stale(row.value) {
                format!("{labels}@{} stale", row.time_ms)
            } else {
                format!("{labels}@{}={}", row.time_ms, row.value)
            }
        });
        let shown = shown.collect();
        batch.clear();
        shown
    }
}

fn reading(scrape_ms: i64) -> Reading {
    Reading {
        format: Format::Text,
        times: Times {
            scrape_ms,
            honor: true,
            track: false,
        },
        limits: Limits::default(),
        sample_limit: 0,
    }
}

struct Keep;

impl Mutate for Keep {
    fn labels(&self, labels: Labels, _: &[String]) -> Result<Option<Labels>, String> {
        let drop = labels.metric().is_some_and(|name| name.starts_with("drop"));
        Ok((!drop).then_some(labels))
    }
}

#[derive(Default)]
struct Target {
    cycle: Cycle,
    store: Store,
    now: i64,
}

impl Target {
    fn scrape(&mut self, body: &str) -> (Tally, Vec<String>) {
        self.now += 10;
        let mut batch = Batch::default();
        let (tally, outcome) =
            self.cycle
                .scrape(body.as_bytes(), &reading(self.now), &Keep, &mut batch);
        if outcome.is_err() {
            assert!(
                batch.is_empty(),
                "a scrape that failed stores nothing of its body"
            );
            self.cycle.vanish(self.now, &mut batch);
        }
        (tally, self.store.take(&mut self.cycle, &mut batch))
    }
}

#[test]
fn a_series_that_goes_gets_one_stale_marker_and_is_forgotten() {
    let mut target = Target::default();
    let (tally, rows) = target.scrape("a 1\nb{x=\"1\"} 2\ndropped 3\nc 4\n");
    assert_eq!(rows, ["a@10=1", "b{x=\"1\"}@10=2", "c@10=4"]);
    assert_eq!((tally.scraped, tally.kept, tally.added), (4, 3, 3));
    let (tally, rows) = target.scrape("a 1\nc 5\n");
    assert_eq!(rows, ["a@20=1", "c@20=5", "b{x=\"1\"}@20 stale"]);
    assert_eq!((tally.scraped, tally.kept, tally.added), (2, 2, 0));
    assert_eq!(target.scrape("a 1\nc 5\n").1, ["a@30=1", "c@30=5"]);
    assert_eq!(target.cycle.remembered(), 2);
    assert_eq!(
        target.scrape("b{x=\"1\"} 7\n").0.added,
        1,
        "it is new when it comes back"
    );
}

#[test]
fn order_may_change_and_series_may_come_between() {
    let mut target = Target::default();
    target.scrape("a 1\nb 2\nc 3\nd 4\n");
    assert_eq!(
        target.scrape("d 4\na 1\nn 9\nc 3\nb 2\n").1,
        ["d@20=4", "a@20=1", "n@20=9", "c@20=3", "b@20=2"]
    );
    assert_eq!(
        target.scrape("d 4\nc 3\nb 2\n").1.len(),
        5,
        "three, and two that went"
    );
    // A name that begins like the expected one, and one that has labels where none were.
    assert_eq!(
        target.scrape("d{l=\"1\"} 4\ncc 3\nb 2\n").1[..3],
        ["d{l=\"1\"}@40=4", "cc@40=3", "b@40=2"]
    );
}

#[test]
fn a_failed_scrape_marks_all_once_and_the_next_one_revives_them() {
    let mut target = Target::default();
    target.scrape("a 1\nb 2\n");
    assert_eq!(
        target.scrape("a 1\nb two\n").1,
        ["a@20 stale", "b@20 stale"]
    );
    assert_eq!(target.scrape("}\n").1, [""; 0], "they are gone already");
    let (tally, rows) = target.scrape("a 1\n");
    assert_eq!((tally.added, rows), (0, vec!["a@40=1".to_owned()]));
}

#[test]
fn times_of_the_body_hold_and_are_not_tracked() {
    let mut target = Target::default();
    assert_eq!(target.scrape("a 1 5\nb 2\n").1, ["a@5=1", "b@10=2"]);
    assert_eq!(target.scrape("").1, ["b@20 stale"]);
    let mut cycle = Cycle::default();
    let mut batch = Batch::default();
    let mut reading = reading(50);
    reading.times.honor = false;
    let (_, outcome) = cycle.scrape(b"a 1 5\n", &reading, &Keep, &mut batch);
    assert_eq!((outcome, batch.rows[0].time_ms), (Ok(()), 50));
}

#[test]
fn a_series_that_stands_twice_is_counted_and_stored_once() {
    let mut target = Target::default();
    let (tally, rows) = target.scrape("a 1\na 2\n");
    assert_eq!((tally.duplicates, rows), (1, vec!["a@10=1".to_owned()]));
    assert_eq!(target.scrape("a 1 3\na 2 4\n").1, ["a@3=1", "a@4=2"]);
}

#[test]
fn too_many_samples_are_counted_to_the_end_and_none_is_stored() {
    let mut cycle = Cycle::default();
    let mut batch = Batch::default();
    let reading = Reading {
        sample_limit: 2,
        ..reading(10)
    };
    let (tally, outcome) = cycle.scrape(b"a 1\nb 1\nc 1\ndrop 1\n", &reading, &Keep, &mut batch);
    assert_eq!(outcome, Err(CycleError::SampleLimit { kept: 3, limit: 2 }));
    assert!(batch.is_empty() && tally.scraped == 4);
}

#[test]
fn failing_scrapes_with_ever_new_series_do_not_grow_the_memory() {
    let mut target = Target::default();
    target.scrape("a 1\n");
    for round in 0..50 {
        let body: Vec<String> = (0..500).map(|n| format!("s{round}_{n} 1\n")).collect();
        target.scrape(&(body.concat() + "!\n"));
    }
    assert!(
        target.cycle.remembered() < 2_000,
        "{}",
        target.cycle.remembered()
    );
    assert_eq!(target.scrape("a 2\n").1, ["a@520=2"]);
}

#[test]
fn metadata_is_told_when_it_changes() {
    let mut cycle = Cycle::default();
    let mut told = |body: &str| {
        let mut batch = Batch::default();
        let (_, outcome) = cycle.scrape(body.as_bytes(), &reading(1), &Keep, &mut batch);
        outcome.unwrap();
        batch.metadata
    };
    let first = told("# HELP a one\\ntwo\n# TYPE a counter\na 1\n# TYPE b gauge\n");
    assert_eq!(first.len(), 2);
    assert_eq!(
        (first[0].help.as_str(), first[0].kind.as_str()),
        ("one\ntwo", "counter")
    );
    assert_eq!(
        told("# HELP a one\\ntwo\n# TYPE a counter\na 2\n# TYPE b gauge\n"),
        []
    );
    let changed = told("# HELP a other\n# TYPE a counter\na 2\n# TYPE b gauge\n");
    assert_eq!(changed.len(), 1);
}

#[test]
fn rows_that_the_store_has_forgotten_go_again_by_labels() {
    let mut target = Target::default();
    target.scrape("a 1\n");
    let mut batch = Batch::default();
    let (_, outcome) = target
        .cycle
        .scrape(b"a 2\n", &reading(20), &Keep, &mut batch);
    outcome.unwrap();
    target.cycle.report(
        "up",
        20,
        1.0,
        || Labels::from_pairs([("__name__", "up")]),
        &mut batch,
    );
    assert_eq!(batch.new.len(), 1, "only `up` is new");
    let mut again = target.cycle.again(batch.rows.clone());
    assert_eq!(again.new.len(), 2);
    target.store = Store::default();
    assert_eq!(
        target.store.take(&mut target.cycle, &mut again),
        ["a@20=2", "up@20=1"]
    );
}
