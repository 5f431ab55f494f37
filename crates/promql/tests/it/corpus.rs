//! The fuzz target's corpus, replayed; and the deepest expressions on a small stack.

use mainstay_promql::promqltest::MemoryStorage;
use mainstay_promql::{Engine, MAX_DEPTH, Options, Query, uninterrupted};
use std::path::Path;

/// Evaluates a text in every way, if it is a query; whatever comes is fine but a panic.
fn feed(text: &str, storage: &MemoryStorage) -> bool {
    let engine = Engine::new(Options {
        max_samples: 100_000,
        ..Options::default()
    });
    let Ok(query) = Query::parse(text) else {
        return false;
    };
    let printed = query.to_string();
    let again = Query::parse(&printed).unwrap_or_else(|e| panic!("{text:?} → {printed:?}: {e}"));
    assert_eq!(again.to_string(), printed, "{text:?}");
    let _ = (query.pretty(), query.json());
    for time in [0, 600_000, i64::MAX, i64::MIN] {
        let _ = engine.instant(storage, &query, time, &uninterrupted);
    }
    let _ = engine.range(storage, &query, (0, 600_000, 60_000), &uninterrupted);
    true
}

fn storage() -> MemoryStorage {
    MemoryStorage::load(
        "load 1m\n  x{a=\"1\"} 1+1x10\n  x{a=\"2\"} 5 _ stale 3 NaN Inf\n  b{le=\"1\"} 1+1x10\n  \
         b{le=\"+Inf\"} 2+2x10\n",
    )
    .expect("a load")
}

#[test]
fn nothing_that_was_fed_panics() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/promql");
    let storage = storage();
    let (mut fed, mut queries) = (0, 0);
    for entry in std::fs::read_dir(folder).expect("a corpus") {
        let bytes = std::fs::read(entry.expect("an entry").path()).expect("a file");
        queries += usize::from(feed(&String::from_utf8_lossy(&bytes), &storage));
        fed += 1;
    }
    assert!(fed > 20 && queries > 10, "{queries} queries of {fed}");
}

/// As deep as is allowed, in every way there is to go deep, on the stack that threads of servers
/// have; and one deeper is refused.
#[test]
fn the_deepest_expression_fits_on_a_stack() {
    type Deep = fn(usize) -> String;
    let ways: [(Deep, usize); 6] = [
        (|n| format!("{}x{}", "(".repeat(n), ")".repeat(n)), 2),
        (|n| format!("{}x{}", "abs(".repeat(n), ")".repeat(n)), 2),
        (
            |n| format!("{}x{}", "sum by (a) (".repeat(n), ")".repeat(n)),
            2,
        ),
        (|n| format!("x{}", " + x".repeat(n)), 1),
        (|n| format!("x{}", " ^ x".repeat(n)), 3),
        (
            |n| format!("{}x{}", "max_over_time(".repeat(n), "[1m:1m])".repeat(n)),
            3,
        ),
    ];
    for (deep, levels) in ways {
        let text = deep((MAX_DEPTH - 4) / levels);
        let thread = std::thread::Builder::new().stack_size(2 << 20);
        let fed = thread
            .spawn(move || feed(&text, &storage()))
            .expect("a thread");
        assert!(fed.join().expect("no panic"), "{}", deep(2));
        let error = Query::parse(&deep(MAX_DEPTH + 1)).expect_err("too deep");
        assert!(error.to_string().contains("nested more than"), "{error}");
        assert!(Query::parse(&deep(100_000)).is_err());
    }
}
