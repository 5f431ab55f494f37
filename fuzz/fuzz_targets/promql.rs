//! Any text as PromQL: no panic, no endless work, and what is printed is the same query again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mainstay_promql::promqltest::{self, MemoryStorage};
use mainstay_promql::{Engine, Options, Query, uninterrupted};
use std::sync::LazyLock;

static STORAGE: LazyLock<MemoryStorage> = LazyLock::new(|| {
    let load = "load 1m\n  x{a=\"1\"} 1+1x10\n  x{a=\"2\"} 5 _ stale 3 NaN Inf\n  b{le=\"1\"} 1+1x10\n  b{le=\"+Inf\"} 2+2x10\n";
    MemoryStorage::load(load).expect("a load")
});

fuzz_target!(|text: &str| {
    let _ = promqltest::run(&format!("load 1m\n  x 1\n\neval instant at 1m {text}\n"));
    let engine = Engine::new(Options { max_samples: 100_000, ..Options::default() });
    let Ok(query) = Query::parse(text) else { return };
    let printed = query.to_string();
    let again = Query::parse(&printed).expect("what is printed is a query");
    assert_eq!(again.to_string(), printed);
    let _ = (query.pretty(), query.json());
    for time in [0, 600_000, i64::MAX, i64::MIN] {
        let _ = engine.instant(&*STORAGE, &query, time, &uninterrupted);
    }
    let _ = engine.range(&*STORAGE, &query, (0, 600_000, 60_000), &uninterrupted);
});
