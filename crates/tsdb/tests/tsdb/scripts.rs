//! The scripts of the query engine over this store: what it answers from memory it must answer from
//! here, in the head and, where they are long enough, out of blocks.

use std::path::Path;

use mainstay_promql::promqltest::{Outcome, Subject, judge};
use mainstay_promql::{Engine, Options as EngineOptions, Query, Value, uninterrupted};
use mainstay_series::{Labels, Sample, Samples};
use mainstay_tsdb::{Durability, Entry, Options, Store};

/// As the scripts themselves allow.
const TOLERANCE: f64 = 1e-6;

struct Stored {
    dir: tempfile::TempDir,
    store: Store,
    engine: Engine,
    newest_ms: i64,
    cut: usize,
}

fn options() -> Options {
    Options {
        // A script loads one thing after the other, each from time 0.
        out_of_order_ms: i64::MAX / 4,
        retention_ms: i64::MAX / 4,
        ..Options::default()
    }
}

impl Stored {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(dir.path(), options(), 0).unwrap();
        let engine = Engine::new(EngineOptions {
            delayed_name_removal: true,
            ..EngineOptions::default()
        });
        Self {
            dir,
            store,
            engine,
            newest_ms: 0,
            cut: 0,
        }
    }
}

impl Subject for Stored {
    fn clear(&mut self) {
        let cut = self.cut;
        *self = Self::new();
        self.cut = cut;
    }

    fn load(&mut self, series: &[(Labels, Samples)]) {
        let all = series
            .iter()
            .flat_map(|(labels, samples)| samples.iter().map(move |sample| (labels, sample)));
        let mut all: Vec<(&Labels, Sample)> = all.collect();
        all.sort_by_key(|(_, sample)| sample.time_ms);
        for some in all.chunks(10_000) {
            let entries = some
                .iter()
                .map(|(labels, sample)| Entry::labelled(labels, sample.time_ms, sample.value));
            let batch: Vec<_> = entries.collect();
            let done = self.store.append(&batch, Durability::Soon).unwrap();
            assert_eq!(done.rejected, []);
        }
        let newest = all.last().map_or(0, |(_, sample)| sample.time_ms);
        self.newest_ms = self.newest_ms.max(newest);
        self.cut += self.store.maintain(self.newest_ms).unwrap().cut;
    }

    fn instant(&mut self, expr: &str, time_ms: i64) -> Result<Value, String> {
        let query = Query::parse_experimental(expr).map_err(|error| error.to_string())?;
        let answer = self
            .engine
            .instant(&self.store, &query, time_ms, &uninterrupted);
        answer
            .map(|answer| answer.value)
            .map_err(|error| error.to_string())
    }

    fn range(&mut self, expr: &str, times: (i64, i64, i64)) -> Result<Value, String> {
        let query = Query::parse_experimental(expr).map_err(|error| error.to_string())?;
        let answer = self
            .engine
            .range(&self.store, &query, times, &uninterrupted);
        answer
            .map(|answer| answer.value)
            .map_err(|error| error.to_string())
    }
}

#[test]
fn the_scripts_of_the_query_engine_pass_over_this_store() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../promql/tests/scripts");
    let (mut cases, mut failures) = (0, Vec::new());
    let mut stored = Stored::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.extension().is_none_or(|extension| extension != "test") {
            continue;
        }
        stored.clear();
        let script = std::fs::read_to_string(&path).unwrap();
        let report = judge(&script, &mut stored, TOLERANCE, &|_| true).unwrap();
        cases += report.cases.len();
        for case in report.cases {
            if case.outcome != Outcome::Passed {
                failures.push(format!(
                    "{name}:{}: {}: {:?}",
                    case.line, case.expr, case.outcome
                ));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(cases > 300, "{cases} cases");
    assert!(stored.cut > 0, "some of it must come out of blocks");
    assert!(stored.dir.path().exists());
}
