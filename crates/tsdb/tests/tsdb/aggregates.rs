//! Beyond the detail: five-minute figures, exactly where they are exact, and refused elsewhere.

use std::path::Path;

use mainstay_series::{
    LabelQuery, Matcher, Samples, Selection, Storage as _, StorageError, Window,
};
use mainstay_tsdb::{Options, Store};

use crate::support::{All, BLOCK, START, any, count, fill, open_with, read_with};

const FIVE: i64 = 300_000;

fn options() -> Options {
    Options {
        retention_ms: 2 * BLOCK,
        aggregate_retention_ms: 6 * BLOCK,
        ..Options::default()
    }
}

/// Six blocks of detail, of which the first three are aggregates now; and the detail there was.
fn aged(dir: &Path) -> (Store, All) {
    let (store, _) = open_with(dir, options());
    fill(&store, 3, START, START + 6 * BLOCK);
    let detail = read_with(&store, &any(), Window::ALL);
    let done = store.maintain(START + 6 * BLOCK).unwrap();
    assert_eq!(
        (done.retired, done.aggregated, done.not_aggregated),
        (3, 3, 0)
    );
    (store, detail)
}

fn old() -> Window {
    Window {
        start_ms: START + 1,
        end_ms: START + 3 * BLOCK - FIVE,
    }
}

fn ask(store: &Store, function: &str, range_ms: i64, window: Window) -> Result<All, StorageError> {
    let matchers = any();
    let selection = Selection {
        function,
        range_ms,
        step_ms: FIVE,
        ..Selection::new(&matchers, window)
    };
    let mut all = All::new();
    for series in store.select(&selection)? {
        let mut samples = Samples::default();
        series.read(window, &mut samples)?;
        let bits = samples.iter().map(|s| (s.time_ms, s.value.to_bits()));
        all.insert(series.labels().to_string(), bits.collect());
    }
    Ok(all)
}

/// What a function makes of each span of five minutes.
fn by_span(samples: &[(i64, u64)], window: Window, of: impl Fn(&[f64]) -> f64) -> Vec<u64> {
    let within: Vec<_> = samples
        .iter()
        .filter(|(time, _)| window.contains(*time))
        .collect();
    let spans = within.chunk_by(|a, b| (a.0 - 1) / FIVE == (b.0 - 1) / FIVE);
    let values = spans.map(|span| span.iter().map(|(_, bits)| f64::from_bits(*bits)).collect());
    values
        .map(|values: Vec<f64>| of(&values).to_bits())
        .collect()
}

#[test]
fn each_figure_is_that_of_its_five_minutes() {
    let dir = tempfile::tempdir().unwrap();
    let (store, detail) = aged(dir.path());
    let check = |function: &str, of: &dyn Fn(&[f64]) -> f64| {
        let found = ask(&store, function, FIVE, old()).unwrap();
        assert_eq!(found.len(), 3);
        for (name, samples) in found {
            // As an engine would: a span across the end of a block has two figures.
            let spans = by_span(&detail[&name], old(), of);
            assert_eq!(by_span(&samples, old(), of), spans, "{function} of {name}");
            assert!(samples.len() <= spans.len() + 2);
            assert!(
                samples
                    .iter()
                    .all(|s| detail[&name].iter().any(|d| d.0 == s.0))
            );
        }
    };
    check("sum_over_time", &|values| values.iter().sum());
    check("max_over_time", &|values| {
        values.iter().copied().fold(f64::MIN, f64::max)
    });
    check("min_over_time", &|values| {
        values.iter().copied().fold(f64::MAX, f64::min)
    });
    check("last_over_time", &|values| values[values.len() - 1]);
    let plain = ask(&store, "", 0, old()).unwrap();
    assert_eq!(plain, ask(&store, "last_over_time", FIVE, old()).unwrap());
}

#[test]
fn what_they_cannot_answer_is_refused_where_they_are_all_there_is() {
    let dir = tempfile::tempdir().unwrap();
    let (store, detail) = aged(dir.path());
    let crooked = Window {
        start_ms: START + 2,
        ..old()
    };
    for (function, range, window) in [
        ("rate", FIVE, old()),
        ("count_over_time", FIVE, old()),
        ("", 0, crooked),
    ] {
        let error = ask(&store, function, range, window).unwrap_err();
        assert!(matches!(error, StorageError::OnlyAggregates(_)), "{error}");
        assert!(error.to_string().contains("hint:"), "{error}");
    }
    let recent = Window {
        start_ms: START + 3 * BLOCK,
        end_ms: i64::MAX,
    };
    let found = ask(&store, "rate", FIVE, recent).unwrap();
    assert_eq!(count(&found), 3 * 3 * 480);
    let other = [Matcher::equal("__name__", "other")];
    assert!(
        store
            .select(&Selection::new(&other, Window::ALL))
            .unwrap()
            .is_empty()
    );
    let both = ask(
        &store,
        "sum_over_time",
        FIVE,
        Window {
            start_ms: START + 1,
            end_ms: START + 6 * BLOCK,
        },
    );
    let total = |all: &All| -> f64 {
        all.values()
            .flatten()
            .map(|(_, bits)| f64::from_bits(*bits))
            .sum()
    };
    // All but the very first instant, each once.
    let expected = total(&detail)
        - detail
            .values()
            .map(|of| f64::from_bits(of[0].1))
            .sum::<f64>();
    assert!((total(&both.unwrap()) - expected).abs() < 1e-6 * expected);
}

#[test]
fn they_are_there_after_a_restart_in_snapshots_and_for_labels_and_go_in_their_time() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let (store, _) = aged(&from);
    let sums = ask(&store, "sum_over_time", FIVE, old()).unwrap();
    store.snapshot(&to, true, START).unwrap();
    drop(store);
    for dir in [&from, &to] {
        let (store, report) = open_with(dir, options());
        assert!(report.is_clean(), "{report:?}");
        assert_eq!(ask(&store, "sum_over_time", FIVE, old()).unwrap(), sums);
        let query = LabelQuery {
            matchers: &[],
            window: old(),
            limit: 0,
        };
        assert_eq!(store.label_values("instance", query).unwrap().len(), 3);
    }
    let (store, _) = open_with(&from, options());
    assert!(store.stats(0).unwrap().aggregate_bytes > 0);
    store
        .delete(&[Matcher::equal("job", "odd")], Window::ALL)
        .unwrap();
    assert_eq!(ask(&store, "sum_over_time", FIVE, old()).unwrap().len(), 2);
    fill(&store, 1, START + 9 * BLOCK, START + 12 * BLOCK);
    store.maintain(START + 12 * BLOCK).unwrap();
    let oldest = Window {
        start_ms: START + 1,
        end_ms: START + 4 * BLOCK,
    };
    assert!(
        ask(&store, "sum_over_time", FIVE, oldest)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn many_small_blocks_of_them_become_one() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        aggregate_retention_ms: 1000 * BLOCK,
        ..options()
    };
    let (store, _) = open_with(dir.path(), options.clone());
    fill(&store, 2, START, START + 17 * BLOCK);
    let window = Window {
        start_ms: START + 1,
        end_ms: START + 13 * BLOCK,
    };
    let detail = read_with(&store, &any(), window);
    let done = store.maintain(START + 17 * BLOCK).unwrap();
    assert_eq!(
        (done.aggregated, done.compacted),
        (14, 4),
        "one merge for each column"
    );
    let left = std::fs::read_dir(dir.path().join("aggregates/sum"))
        .unwrap()
        .count();
    assert_eq!(left, 14 - 12 + 1);
    drop(store);
    let (store, report) = open_with(dir.path(), options);
    assert!(report.is_clean(), "{report:?}");
    let sum = |values: &[f64]| values.iter().sum::<f64>();
    for (name, samples) in ask(&store, "sum_over_time", FIVE, window).unwrap() {
        assert_eq!(
            by_span(&samples, window, sum),
            by_span(&detail[&name], window, sum)
        );
    }
}
