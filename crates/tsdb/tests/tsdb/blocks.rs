//! Cuts, merges, retention, deletion, snapshots, backfill.

use mainstay_series::{Matcher, Sample, Window};
use mainstay_tsdb::{Options, StoreError};

use crate::support::{
    BLOCK, START, any, count, fill, labels, open, open_with, put, read, read_with,
};

#[test]
fn what_is_cut_answers_as_before_and_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    fill(&store, 5, START, START + 4 * BLOCK);
    let before = read(&store);
    let done = store.maintain(START + 4 * BLOCK).unwrap();
    assert_eq!(
        (done.cut, done.compacted),
        (3, 0),
        "one hour and more stays in the head"
    );
    assert_eq!(read(&store), before);
    let stats = store.stats(10).unwrap();
    assert_eq!((stats.blocks.len(), stats.head.series), (3, 5));
    assert_eq!(stats.head.min_time_ms, Some(START + 3 * BLOCK));
    drop(store);
    let (store, report) = open(dir.path());
    assert_eq!((report.blocks, report.series, report.unknown), (3, 5, 0));
    assert_eq!(
        report.samples,
        5 * 480,
        "what is in blocks is not in the head again"
    );
    assert_eq!(read(&store), before);
}

#[test]
fn blocks_grow_and_nothing_changes_for_readers() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    for round in 0..10 {
        fill(
            &store,
            3,
            START + round * BLOCK,
            START + (round + 1) * BLOCK,
        );
        store.maintain(START + (round + 1) * BLOCK).unwrap();
    }
    let all = read(&store);
    assert_eq!(count(&all), 3 * 10 * 480);
    let spans: Vec<_> = store.stats(0).unwrap().blocks;
    let spans: Vec<_> = spans
        .iter()
        .map(|b| (b.max_time_ms - b.min_time_ms) / BLOCK)
        .collect();
    assert_eq!(spans, [3, 3, 1, 1, 1], "{spans:?}");
}

#[test]
fn a_series_that_ended_is_forgotten_and_may_come_again() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let old = labels("old", 1);
    put(&store, &old, START, 1.0);
    fill(&store, 1, START, START + 2 * BLOCK);
    let done = store.maintain(START + 2 * BLOCK).unwrap();
    assert_eq!(done.forgotten.len(), 1);
    assert_eq!(store.labels(done.forgotten[0]), None, "it says which");
    put(&store, &old, START + 2 * BLOCK, 2.0);
    let matchers = [Matcher::equal("__name__", "old")];
    let found = read_with(&store, &matchers, Window::ALL);
    assert_eq!(count(&found), 2);
    drop(store);
    let (store, report) = open(dir.path());
    assert_eq!(report.unknown, 0);
    assert_eq!(read_with(&store, &matchers, Window::ALL), found);
}

#[test]
fn retention_goes_by_age_and_by_size() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        retention_ms: 2 * BLOCK,
        aggregate_retention_ms: 0,
        ..Options::default()
    };
    let (store, _) = open_with(dir.path(), options);
    fill(&store, 2, START, START + 6 * BLOCK);
    // A clock that jumped ahead deletes nothing that the samples do not make old.
    let done = store.maintain(START + 1000 * BLOCK).unwrap();
    assert_eq!((done.cut, done.retired), (5, 3));
    drop(store);
    let options = Options {
        retention_bytes: Some(1),
        aggregate_retention_ms: 0,
        ..Options::default()
    };
    let (store, _) = open_with(dir.path(), options);
    let done = store.maintain(START + 6 * BLOCK).unwrap();
    assert_eq!((done.retired, store.stats(0).unwrap().blocks.len()), (2, 0));
    assert!(
        count(&read(&store)) > 0,
        "the head is never deleted for its size"
    );
}

#[test]
fn deletions_hold_in_head_and_blocks_and_are_cleaned() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    fill(&store, 4, START, START + 2 * BLOCK);
    store.maintain(START + 2 * BLOCK).unwrap();
    let window = Window {
        start_ms: START + BLOCK / 2,
        end_ms: START + BLOCK / 2 + BLOCK - 1,
    };
    let odd = [Matcher::equal("job", "odd")];
    assert_eq!(
        store.delete(&odd, window).unwrap(),
        4,
        "two in the head, two in the block"
    );
    assert!(matches!(
        store.delete(&[], window),
        Err(StoreError::Refused(_))
    ));
    let left = read(&store);
    assert_eq!(count(&left), 2 * 960 + 2 * 480);
    let samples = store.stats(0).unwrap().blocks[0].samples;
    assert_eq!(store.clean_tombstones(START + 2 * BLOCK).unwrap(), 1);
    let after = store.stats(0).unwrap().blocks[0].samples;
    assert_eq!((samples, after), (4 * 480, 3 * 480));
    assert_eq!(read(&store), left);
    drop(store);
    assert_eq!(read(&open(dir.path()).0), left);
}

#[test]
fn a_snapshot_is_a_store_and_stays_what_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let (store, _) = open(&from);
    fill(&store, 3, START, START + 2 * BLOCK);
    store.maintain(START + 2 * BLOCK).unwrap();
    // A late one among those of the head.
    let late = labels("late", 0);
    put(&store, &late, START + 2 * BLOCK - 15_000, 1.0);
    put(&store, &late, START + 2 * BLOCK - 20_000, 2.0);
    let all = read(&store);
    store.snapshot(&to, true, START + 2 * BLOCK).unwrap();
    store
        .delete(&[Matcher::equal("job", "odd")], Window::ALL)
        .unwrap();
    assert!(matches!(
        store.snapshot(&to, true, 0),
        Err(StoreError::Refused(_))
    ));
    let (copy, report) = open(&to);
    assert_eq!((report.blocks, report.is_clean()), (2, true));
    assert_eq!(read(&copy), all);
}

#[test]
fn a_snapshot_without_the_head_has_what_blocks_have() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let (store, _) = open(&from);
    fill(&store, 3, START, START + 2 * BLOCK);
    assert_eq!(store.maintain(START + 2 * BLOCK).unwrap().cut, 1);
    store.snapshot(&to, false, START + 2 * BLOCK).unwrap();
    let (copy, report) = open(&to);
    assert_eq!((report.blocks, report.series), (1, 0));
    let before = Window {
        start_ms: i64::MIN,
        end_ms: START + BLOCK - 1,
    };
    assert_eq!(read(&copy), read_with(&store, &any(), before));
}

#[test]
fn the_past_is_filled_in_any_order_and_merges_with_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    fill(&store, 1, START, START + 2 * BLOCK);
    let old = labels("requests_total", 0);
    let sample = |time_ms| Sample {
        time_ms,
        value: -1.0,
    };
    // Behind, before, between, and one time twice.
    let times = [BLOCK + 7_000, -5 * BLOCK, 7_000, -5 * BLOCK + 1, 7_000];
    let input = times.map(|time| Ok::<_, String>((old.clone(), sample(START + time))));
    let done = store.backfill(input, START).unwrap();
    assert_eq!((done.blocks, done.samples), (3, 4));
    let all = read(&store);
    assert_eq!(count(&all), 960 + 4);
    for _ in 0..2 {
        store.maintain(START + 2 * BLOCK).unwrap();
        assert_eq!(read(&store), all);
    }
    let failing = [Err("line 7: no value")];
    assert!(
        store
            .backfill(failing, START)
            .unwrap_err()
            .to_string()
            .contains("line 7")
    );
    drop(store);
    assert_eq!(read(&open(dir.path()).0), all);
}
